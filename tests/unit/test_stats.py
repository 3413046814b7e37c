from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.errors import UsageError
from rag_robust.stats import (
    anderson,
    clopper_pearson,
    cluster_bootstrap,
    estimate,
    holm,
    holm_levels,
    interval,
    needed,
    p_value,
    paired_permutation,
    side,
    wilson,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_clopper_pearson_of_none_in_ten_is_the_closed_form() -> None:
    assert clopper_pearson(0, 10, 0.95) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert clopper_pearson(10, 10, 0.95) == pytest.approx((0.025**0.1, 1.0))


def test_clopper_pearson_of_nothing_is_everything() -> None:
    assert clopper_pearson(0, 0, 0.95) == (0.0, 1.0)
    assert wilson(0, 0, 0.95) == (0.0, 1.0)


def test_clopper_pearson_matches_published_value() -> None:
    # Agresti and Coull (1998): 2 of 10 at 95 %
    assert clopper_pearson(2, 10, 0.95) == pytest.approx((0.0252, 0.5561), abs=1e-4)


def test_wilson_matches_the_quadratic() -> None:
    low, high = wilson(3, 10, 0.95)
    z = 1.959964
    for p in (low, high):
        assert abs(0.3 - p) == pytest.approx(z * (p * (1 - p) / 10) ** 0.5, rel=1e-5)
    assert wilson(0, 10, 0.95)[0] == 0.0
    assert wilson(10, 10, 0.95)[1] == 1.0


def hoeffding(mean: float, n: int, level: float, *, width: float) -> tuple[float, float]:
    t = width * (np.log(2 / (1 - level)) / (2 * n)) ** 0.5
    return mean - t, mean + t


def test_anderson_moves_the_least_values_to_the_top() -> None:
    # t = 0.5 for four values at this level: two of them go
    level = 1 - 2 * np.exp(-2)
    assert anderson(np.array([0.5, 0.1, 0.2, 0.4]), level) == pytest.approx((0.3 / 4, (0.4 + 0.5 + 2) / 4))
    assert anderson(np.array([-1.0, 0.0, 0.0, 1.0]), level, low=-3.0, high=5.0) == pytest.approx(
        (-7 / 4, 11 / 4)
    )
    assert anderson(np.array([]), 0.95, low=-1.0) == (-1.0, 1.0)


def test_anderson_is_never_wider_than_hoeffding_and_equals_it_at_the_bounds() -> None:
    generator = rng()
    for n in (1, 2, 8, 50):
        values = generator.uniform(-1, 1, n) ** 3
        ends = anderson(values, 0.9, low=-1.0)
        wide = hoeffding(values.mean(), n, 0.9, width=2.0)
        assert wide[0] <= ends[0] <= values.mean() <= ends[1] <= wide[1]
    assert anderson(np.zeros(50), 0.95)[1] == pytest.approx(hoeffding(0.0, 50, 0.95, width=1.0)[1])


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, float("nan")])
def test_impossible_level_is_refused(level: float) -> None:
    with pytest.raises(UsageError, match="confidence level"):
        clopper_pearson(1, 2, level)


def test_impossible_count_is_refused() -> None:
    with pytest.raises(UsageError, match="successes=3, n=2"):
        clopper_pearson(3, 2, 0.95)


def test_single_rates_use_clopper_pearson() -> None:
    got = estimate(np.array([1.0, 0.0, 0.0, np.nan]), rng=rng())
    assert (got.low, got.high) == clopper_pearson(1, 3, 0.95)
    assert (got.n, got.unscored, got.method) == (3, 1, "Clopper-Pearson")
    assert got.value == pytest.approx(1 / 3)


def test_rates_of_repeated_clusters_use_the_bootstrap() -> None:
    values = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    got = estimate(values, list("aabbcd"), rng=rng())
    assert got.method == "clustered BCa bootstrap, 40000 resamples"
    assert 0.0 <= got.low < 0.5 < got.high <= 1.0


def test_zero_or_one_by_chance_is_no_rate_if_other_values_are_possible() -> None:
    got = estimate(np.array([0.0, 1.0, 0.0, 0.0]), rng=rng(), bounds=(-1.0, 1.0))
    assert got.method.startswith("clustered BCa")


def test_clusters_of_unscored_queries_leave_with_them() -> None:
    got = estimate(np.array([1.0, np.nan, 0.0]), ["a", "a", "b"], rng=rng())
    assert got.method == "Clopper-Pearson"


def test_nothing_scored_gives_bounds_and_no_nan() -> None:
    got = estimate(np.array([np.nan, np.nan]), rng=rng(), bounds=(-1.0, 1.0))
    assert (got.value, got.low, got.high, got.n, got.unscored) == (0.0, -1.0, 1.0, 0, 2)
    assert got.method == "nothing was scored"
    assert interval(np.array([np.nan]), rng=rng())(0.95) == (0.0, 1.0)


def test_all_ones_in_clusters_count_clusters_not_rows() -> None:
    got = estimate(np.ones(6), list("aabbcc"), rng=rng())
    assert (got.low, got.high) == pytest.approx((0.025 ** (1 / 3), 1.0))
    assert got.method == "Clopper-Pearson on clusters"


def test_all_at_a_bound_scales_to_other_bounds() -> None:
    got = estimate(np.full(5, 11.0), rng=rng(), bounds=(1.0, 11.0))
    assert (got.low, got.high) == pytest.approx((1 + 10 * 0.025 ** (1 / 5), 11.0))


def test_equal_values_inside_leave_to_each_side_the_share_that_as_many_clusters_may_not_show() -> None:
    got = estimate(np.full(4, 0.4), list("aabb"), rng=rng())
    beyond = 1 - 0.025**0.5
    assert (got.low, got.high) == pytest.approx((0.4 - 0.4 * beyond, 0.4 + 0.6 * beyond))
    assert got.method == "Wilks on clusters"
    lost = estimate(np.zeros(100), rng=rng(), bounds=(-1.0, 1.0))
    assert (lost.low, lost.high) == pytest.approx((-(1 - 0.025**0.01), 1 - 0.025**0.01))


def test_equal_values_inside_meet_those_at_a_bound() -> None:
    """What is said of 0.999999 is what Clopper and Pearson say of 1."""
    near, at = (estimate(np.full(7, value), rng=rng()) for value in (1 - 1e-9, 1.0))
    assert (near.low, near.high) == pytest.approx((at.low, at.high), abs=1e-6)


def test_equal_values_without_bounds_have_no_interval() -> None:
    got = cluster_bootstrap(np.full(4, 0.5), list("abcd"), level=0.95, rng=rng())
    assert got == (-np.inf, np.inf)


def test_two_clusters_say_almost_nothing() -> None:
    got = cluster_bootstrap(np.array([0.4, 0.6]), ["a", "b"], level=0.95, rng=rng(), bounds=(0.0, 1.0))
    assert got[0] < 0.02
    assert got[1] > 0.98


def test_bootstrap_of_many_normal_values_is_the_textbook_interval() -> None:
    values = np.random.default_rng(1).normal(size=2000)
    low, high = cluster_bootstrap(values, [str(i) for i in range(2000)], level=0.95, rng=rng())
    half = 1.96 * values.std() / 2000**0.5
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05 * half)


def test_row_order_cannot_change_an_estimate() -> None:
    values, clusters = np.random.default_rng(2).random(40), [str(i % 9) for i in range(40)]
    order = np.random.default_rng(3).permutation(40)
    shuffled = estimate(values[order], [clusters[i] for i in order], rng=rng())
    assert shuffled == estimate(values, clusters, rng=rng())


def test_one_cluster_per_value_is_asked_for() -> None:
    with pytest.raises(UsageError, match="got 1 for 2 values"):
        estimate(np.zeros(2), ["a"], rng=rng())


def test_infinite_value_is_refused() -> None:
    with pytest.raises(UsageError, match="infinite"):
        estimate(np.array([np.inf]), rng=rng())


@given(st.lists(st.sampled_from([0.0, 0.25, 0.7, 1.0]), min_size=1, max_size=12), st.integers(1, 4))
def test_intervals_are_nested_and_in_bounds(values: list[float], group: int) -> None:
    ends = interval(np.array(values), [str(i // group) for i in range(len(values))], rng=rng())
    shown = [ends(level) for level in (0.5, 0.9, 0.95, 0.99, 0.9999)]
    assert all(0.0 <= low <= high <= 1.0 for low, high in shown)
    assert all(b[0] <= a[0] and a[1] <= b[1] for a, b in itertools.pairwise(shown))


def test_side_of_a_gate() -> None:
    assert side((0.1, 0.5), low=None, high=0.5) == "inside"
    assert side((0.1, 0.5), low=None, high=0.4) == "across"
    assert side((0.1, 0.5), low=0.6, high=None) == "outside"
    assert side((0.1, 0.5), low=0.0, high=0.05) == "outside"


def test_p_value_of_a_rate_gate_is_the_closed_form() -> None:
    # 0 of 10 under max = 0.5: high = 1 - (p/2)^(1/10) = 0.5 at p = 2 * 0.5^10
    got = p_value(lambda level: clopper_pearson(0, 10, level), low=None, high=0.5)
    assert got == pytest.approx(2 * 0.5**10, rel=1e-6)


def test_p_value_is_one_across_and_floored_far_away() -> None:
    assert p_value(lambda level: (0.4, 0.6), low=None, high=0.5) == 1.0
    assert p_value(lambda level: (0.4, 0.6), low=None, high=0.9) == 1e-12


def test_gate_is_decided_at_its_p_value() -> None:
    ends = interval(np.random.default_rng(4).random(30), rng=rng())
    p = p_value(ends, low=0.35, high=None)
    assert side(ends(1 - p), low=0.35, high=None) == "inside"
    assert side(ends(1 - p * 0.999), low=0.35, high=None) in ("across", "inside")


def test_holm_against_the_textbook() -> None:
    # sorted 0.005 <= 0.05/4, 0.01 <= 0.05/3, 0.03 > 0.05/2: stop
    assert holm([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert holm([], 0.05) == []


def test_holm_levels_step_down_and_stay_after_the_first_undecided() -> None:
    levels = holm_levels([0.01, 0.04, 0.03, 0.005], 0.05)
    assert levels == pytest.approx([1 - 0.05 / 3, 1 - 0.05 / 2, 1 - 0.05 / 2, 1 - 0.05 / 4])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_falls_exactly_where_its_level_says(p_values: list[float]) -> None:
    # the same step-down written the other way: monotone adjusted p values
    order = np.argsort(p_values, kind="stable")
    adjusted = np.maximum.accumulate([(len(p_values) - i) * p_values[j] for i, j in enumerate(order)])
    expected = dict(zip(order.tolist(), (adjusted <= 0.05).tolist(), strict=True))
    got = dict(enumerate(holm(p_values, 0.05)))
    assert all(got[i] == expected[i] or abs(adjusted - 0.05).min() < 1e-12 for i in expected)


def test_permutation_p_of_equal_values_is_one() -> None:
    assert paired_permutation(np.ones(5), np.ones(5), rng=rng()) == 1.0
    assert paired_permutation(np.array([np.nan]), np.ones(1), rng=rng()) == 1.0


def test_permutation_flips_clusters_not_rows() -> None:
    a, b = np.array([1.0, 1.0, 1.0, 1.0]), np.zeros(4)
    assert paired_permutation(a, b, rng=rng()) == 2 / 16
    assert paired_permutation(a, b, list("ppqq"), rng=rng()) == 2 / 4


def test_sampled_permutation_is_near_the_exact_one() -> None:
    a = np.random.default_rng(5).normal(0.4, 1.0, 12)
    exact = paired_permutation(a, np.zeros(12), rng=rng())
    assert paired_permutation(a, np.zeros(12), rng=rng(), resamples=4000) == pytest.approx(exact, abs=0.03)


def test_needed_is_the_least_number_that_decides() -> None:
    m = needed(2, 10, 0.5, level=0.95)
    assert m is not None
    assert clopper_pearson(round(0.2 * 15), 15, 0.95)[1] < 0.5
    assert 11 <= m <= 15


def test_needed_of_none_seen_is_the_closed_form() -> None:
    # 1 - 0.025^(1/m) < 0.1  <=>  m > ln(0.025) / ln(0.9)
    assert needed(0, 5, 0.1, level=0.95) == int(np.log(0.025) / np.log(0.9)) + 1


def test_needed_gives_up_at_the_limit_itself() -> None:
    assert needed(5, 10, 0.5, level=0.95) is None
    assert needed(0, 0, 0.5, level=0.95) is None
    assert needed(5_000_001, 10_000_000, 0.5, level=0.95) is None


def test_gate_on_a_mean_can_be_decided_among_twenty_gates() -> None:
    values = np.random.default_rng(6).normal(0.8, 0.02, 40)
    low, high = interval(values, rng=rng())(1 - 0.05 / 20)
    assert 0.75 < low < 0.8 < high < 0.85
