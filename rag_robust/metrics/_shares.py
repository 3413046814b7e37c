"""From cells to a value per question: shares of cells, and wholes that are made of several means."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import mean, query_ids
from rag_robust.metrics.cells import Cell, grid
from rag_robust.types import Corpus, Record

__all__ = ["least", "linearised", "share"]

Value = Callable[[Cell], bool | float | None]
"""What a cell says; None leaves it out."""

Whole = Callable[[Mapping[Hashable, float]], tuple[float, Mapping[Hashable, float]]]
"""From the mean of every group to a whole and its slope in each of them."""


def share(
    asked: Sequence[Record], world: Corpus, chosen: Callable[[Cell], bool], value: Value
) -> NDArray[np.float64]:
    """Per question the mean of `value` over the chosen cells."""
    return _over(asked, world, chosen, value, mean)


def least(
    asked: Sequence[Record], world: Corpus, chosen: Callable[[Cell], bool], value: Value
) -> NDArray[np.float64]:
    """Per question the worst of `value` over the chosen cells; NaN if there is none."""
    return _over(asked, world, chosen, value, lambda found: min(found, default=math.nan))


def linearised(
    queries: Sequence[str], found: Iterable[tuple[str, Hashable, float]], whole: Whole
) -> NDArray[np.float64]:
    """A value per question whose mean is a function of the means of groups of cells.

    With groups g, theta_g the mean of all n_g values in g (n_ig of them of question i, summing to s_ig)
    and theta the whole, question i has theta + sum_g (d theta / d theta_g) (n / n_g) (s_ig - theta_g n_ig),
    n the questions with a value. Their mean is theta, and their spread that of theta to the first
    order (the delta method), so intervals over questions or documents hold for a whole that is no mean
    over questions. A single value may lie outside the bounds of theta.
    """
    sums: dict[Hashable, dict[str, list[float]]] = {}
    for query_id, group, value in found:
        sums.setdefault(group, {}).setdefault(query_id, []).append(value)
    all_of = {g: [v for own in some.values() for v in own] for g, some in sums.items()}
    means = {g: mean(values) for g, values in all_of.items()}
    theta, slopes = whole(means)
    scored = {query_id for some in sums.values() for query_id in some}
    weights = {g: slopes.get(g, 0.0) * len(scored) / len(all_of[g]) for g in sums}

    def one(query_id: str) -> float:
        own = {g: sums[g].get(query_id, []) for g in sums}
        return theta + math.fsum(weights[g] * (math.fsum(v) - means[g] * len(v)) for g, v in own.items())

    return np.array([one(i) if i in scored else math.nan for i in queries], dtype=np.float64)


def _over(
    asked: Sequence[Record],
    world: Corpus,
    chosen: Callable[[Cell], bool],
    value: Value,
    whole: Callable[[list[float]], float],
) -> NDArray[np.float64]:
    own = grid(asked, world)
    values = []
    for query_id in query_ids(asked):
        got = [value(cell) for cell in own.get(query_id, ()) if chosen(cell)]
        values.append(whole([float(v) for v in got if v is not None]))
    return np.array(values, dtype=np.float64)
