"""One ranker over one corpus, without a suite: what a lone certificate and a lone edit are about."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_robust import attacks, certify, encode, synonyms
from rag_robust import corpus as corpora
from rag_robust.assemble import allowed, white_box
from rag_robust.errors import SuiteError
from rag_robust.retrieve.rankers import ranker
from rag_robust.retrieve.rerank import Reranked
from rag_robust.seeds import digest
from rag_robust.synonyms.space import Substitutions
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Encoder, Query
from rag_robust.worlds import World

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag_robust.encode.tokens import TokenModel

__all__ = ["Case", "Opened", "Rows", "opened"]

_OWN_ORDER = frozenset({"bm25", "dense", "static"})
"""Rankers that find by their own score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A corpus by its source, a ranker by its kind and model, and a task without a suite.

    `language_model` is the attacker's own, "" for none.
    """

    source: str
    ranker: str
    task: Task
    seed: int = 0
    language_model: str = ""


@dataclass(frozen=True)
class Opened:
    """A case with its corpus, ranker and substitutions; words are looked up when first asked for."""

    case: Case
    world: World
    queries: tuple[Query, ...]
    cache: Path
    device: str = "cpu"
    say: Callable[[str], None] = field(default=lambda _: None)

    @cached_property
    def key(self) -> str:
        """A hash of all that can change a row, by content: neither the corpus' name nor the synonyms' counts.

        `limit` decides only how many rows there are. Synonyms are looked up if they are used.
        """
        case = self.case
        task = case.task.model_dump(mode="json", by_alias=True, exclude={"limit", "synonyms"})
        attack = attacks.load(case.task.method, **case.task.parameters) if case.task.attack else None
        swapped = attack is None or "space" in attacks.tools(attack)
        words = self.allowed.source.hash.rpartition(":")[2] if swapped else ""
        ranked = (self.world.corpus.digest, case.ranker, self.world.fingerprint)
        revised = certify.revision(case.task.method)
        return digest("alone", ranked, task, case.seed, words, case.language_model, *revised)[:16]

    @cached_property
    def token_model(self) -> TokenModel | None:
        """White-box access to the ranker's encoder; None where it has no tokens."""
        return white_box(self.world.encoder)

    @cached_property
    def allowed(self) -> Substitutions:
        """What may be replaced by what."""
        task = self.case.task
        self.say(f"making the synonyms {task.synonyms}")
        return allowed(task, synonyms.load(task.synonyms, self._words))

    def _words(self, encoder: str) -> tuple[Sequence[str], NDArray[np.float32]] | None:
        model = white_box(encode.load(encoder, device=self.device)) if encoder else self.token_model
        return model.words() if model else None


def opened(
    case: Case, *, cache: Path, device: str = "cpu", say: Callable[[str], None] = lambda _: None
) -> Opened:
    """Load the corpus and the ranker of a case; queries come in the order of their ids, at most `limit`.

    Raises:
        UsageError: the corpus, the ranker or the name of the synonyms cannot be used.
    """
    synonyms.check(case.task.synonyms)
    say(f"loading {case.source}")
    corpus = corpora.load(case.source)
    if not corpus.queries:
        raise SuiteError(f"the corpus {case.source} has no queries; name one that has")
    say(f"loading {case.ranker}")
    found, score = ranker(case.ranker, corpus, cache=cache, device=device)
    if case.ranker.partition(":")[0] not in _OWN_ORDER:
        found = Reranked(found, score, corpus.passages, case.task.depth)
    pipeline = Pipeline(found, corpus.passages, k=case.task.depth, context=1)
    encoder: Encoder | None = getattr(found, "encoder", None)
    name = str(getattr(encoder or found, "fingerprint", case.ranker))
    world = World(corpus, pipeline, name, encoder=encoder, score=score)
    queries = tuple(corpus.queries[i] for i in sorted(corpus.queries)[: case.task.limit])
    return Opened(case, world, queries, cache, device, say)


@dataclass(slots=True)
class Rows:
    """A file of JSON lines that grows by a query at a time, `each` lines; what it holds is not done again.

    Queries with a failure, or with fewer lines than `each`, are left out when it is opened again, so that
    they are tried again; so is a last line that was cut off.

    Raises:
        SuiteError: the file is of another case.
    """

    path: Path | None
    key: str
    each: int = 1
    kept: list[dict[str, Any]] = field(default_factory=list)  # Any: JSON values

    def __post_init__(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            return
        rows = list(_read(self.path))
        if any(row.get("case") != self.key for row in rows):
            raise SuiteError(
                f"{self.path} holds rows of other settings; choose another --out, or delete the file"
            )
        whole = Counter(row["query_id"] for row in rows if "failure" not in row)
        self.kept = [row for row in rows if whole[row["query_id"]] == self.each]
        self.path.write_text("".join(map(_line, self.kept)), encoding="utf-8")

    def done(self, query_id: str) -> bool:
        """Whether all of a query's rows are there."""
        return [row["query_id"] for row in self.kept].count(query_id) == self.each

    def add(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Append the rows of one query."""
        fresh = [{**row, "case": self.key} for row in rows]
        self.kept += fresh
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write("".join(map(_line, fresh)))


def _line(row: Mapping[str, object]) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def _read(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path}: expected JSON lines in UTF-8, got {error.reason}") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            if number == len(lines):  # cut off by a kill
                return
            raise SuiteError(f"{path}:{number}: expected a JSON object, got {line[:40]!r}") from error
        if not isinstance(row, dict):
            raise SuiteError(f"{path}:{number}: expected a JSON object, got {line[:40]!r}")
        yield row
