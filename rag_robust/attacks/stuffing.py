"""Stuffing: the attacker's sentence, then known queries repeated until the passage is full.

The cheapest attack that needs no model; every optimised attack has to beat it.
*Source*: Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, baseline "stuffing". There the
length is the model's; here it is the same token budget as every other attack's, and a query that does
not fit any more leaves its room to shorter ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from rag_robust.attacks._view import View
from rag_robust.types import Budget, Change, Passage, ThreatModel

__all__ = ["Stuffing"]

VERSION = 1
"""Raised when the same parameters come to write another passage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuffing:
    """Passage i holds `information` and the queries i, i + passages, …, as many as fit in `tokens`.

    Parameters:
        information: the attacker's sentence, with which each passage begins (as in GASLITE)
        passages: how many (GASLITE: 1, 5, 10, 100)
        tokens: the most tokens of a passage, information included (GASLITE: the model's maximum)
    """

    tools: ClassVar[frozenset[str]] = frozenset()

    information: str
    passages: int = 1
    tokens: int = 128

    @property
    def threat(self) -> ThreatModel:
        """Reads queries."""
        budget = Budget(passages=self.passages, tokens=self.tokens)
        return ThreatModel(frozenset({"queries"}), "insert", budget)

    def __call__(self, view: View, rng: Generator) -> Change:
        """The stuffed passages, queries in random order."""
        queries = [view.queries[i].text for i in rng.permutation(len(view.queries))]
        shares = [queries[i :: self.passages] for i in range(min(self.passages, len(queries)))]
        texts = [self._fill(share, view) for share in shares]
        return Change(inserted=tuple(Passage(id=f"stuffing-{i}", text=t) for i, t in enumerate(texts)))

    def _fill(self, queries: Sequence[str], view: View) -> str:
        """The sentence and the queries in turn, over and over, each for as long as there is room for it."""
        text, size = self.information, view.n_tokens(self.information)
        left = deque(queries)
        while left and size < self.tokens:
            query = left.popleft()
            longer = f"{text} {query}"
            if size < (n := view.n_tokens(longer)) <= self.tokens:
                text, size = longer, n
                left.append(query)
        return text


SMOKE = {"information": "Buy now.", "tokens": 32}
