"""Stuffing: the attacker's sentence, then known queries repeated until the passage is full.

The cheapest attack that needs no model; every optimised attack has to beat it.
*Source*: Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, baseline "stuffing". There the
length is the model's; here it is the same token budget as every other attack's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import ClassVar

from numpy.random import Generator

from rag_robust.attacks._view import View
from rag_robust.types import Budget, Change, Passage, ThreatModel

__all__ = ["Stuffing"]


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
        text = self.information
        for query in islice(cycle(queries), 4 * self.tokens):
            if view.n_tokens(longer := f"{text} {query}") > self.tokens:
                break
            text = longer
        return text


SMOKE = {"information": "Buy now.", "tokens": 32}
