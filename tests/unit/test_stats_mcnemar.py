"""McNemar's exact test against the sum it stands for."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from rag_robust import stats
from rag_robust.errors import UsageError


def pairs(both: int, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    a = [1.0] * (both + first) + [0.0] * second
    b = [1.0] * both + [0.0] * first + [1.0] * second
    return np.array(a), np.array(b)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 0), (3, 3), (2, 9), (10, 1), (40, 60)])
def test_p_is_the_two_sided_binomial_sum(first, second):
    n = first + second
    tail = sum(comb(n, i) for i in range(min(first, second) + 1)) / 2**n
    got = stats.mcnemar(*pairs(7, first, second))
    assert (got.n, got.only_first, got.only_second) == (7 + n, first, second)
    assert got.p == pytest.approx(min(1.0, 2 * tail))


def test_under_no_difference_p_is_rarely_small():
    """The exact test errs at most 5 % of the time: the sum over all outcomes of 12 discordant pairs."""
    wrong = sum(comb(12, i) for i in range(13) if stats.mcnemar(*pairs(0, i, 12 - i)).p <= 0.05) / 2**12
    assert 0 < wrong <= 0.05


def test_unscored_pairs_are_left_out_and_sides_may_be_swapped():
    a, b = np.array([1, 0, np.nan, 1]), np.array([0, 0, 1, np.nan])
    one, other = stats.mcnemar(a, b), stats.mcnemar(b, a)
    assert (one.n, one.only_first, one.only_second) == (2, 1, 0)
    assert (other.only_first, other.only_second, other.p) == (0, 1, one.p)


def test_anything_but_pairs_of_zeros_and_ones_is_refused():
    with pytest.raises(UsageError, match="one value per pair"):
        stats.mcnemar(np.zeros(2), np.zeros(3))
    with pytest.raises(UsageError, match="expected values 0, 1 or NaN"):
        stats.mcnemar(np.array([0.5]), np.array([1.0]))
