"""Which records a metric compares: per query the judged ones and their clean counterpart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import SuiteError
from rag_robust.types import CLEAN, Record

__all__ = ["attacked", "failed_attack", "mean", "per_query", "query_ids", "usable"]

Judgement = Callable[[Record | None, Record], float]
"""From the clean record of a query (None: there is none) and a judged one to a value."""


def per_query(records: Sequence[Record], value: Judgement) -> NDArray[np.float64]:
    """`value` of each judged record, averaged over the trials of its query, in order of appearance.

    Judged are the records of the condition that is not clean, else the clean ones. A query
    without a judged record is NaN.

    Raises:
        SuiteError: the records come from more than one condition besides the clean one.
    """
    conditions = {r.condition for r in records if r.condition != CLEAN}
    if len(conditions) > 1:
        raise SuiteError(f"this metric judges one condition, got {len(conditions)}: {sorted(conditions)}")
    judged = conditions.pop() if conditions else CLEAN
    clean: dict[str, Record] = {}
    values: dict[str, list[float]] = {query_id: [] for query_id in query_ids(records)}
    for record in records:
        if record.condition == CLEAN:
            clean.setdefault(record.query_id, record)
    for record in records:
        if record.condition == judged:
            values[record.query_id].append(value(clean.get(record.query_id), record))
    return np.array([mean(v) for v in values.values()], dtype=np.float64)


def query_ids(records: Sequence[Record]) -> list[str]:
    """The queries, in order of first appearance."""
    return list(dict.fromkeys(r.query_id for r in records))


def mean(values: Sequence[float]) -> float:
    """The mean of what was scored; NaN if nothing was."""
    scored = [v for v in values if not math.isnan(v)]
    return math.fsum(scored) / len(scored) if scored else math.nan


def attacked(record: Record) -> bool:
    """Whether an attack had its hand in the record; a defence alone, "clean/perplexity@0.05", is none."""
    return record.condition.split("/")[0] != CLEAN


def usable(record: Record | None) -> bool:
    """Whether there is something to measure: errors must never become scores."""
    return record is not None and record.failure is None


def failed_attack(record: Record) -> bool:
    """Whether the attack went over its budget: then it failed and the world stayed as it was."""
    return record.failure is not None and record.failure.kind == "budget"
