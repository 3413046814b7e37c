"""From intervals and paired values to decisions: gates, p values, many gates at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.stats.bootstrap import Interval, blocks, by_cluster
from rag_robust.stats.rates import Bounds, check_level

__all__ = ["holm", "holm_levels", "p_value", "paired_permutation", "side"]

_SMALLEST_P = 1e-12


def side(ends: Bounds, *, low: float | None, high: float | None) -> Literal["inside", "outside", "across"]:
    """Where an interval lies with respect to the gate [low, high]; touching a limit is inside."""
    bottom = -np.inf if low is None else low
    top = np.inf if high is None else high
    if bottom <= ends[0] and ends[1] <= top:
        return "inside"
    return "outside" if ends[1] < bottom or ends[0] > top else "across"


def p_value(interval: Interval, *, low: float | None, high: float | None) -> float:
    """The smallest 1 - level at which the interval lies wholly inside or wholly outside the gate.

    Intervals are nested, so the answer is found by bisection (on the logarithm, to 1e-9 relative);
    it is 1 if even the shortest interval lies across a limit, and never below 1e-12. The gate is
    decided at level 1 - p for the p returned.
    """

    def decided(p: float) -> bool:
        return side(interval(1.0 - p), low=low, high=high) != "across"

    undecided, enough = np.log(_SMALLEST_P), np.log(1.0 - 1e-9)
    if decided(_SMALLEST_P):
        return _SMALLEST_P
    if not decided(float(np.exp(enough))):
        return 1.0
    while enough - undecided > 1e-9:
        middle = (undecided + enough) / 2.0
        if decided(float(np.exp(middle))):
            enough = middle
        else:
            undecided = middle
    return float(np.exp(enough))


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which of many hypotheses fall, with the chance of one wrong fall at most `alpha`.

    The i-th smallest p (i from 0) of m is compared with alpha / (m - i), until one is larger.

    *Source*: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    return [p <= limit for p, limit in zip(p_values, _holm_limits(p_values, alpha), strict=True)]


def holm_levels(p_values: Sequence[float], alpha: float) -> list[float]:
    """The confidence level at which each of many gates is judged in Holm's step-down.

    1 - alpha / (m - i) for the i-th smallest p, i from 0; from the first gate that is not decided
    on, all keep its level (their p is no smaller, so they are not decided either).
    """
    return [1.0 - limit for limit in _holm_limits(p_values, alpha)]


def paired_permutation(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    clusters: Sequence[str] | None = None,
    *,
    rng: Generator,
    resamples: int = 9999,
) -> float:
    """The two-sided sign-flip p value of a mean difference between paired values.

    Under "a and b are exchangeable" each cluster's sum of differences may change its sign. All 2^C
    signs are enumerated if they are at most `resamples` + 1, else p = (1 + hits) / (1 + resamples).
    Pairs with a NaN are left out; without pairs p = 1.

    *Source*: Fisher, The Design of Experiments (1935), 21; Phipson and Smyth (2010) for the 1 +.
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    sums, _ = by_cluster(difference, clusters)
    n = len(sums)
    # sums that differ only by rounding are ties, and ties count
    observed = abs(float(sums.sum())) - 1e-12 * float(np.abs(sums).sum())
    if 2**n <= resamples + 1:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(np.mean(np.abs(signs @ sums) >= observed))
    hits = 0
    for rows in blocks(resamples, n):
        signs = 1 - 2 * rng.integers(0, 2, size=(rows, n), dtype=np.int8)
        hits += int(np.count_nonzero(np.abs(signs @ sums) >= observed))
    return (1 + hits) / (1 + resamples)


def _holm_limits(p_values: Sequence[float], alpha: float) -> list[float]:
    check_level(1.0 - alpha)
    limits = [0.0] * len(p_values)
    left = len(p_values)
    for gate in sorted(range(len(p_values)), key=p_values.__getitem__):
        limits[gate] = alpha / left
        left -= p_values[gate] <= limits[gate]
    return limits
