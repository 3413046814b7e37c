"""Exact intervals of rates and bounded means, and how many queries would decide a gate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainccinv, betaincinv, ndtri

from rag_robust.errors import UsageError

__all__ = ["Bounds", "anderson", "check_level", "clopper_pearson", "needed", "wilson"]

Bounds = tuple[float, float]

_MOST_QUERIES = 10_000_000


def clopper_pearson(successes: int, n: int, level: float) -> Bounds:
    """The exact interval of a rate: it covers the true rate with probability at least `level`.

    With a = (1 - level) / 2 and x successes in n: low solves P(X >= x | low) = a (0 if x = 0), high
    solves P(X <= x | high) = a (1 if x = n); they are quantiles a of Beta(x, n - x + 1) and 1 - a
    of Beta(x + 1, n - x). Nothing observed (n = 0) gives [0, 1].

    *Source*: Clopper and Pearson, Biometrika 26 (1934).
    """
    check_rate(successes, n, level)
    return _beta_ends(successes, n, (1.0 - level) / 2.0)


def wilson(successes: int, n: int, level: float) -> Bounds:
    """The score interval of a rate: near `level` on average, shorter than the exact one.

    The rates p with |x/n - p| <= z sqrt(p (1 - p) / n). Its coverage may fall below `level` for
    some p, so gates use `clopper_pearson`; this one is for plots.

    *Source*: Wilson, JASA 22 (1927).
    """
    check_rate(successes, n, level)
    if n == 0:
        return 0.0, 1.0
    z = float(-ndtri((1.0 - level) / 2.0))
    rate, shrink = successes / n, 1.0 + z * z / n
    centre = (rate + z * z / (2 * n)) / shrink
    half = z / shrink * float(np.sqrt(rate * (1.0 - rate) / n + z * z / (4 * n * n)))
    return (
        0.0 if successes == 0 else max(0.0, centre - half),
        1.0 if successes == n else min(1.0, centre + half),
    )


def anderson(values: NDArray[np.float64], level: float, *, low: float = 0.0, high: float = 1.0) -> Bounds:
    """An interval for the mean of n independent values in [low, high], whatever their distribution.

    With a = (1 - level) / 2 the distribution function lies nowhere more than t = sqrt(ln(1 / a) / (2 n))
    below that of the sample, with probability at least 1 - a. The greatest mean that this leaves is the
    sample's after a share t of it, the smallest values, has gone to `high`; the least one likewise. A
    value x moves the end by high - x, where Hoeffding's bound of the same error counts high - low.

    *Source*: Anderson, Confidence limits for the expected value of an arbitrary bounded random variable
    (1969), with the constant of Massart, Annals of Probability 18 (1990).
    """
    check_level(level)
    n = len(values)
    if n == 0:
        return low, high
    x = np.sort(values)
    t = np.sqrt(np.log(2.0 / (1.0 - level)) / (2.0 * n))
    left = np.clip(np.arange(1, n + 1) / n - t, 0.0, None)  # of the sample below each gap that stays there
    down = low + float(-np.diff(x[::-1], append=low) @ left)
    return down, high - float(np.diff(x, append=high) @ left)


def needed(successes: int, n: int, limit: float, *, level: float) -> int | None:
    """How many queries, at the rate seen so far, would put the whole interval on one side of `limit`.

    The least m for which the Clopper-Pearson interval of (rate m, m) leaves out `limit`; rate m
    is not rounded, so that the ends are monotone in m. None if nothing was seen, the rate equals
    the limit, or more than 10 million would be needed.
    """
    check_rate(successes, n, level)
    if n == 0 or successes / n == limit:
        return None
    rate, tail = successes / n, (1.0 - level) / 2.0

    def decides(m: int) -> bool:
        low, high = _beta_ends(rate * m, m, tail)
        return high < limit or low > limit

    if not decides(_MOST_QUERIES):
        return None
    too_few, enough = 0, _MOST_QUERIES
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if decides(middle) else (middle, enough)
    return enough


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0.0 < level < 1.0:
        raise UsageError(f"a confidence level lies in (0, 1), got {level}")


def check_rate(successes: int, n: int, level: float) -> None:
    check_level(level)
    if not 0 <= successes <= n:
        raise UsageError(f"expected 0 <= successes <= n, got successes={successes}, n={n}")


def _beta_ends(x: float, n: int, tail: float) -> Bounds:
    low = 0.0 if x <= 0 else float(betaincinv(x, n - x + 1, tail))
    high = 1.0 if x >= n else float(betainccinv(x + 1, n - x, tail))
    return low, high
