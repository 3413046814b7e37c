"""One swap: the best replacement of a single word by a synonym, found by trying them all.

No attacker that may change one word of one passage does better against this scorer, so where it
fails the list is certified for one swap: attack and certificate look at the same set of texts.
*Source*: the threat of Wu et al., Certified Robustness to Word Substitution Ranking Attack, CIKM
2022, with R = 1, searched exhaustively instead of greedily.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from rag_robust.attacks._view import View
from rag_robust.types import Budget, Change, ThreatModel

__all__ = ["OneSwap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSwap:
    """Edits the one target whose best variant scores highest for the query."""

    tools: ClassVar[frozenset[str]] = frozenset({"space"})

    @property
    def threat(self) -> ThreatModel:
        """Reads the query and the victim's scores."""
        budget = Budget(passages=1, edits=1)
        return ThreatModel(frozenset({"queries", "scores"}), "edit", budget)

    def __call__(self, view: View, rng: Generator) -> Change:  # noqa: ARG002
        """The edited passage, or no change where nothing can be replaced."""
        candidates = [replace(t, text=text) for t in view.targets for text in view.space(t).singles()]
        scores = view.scores(view.queries[0], [c.full for c in candidates])
        if not candidates:
            return Change()
        best = candidates[int(np.argmax(scores))]
        return Change(edited={best.id: best})


SMOKE: dict[str, object] = {}
