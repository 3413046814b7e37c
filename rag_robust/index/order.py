"""The k best hits in a total order, with scores that depend on the pair alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_robust.index.changed import Searchable

__all__ = ["pair_scores", "top"]

_SPARE = 16

Ranking = tuple[NDArray[np.int64], NDArray[np.float32]]


def pair_scores(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inner products of rows (n, dim) with one query (dim,), rounded to float32 at the end.

    Products of float32 are exact in float64, and numpy sums each contiguous row by itself, so a
    score is the same alone or among others, on any number of threads.
    """
    products: NDArray[np.float64] = np.multiply(vectors, query, dtype=np.float64, order="C")
    scores: NDArray[np.float32] = products.sum(axis=1).astype(np.float32)
    return scores


def top(
    index: Searchable,
    queries: NDArray[np.float32],
    k: int,
    *,
    rows: Callable[[NDArray[np.int64]], NDArray[np.float32]],
    keys: NDArray[np.uint64],
) -> list[Ranking]:
    """Positions and scores of the k best per query: score descending, then `keys[position]`.

    Matrix products round differently with the number of queries (from 20 on, FAISS uses BLAS).
    Hence exact indexes are asked for 16 more than k and those are scored again by `pair_scores`
    from the stored vectors `rows(positions)`; the list is long enough when the k-th score is
    above anything that an unseen vector can reach, i.e. its float32 score plus
    `2 * dim * eps * |query| * bound`, else it is doubled. Lossy scans keep their own scores and
    are asked for more until no tie crosses the end of the list. Graphs and refined lists find
    other hits when asked for more, so they are asked for k and ties are ordered within it.
    """
    ranking = _Ranking(index, k, rows, keys)
    depth = min(k + _SPARE if index.mergeable else k, index.n)
    scores, positions = index.search(queries, depth)
    return [ranking.of(*each) for each in zip(queries, scores, positions, strict=True)]


@dataclass(frozen=True, slots=True)
class _Ranking:
    index: Searchable
    k: int
    rows: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    keys: NDArray[np.uint64]

    def of(
        self, query: NDArray[np.float32], scores: NDArray[np.float32], positions: NDArray[np.int64]
    ) -> Ranking:
        """The k best among what was found, asking for more until it is certain."""
        while True:
            ranked, settled = self._settle(query, scores, positions)
            if settled:
                return ranked
            depth = min(2 * len(positions), self.index.n)
            scores, positions = (found[0] for found in self.index.search(query[None], depth))

    def _settle(
        self, query: NDArray[np.float32], scores: NDArray[np.float32], positions: NDArray[np.int64]
    ) -> tuple[Ranking, bool]:
        found = positions >= 0
        complete = not self.index.mergeable or not found.all() or len(positions) >= self.index.n
        seen, own = positions[found], scores[found]
        floor = float(own.min()) if len(own) else -np.inf
        if self.index.exact:
            own = pair_scores(self.rows(seen), query)
            length = float(np.linalg.norm(query.astype(np.float64)))
            floor += 2 * self.index.dim * float(np.finfo(np.float32).eps) * length * self.index.bound
        best = np.lexsort((seen, self.keys[seen], -own))[: self.k]
        settled = complete or bool(len(best) == self.k and own[best[-1]] > floor)
        return (seen[best], own[best]), settled
