"""Bounds of means and quantiles from samples: each end is wrong no more often than it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from rag_robust.errors import UsageError
from rag_robust.stats import (
    bernstein_ends,
    betting_ends,
    hoeffding_ends,
    least_samples,
    quantile_ranks,
)

METHODS = [bernstein_ends, betting_ends, hoeffding_ends]
LAWS = {
    "rare ones": (lambda rng, shape: (rng.random(shape) < 0.03).astype(float), 0.03),
    "coin": (lambda rng, shape: (rng.random(shape) < 0.5).astype(float), 0.5),
    "skewed": (lambda rng, shape: rng.beta(0.5, 4.5, shape), 0.1),
    "steady": (lambda rng, shape: rng.beta(180, 20, shape), 0.9),
}


def normal_ends(values: np.ndarray, error: float) -> tuple[np.ndarray, np.ndarray]:
    """The textbook's bounds, which hold for many samples only."""
    t = -norm.ppf(error) * values.std(axis=1, ddof=1) / values.shape[1] ** 0.5
    return values.mean(axis=1) - t, values.mean(axis=1) + t


def misses(method, law: str, n: int, error: float) -> tuple[float, float]:
    draw, mean = LAWS[law]
    low, high = method(draw(np.random.default_rng(5), (4000, n)), error)
    return np.mean(low > mean), np.mean(high < mean)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [10, 64])
def test_each_end_misses_the_mean_at_most_as_often_as_stated(method, law: str, n: int):
    assert max(misses(method, law, n, 0.05)) <= 0.05 + 3 * (0.05 * 0.95 / 4000) ** 0.5


def test_the_textbook_bound_misses_more_often():
    # the negative control: the test above must be able to fail
    assert misses(normal_ends, "rare ones", 64, 0.05)[1] > 0.1


@pytest.mark.parametrize("law", LAWS)
def test_betting_holds_for_whoever_stops_at_the_worst_moment(law: str):
    draw, mean = LAWS[law]
    values = draw(np.random.default_rng(6), (1500, 256))
    low, high = betting_ends(values, 0.1)
    early = betting_ends(values[:, :100], 0.1)
    assert (low >= early[0] - 1e-8).all()  # what was ruled out stays so: the last look is the worst one
    assert (high <= early[1] + 1e-8).all()
    assert max(np.mean(low > mean), np.mean(high < mean)) <= 0.1 + 3 * (0.1 * 0.9 / 1500) ** 0.5


def test_hoeffding_for_whoever_stops_at_the_worst_moment_does_not_hold():
    # the negative control: one sample size is not all sample sizes
    values = LAWS["coin"][0](np.random.default_rng(6), (1500, 2048))
    worst = np.max([hoeffding_ends(values[:, :n], 0.3)[0] for n in range(1, 2049, 8)], axis=0)
    assert np.mean(worst > 0.5) > 0.3


def test_steady_values_are_known_best_by_betting_then_bernstein():
    values = np.random.default_rng(0).beta(6, 14, (20, 1000))  # mean .3, sd .1
    widths = {m.__name__: np.mean(m(values, 0.0005)[1] - values.mean(axis=1)) for m in METHODS}
    assert widths["betting_ends"] < 0.5 * widths["bernstein_ends"]
    assert widths["bernstein_ends"] < 0.6 * widths["hoeffding_ends"]
    assert widths["hoeffding_ends"] == pytest.approx((np.log(2000) / 2000) ** 0.5)


def test_bernstein_is_the_formula():
    values = np.tile([0.2, 0.4], 5000)[None]
    low, high = bernstein_ends(values, 0.05)
    t = (2 * values.var(ddof=1) * np.log(40) / 10_000) ** 0.5 + 7 * np.log(40) / (3 * 9999)
    assert (low[0], high[0]) == pytest.approx((0.3 - t, 0.3 + t))


def test_one_sample_bounds_nothing_by_its_variance():
    assert [float(e[0]) for e in bernstein_ends(np.array([[0.5]]), 0.05)] == [0.0, 1.0]


def test_rows_are_bounded_one_by_one():
    values = np.random.default_rng(0).random((4, 50))
    for method in METHODS:
        alone = [method(row[None], 0.01) for row in values]
        assert np.array_equal(method(values, 0.01), np.array(alone)[:, :, 0].T)


ATOMS = {"three values": [0.2, 0.3, 0.5], "one value": [1.0]}
"""Chances of the values of a discrete law, in their order."""


@pytest.mark.parametrize("law", ATOMS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.7, 0.97])
@pytest.mark.parametrize("n", [5, 40, 200])
def test_order_statistics_miss_a_quantile_at_most_as_often_as_stated(law: str, share: float, n: int):
    chances = ATOMS[law]
    below = np.cumsum(chances)
    at = int(np.searchsorted(below, share - 1e-12))  # the quantile is the value of this place
    low, high = quantile_ranks(n, share, 0.02)
    too_high = binom.cdf(low - 1, n, below[at]) if low else 0.0  # fewer than low samples at or below it
    too_low = binom.sf(high - 1, n, below[at] - chances[at]) if high <= n else 0.0
    assert max(too_high, too_low) <= 0.02 + 1e-12


def test_order_statistics_are_the_tightest_that_hold_for_all_laws():
    low, high = quantile_ranks(100, 0.5, 0.01)
    assert binom.cdf(low - 1, 100, 0.5) <= 0.01 < binom.cdf(low, 100, 0.5)
    assert binom.sf(high - 1, 100, 0.5) <= 0.01 < binom.sf(high - 2, 100, 0.5)


@pytest.mark.parametrize(("share", "error"), [(0.5, 0.001), (0.1, 0.05), (0.5, 1 / 1024)])
def test_least_samples_is_the_first_size_with_a_lower_bound(share: float, error: float):
    n = least_samples(share, error)
    assert quantile_ranks(n, share, error)[0] >= 1
    assert quantile_ranks(n - 1, share, error)[0] == 0


def test_too_few_samples_have_no_bound_of_the_median():
    assert quantile_ranks(4, 0.5, 0.01) == (0, 5)


@pytest.mark.parametrize("values", [np.empty((2, 0)), np.zeros(3)])
@pytest.mark.parametrize("method", METHODS)
def test_values_that_are_no_rows_of_samples_are_refused(method, values: np.ndarray):
    with pytest.raises(UsageError, match=r"shape \(r, n\)"):
        method(values, 0.05)


def test_betting_refuses_values_outside_its_range():
    with pytest.raises(UsageError, match=r"values in \[0, 1\]"):
        betting_ends(np.array([[0.5, 1.5]]), 0.05)


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_an_impossible_error_is_refused(error: float):
    with pytest.raises(UsageError, match="confidence"):
        hoeffding_ends(np.zeros((1, 3)), error)
