"""Rank correlation against numbers worked by hand."""

from __future__ import annotations

import math

import pytest

from rag_robust.stats import spearman


def test_the_same_order_is_one_and_the_opposite_minus_one():
    assert spearman([1, 5, 2], [10, 99, 11]) == pytest.approx(1.0)
    assert spearman([1, 5, 2], [-1, -5, -2]) == pytest.approx(-1.0)


def test_without_ties_it_is_one_less_six_sums_of_squares():
    """1 - 6 Σ d² / (n (n² - 1)) for d = (0, 1, -1, 0) and n = 4."""
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_equal_values_share_their_mean_rank():
    """Ranks 4 3 2 1 and 4 2 2 2: Σ of products 3, squares 5 and 3."""
    assert spearman([0.5, 0.4, 0.3, 0.2], [1, 0, 0, 0]) == pytest.approx(3 / math.sqrt(15))


@pytest.mark.parametrize("sides", [([], []), ([1.0], [2.0]), ([1, 1, 1], [1, 2, 3])])
def test_where_nothing_is_ordered_there_is_no_correlation(sides):
    assert math.isnan(spearman(*sides))


def test_sides_of_different_length_are_refused():
    with pytest.raises(ValueError, match="expected pairs, got 2 and 1"):
        spearman([1, 2], [1])
