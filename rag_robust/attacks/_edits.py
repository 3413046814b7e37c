"""Changes of a trigger that can be added up: another token at a place, or a token taken to another place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from math import inf, isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator

from rag_robust.attacks._chain import Chain

__all__ = ["Edit", "Pool", "edited", "moves", "restored"]

NEAR_BEST = 24
"""So many of the best edits are added up in pairs."""


class Edit(NamedTuple):
    """Write `token` at trigger position `at`, or take its token `behind` another one, −1 for the front."""

    at: int
    token: int | None
    behind: int | None = None


def edited(chain: Chain, edits: Sequence[Edit]) -> tuple[int, ...]:
    """The chain's ids after some edits, one after the other; positions are those before any of them."""
    ids = list(chain.ids[chain.trigger])
    order = list(range(len(ids)))
    for at, token, behind in edits:
        if token is not None:
            ids[at] = token
        elif behind is not None:
            order.remove(at)
            order.insert(order.index(behind) + 1 if behind >= 0 else 0, at)
    return (*chain.ids[: chain.trigger.start], *(ids[i] for i in order), *chain.ids[chain.trigger.stop :])


def moves(length: int, n: int, rng: Generator, *, known: Pool) -> list[Edit]:
    """`n` moves that are not yet known, each drawn in proportion to 1 / (how many places the token goes).

    Of the two ways to swap neighbours only one is a move.
    """
    places = [(i, j) for i in range(length) for j in range(-1, length) if j not in (i, i - 1, i - 2)]
    free = [move for at, behind in places if (move := Edit(at, None, behind)) not in known.gains]
    far = np.array([b - at if b > at else at - b - 1 for at, _, b in free if b is not None])
    order = np.argsort(rng.exponential(size=len(free)) * far, kind="stable")
    return [free[i] for i in order[:n]]


@dataclass(slots=True)
class Pool:
    """What single edits of one passage bring, −∞ if the tokenizer undoes them, and pairs that were tried.

    `tokens` are those to try at each position, best first; there are none before the first gradient.
    """

    gains: dict[Edit, float] = field(default_factory=dict)
    pairs: set[tuple[Edit, Edit]] = field(default_factory=set)
    tokens: list[list[int]] = field(default_factory=list)

    def flips(self, at: int, n: int) -> list[Edit]:
        """The next `n` flips at a position, or as many as are left that were not tried."""
        tokens = self.tokens[at] if self.tokens else []
        return list(islice((e for t in tokens if (e := Edit(at, t)) not in self.gains), n))

    def best(self, n: int = NEAR_BEST) -> list[Edit]:
        """The best edits, whether they help or not."""
        return sorted((e for e in self.gains if isfinite(self.gains[e])), key=lambda e: -self.gains[e])[:n]

    def sums(self, n: int) -> list[tuple[Edit, ...]]:
        """The best edit that helps, the best two … n, each at another place; and untried pairs of the best.

        Two edits that do not help by themselves often do together, so pairs are taken by the sum of
        their gains: 2·n, less two for each edit that helps.
        """
        ranked = self.best()
        at: dict[int, Edit] = {}
        for edit in ranked:
            if self.gains[edit] > 0:
                at.setdefault(edit.at, edit)
        helpful = list(at.values())[:n]
        rows: list[tuple[Edit, ...]] = [tuple(helpful[: i + 1]) for i in range(len(helpful))]
        pairs = [p for p in combinations(ranked, 2) if p[0].at != p[1].at and p not in self.pairs]
        pairs.sort(key=lambda p: -self.gains[p[0]] - self.gains[p[1]])
        pairs = pairs[: 2 * (n - len(helpful))]
        self.pairs.update(pairs)
        return rows + pairs

    def saved(self) -> dict[str, object]:
        """As JSON values."""
        gains = [[*e, g if isfinite(g) else None] for e, g in self.gains.items()]
        return {"gains": gains, "pairs": sorted(self.pairs, key=str), "tokens": self.tokens}


def restored(saved: dict[str, Any]) -> Pool:
    """The pool that was saved."""
    gains = {Edit(*row): -inf if gain is None else gain for *row, gain in saved["gains"]}
    pairs = {(Edit(*one), Edit(*two)) for one, two in saved["pairs"]}
    return Pool(gains, pairs, saved.get("tokens", []))
