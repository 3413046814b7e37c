"""Query substitution: words of the query itself are replaced, so that another list comes back.

Every version of the query with at most R words replaced is tried: a query is short. The victim scores the
passages it listed for the query as it was; proposed is the version that keeps least of the first k, and of
equal ones that under which those k fall furthest together. Passages beyond the list are not looked at, so
this is a lower bound on the damage to a retriever and exact for a ranker of that list.
*Source*: the query side is left open by Wu et al., CertDR, CIKM 2022; the aim is the share of a list that
survives a query variation, as Penha et al., ECIR 2022, measure it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.attacks._space import as_passage
from rag_robust.attacks._view import View
from rag_robust.errors import SuiteError
from rag_robust.text import words
from rag_robust.types import Budget, Change, ThreatModel

__all__ = ["QuerySubstitution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySubstitution:
    """Rewords the query; how many words and by what is the task's to say (`swaps`, `synonyms`).

    Parameters:
        k: how much of the list counts, from the top
        max_versions: versions of the query that are tried at most, fewest swaps first (ours)
    """

    tools: ClassVar[frozenset[str]] = frozenset({"space"})

    k: int = 10
    max_versions: int = 1000

    def __post_init__(self) -> None:
        if not (self.k and self.max_versions):
            raise SuiteError("attack query_substitution: k and max_versions begin above 0")

    @property
    def threat(self) -> ThreatModel:
        """Reads the query, the victim's list for it, and scores of the passages there."""
        return ThreatModel(frozenset({"queries", "ranks", "scores"}), "reword", Budget())

    def __call__(self, view: View, rng: Generator) -> Change:  # noqa: ARG002
        """The query reworded, or no change where the first k stay as they are under all versions."""
        query = view.queries[0]
        listed = [p.full for p in view.listed(query)]
        space = view.space(as_passage(query))
        versions = list(islice(space.versions(), self.max_versions))
        kept = [_kept(view.scores(replace(query, text=v), listed), self.k) for v in versions]
        worst = min(range(len(versions)), key=lambda i: kept[i])
        view.notes.update(calls=view.calls, versions=len(versions), finished=len(versions) == space.size)
        view.notes.update(swaps=_swaps(query.text, versions[worst]), overlap=kept[worst][0])
        return Change(reworded={query.id: versions[worst]} if kept[worst] < kept[0] else {})


def _kept(scores: NDArray[np.float64], k: int) -> tuple[float, int]:
    """The share of the first k still among the first k, and minus the sum of their places, ties for them."""
    top = range(min(k, len(scores)))
    places = [int((scores > scores[i]).sum()) for i in top]
    return sum(place < k for place in places) / (len(top) or 1), -sum(places)


def _swaps(before: str, after: str) -> list[list[str]]:
    pairs: Sequence[tuple[str, str]] = list(zip(words(before), words(after), strict=True))
    return [[old, new] for old, new in pairs if old != new]


SMOKE = {"k": 2}
