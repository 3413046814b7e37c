"""Evasion: what filters would see in a text, as a charge on the objective of an attacker who knows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust import defend
from rag_robust.attacks._view import View
from rag_robust.types import Passage

__all__ = ["SAMPLE", "Evasion", "KnownFilter", "evaded", "evasion"]

SAMPLE = 100
"""Passages of the corpus that the attacker lets a filter judge, to learn what is usual."""


@dataclass(frozen=True, slots=True)
class KnownFilter:
    """A filter as its victim knows it: `limit` t and `spread` σ of the suspicions of plain passages."""

    suspicion: Callable[[Sequence[Passage]], NDArray[np.float64]]
    limit: float
    spread: float

    def of(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The suspicion of each text, shape (n,), in the filter's own unit."""
        return self.suspicion([Passage(f"evading-{i}", text) for i, text in enumerate(texts)])


@dataclass(frozen=True, slots=True, eq=False)
class Evasion:
    """The charge weight · Σ_f max(0, s_f(x) − t_f) / σ_f on a text x, in units of the similarity.

    0 for a text that passes all the filters: below its limit a filter costs nothing.
    """

    filters: Mapping[str, KnownFilter]
    weight: float

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The charge on each text, shape (n,), at least 0."""
        total = np.zeros(len(texts), np.float64)
        for f in self.filters.values():
            total += np.maximum(0.0, f.of(texts) - f.limit) / f.spread
        return self.weight * total

    def note(self, texts: Sequence[str]) -> dict[str, object]:
        """By filter what the attacker took for its limit and spread, and the suspicion of each text."""
        return {
            name: {"limit": f.limit, "spread": f.spread, "suspicion": f.of(texts).tolist()}
            for name, f in self.filters.items()
        }


def evaded(names: str) -> tuple[str, ...]:
    """The filters named, with commas between them.

    Raises:
        SuiteError: there is no filter of such a name; no model is loaded to find out.
    """
    found = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in found:
        defend.check(name)
    return found


def evasion(view: View, names: Sequence[str], *, weight: float, rate: float, rng: Generator) -> Evasion:
    """The charge for filters as a defender sets them, as far as an attacker can know.

    t is `defend.threshold` at `rate`, σ the standard deviation (1 if that is 0, as for a filter that
    is blind to the model at hand), both of `SAMPLE` passages that the attacker draws from the corpus
    with `rng`; the defender draws its own.
    """
    passages = view.passages
    ids = sorted(passages)
    drawn = [passages[ids[i]] for i in rng.permutation(len(ids))[:SAMPLE]]
    known = {}
    for name in names:
        suspicion = view.filtered_by(name)
        usual = suspicion(drawn)
        known[name] = KnownFilter(suspicion, defend.threshold(usual, rate), float(usual.std()) or 1.0)
    return Evasion(known, weight)
