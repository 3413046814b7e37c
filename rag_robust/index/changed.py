"""The insertion rule: what an index finds after passages were put in or edited, without a rebuild."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from rag_robust.index.vectors import padded

__all__ = ["Changed", "Fillable", "Searchable", "changed"]

Found = tuple[NDArray[np.float32], NDArray[np.int64]]


class Searchable(Protocol):
    """Finds the positions of the nearest vectors."""

    @property
    def n(self) -> int:
        """How many positions there are."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def bound(self) -> float:
        """Largest norm of a stored vector."""

    @property
    def exact(self) -> bool:
        """Whether every pair is scored from the vectors themselves."""

    @property
    def mergeable(self) -> bool:
        """Whether the k best of two halves always hold the k best of the whole."""

    @property
    def fingerprint(self) -> str:
        """What a ranking depends on besides the vectors."""

    def search(self, queries: NDArray[np.float32], k: int) -> Found:
        """Scores and positions of shape (n, k), best first, padded with -inf and -1."""


class Fillable(Searchable, Protocol):
    """An index that can be copied with more vectors in it."""

    def with_added(self, vectors: NDArray[np.float32]) -> Self:
        """A copy to which the vectors were added."""

    def beside(self, vectors: NDArray[np.float32]) -> Self:
        """A copy trained alike that holds these vectors alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """An index over a changed corpus: one or two parts searched together, some positions dropped.

    Positions run through the parts in order; those in `removed` are never found. `rule` says how
    the inserted vectors came in.
    """

    parts: tuple[Fillable, ...]
    removed: NDArray[np.int64]
    rule: str

    @property
    def n(self) -> int:
        """How many positions there are, removed ones included."""
        return sum(part.n for part in self.parts)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.parts[0].dim

    @property
    def bound(self) -> float:
        """Largest norm of a stored vector."""
        return max(part.bound for part in self.parts)

    @property
    def exact(self) -> bool:
        """As the index it was made from."""
        return self.parts[0].exact

    @property
    def mergeable(self) -> bool:
        """As the index it was made from."""
        return self.parts[0].mergeable

    @property
    def fingerprint(self) -> str:
        """As the index it was made from."""
        return self.parts[0].fingerprint

    def search(self, queries: NDArray[np.float32], k: int) -> Found:
        """Scores and positions of shape (n, k), best first, padded with -inf and -1."""
        found, start = [], 0
        for part in self.parts:
            found.append(_alive(part, queries, k, self.removed, start))
            start += part.n
        scores = np.concatenate([s for s, _ in found], axis=1)
        positions = np.concatenate([p for _, p in found], axis=1)
        best = np.lexsort((positions, -scores), axis=1)[:, :k]
        return padded(np.take_along_axis(scores, best, 1), np.take_along_axis(positions, best, 1), k)


def _alive(
    part: Searchable, queries: NDArray[np.float32], k: int, removed: NDArray[np.int64], start: int
) -> Found:
    """What one part finds, removed positions dropped and the others moved by `start`."""
    gone = int(np.count_nonzero((removed >= start) & (removed < start + part.n)))
    scores, positions = part.search(queries, min(k + gone, part.n))
    positions = np.where(positions < 0, -1, positions + start)
    positions = np.where(np.isin(positions, removed), -1, positions)
    return np.where(positions < 0, np.float32(-np.inf), scores), positions


def changed(
    index: Fillable | Changed, *, inserted: NDArray[np.float32], removed: NDArray[np.int64]
) -> Changed:
    """The index with vectors (m, dim) inserted at positions n, n+1, ... and some positions removed.

    Merging exactly scored vectors into what an approximate index found overstates attacks (with
    IVF and nprobe 1, an inserted passage was in the top 10 for 0.77 of the queries instead of
    0.08), so the inserted vectors go through the same quantisers: scans (Flat, IVF, PQ, SQ, also
    behind rotations and id maps) merge with a filled copy of the trained empty twin; graphs,
    refined lists and everything else are cloned and really added to, because there what is found
    depends on all that is stored. For removed positions each part is asked for that many more; a
    graph walk asked for more is a little more thorough, and there is no index to compare it with,
    since FAISS cannot remove from graphs.

    The index is never modified; a changed index can be changed again.

    Raises:
        ModelError: FAISS cannot add to the index, or a vector is unusable.
    """
    old = index if isinstance(index, Changed) else Changed((index,), np.empty(0, np.int64), _rule(index))
    parts = old.parts
    if len(inserted) and not old.mergeable:
        parts = (parts[0].with_added(inserted),)
    elif len(inserted):
        parts = (parts[0], parts[0].beside(inserted) if len(parts) == 1 else parts[1].with_added(inserted))
    return Changed(parts, np.union1d(old.removed, np.asarray(removed, np.int64)), old.rule)


def _rule(index: Fillable) -> str:
    return "merged empty twin" if index.mergeable else "cloned and added"
