"""The promise, not the formula: intervals cover at the stated level."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binom, multinomial

from rag_robust.stats import (
    anderson,
    clopper_pearson,
    cluster_bootstrap,
    estimate,
    holm,
    paired_permutation,
    wilson,
)


def coverage(ends: list[tuple[float, float]], p: float, n: int) -> float:
    return sum(binom.pmf(x, n, p) for x, (low, high) in enumerate(ends) if low <= p <= high)


@pytest.mark.parametrize("n", [1, 2, 5, 12, 40])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_clopper_pearson_covers_every_rate_exactly_enumerated(n: int, level: float) -> None:
    ends = [clopper_pearson(x, n, level) for x in range(n + 1)]
    for p in np.linspace(0, 1, 101):
        assert coverage(ends, p, n) >= level - 1e-12


def test_wilson_does_not_cover_every_rate() -> None:
    # the negative control: the test above must be able to fail
    ends = [wilson(x, 40, 0.95) for x in range(41)]
    assert min(coverage(ends, p, 40) for p in np.linspace(0.001, 0.999, 200)) < 0.95


@pytest.mark.parametrize("support", [(0.0, 0.1, 1.0), (0.0, 0.5, 0.6)])
def test_each_end_of_anderson_misses_no_more_than_promised_exactly_enumerated(
    support: tuple[float, float, float],
) -> None:
    n, level = 8, 0.8
    counts = [(i, j, n - i - j) for i in range(n + 1) for j in range(n + 1 - i)]
    ends = np.array([anderson(np.repeat(support, c), level) for c in counts])
    worst = 0.0
    for a, b in itertools.product(np.linspace(0.01, 0.98, 25), repeat=2):
        shares = np.array([a, (1 - a) * b, (1 - a) * (1 - b)])
        mean, chance = shares @ support, multinomial.pmf(counts, n, shares)
        missed = chance[ends[:, 0] > mean].sum(), chance[ends[:, 1] < mean].sum()
        worst = max(worst, *missed)
    assert 0.0 < worst <= (1 - level) / 2


def test_an_end_that_falls_back_keeps_its_promise_for_groups_of_unequal_size_exactly_enumerated() -> None:
    """Two groups of 1 and 100 with independent means: few resamples differ, so both ends fall back."""
    support, shares = np.array([0.0, 0.66, 1.0]), np.array([1 / 6, 1 / 2, 1 / 3])
    clusters, mean = ["small", *["large"] * 100], float(support @ shares)
    missed = np.zeros(2)
    for (a, p), (b, q) in itertools.product(zip(support, shares, strict=True), repeat=2):
        values = np.array([a, *[b] * 100])
        got = estimate(values, clusters, rng=np.random.default_rng(0), level=0.95)
        missed += np.array([got.low > mean, got.high < mean]) * p * q
        wide = estimate(values, clusters, rng=np.random.default_rng(0), level=1 - 1e-9)
        assert (wide.low, wide.high) == pytest.approx((0.0, 1.0), abs=1e-4) or a == b
    assert missed.max() <= 0.025


def clustered_sample(rng: np.random.Generator, n_clusters: int) -> tuple[np.ndarray, list[str]]:
    """Skewed values in [0, 1] with mean 1/5; a cluster shares its level."""
    values, clusters = [], []
    for c in range(n_clusters):
        centre = rng.beta(0.5, 2.0)
        size = int(rng.integers(1, 6))
        values.append(rng.beta(4 * centre + 1e-9, 4 * (1 - centre) + 1e-9, size))
        clusters += [str(c)] * size
    return np.concatenate(values), clusters


@pytest.mark.parametrize("n_clusters", [8, 40])
def test_clustered_bootstrap_covers_dependent_skewed_values(n_clusters: int) -> None:
    rng, hits = np.random.default_rng(11), 0
    for _ in range(300):
        values, clusters = clustered_sample(rng, n_clusters)
        low, high = cluster_bootstrap(
            values, clusters, level=0.95, rng=rng, resamples=1000, bounds=(0.0, 1.0)
        )
        hits += low <= 0.2 <= high
    assert hits / 300 >= 0.92


def test_ignoring_clusters_does_not_cover() -> None:
    # the negative control: every value taken as its own cluster
    rng, hits = np.random.default_rng(11), 0
    for _ in range(300):
        values, _ = clustered_sample(rng, 40)
        names = [str(i) for i in range(len(values))]
        low, high = cluster_bootstrap(values, names, level=0.95, rng=rng, resamples=500)
        hits += low <= 0.2 <= high
    assert hits / 300 < 0.9


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.97])
def test_clustered_rates_cover_also_where_samples_are_all_alike(rate: float) -> None:
    rng, hits = np.random.default_rng(12), 0
    for _ in range(200):
        values = np.repeat((rng.random(25) < rate).astype(float), 2)
        got = estimate(values, [str(i // 2) for i in range(50)], rng=rng)
        assert got.low < got.high
        hits += got.low <= rate <= got.high
    assert hits / 200 >= 0.92


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("mean", [0.3, 0.8, 0.99])
def test_all_ones_is_missed_less_than_promised_whatever_the_distribution(size: int, mean: float) -> None:
    # P(all ones) is largest for 0/1 values equal within a cluster: mean ** n_clusters
    for n_clusters in (1, 2, 5, 20, 200):
        clusters = [str(c) for c in range(n_clusters) for _ in range(size)]
        got = estimate(np.ones(size * n_clusters), clusters, rng=np.random.default_rng(0))
        missed = mean**n_clusters if mean < got.low else 0.0
        assert missed <= 0.025


@pytest.mark.parametrize("inside", [0.0, 0.4, -0.7])
@pytest.mark.parametrize("elsewhere", [1.0, -1.0, 0.9])
def test_all_alike_inside_the_bounds_is_missed_less_than_promised(inside: float, elsewhere: float) -> None:
    """Whatever the share of values elsewhere: either the interval holds the mean, or all alike is rare."""
    for n in (1, 2, 5, 20, 200):
        got = estimate(np.full(n, inside), rng=np.random.default_rng(0), bounds=(-1.0, 1.0))
        for share in np.linspace(0.001, 0.999, 200):
            mean = inside + share * (elsewhere - inside)
            assert got.low <= mean <= got.high or (1 - share) ** n <= 0.025


def test_permutation_p_is_brute_force() -> None:
    rng = np.random.default_rng(13)
    for n in (1, 2, 3, 6):
        d = np.round(rng.normal(0.5, 1, n), 1)
        flipped = [abs(sum(s * x for s, x in zip(signs, d, strict=True)))
                   for signs in itertools.product((1, -1), repeat=n)]  # fmt: skip
        expected = np.mean([f >= abs(d.sum()) - 1e-9 for f in flipped])
        assert paired_permutation(d, np.zeros(n), rng=rng) == pytest.approx(expected)


def test_permutation_p_is_not_too_small_under_the_null() -> None:
    rng = np.random.default_rng(14)
    p = np.array(
        [paired_permutation(rng.exponential(1, 9), rng.exponential(1, 9), rng=rng) for _ in range(600)]
    )
    for alpha in (0.02, 0.05, 0.2):
        assert np.mean(p <= alpha) <= alpha + 3 * (alpha * (1 - alpha) / 600) ** 0.5


def test_holm_keeps_the_family_wise_error() -> None:
    rng = np.random.default_rng(15)
    wrong = 0
    for _ in range(2000):
        nulls, real = rng.random(5), rng.random(3) * 1e-4
        wrong += any(holm([*nulls, *real], 0.05)[:5])
    assert wrong / 2000 <= 0.05 + 3 * (0.05 * 0.95 / 2000) ** 0.5
