"""Tasks: one question each about a system, as a suite's file words it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rag_robust.metrics.cells import FOR

__all__ = ["OWN", "SET", "Knows", "Positive", "Rate", "Table", "Task"]

OWN, SET = "corpus", "set:"
"""Under which a question task asks the corpus' own queries, and what stands before the folder of a set."""

Knows = Literal["knows-all", "knows-what", "knows-nothing"]
"""Threat models: the very query, other queries of a concept, or only what people ask in general."""

Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]


class Table(BaseModel):
    """A table of a suite's file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(Table):
    """One question about the system; at most one of perturb, attack, certify, questions (see below).

    With none of them the task measures the clean system. `with` holds the method's own parameters.
    For attacks: `surrogate` names the encoders the attacker has instead of the victim's, `target`
    the wrong answer it wants, `trials` how often it is run with another seed, `fluency` whether
    its passages are held against a language model, `benign` how many of the corpus' judged queries
    measures such as nDCG@10 are taken of where a concept's queries are not judged. For attacks and clean
    tasks: `defences` are filters that drop passages as suspicious as the `rates` most suspicious shares
    of the corpus.
    For attacks that edit and certificates: at most `swaps` words of a passage (0: any number) and a
    `share` of them are replaced, by the first `per_word` of their set in `synonyms`, with `freeze_query`
    none of the query's own. `targets` says which passages an editing attacker owns: all outsiders of the
    list, or in five trials one each, of every ten places from 51 on ("easy-5") or of the list's last five.
    For questions: `questions` names the corpus they are written from, or is "corpus" for the suite's own
    queries and answers, or "set:FOLDER" for a set written before. `patterns` are "all", names, or a table of
    names with counts or shares; without them single facts of tables are asked for to which every kind of
    documents applies. Each is asked in its `forms` over its `documents`: "gold", "retrieved", "OP" or
    "retrieved+OP" with an operator on passages; with grid = "axes" reworded forms meet no operator. `split`
    also asks the original over what was found for each form. With `certify` as well, it is proved for every
    question how many of the passages it is shown can be an attacker's, which answers from isolated passages
    are held against.
    `system` is the name of one of `[systems]`, "" for `[system]`. With `each` the task is a template
    that stands for many, one per combination of the lists in it; a suite that was read has none left.
    """

    name: Annotated[str, Field(min_length=1)]
    each: Mapping[str, Any] | tuple[Mapping[str, Any], ...] = Field((), exclude=True)
    system: str = ""
    perturb: str | None = None
    attack: str | None = None
    certify: str | None = None
    questions: str | None = None
    threat: Knows | None = None
    concept: str | None = None
    information: str | None = None
    surrogate: str | tuple[str, ...] | None = None
    target: Annotated[str, Field(min_length=1)] | None = None
    targets: Literal["outsiders", "easy-5", "hard-5"] = "outsiders"
    trials: Positive = 1
    fluency: bool = False
    benign: Positive = 100
    defences: tuple[str, ...] = ()
    rates: tuple[Rate, ...] = Field((0.05,), min_length=1)
    passages: Positive = 1
    k: Positive = 10
    depth: Positive = 20
    generate: bool = False
    limit: Positive | None = None
    synonyms: str = "neighbours"
    per_word: Positive | None = None
    swaps: Annotated[int, Field(ge=0)] = 1
    share: Rate | None = None
    freeze_query: bool = False
    forms: tuple[str, ...] = ("typo",)
    documents: Annotated[tuple[str, ...], Field(min_length=1)] = ("gold", "removed", "different", "retrieved")
    patterns: Literal["all"] | tuple[str, ...] | Mapping[str, Positive | Rate] = ()
    grid: Literal["full", "axes"] = "full"
    split: bool = False
    metrics: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = Field(default_factory=dict, alias="with")

    @model_validator(mode="after")
    def _one_method(self) -> Task:
        given = [n for n in ("perturb", "attack", "certify", "questions") if getattr(self, n)]
        if len(given) > 1 and given != ["certify", "questions"]:
            raise ValueError(f"a task does one thing, this one has {' and '.join(given)}")
        if any(len(set(names)) < len(names) for names in (self.forms, self.documents)):
            raise ValueError("forms and documents name each condition once")
        if any(len(set(names)) < len(names) for names in (self.surrogates, self.defences, self.rates)):
            raise ValueError("surrogate, defences and rates name each thing once")
        if "original" in self.forms:
            raise ValueError('forms are changes of the query; "original" is always asked')
        if self.threat == "knows-what" and self.kind == "attack" and not self.concept:
            raise ValueError('threat "knows-what" needs concept = "concepts/…"')
        return self._for_attacks()

    def _for_attacks(self) -> Task:
        if self.kind != "attack":
            for name in ("surrogate", "target", "fluency"):
                if getattr(self, name):
                    raise ValueError(f"{name} is for attacks; this task has none")
            if self.trials > 1:
                raise ValueError("trials are runs of an attack; this task has none")
            if self.targets != "outsiders":
                raise ValueError("targets are passages an attack edits; this task has no attack")
        if self.targets != "outsiders" and self.trials > 1:
            raise ValueError(f'targets = "{self.targets}" are five trials already; leave trials out')
        if self.defences and self.kind not in {"attack", "clean"}:
            raise ValueError("defences are for attack tasks and clean ones")
        return self._for_questions()

    def _for_questions(self) -> Task:
        if self.kind != "questions" and (self.patterns or self.split or self.grid != "full"):
            raise ValueError("patterns, grid and split are for questions; this task asks none")
        if (self.questions == OWN or self.kept) and self.patterns:
            raise ValueError(
                f'questions = "{self.questions}" are there already; patterns are for those that are written'
            )
        if self.split and "retrieved" not in self.documents:
            raise ValueError('split divides the loss of what is retrieved; add "retrieved" to documents')
        return self

    @property
    def source(self) -> str:
        """The corpus that questions are written from and asked over, "" for the suite's own."""
        return "" if self.questions in (None, OWN) or self.kept else str(self.questions)

    @property
    def kept(self) -> str:
        """The folder or file of a written set of questions, "" for none."""
        given = self.questions or ""
        return given.removeprefix(SET) if given.startswith(SET) else ""

    @property
    def draws(self) -> str:
        """What choices of chance hang on beside the seed: the task, or nothing where systems are compared."""
        return "questions" if self.patterns or self.questions == OWN or self.kept else self.name

    @property
    def cells(self) -> list[str]:
        """The conditions "form/documents" of a question task, the closed book first."""
        shown = dict.fromkeys(("original", *self.forms), self.documents)
        if self.grid == "axes":
            kept = tuple(d for d in self.documents if d in ("gold", "retrieved"))
            shown |= dict.fromkeys(self.forms, kept)
        found = [f"{form}/{documents}" for form, some in shown.items() for documents in some]
        halves = [f"original/retrieved{FOR}{form}" for form in self.forms] if self.split else []
        return ["original/none", *found, *halves]

    @property
    def runs(self) -> int:
        """How often an attack is run: its trials, or once per target of a protocol of five."""
        return self.trials if self.targets == "outsiders" else 5

    @property
    def surrogates(self) -> tuple[str, ...]:
        """Names of the encoders the attacker has instead of the victim's."""
        return (self.surrogate,) if isinstance(self.surrogate, str) else self.surrogate or ()

    @property
    def filters(self) -> tuple[tuple[str, float], ...]:
        """Every defence at every rate."""
        return tuple((name, rate) for name in self.defences for rate in self.rates)

    @property
    def knows(self) -> Knows:
        """What the attacker knows: as stated, else a concept's held-in queries if there is a concept."""
        return self.threat or ("knows-what" if self.concept else "knows-all")

    @property
    def kind(self) -> Literal["clean", "perturb", "attack", "certify", "questions"]:
        """What the task does."""
        kinds: tuple[Literal["questions", "perturb", "attack", "certify"], ...] = (
            "questions",
            "perturb",
            "attack",
            "certify",
        )
        return next((kind for kind in kinds if getattr(self, kind)), "clean")

    @property
    def method(self) -> str:
        """The name of the perturbation, attack, certificate or question source; "clean" for none."""
        return getattr(self, self.kind) if self.kind != "clean" else "clean"
