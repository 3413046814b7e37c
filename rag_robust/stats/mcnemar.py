"""Whether two systems answer the same questions differently well: a test of pairs that are 0 or 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from rag_robust.errors import UsageError

__all__ = ["Pairs", "mcnemar"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """How paired answers fell out: how many were compared, right on one side alone, and the p value."""

    n: int
    only_first: int
    only_second: int
    p: float


def mcnemar(first: NDArray[np.float64], second: NDArray[np.float64]) -> Pairs:
    """McNemar's exact test of two paired rates: are both sides alone right equally often?

    With b pairs (1, 0), c pairs (0, 1) and "no difference", b is Binomial(b + c, 1/2), so
    p = min(1, 2 P(X <= min(b, c))), two-sided and exact. Without a discordant pair p = 1. Pairs with a
    NaN are left out. Pairs are taken as independent: several questions of one document are not quite,
    for which `paired_permutation` has clusters.

    Args:
        first: shape (n,), 0, 1 or NaN, one per question.
        second: shape (n,), the same questions in the same order.

    *Source*: McNemar, Psychometrika 12 (1947), in its exact form.
    """
    if first.shape != second.shape:
        raise UsageError(f"expected one value per pair, got shapes {first.shape} and {second.shape}")
    both = ~(np.isnan(first) | np.isnan(second))
    a, b = first[both], second[both]
    if not np.isin([a, b], (0.0, 1.0)).all():
        raise UsageError("expected values 0, 1 or NaN (unscored), got others; use paired_permutation")
    only_first, only_second = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    apart = only_first + only_second
    p = min(1.0, 2.0 * float(bdtr(min(only_first, only_second), apart, 0.5))) if apart else 1.0
    return Pairs(int(both.sum()), only_first, only_second, p)
