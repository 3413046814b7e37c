"""Rank correlation, for a handful of things that cannot be compared otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["spearman"]


def spearman(left: Sequence[float], right: Sequence[float]) -> float:
    """Spearman's rank correlation of n pairs; equal values share their mean rank.

    The Pearson correlation of the ranks. NaN for fewer than 2 pairs, or where all values of a side are equal.
    """
    x, y = (_ranks(np.asarray(side, np.float64)) for side in (left, right))
    if len(x) != len(y):
        raise ValueError(f"expected pairs, got {len(x)} and {len(y)} values")
    x, y = x - x.mean() if len(x) else x, y - y.mean() if len(y) else y
    length = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / length if length > 0 else math.nan


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, shape (n,)."""
    below = (values[None, :] < values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    ranks: NDArray[np.float64] = below + (equal + 1) / 2
    return ranks
