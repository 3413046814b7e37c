"""Wordings and passages that a set in RARE's format brings along, under "rare:" and their names there.

As a form "rare:NAME" is a perturbed query, as documents the perturbed evidence, and "retrieved+rare:NAME"
what a retriever of the set's own found for the wording that is asked. All of it is taken as it is and held
to no promise; how much of the evidence it leaves is noted as of everything that is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rag_robust.errors import SuiteError, nearest
from rag_robust.questions.rare_format import RareRecord, Retrieved, read_records, read_retrieval, records_in
from rag_robust.seeds import digest
from rag_robust.task import Task
from rag_robust.types import Corpus, Passage, Query

__all__ = ["NOTHING", "RARE", "Brought", "brought", "named"]

RARE, _FOUND = "rare:", "retrieved+rare:"
"""What stands before a name of the set."""


@dataclass(frozen=True, slots=True)
class Brought:
    """Of a set, its records by id and what its retrieval file has of them."""

    records: Mapping[str, RareRecord] = field(default_factory=dict)
    retrieved: Mapping[str, Retrieved] = field(default_factory=dict)
    digest: str = ""

    def forms(self, query_id: str) -> dict[str, str]:
        """The wordings of a question by name: its record's, else those of the retrieval file."""
        found = self.retrieved.get(query_id)
        own = self.records[query_id].forms if query_id in self.records else {}
        return {**(found.variants if found else {}), **own}

    def evidence(self, query_id: str, name: str, corpus: Corpus) -> tuple[Passage, ...] | None:
        """A question's relevant passages with those in it that a perturbation of this name changed."""
        record = self.records.get(query_id)
        texts = record.documents.get(name) if record else None
        if record is None or texts is None:
            return None
        old = (corpus.passages[i] for i in record.gold)
        return tuple(Passage(p.id, texts.get(p.id, p.text), p.title) for p in old)

    def found(self, query: Query, words: str, name: str) -> tuple[str, ...] | None:
        """What a retriever of the set's own found for a question in these words, best first."""
        some = self.retrieved[query.id].found.get(name, {}) if query.id in self.retrieved else {}
        known = {"original": query.text, **self.forms(query.id)}
        return next((some[form] for form, text in known.items() if text == words and form in some), None)

    def key(self, condition: str) -> tuple[str, ...]:
        """A hash of all that may be shown under a condition of this set; nothing under any other."""
        return (self.digest,) if RARE in condition else ()


NOTHING = Brought()


def brought(task: Task) -> Brought:
    """What the set of a task brings, `with.retrieval` being the file of its retrievers.

    Raises:
        SuiteError: the set has nothing of a name that the task gives.
        CorpusError: a file cannot be read.
    """
    if not any(map(named, (*task.forms, *task.documents))):
        return NOTHING
    place = task.parameters.get("retrieval")
    retrieved = read_retrieval(Path(str(place))) if place else {}
    records = {r.id: r for r in read_records(records_in(task.kept))}
    shown = [[i, r.forms, r.documents] for i, r in records.items()]
    found = Brought(records, retrieved, digest("brought", shown, [repr(item) for item in retrieved.items()]))
    forms = {name for i in {**found.records, **retrieved} for name in found.forms(i)}
    documents = {name for record in found.records.values() for name in record.documents}
    retrievers = {name for one in retrieved.values() for name in one.found}
    _known(task, [f for f in task.forms if named(f)], {f"{RARE}{name}" for name in forms})
    there = {f"{RARE}{name}" for name in documents} | {f"{_FOUND}{name}" for name in retrievers}
    _known(task, [d for d in task.documents if named(d)], there)
    return found


def named(condition: str) -> str:
    """The name in the set of a form or of documents; "" for those of ours."""
    return condition.removeprefix("retrieved+").removeprefix(RARE) if RARE in condition else ""


def _known(task: Task, given: Iterable[str], there: set[str]) -> None:
    for name in given:
        if name not in there:
            hint = nearest(name, there) if there else "it brings none"
            raise SuiteError(f'task "{task.name}": {task.questions} brings no "{name}"; {hint}')
