"""Thresholds: the false-alarm rate is a promise, held by trying every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust import defend
from rag_robust.errors import SuiteError, UsageError

VALUES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30).map(np.array)
RATES = st.one_of(
    st.floats(0, 1), st.tuples(st.integers(0, 30), st.integers(1, 30)).map(lambda t: min(t) / max(t))
)


@given(VALUES, RATES)
def test_the_threshold_is_the_smallest_that_keeps_the_rate(values, rate):
    found = defend.threshold(values, rate)
    every = [-np.inf, *sorted(values)]  # between two values nothing changes
    assert found == min(t for t in every if (values > t).mean() <= rate)


def test_every_share_of_a_hundred_is_bought_in_full():
    values = np.arange(100.0)
    for m in range(101):  # 0.29 * 100 is 28.999... in floating point
        assert (values > defend.threshold(values, m / 100)).sum() == m


def test_ties_are_not_flagged():
    assert defend.threshold(np.array([1.0, 2.0, 2.0, 2.0]), 0.5) == 2.0


def test_a_new_benign_passage_is_flagged_no_more_often_than_stated():
    rng, n, rate = np.random.default_rng(0), 19, 0.1
    draws = rng.normal(size=(4000, n + 1))
    flagged = np.mean([row[n] > defend.threshold(row[:n], rate) for row in draws])
    assert flagged <= 2 / 20 + 3 * np.sqrt(0.1 * 0.9 / 4000)  # (m + 1) / (n + 1) with m = 1


@pytest.mark.parametrize(("values", "rate"), [([], 0.1), ([np.nan, 1.0], 0.1), ([1.0], 1.5), ([1.0], -0.1)])
def test_what_makes_no_threshold_is_refused(values, rate):
    with pytest.raises(UsageError, match="expected"):
        defend.threshold(np.array(values), rate)


def test_names_are_the_modules_of_the_folder():
    assert defend.names() == ["masked_token", "near_duplicate", "norm", "perplexity", "repetition"]


@pytest.mark.parametrize("name", defend.names())
def test_every_defence_says_in_one_line_what_it_is(name):
    assert 20 < len(defend.describe(name)) < 140


def test_an_unknown_defence_names_the_nearest():
    with pytest.raises(SuiteError, match='did you mean "perplexity"'):
        defend.load("perplexty")


def test_ones_own_defence_is_found_by_module_and_function():
    assert defend.load("rag_robust.defend.repetition:suspicion") is defend.load("repetition")
    with pytest.raises(SuiteError, match="cannot be loaded"):
        defend.load("rag_robust.defend.repetition:nothing")
