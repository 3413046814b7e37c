"""Whether what an attack wrote is in the space the task allows: the very set that is certified."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rag_robust.errors import BudgetError
from rag_robust.synonyms.space import Space
from rag_robust.text import word_spans
from rag_robust.types import Change, Passage, Query

__all__ = ["as_passage", "check_space"]


def as_passage(query: Query) -> Passage:
    """A query as a text that may be rewritten."""
    return Passage(query.id, query.text)


def check_space(change: Change, own: Mapping[str, Passage], space: Callable[[Passage], Space]) -> None:
    """Hold what was edited and reworded against the space of each text, whoever wrote it.

    `own` are the passages the attacker may edit and, as passages, the queries it may reword, by id.

    Raises:
        BudgetError: a text that is not its own, or a version that is not in its space.
    """
    reworded = {i: Passage(i, text) for i, text in change.reworded.items()}
    for text_id, after in {**change.edited, **reworded}.items():
        before = own.get(text_id)
        if before is None or replace(before, text=after.text) != after:
            raise BudgetError(f"the attack changed more of {text_id!r} than the text of one of its own")
        if (swaps := _swapped(room := space(before), after.text)) is None:
            raise BudgetError(f"{text_id!r} has words that the task's substitutions do not allow")
        if swaps > room.swaps:
            raise BudgetError(f"the task allows {room.swaps} replaced words, {text_id!r} has {swaps}")


def _swapped(space: Space, text: str) -> int | None:
    """How many slots hold another word in `text`; None if it differs in any other way."""
    before, after = word_spans(space.text), word_spans(text)
    if len(before) != len(after):
        return None
    slots = {slot.start: (i, slot.options) for i, slot in enumerate(space.slots)}
    choice = {}
    for (start, end), (new_start, new_end) in zip(before, after, strict=True):
        word, (i, options) = text[new_start:new_end], slots.get(start, (-1, ()))
        if word != space.text[start:end] and word not in options:
            return None
        if word != space.text[start:end]:
            choice[i] = word
    return len(choice) if space.write(choice) == text else None
