"""Several retrievers as one: reciprocal ranks, or weighted scores."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rag_robust.errors import UsageError
from rag_robust.retrieve.hits import best, check_k
from rag_robust.types import Change, Hit, Retriever

__all__ = ["Rrf", "Weighted", "rrf", "weighted"]


@dataclass(frozen=True, slots=True)
class Rrf:
    """Reciprocal rank fusion; made by `rrf`."""

    retrievers: tuple[Retriever, ...]
    k: int
    depth: int

    def search(self, texts: Sequence[str], k: int) -> list[list[Hit]]:
        """The `k` best hits per text by the sum of `1 / (k + rank)`."""
        return _fused(
            self.retrievers, texts, k, depth=self.depth, points=[self._points] * len(self.retrievers)
        )

    def changed(self, change: Change) -> Rrf:
        """Every retriever over the changed corpus."""
        return replace(self, retrievers=tuple(r.changed(change) for r in self.retrievers))

    def _points(self, ranking: Sequence[Hit]) -> list[float]:
        return [1 / (self.k + rank) for rank in range(1, len(ranking) + 1)]


@dataclass(frozen=True, slots=True)
class Weighted:
    """Weighted sum of normalised scores; made by `weighted`."""

    retrievers: tuple[Retriever, ...]
    weights: tuple[float, ...]
    depth: int

    def search(self, texts: Sequence[str], k: int) -> list[list[Hit]]:
        """The `k` best hits per text by the weighted sum."""
        points = [_scaled(weight) for weight in self.weights]
        return _fused(self.retrievers, texts, k, depth=self.depth, points=points)

    def changed(self, change: Change) -> Weighted:
        """Every retriever over the changed corpus."""
        return replace(self, retrievers=tuple(r.changed(change) for r in self.retrievers))


def rrf(retrievers: Sequence[Retriever], *, k: int = 60, depth: int = 100) -> Rrf:
    """Fuse rankings by rank: `score(p) = sum_r 1 / (k + rank_r(p))` over those that found p.

    Each retriever is asked for `max(depth, hits wanted)`; the order of the retrievers cannot matter.

    Raises:
        UsageError: no retriever, k below 0 or depth below 1.

    *Source*: Cormack et al. 2009, "Reciprocal Rank Fusion Outperforms Condorcet", k = 60.
    """
    _check(retrievers, depth)
    if k < 0:
        raise UsageError(f"expected k >= 0 for reciprocal rank fusion, got {k}")
    return Rrf(tuple(retrievers), k, depth)


def weighted(retrievers: Sequence[Retriever], weights: Sequence[float], *, depth: int = 100) -> Weighted:
    """Fuse rankings by score: `score(p) = sum_r w_r (s_r(p) - min_r) / (max_r - min_r)`.

    Minimum and maximum are those of the retriever's hits for this query; hits that all score
    alike count 1, a passage that was not found counts 0, as the last hit does.

    Raises:
        UsageError: no retriever, another number of weights, one not finite or below 0, all 0.
    """
    _check(retrievers, depth)
    valid = len(weights) == len(retrievers) and all(math.isfinite(w) and w >= 0 for w in weights)
    if not valid or not any(weights):
        raise UsageError(f"expected {len(retrievers)} weights >= 0, not all 0, got {list(weights)}")
    return Weighted(tuple(retrievers), tuple(weights), depth)


def _check(retrievers: Sequence[Retriever], depth: int) -> None:
    if not retrievers or depth < 1:
        raise UsageError(f"expected one retriever or more and depth >= 1, got {len(retrievers)} and {depth}")


def _scaled(weight: float) -> Callable[[Sequence[Hit]], list[float]]:
    def points(ranking: Sequence[Hit]) -> list[float]:
        low = min((hit.score for hit in ranking), default=0.0)
        high = max((hit.score for hit in ranking), default=0.0)
        return [weight * ((hit.score - low) / (high - low) if high > low else 1.0) for hit in ranking]

    return points


def _fused(
    retrievers: Sequence[Retriever],
    texts: Sequence[str],
    k: int,
    *,
    depth: int,
    points: Sequence[Callable[[Sequence[Hit]], list[float]]],
) -> list[list[Hit]]:
    """`math.fsum` rounds once, so the order of the retrievers changes no bit."""
    check_k(k)
    found = [retriever.search(texts, max(depth, k)) for retriever in retrievers]
    return [_sum(zip(rankings, points, strict=True), k) for rankings in zip(*found, strict=True)]


def _sum(parts: Iterable[tuple[Sequence[Hit], Callable[[Sequence[Hit]], list[float]]]], k: int) -> list[Hit]:
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for ranking, points in parts:
        for hit, share in zip(ranking, points(ranking), strict=True):
            shares[hit.passage_id].append(share)
    return best(((i, math.fsum(values)) for i, values in shares.items()), k)
