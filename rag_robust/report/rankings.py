"""Rankings as the page lists them: which passage stands where, and what is special about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag_robust.report.words import cut, label, score
from rag_robust.store import change_from_json
from rag_robust.suite import Task
from rag_robust.types import Change, Corpus, Hit, Passage, Record

__all__ = ["SNIPPET", "Library", "Line", "Ranking", "Scene", "first_place", "ranking"]

SNIPPET = 240
"""Characters of a passage's text that the page shows."""

_LISTED = 10
_TITLE = 90
_LINE = 48


@dataclass(slots=True)
class Library:
    """Passages shown on the page, each with its text once; lists link to them by number."""

    shown: dict[tuple[str, str], tuple[str, Passage, str]] = field(default_factory=dict)

    def anchor(self, scope: str, passage: Passage, mark: str = "") -> str:
        """Where a passage is found on the page; the scope is its corpus or the change it came with."""
        entry = (f"p{len(self.shown) + 1}", passage, mark)
        return self.shown.setdefault((scope, passage.id), entry)[0]

    def entries(self) -> Iterator[tuple[str, str, str, str, str]]:
        """Anchor, id, title, the start of the text, and "inserted" or "edited", of each."""
        for anchor, passage, mark in self.shown.values():
            yield anchor, passage.id, passage.title, cut(passage.text, SNIPPET), mark


@dataclass(frozen=True, slots=True)
class Scene:
    """What the rows of a task are drawn from; changes and contexts are stored artifacts by key."""

    task: Task
    corpus: Corpus
    library: Library
    changes: Mapping[str, Any]
    contexts: Mapping[str, Sequence[str]]

    def change(self, record: Record) -> Change | None:
        """What was done to the world of a record; None for nothing, or nothing that was allowed."""
        body = self.changes.get(record.change, {})
        return change_from_json(body["change"]) if "change" in body else None


@dataclass(frozen=True, slots=True)
class Line:
    """A place in a ranking; `marks` are "relevant", "inserted" and "edited".

    `reach` is the best rank a certificate leaves open to an outsider.
    """

    rank: int
    anchor: str
    title: str
    snippet: str
    score: str
    marks: tuple[str, ...]
    reach: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first places of a list; `cutoff` is the k that counts, `more` how many are not shown."""

    label: str
    lines: tuple[Line, ...]
    cutoff: int
    more: int
    reach: bool


def ranking(scene: Scene, record: Record) -> Ranking:
    """What one record's list looks like."""
    change = scene.change(record)
    new = {p.id: p for p in (*change.inserted, *change.edited.values())} if change else {}
    lines = [_line(scene, record, rank, new) for rank in range(1, min(_LISTED, len(record.hits)) + 1)]
    return Ranking(
        label(record.condition, scene.task),
        tuple(lines),
        scene.task.k,
        max(0, len(record.hits) - _LISTED),
        any(line.reach for line in lines),
    )


def first_place(record: Record, wanted: set[str]) -> int:
    """The rank of the first wanted passage, 0 if none is listed."""
    return next((rank for rank, hit in enumerate(record.hits, 1) if hit.passage_id in wanted), 0)


def _line(scene: Scene, record: Record, rank: int, new: Mapping[str, Passage]) -> Line:
    hit = record.hits[rank - 1]
    known = scene.corpus.passages.get(hit.passage_id)
    passage = new.get(hit.passage_id) or known or Passage(hit.passage_id, "")
    scope = record.change if hit.passage_id in new else scene.corpus.digest
    marks = tuple(_marks(scene, record, hit))
    reach = record.certificate.worst_ranks.get(hit.passage_id) if record.certificate else None
    return Line(
        rank,
        scene.library.anchor(scope, passage, marks[-1] if hit.passage_id in new else ""),
        cut(passage.title or passage.text or passage.id, _TITLE),
        cut(passage.text, _LINE) if passage.title else "",
        score(hit.score),
        marks,
        "" if reach is None else str(reach),
    )


def _marks(scene: Scene, record: Record, hit: Hit) -> Iterator[str]:
    if scene.corpus.qrels.get(record.query_id, {}).get(hit.passage_id, 0) > 0:
        yield "relevant"
    if hit.passage_id in record.inserted:
        yield "edited" if hit.passage_id in scene.corpus.passages else "inserted"
