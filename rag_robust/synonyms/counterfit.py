"""Counter-fitting: word vectors moved so that synonyms come together and antonyms part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import ModelError
from rag_robust.synonyms.neighbours import nearest, unit_rows

__all__ = ["Settings", "counterfit"]

_PAIRS = 1 << 15

Ends = NDArray[np.int64]
"""Rows i and j of pairs, shape (p, 2)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Distances are 1 − cosine: synonyms within `together`, antonyms `apart`, neighbourhoods of `radius`."""

    together: float = 0.0
    apart: float = 1.0
    radius: float = 0.2
    epochs: int = 20
    step: float = 0.1


def counterfit(
    words: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    synonyms: Iterable[tuple[str, str]],
    antonyms: Iterable[tuple[str, str]] = (),
    settings: Settings | None = None,
) -> NDArray[np.float32]:
    """Unit vectors V', shape (n, h), near V = `vectors` but with synonyms close and antonyms far.

    Descends, with d = 1 − cosine and τ(x) = max(0, x), on

        Σ_antonyms τ(apart − d'(u, w)) + Σ_synonyms τ(d'(u, w) − together) + Σ_near τ(d'(i, j) − d(i, j)),

    near being the pairs with d(i, j) <= radius in V, synonyms and antonyms apart. A word with no synonym,
    antonym or moving neighbour keeps its direction. Pairs with a word that has no vector are passed over.

    Differs from the paper: full batches instead of stochastic steps, so there is nothing to seed and no
    order to depend on; a word's step is the mean over its violated terms, not their sum, so that a word of
    many synonyms does not overshoot; a pair that is both is an antonym, and no antonym or synonym is
    also held where it was. Rounding differs between processors: for a hash to share, write the vectors.

    Source: Mrkšić et al., *Counter-fitting Word Vectors to Linguistic Constraints*, NAACL 2016, section 2.

    Raises:
        ModelError: not one finite vector per word.
    """
    if vectors.ndim != 2 or len(words) != len(vectors) or not np.isfinite(vectors).all():
        raise ModelError(f"expected {len(words)} finite vectors, one per word, got shape {vectors.shape}")
    chosen = settings or Settings()
    before = unit_rows(vectors)
    rows = {word: row for row, word in reversed(list(enumerate(words)))}
    ends, signs, limits = _terms(before, _known(rows, synonyms), _known(rows, antonyms), chosen)
    after = before.copy()
    for _ in range(chosen.epochs):
        pull, count = _forces(after, ends, signs, limits)
        moved = count > 0
        after[moved] = unit_rows(after[moved] + chosen.step * pull[moved] / count[moved, None])
    return after.astype(np.float32)


def _known(rows: Mapping[str, int], pairs: Iterable[tuple[str, str]]) -> set[tuple[int, int]]:
    """Pairs of words as pairs (lower, higher) of rows, where both have one."""
    found = ((rows[a], rows[b]) for a, b in pairs if a in rows and b in rows)
    return {(min(pair), max(pair)) for pair in found if pair[0] != pair[1]}


def _terms(
    unit: NDArray[np.float64], close: set[tuple[int, int]], far: set[tuple[int, int]], settings: Settings
) -> tuple[Ends, NDArray[np.float64], NDArray[np.float64]]:
    """All pairs both ways round, by first row; +1 to pull beyond a limit or −1 to push within it; limits."""
    near = {(i, j) for i, j in nearest(unit, threshold=1 - settings.radius, top=len(unit)) if i < j}
    kinds = [sorted(close - far), sorted(far), sorted(near - close - far)]
    ends = np.array([pair for kind in kinds for pair in kind], np.int64).reshape(-1, 2)
    sizes = [len(kind) for kind in kinds]
    signs = np.repeat([1.0, -1.0, 1.0], sizes)
    limits = np.repeat([settings.together, settings.apart, 0.0], sizes)
    kept = ends[sizes[0] + sizes[1] :]
    limits[sizes[0] + sizes[1] :] = 1 - _cosines(unit, kept)
    order = np.argsort(np.concatenate([ends[:, 0], ends[:, 1]]), kind="stable")
    both = np.concatenate([ends, ends[:, ::-1]])[order]
    return both, np.tile(signs, 2)[order], np.tile(limits, 2)[order]


def _cosines(unit: NDArray[np.float64], ends: Ends) -> NDArray[np.float64]:
    blocks = [ends[i : i + _PAIRS] for i in range(0, len(ends), _PAIRS)]
    found = [np.einsum("ph,ph->p", unit[b[:, 0]], unit[b[:, 1]]) for b in blocks]
    return np.concatenate([np.zeros(0), *found])


def _forces(
    unit: NDArray[np.float64], ends: Ends, signs: NDArray[np.float64], limits: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per row the sum of −∂/∂u of its violated terms, along the sphere, and how many there are.

    −∂d(u, w)/∂u = w − cos(u, w) u for unit u; `ends` is sorted by its first column.
    """
    pull, count = np.zeros_like(unit), np.zeros(len(unit))
    cosines = _cosines(unit, ends)
    active = np.nonzero(signs * (1 - cosines - limits) > 0)[0]
    for start in range(0, len(active), _PAIRS):
        block = active[start : start + _PAIRS]
        i, j = ends[block].T
        forces = signs[block, None] * (unit[j] - cosines[block, None] * unit[i])
        heads, starts, sizes = np.unique(i, return_index=True, return_counts=True)
        pull[heads] += np.add.reduceat(forces, starts, axis=0)
        count[heads] += sizes
    return pull, count
