"""What has been seen of a list's smoothed scores, what is still open, and what would decide it.

Nothing here makes a bound: it says where the next samples go, and a bound is right wherever they go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.certify._looks import Plan, Random, Smoothing, doubling
from rag_robust.certify.ranking import Ranking

__all__ = ["Seen", "reason_of", "undecided"]

_LUCK = 2.0  # standard errors by which a list may have looked worse than it is before it is given up
_MOST = 2**20  # samples per passage; a need for more is said to be none that helps


@dataclass(slots=True, eq=False)
class Seen:
    """What was drawn of each passage, and what follows from it; `whole` are those enumerated."""

    ranking: Ranking
    laws: Sequence[Random]
    rngs: list[Generator]
    values: list[NDArray[np.float64]]
    whole: NDArray[np.bool_]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    score: NDArray[np.float64]
    limit: NDArray[np.float64]
    asked: int = 0
    known: dict[str, float] = field(default_factory=dict)


def _sides(seen: Seen, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(-seen.score, kind="stable")
    return order[:k], order[k:]


def _decided(seen: Seen, top: NDArray[np.int64], outside: NDArray[np.int64]) -> bool:
    return bool(seen.lower[top].min() > seen.upper[outside].max())


def undecided(seen: Seen, k: int, smoothing: Smoothing, plan: Plan) -> NDArray[np.int64]:
    """The passages whose bounds keep the top k open; none if it is decided, or not to be decided."""
    top, outside = _sides(seen, k)
    nobody = np.empty(0, np.int64)
    if _decided(seen, top, outside) or not np.isfinite(seen.limit[outside]).all():
        return nobody
    if not _closes(seen, k, smoothing, plan, plan.looks[-1], luck=_LUCK):
        return nobody
    middle = _middle(seen, seen.limit[outside].max(), seen.score[top].min())
    open_ = np.concatenate([top[seen.lower[top] <= middle], outside[seen.upper[outside] >= middle]])
    return np.sort(open_[~seen.whole[open_]])


def _middle(seen: Seen, a: float, b: float) -> float:
    """The middle one of the values seen between two, so only the order of scores counts; or the first."""
    values = np.concatenate(seen.values)
    between = np.sort(values[(values >= min(a, b)) & (values <= max(a, b))])
    return float(between[len(between) // 2]) if len(between) else a


def _closes(seen: Seen, k: int, smoothing: Smoothing, plan: Plan, n: int, *, luck: float = 0.0) -> bool:
    """Whether n samples per passage would decide, if the law is as it looks, or kinder by so many errors."""
    top, outside = _sides(seen, k)
    lower, upper = seen.lower.copy(), seen.upper.copy()
    for i in np.flatnonzero(~seen.whole).tolist():
        law = seen.laws[i]
        error = plan.errors[-1] if law.size > n else 0.5  # an enumerated law has no margins
        low, high = smoothing.hoped(seen.values[i], law.shift, (n, error), luck=luck)
        lower[i], upper[i] = max(lower[i], low), min(upper[i], high)
    return bool(lower[top].min() > upper[outside].max())


def reason_of(seen: Seen, k: int, smoothing: Smoothing, plan: Plan) -> str:
    """What would decide an undecided list; "" for others."""
    top, outside = _sides(seen, k)
    if _decided(seen, top, outside):
        return ""
    worst = int(outside[seen.limit[outside].argmax()])
    name, shift = seen.ranking.passages[worst].id, seen.laws[worst].shift
    remedy = f"{seen.laws[worst].remedy} might"
    if not np.isfinite(seen.limit[worst]):
        return f"replaced words move the law of {name} by up to {shift:.2g}, past any bound; {remedy}"
    low, high = seen.score[top].min(), seen.limit[worst]
    if _closes(seen, k, smoothing, plan, _MOST):
        n = next(n for n in doubling(2 * plan.looks[-1], _MOST) if _closes(seen, k, smoothing, plan, n))
        return f"about {n} samples per passage would decide; n_max is {plan.looks[-1]}"
    return (
        f"no number of samples would decide: about {low:.4g} in the top {k}, against {high:.4g} that {name} "
        f"may reach with a shift of {shift:.2g}; {remedy}"
    )
