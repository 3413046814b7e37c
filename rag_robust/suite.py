"""Suites: TOML files that say what is tested, against what, and how much is too much."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from rag_robust.corpus.data import data_folder
from rag_robust.errors import SuiteError, nearest
from rag_robust.task import Positive, Table, Task
from rag_robust.templates import spelled_out

__all__ = [
    "CorpusConfig",
    "Gate",
    "GeneratorConfig",
    "RerankerConfig",
    "RetrieverConfig",
    "Suite",
    "SystemConfig",
    "Task",
    "find",
    "names",
    "only",
    "parse",
    "read",
    "smaller",
]

Share = Annotated[float, Field(ge=0, le=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class CorpusConfig(Table):
    """Which passages, queries and judgements, and how many of them."""

    source: str
    queries: str | None = None
    passages: Positive | None = None
    limit: Positive | None = None
    max_words: Positive | None = None


class RetrieverConfig(Table):
    """The first stage: "dense" needs an encoder and an index, "hybrid" fuses dense and BM25.

    "static" ranks by the mean of word vectors: the input embeddings of `encoder`, or a file of that name.
    """

    kind: Literal["dense", "bm25", "hybrid", "static"] = "dense"
    encoder: str = "all-MiniLM-L6-v2"
    index: str = "Flat"
    search: str = ""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    fusion: Literal["rrf", "weighted"] = "rrf"
    weights: tuple[float, float] = (0.5, 0.5)

    @property
    def encodes(self) -> bool:
        """Whether passages are found by an encoder's vectors of them."""
        return self.kind in {"dense", "hybrid"}


class RerankerConfig(Table):
    """A second stage that re-orders the first `depth` hits by any score."""

    kind: Literal["bi-encoder", "cross-encoder", "query-likelihood", "splade"]
    model: str
    depth: Positive = 50


class GeneratorConfig(Table):
    """What writes answers: a causal LM, an OpenAI-compatible endpoint, or canned text for tests.

    With `isolate` every passage is read alone, and the answers become one by majority or by keywords.
    """

    kind: Literal["huggingface", "openai", "canned"] = "huggingface"
    model: str = "SmolLM2-135M-Instruct"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    max_new_tokens: Positive = 24
    default: str = ""
    isolate: Literal["majority", "keywords"] | None = None


class SystemConfig(Table):
    """The system under test: a pipeline of ours, a user's function, or an HTTP endpoint.

    `version` says what an endpoint serves: records are kept and used again for one version.
    """

    kind: Literal["pipeline", "function", "http"] = "pipeline"
    retriever: RetrieverConfig = RetrieverConfig()
    reranker: RerankerConfig | None = None
    generator: GeneratorConfig | None = None
    context: Positive = 3
    target: str | None = None
    insert: str | None = None
    version: str = ""
    url: str | None = None
    insert_url: str | None = None
    remove_url: str | None = None
    surrogate: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> SystemConfig:
        if self.kind == "function" and not self.target:
            raise ValueError('kind "function" needs target = "package.module:name"')
        if self.kind == "http" and not self.url:
            raise ValueError('kind "http" needs url = "http://…"')
        return self


class Gate(Table):
    """A threshold on a metric: the whole interval inside [min, max] passes, wholly outside fails."""

    task: str
    metric: str
    min: Finite | None = None
    max: Finite | None = None
    condition: str | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Gate:
        if self.min is None and self.max is None:
            raise ValueError(
                "a gate needs min, max or both; to show a number without a gate, list it in "
                "the task's metrics"
            )
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class Suite(Table):
    """A whole suite; `schema` is the version of this file format.

    `language_model` is what attackers write with and filters judge by, `masked_model` what filters
    fill gaps with; either is loaded only if it is used. `systems` are further systems that a task may
    name; what one of them does not say is as in `system`.
    """

    version: Literal[1] = Field(alias="schema")
    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    seed: int = 0
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    max_error_share: Share = 0.05
    language_model: str = "SmolLM2-135M-Instruct"
    masked_model: str = "SPLADE-tiny"
    corpus: CorpusConfig
    system: SystemConfig = SystemConfig()
    systems: Mapping[Annotated[str, Field(min_length=1)], SystemConfig] = Field(default_factory=dict)
    task: tuple[Task, ...] = Field(min_length=1)
    gate: tuple[Gate, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        tasks = [t.name for t in self.task]
        if twice := sorted({t for t in tasks if tasks.count(t) > 1}):
            raise ValueError(f"two tasks are called {twice[0]!r}; names tell results apart")
        for task in self.task:
            if task.system and task.system not in self.systems:
                raise ValueError(
                    f'task "{task.name}": no system "{task.system}"; {nearest(task.system, self.systems)}'
                )
        for gate in self.gate:
            if gate.task not in tasks:
                raise ValueError(
                    f'gate on "{gate.metric}": no task "{gate.task}"; {nearest(gate.task, tasks)}'
                )
        return self

    def select(self, name: str) -> Task:
        """The task of that name."""
        return next(t for t in self.task if t.name == name)

    def described(self, name: str) -> SystemConfig:
        """The system a task names; "" for the suite's own."""
        return self.systems[name] if name else self.system


def names() -> list[str]:
    """The suites that come with the package."""
    return sorted(p.stem for p in data_folder("suites").glob("*.toml"))


def find(name: str) -> Path:
    """The file of a suite: a path, or the name of one that comes with the package.

    Raises:
        SuiteError: neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    packaged = data_folder("suites") / f"{path.stem}.toml"
    if packaged.is_file() and path.name in {path.stem, packaged.name}:
        return packaged
    raise SuiteError(f"no suite file {name}; a path to a .toml, or {nearest(path.stem, names())}")


def read(name: str, *, changes: Sequence[str] = ()) -> Suite:
    """The suite of a file, with `--set` changes such as "corpus.limit=10" applied.

    Raises:
        SuiteError: with file, path of the key and the nearest known key.
    """
    path = find(name)
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: not TOML: {error}") from error
    for change in changes:
        _set(tree, change)
    return parse(tree, where=str(path))


def smaller(suite: Suite, limit: int) -> Suite:
    """The suite with at most `limit` queries per task."""
    tasks = tuple(t.model_copy(update={"limit": min(limit, t.limit or limit)}) for t in suite.task)
    return suite.model_copy(update={"task": tasks})


def only(suite: Suite, patterns: Sequence[str]) -> Suite:
    """The suite with the tasks that a pattern names, and with their gates.

    A pattern ("gaslite", "knows-*") fits a task's name or one of the parts that a template puts together.

    Raises:
        SuiteError: a pattern fits no task.
    """

    def fits(task: Task, pattern: str) -> bool:
        return any(fnmatchcase(name, pattern) for name in (task.name, *task.name.split(" · ")))

    for pattern in patterns:
        if not any(fits(task, pattern) for task in suite.task):
            parts = dict.fromkeys(part for task in suite.task for part in task.name.split(" · "))
            raise SuiteError(f'no task of suite "{suite.name}" fits "{pattern}"; {nearest(pattern, parts)}')
    tasks = tuple(t for t in suite.task if any(fits(t, pattern) for pattern in patterns))
    names = {task.name for task in tasks}
    gates = tuple(gate for gate in suite.gate if gate.task in names)
    return suite.model_copy(update={"task": tasks, "gate": gates})


def parse(tree: Mapping[str, Any], *, where: str = "suite") -> Suite:
    """The suite of a table.

    Raises:
        SuiteError: every problem, one a line, at most eight.
    """
    try:
        full = spelled_out(tree)
        return Suite.model_validate(full)
    except SuiteError as error:
        raise SuiteError(f"{where}: {error}") from error
    except ValidationError as error:
        lines = [_explain(dict(e), _places(tree, full)) for e in error.errors()[:8]]
        raise SuiteError("\n".join(f"{where}: {line}" for line in lines)) from error


def _places(tree: Mapping[str, Any], full: Mapping[str, Any]) -> list[str]:
    """What tasks are called in messages: by name where templates have made the file's numbers useless."""
    tasks = full.get("task", ())
    if not isinstance(tasks, list) or len(tasks) == len(tree["task"]):
        return []
    return [str(task.get("name", i)) if isinstance(task, Mapping) else str(i) for i, task in enumerate(tasks)]


def _explain(error: Mapping[str, Any], tasks: Sequence[str]) -> str:
    where = [str(p) for p in error["loc"]]
    if tasks and where[:1] == ["task"] and len(where) > 1:
        where[1] = tasks[int(where[1])]
    path = ".".join(where) or "suite"
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        return f'unknown key "{path}"; {nearest(key, _known(error["loc"][:-1]))}'
    message = str(error["msg"]).removeprefix("Value error, ")
    got = "" if error["type"] in {"missing", "value_error"} else f", got {str(error['input'])[:60]!r}"
    return f"{path}: {message}{got}"


def _known(path: Sequence[str | int]) -> list[str]:
    """The keys a table at that path may have."""
    model: type[BaseModel] = Suite
    tables: dict[str, type[BaseModel]] = {
        "corpus": CorpusConfig,
        "system": SystemConfig,
        "systems": SystemConfig,
        "retriever": RetrieverConfig,
        "reranker": RerankerConfig,
        "generator": GeneratorConfig,
        "task": Task,
        "gate": Gate,
    }
    for step in path:
        model = tables.get(str(step), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _set(tree: dict[str, Any], change: str) -> None:
    """Apply "a.b=value" (value in TOML, or a bare word) to a table; list items by their number."""
    key, separator, value = change.partition("=")
    if not separator:
        raise SuiteError(f"--set {change}: expected KEY=VALUE, e.g. corpus.limit=10")
    try:
        parsed = tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *path, last = key.strip().split(".")
    node: Any = tree
    try:
        for step in path:
            node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
        node[int(last) if isinstance(node, list) else last] = parsed
    except (IndexError, ValueError, TypeError, AttributeError) as error:
        raise SuiteError(f"--set {change}: there is no place {key!r} in the suite") from error
