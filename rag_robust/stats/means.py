"""One-sided bounds of means and quantiles from samples: what a certificate of a random ranker rests on.

Every function takes values of shape (r, n), r quantities with n independent samples each, and an `error`
a: each returned end of each row is wrong with probability at most a. Means are of values in [0, 1].
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

from rag_robust.errors import UsageError
from rag_robust.stats.rates import check_level

__all__ = ["Ends", "bernstein_ends", "betting_ends", "hoeffding_ends", "least_samples", "quantile_ranks"]

Ends = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Lower and upper bounds, each of shape (r,)."""

_BOLDNESS = 0.9  # the share of what a bet could lose at worst
_HALVINGS = 22  # ends are rounded outwards to 2^-22


def hoeffding_ends(values: NDArray[np.float64], error: float) -> Ends:
    """Bounds of means that know nothing but the range: t = sqrt(ln(1 / a) / (2 n)) to each side.

    *Source*: Hoeffding, JASA 58 (1963), theorem 2.
    """
    _check(values, error)
    t = np.sqrt(np.log(1.0 / error) / (2 * values.shape[1]))
    mean = values.mean(axis=1)
    return np.maximum(mean - t, 0.0), np.minimum(mean + t, 1.0)


def bernstein_ends(values: NDArray[np.float64], error: float) -> Ends:
    """Bounds of means that use the sample variance V, so that steady values are known better.

    t = sqrt(2 V ln(2 / a) / n) + 7 ln(2 / a) / (3 (n - 1)) to each side; n = 1 gives [0, 1].

    *Source*: Maurer and Pontil, Empirical Bernstein Bounds (COLT 2009), theorem 4.
    """
    _check(values, error)
    n, log = values.shape[1], np.log(2.0 / error)
    if n == 1:
        return np.zeros(len(values)), np.ones(len(values))
    t = np.sqrt(2 * values.var(axis=1, ddof=1) * log / n) + 7 * log / (3 * (n - 1))
    mean = values.mean(axis=1)
    return np.maximum(mean - t, 0.0), np.minimum(mean + t, 1.0)


def betting_ends(values: NDArray[np.float64], error: float) -> Ends:
    """Bounds of means that hold at every sample size at once: look as often as you like, stop when you like.

    Against "the mean is m" one bets on values above it: K_t(m) = product over i <= t of
    1 + l_i (x_i - m), l_i = min(b_i, 0.9 / m), b_i from the values before i. Under a mean of at most m
    it is a nonnegative supermartingale that starts at 1, so P(some K_t(m) >= 1 / a) <= a (Ville). Each
    factor falls in m, so the m that are ruled out are an interval from 0; its end is the lower bound,
    found by bisection from below. The upper bound is the same for 1 - x.

    b_i = sqrt(2 ln(1 / a) / (v_{i-1} h_i)) is about the best bet for a look at h_i samples, with
    v_t = (1/4 + sum (x_j - m_j)^2) / (t + 1), m_t = (1/2 + sum x_j) / (t + 1), and h_i the least power of two
    that is at least i and 32: bounds are tightest when looked at there.

    *Source*: Waudby-Smith and Ramdas, JRSS B 86 (2024), theorem 3, one side of it. *Where we differ*: they
    tune the bets to one fixed n or to all t alike; powers of two are where our certificates look.
    """
    _check(values, error)
    if values.min() < 0 or values.max() > 1:
        raise UsageError(f"expected values in [0, 1], got {values.min():g} to {values.max():g}")
    bets = _bets(values, error)
    return _ruled_out(values, bets, error), 1.0 - _ruled_out(1.0 - values, bets, error)


@lru_cache(maxsize=4096)
def quantile_ranks(n: int, share: float, error: float) -> tuple[int, int]:
    """Ranks (low, high), from 1, of the samples that bound the quantile h = inf {t : P(X <= t) >= share}.

    For any distribution, ties included, P(X_(low) > h) <= a and P(X_(high) < h) <= a:
    - X_(k) > h means fewer than k samples are <= h, each of which is so with probability >= share;
      low is the greatest k with P(Bin(n, share) <= k - 1) <= a. 0 if there is none.
    - X_(k) < h means at least k samples are < h, each of which is so with probability <= share;
      high is the least k with P(Bin(n, share) >= k) <= a. n + 1 if there is none.
    """
    check_level(1.0 - error)
    if n < 1 or not 0 <= share <= 1:
        raise UsageError(f"expected n >= 1 and a share in [0, 1], got n={n} and {share:g}")
    low = bisect_right(range(n), error, key=lambda k: float(bdtr(k, n, share)))
    high = 1 + bisect_left(range(n), -error, key=lambda k: -float(bdtrc(k, n, share)))
    return low, high


def least_samples(share: float, error: float) -> int:
    """The least n with which a quantile has a lower bound at all: (1 - share)^n <= error."""
    return int(np.ceil(np.log(error) / np.log1p(-share) - 1e-9))


def _check(values: NDArray[np.float64], error: float) -> None:
    check_level(1.0 - error)
    if values.ndim != 2 or not values.shape[1]:
        raise UsageError(f"expected values of shape (r, n) with n >= 1, got {values.shape}")


def _bets(values: NDArray[np.float64], error: float) -> NDArray[np.float64]:
    """What is staked on each value (r, n), from those before it alone."""
    t = np.arange(1, values.shape[1] + 1)
    means = (0.5 + values.cumsum(axis=1)) / (t + 1)
    spread = (0.25 + ((values - means) ** 2).cumsum(axis=1)) / (t + 1)
    before = np.concatenate([np.full((len(values), 1), 0.25), spread[:, :-1]], axis=1)
    horizon = np.maximum(32.0, 2.0 ** np.ceil(np.log2(t)))
    bets: NDArray[np.float64] = np.sqrt(2 * np.log(1 / error) / (before * horizon))
    return bets


def _ruled_out(values: NDArray[np.float64], bets: NDArray[np.float64], error: float) -> NDArray[np.float64]:
    """The greatest mean (r,) found for which some K_t reached 1 / error; 0 if none did."""
    low, high = np.zeros(len(values)), np.ones(len(values))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        m = np.maximum(middle, np.finfo(float).tiny)[:, None]
        wealth = np.log1p(np.minimum(bets, _BOLDNESS / m) * (values - m)).cumsum(axis=1).max(axis=1)
        won = wealth >= np.log(1 / error)
        low, high = np.where(won, middle, low), np.where(won, high, middle)
    return low
