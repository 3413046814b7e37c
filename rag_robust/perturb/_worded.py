"""Passages whose words are changed one passage at a time, with the answers they state kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from numpy.random import Generator

from rag_robust.perturb.applied import checked
from rag_robust.perturb.knowledge import Known
from rag_robust.perturb.promises import answers_kept, promised, same_passages
from rag_robust.perturb.stated import states
from rag_robust.types import Passage, Perturbation, Query

__all__ = ["worded"]

_REDRAWN = 8


@promised(same_passages, answers_kept)
def worded(
    passages: Sequence[Passage], query: Query, rng: Generator, known: Known, *, operator: Perturbation
) -> list[Passage] | None:
    """Every passage with its text reworded, around the answers where 8 draws over all of it break a promise.

    A passage of which that is true as well stays as it is.
    """
    del known
    made = [replace(p, text=_reworded(p.text, query.answers, rng, operator)) for p in passages]
    return made if made != list(passages) else None


def _reworded(text: str, answers: Sequence[str], rng: Generator, operator: Perturbation) -> str:
    stated = [answer for answer in answers if states(text, answer)]
    for _ in range(_REDRAWN):
        one = checked(operator, text, rng, answers=answers)
        if one.result is not None and all(states(one.result, answer) for answer in stated):
            return one.result
    around = _around(text, stated, rng, operator)
    return around if all(states(around, answer) for answer in stated) else text


def _around(text: str, answers: Sequence[str], rng: Generator, operator: Perturbation) -> str:
    """The text with what lies between the answers reworded: at high intensity no draw spares them all."""
    if not answers:
        return text
    parts = re.split(
        f"({'|'.join(map(re.escape, sorted(answers, key=len, reverse=True)))})", text, flags=re.IGNORECASE
    )
    return "".join(
        part if i % 2 else checked(operator, part, rng, answers=answers).result or part
        for i, part in enumerate(parts)
    )
