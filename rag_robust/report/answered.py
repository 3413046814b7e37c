"""Answers as the page shows them: what was asked, what was shown, what came back, and was it right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag_robust.metrics.answers import outcome
from rag_robust.metrics.cells import place
from rag_robust.report.changes import Piece, differing
from rag_robust.report.rankings import SNIPPET, Scene
from rag_robust.report.words import cut, label
from rag_robust.types import Corpus, Query, Record

__all__ = ["Answered", "Cell", "Context", "answers", "grid", "judged"]

_LONGEST_ANSWER = 600
_MOST_COLUMNS = 7

Context = tuple[str, tuple[str, ...]]
"""A number, and the texts the generator was shown under it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer; `shown` is the number of its context, "" for none."""

    condition: str
    asked: tuple[Piece, ...]
    answer: str | None
    outcome: str
    failure: str
    shown: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A share of right answers; `share` is None if nothing was scored."""

    share: float | None
    n: int


def judged(query: Query, record: Record) -> str:
    """The outcome of an answer, or the kind of failure in words; "" if nothing can be said."""
    if record.failure:
        return record.failure.kind.replace("_", " ")
    if record.answer is None or not (query.answers or record.notes.get("unanswerable")):
        return ""
    return outcome(query, record.answer)


def answers(
    scene: Scene, query: Query, records: Sequence[Record]
) -> tuple[tuple[Answered, ...], tuple[Context, ...]]:
    """Every answer to a query, and each set of texts the generator was shown, once."""
    numbers: dict[tuple[str, ...], str] = {}
    told = []
    for record in records:
        texts = tuple(scene.contexts.get(record.key, ()))
        number = numbers.setdefault(texts, str(len(numbers) + 1)) if texts else ""
        if record.answer is not None or scene.task.kind == "questions":
            told.append(_answered(scene, query, record, number))
    shown = [(number, tuple(cut(text, SNIPPET) for text in texts)) for texts, number in numbers.items()]
    return tuple(told), tuple(shown)


def grid(
    records: Iterable[Record], corpus: Corpus
) -> tuple[str, tuple[str, ...], dict[str, tuple[Cell | None, ...]]]:
    """The share of right answers per wording and document condition: corner, columns, and rows by name.

    Wordings are rows; where there are many document conditions, these are. Halves of a loss and questions
    without an answer are left out.
    """
    outcomes: dict[tuple[str, str], list[str]] = {}
    for record in records:
        query = corpus.queries.get(record.query_id, Query(record.query_id, ""))
        form, shown, found_for = place(record.condition)
        if not found_for and (query.answers or not record.notes.get("unanswerable")):
            outcomes.setdefault((form, shown), []).append(judged(query, record))
    forms = tuple(dict.fromkeys(form for form, _ in outcomes))
    documents = tuple(dict.fromkeys(shown for _, shown in outcomes))
    if len(documents) <= _MOST_COLUMNS:
        return "wording", documents, {f: tuple(_cell(outcomes, f, d) for d in documents) for f in forms}
    return "documents", forms, {d: tuple(_cell(outcomes, f, d) for f in forms) for d in documents}


def _cell(outcomes: Mapping[tuple[str, str], list[str]], form: str, shown: str) -> Cell | None:
    """None if the suite does not have this combination."""
    if (form, shown) not in outcomes:
        return None
    scored = [o for o in outcomes[form, shown] if o in {"correct", "refusal", "wrong", "empty"}]
    return Cell(scored.count("correct") / len(scored) if scored else None, len(scored))


def _answered(scene: Scene, query: Query, record: Record, shown: str) -> Answered:
    asked = str(record.notes.get("asked", query.text))
    answer = record.answer
    return Answered(
        label(record.condition, scene.task),
        differing(query.text, asked),
        None if answer is None else cut(answer, _LONGEST_ANSWER),
        judged(query, record),
        record.failure.message if record.failure else "",
        shown,
    )
