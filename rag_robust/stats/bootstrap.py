"""The interval of a mean over queries, whose values may come in dependent groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from rag_robust.errors import UsageError
from rag_robust.stats.rates import Bounds, anderson, check_level, clopper_pearson
from rag_robust.types import Estimate

__all__ = ["Interval", "blocks", "by_cluster", "cluster_bootstrap", "estimate", "interval"]

Interval = Callable[[float], Bounds]
"""Confidence level to interval; a higher level contains a lower one."""

_REALS = (-np.inf, np.inf)
_BLOCK = 2_000_000  # numbers held at once while resampling


def cluster_bootstrap(
    values: NDArray[np.float64],
    clusters: Sequence[str],
    *,
    level: float,
    rng: Generator,
    resamples: int = 4000,
    bounds: Bounds | None = None,
) -> Bounds:
    """The BCa interval of a mean whose values come in dependent groups.

    Clusters c = 1..C are drawn with replacement, all their values with them; the statistic is the
    mean of all drawn values, theta = sum S_c / sum N_c with cluster sums S and counts N. With z0
    the normal quantile of the share of resampled thetas below theta (ties half) and the
    acceleration a from the jackknife over clusters, the ends are the resampled quantiles
    Phi(z0 + (z0 + z) / (1 - a (z0 + z))), z = +-t_{C-1} sqrt(C / (C - 1)).

    Degenerate samples get no zero-width interval. Let values lie in bounds = [l, h], clusters be
    independent and their size unrelated to their values, and let mu be the mean scaled to [0, 1].
    - All values h: a cluster's scaled mean Y is in [0, 1], so P(Y = 1) <= E[Y] = mu and
      P(all C clusters are ones) <= mu^C. The Clopper-Pearson end low = ((1 - level) / 2)^(1/C)
      is hence missed from above, mu < low, with probability at most mu^C < (1 - level) / 2.
      All values l: the same, mirrored.
    - All cluster means equal some c elsewhere, or one cluster: with probability 1 - a at most a share
      1 - a^(1/C) of such means lies above the greatest of C, whatever their distribution (Wilks 1941), and
      none above h: mu <= c + (h - c) (1 - a^(1/C)) for a = (1 - level) / 2, and likewise from below.
    - No finite bounds: (-inf, inf).

    *Source*: Efron, JASA 82 (1987); Efron and Tibshirani, An Introduction to the Bootstrap (1993),
    14.3; Wilks, Annals of Mathematical Statistics 12 (1941). *Where we differ*: z is widened to
    Student's t as in Hesterberg, The American Statistician 69 (2015), since BCa is too short for few
    clusters; and an end that would lie beyond the resamples' resolution, 1 / (resamples + 1), goes to the
    outermost resampled mean or to Anderson's end over the cluster means, farther out by as much as unequal
    counts move theta that way, whichever is the outer one; without bounds to infinity.
    """
    check_level(level)
    _, ends = _bootstrap(*by_cluster(values, clusters), rng=rng, resamples=resamples, bounds=bounds)
    return ends(level)


def estimate(
    values: NDArray[np.float64],
    clusters: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    rng: Generator,
    bounds: Bounds | None = (0.0, 1.0),
) -> Estimate:
    """The mean of one value per query, with its interval; NaN values are unscored and counted.

    Clopper-Pearson if bounds are (0, 1), every scored value is 0 or 1 and no two share a cluster;
    else the clustered BCa bootstrap (its degenerate cases included) with 4,000 resamples, up to
    40,000 where clusters are few. Ends are clipped to bounds.
    If nothing was scored the value is 0, the interval is the bounds and n = 0: no NaN leaves.

    Args:
        values: shape (n,), one per query.
        clusters: shape (n,), the original query or source document of each value; None: all differ.
        level: confidence in (0, 1).
        rng: where the resamples come from.
        bounds: least and greatest possible value, None if unknown.
    """
    check_level(level)
    n = int(np.count_nonzero(~np.isnan(values)))
    unscored = len(values) - n
    if n == 0:
        return Estimate(0.0, *(bounds or _REALS), level, 0, unscored, "nothing was scored")
    method, ends = _choose(values, clusters, rng, bounds)
    low, high = ends(level)
    value = float(np.mean(np.sort(values[~np.isnan(values)])))
    return Estimate(value, low, high, level, n, unscored, method)


def interval(
    values: NDArray[np.float64],
    clusters: Sequence[str] | None = None,
    *,
    rng: Generator,
    bounds: Bounds | None = (0.0, 1.0),
) -> Interval:
    """The interval of `estimate` as a function of its level; the resampling is done once, here.

    Intervals of one call are nested: a higher level contains a lower one.
    """
    return _choose(values, clusters, rng, bounds)[1]


def by_cluster(
    values: NDArray[np.float64], clusters: Sequence[str] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums and counts per cluster, each of shape (C,), in an order that rows cannot change."""
    values = np.asarray(values, dtype=np.float64)
    if clusters is not None and len(clusters) != len(values):
        raise UsageError(f"expected one cluster per value, got {len(clusters)} for {len(values)} values")
    if np.isinf(values).any():
        raise UsageError("expected finite values or NaN (unscored), got an infinite one")
    scored = ~np.isnan(values)
    if clusters is None:
        return np.sort(values[scored]), np.ones(np.count_nonzero(scored))
    _, codes = np.unique(np.asarray(clusters, dtype=np.str_)[scored], return_inverse=True)
    order = np.lexsort((values[scored], codes))
    sums = np.bincount(codes[order], weights=values[scored][order]).astype(np.float64)
    return sums, np.bincount(codes).astype(np.float64)


def _choose(
    values: NDArray[np.float64], clusters: Sequence[str] | None, rng: Generator, bounds: Bounds | None
) -> tuple[str, Interval]:
    """The name of the interval and the interval itself, as a function of its level."""
    sums, counts = by_cluster(values, clusters)
    if bounds == (0.0, 1.0) and (counts == 1).all() and np.isin(sums, (0.0, 1.0)).all():
        successes, n = int(sums.sum()), len(sums)
        return "Clopper-Pearson", lambda level: clopper_pearson(successes, n, level)
    # few clusters are cheap to draw often, and Holm over many gates looks far into the tails
    resamples = min(40_000, max(4_000, _BLOCK // max(1, len(sums))))
    return _bootstrap(sums, counts, rng=rng, resamples=resamples, bounds=bounds)


def _bootstrap(
    sums: NDArray[np.float64],
    counts: NDArray[np.float64],
    *,
    rng: Generator,
    resamples: int,
    bounds: Bounds | None,
) -> tuple[str, Interval]:
    """The method of `cluster_bootstrap` and its interval as a function of the level."""
    n = len(sums)
    means = sums / counts
    low, high = bounds or _REALS
    if n >= 2 and np.ptp(means) > 1e-12 * np.abs(means).max():
        drawn = np.sort(_resample(sums, counts, rng, resamples))
        theta = sums.sum() / counts.sum()
        ties = 1e-12 * np.abs(means).max()
        below = (np.count_nonzero(drawn < theta - ties) + np.count_nonzero(drawn <= theta + ties)) / 2
        z0 = float(ndtri(np.clip(below / resamples, 1 / (resamples + 1), resamples / (resamples + 1))))
        left_out = (sums.sum() - sums) / (counts.sum() - counts)
        d = left_out.mean() - left_out
        skew = float((d**3).sum() / (6.0 * (d**2).sum() ** 1.5))
        name = f"clustered BCa bootstrap, {resamples} resamples"
        known = bounds is not None and np.isfinite([low, high]).all()
        shift = float(theta - means.mean())

        def outer(level: float) -> Bounds:
            if not known:
                return low, high
            ends = anderson(means, level, low=low, high=high)
            bottom, top = ends[0] + min(shift, 0.0), ends[1] + max(shift, 0.0)
            return min(float(drawn[0]), bottom), max(float(drawn[-1]), top)

        def ends(level: float) -> Bounds:
            bottom, top = _bca_ends(level, drawn, n, (z0, skew), outer(level))
            return max(low, bottom), min(high, top)

        return name, ends
    if not np.isfinite([low, high]).all():
        return "no interval: all clusters alike and no bounds", lambda _: _REALS
    if n and np.isin(means, (low, high)).all():
        at_top = int((means == high).sum())

        def scaled(level: float) -> Bounds:
            ends = clopper_pearson(at_top, n, level)
            return low + (high - low) * ends[0], low + (high - low) * ends[1]

        return "Clopper-Pearson on clusters", scaled
    if not n:
        return "nothing was scored", lambda _: (low, high)
    alike = float(means.mean())

    def around(level: float) -> Bounds:
        beyond = 1.0 - ((1.0 - level) / 2.0) ** (1.0 / n)
        return alike - (alike - low) * beyond, alike + (high - alike) * beyond

    return "Wilks on clusters", around


def _resample(
    sums: NDArray[np.float64], counts: NDArray[np.float64], rng: Generator, resamples: int
) -> NDArray[np.float64]:
    """Means of `resamples` draws of clusters with replacement, shape (resamples,)."""
    n, alike = len(sums), np.ptp(counts) == 0
    parts = []
    for rows in blocks(resamples, n):
        picks = rng.integers(0, n, size=(rows, n))
        drawn = n * counts[0] if alike else counts[picks].sum(axis=1)
        parts.append(sums[picks].sum(axis=1) / drawn)
    return np.concatenate(parts)


def blocks(rows: int, width: int) -> Iterator[int]:
    """How many of `rows` rows to hold at once, in turn."""
    step = max(1, _BLOCK // max(1, width))
    yield from (stop - start for start, stop in pairwise([*range(0, rows, step), rows]))


def _bca_ends(
    level: float, drawn: NDArray[np.float64], n: int, correction: tuple[float, float], outer: Bounds
) -> Bounds:
    """Both ends at `level` from sorted resampled means; correction is (z0, acceleration).

    `outer` are the ends where the resamples have no resolution left.
    """
    check_level(level)
    z0, skew = correction
    t = float(-stdtrit(n - 1, (1.0 - level) / 2.0)) * (n / (n - 1)) ** 0.5
    shares = []
    for z in (z0 - t, z0 + t):
        room = 1.0 - skew * z
        # beyond the pole of the correction the quantile is the outermost one
        shares.append(float(ndtr(z0 + z / room)) if room > 0 else float(z > 0))
    finest = 1.0 / (len(drawn) + 1)
    low = float(np.quantile(drawn, shares[0])) if shares[0] >= finest else outer[0]
    high = float(np.quantile(drawn, shares[1])) if shares[1] <= 1.0 - finest else outer[1]
    return low, high
