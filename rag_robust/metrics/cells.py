"""Cells of a question task: one answer each, with what was asked, what was shown, and what was due.

A condition is "form/shown". `shown` is "none" (closed book), "gold" (the evidence), the name of an operator
that was done to the evidence ("removed"), "retrieved" (what the system finds) or "retrieved+" and an
operator. "original/retrieved?for=FORM" is the original wording over what was retrieved for another.

Of a question, k = 1 if the closed-book answer was right. Of a cell, e is how much of the evidence was
shown: "full" if every fact that is needed, "none" if not one, else "partial". *Source*: the counts stand in
the notes of a record, `covered` of `hops`; RARE asks whether any gold passage was retrieved, which of
several facts is wrong. Without notes, gold and "different" are full, "removed" and the closed book none,
and of all else nothing is known. An unanswerable question is never known, and its evidence is nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rag_robust.metrics.answers import Outcome, outcome
from rag_robust.types import Corpus, Record

__all__ = [
    "FOR",
    "ORIGINAL",
    "Asked",
    "Cell",
    "Evidence",
    "cells",
    "evidence",
    "expected",
    "grid",
    "halves",
    "place",
]

ORIGINAL = "original"
"""The form of a question as it was written."""

Evidence = Literal["full", "partial", "none"]

FOR = "?for="
"""Behind "retrieved" in a condition: what was retrieved for another form of the question."""

_CLOSED = "none"
_PLAIN: Mapping[str, Evidence] = {"gold": "full", "different": "full", "removed": "none", _CLOSED: "none"}


class Asked(tuple[Record, ...]):
    """Records whose cells are worked out once, for many scores look at the same ones."""

    def cells(self, world: Corpus) -> list[Cell]:
        """As `cells`."""
        kept = vars(self)
        if kept.get("_world") is not world:
            kept |= {"_world": world, "_cells": _all(self, world)}
        found: list[Cell] = kept["_cells"]
        return found


@dataclass(frozen=True, slots=True)
class Cell:
    """One answer; `known` is None where no closed-book answer can be judged.

    `operator` is what was done to the passages, "" for nothing; `found_for` the form they were retrieved
    for where that is not the form of the question.
    """

    record: Record
    form: str
    shown: str
    outcome: Outcome
    known: bool | None
    evidence: Evidence | None
    found_for: str = ""
    answerable: bool = True

    @property
    def retrieved(self) -> bool:
        """Whether the system found the passages itself."""
        return self.shown.partition("+")[0] == "retrieved"

    @property
    def operator(self) -> str:
        """What was done to the passages, parameters included."""
        if self.retrieved:
            return self.shown.partition("+")[2]
        return "" if self.shown in ("gold", _CLOSED) else self.shown

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.outcome == "correct"


@lru_cache(maxsize=4096)
def place(condition: str) -> tuple[str, str, str]:
    """Form, what is shown, and the form it was found for ("" for the question's own)."""
    form, _, shown = condition.partition("/")
    base, _, found_for = shown.partition(FOR)
    return form, base, found_for


def evidence(record: Record) -> Evidence | None:
    """How much of what is needed was shown; None if nobody knows."""
    notes = record.notes
    if notes.get("unanswerable"):
        return "none"
    if "covered" not in notes or not notes.get("hops"):
        return _PLAIN.get(place(record.condition)[1])
    covered, hops = float(notes["covered"]), float(notes["hops"])
    return "none" if covered <= 0 else "full" if covered >= hops else "partial"


def cells(asked: Iterable[Record], world: Corpus) -> list[Cell]:
    """The judged cells, closed-book probes and halves among them; failures are no cells.

    Questions without an answer key are left out unless they are declared unanswerable.
    """
    return asked.cells(world) if isinstance(asked, Asked) else _all(asked, world)


def grid(asked: Iterable[Record], world: Corpus) -> dict[str, list[Cell]]:
    """Per question the cells that scores are about: without closed book and halves."""
    found: dict[str, list[Cell]] = {}
    for cell in cells(asked, world):
        if cell.shown != _CLOSED and not cell.found_for:
            found.setdefault(cell.record.query_id, []).append(cell)
    return found


def halves(asked: Sequence[Record], world: Corpus) -> dict[tuple[str, str], dict[str, Cell]]:
    """Per question and reworded form: "before" q over R(q), "between" q over R(q'), "after" q' over R(q')."""
    plain = [c for c in cells(asked, world) if c.shown == "retrieved"]
    before = {c.record.query_id: c for c in plain if c.form == ORIGINAL and not c.found_for}
    found: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in plain:
        own = cell.record.query_id
        if cell.found_for and cell.form == ORIGINAL:
            found.setdefault((own, cell.found_for), {})["between"] = cell
        elif cell.form != ORIGINAL and not cell.found_for:
            found.setdefault((own, cell.form), {})["after"] = cell
    return {key: some | {"before": before[key[0]]} for key, some in found.items() if key[0] in before}


def expected(cell: Cell) -> bool | None:
    """Whether the answer is what a cell asks for; None where it asks for nothing, or nobody knows what.

    Right, where k = 1 or all the evidence was shown. Where k = 0: right or a refusal over a part of it,
    a refusal over none; a right answer there is luck, and neutral. An empty answer is never it.
    """
    if cell.known or cell.evidence == "full":
        return cell.right
    if cell.known is None or cell.evidence is None:
        return None
    if cell.evidence == "partial":
        return cell.right or cell.outcome == "refusal"
    return None if cell.right else cell.outcome == "refusal"


def _all(asked: Iterable[Record], world: Corpus) -> list[Cell]:
    judged = list(_judged(asked, world))
    probes: dict[str, bool] = {}
    for record, got in judged:
        if place(record.condition) == (ORIGINAL, _CLOSED, ""):
            probes[record.query_id] = probes.get(record.query_id, False) or got == "correct"
    return [_cell(record, got, probes) for record, got in judged]


def _judged(asked: Iterable[Record], world: Corpus) -> Iterator[tuple[Record, Outcome]]:
    for record in asked:
        query = world.queries.get(record.query_id)
        if query is None or record.failure is not None or record.answer is None:
            continue
        if query.answers or record.notes.get("unanswerable"):
            yield record, outcome(query, record.answer)


def _cell(record: Record, got: Outcome, probes: Mapping[str, bool]) -> Cell:
    form, shown, found_for = place(record.condition)
    answerable = not record.notes.get("unanswerable")
    known = probes.get(record.query_id) if answerable else False
    return Cell(record, form, shown, got, known, evidence(record), found_for, answerable)
