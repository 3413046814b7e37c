"""What filters drop of every attack, what is left of it, and what they cost people who ask about anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rag_robust import metrics, stats
from rag_robust.benign import BEFORE
from rag_robust.clusters import clusters as changes
from rag_robust.gates import Result
from rag_robust.report.comparison import FIRST, HARM
from rag_robust.report.named import system_name
from rag_robust.report.pooled import Column, Pool, Pooled, clusters, pooled
from rag_robust.seeds import generator
from rag_robust.types import CLEAN, Corpus, Estimate, Record

__all__ = ["DETECTED", "Attacked", "Behind", "Filter", "Filtered", "filtered"]

DETECTED = "detected"

_NOTHING = Corpus({}, {}, {}, "")


class Filter(NamedTuple):
    """A defence, and the share of honest passages that it drops."""

    name: str
    rate: float


@dataclass(frozen=True, slots=True)
class Behind:
    """An attack behind a filter: the share of its passages that is dropped, and `FIRST` of what is left."""

    detected: Estimate
    first: Estimate


@dataclass(frozen=True, slots=True)
class Attacked:
    """An attack, `FIRST` before no filter, and how it fares behind each; None where nobody asks."""

    name: str
    condition: str
    first: Estimate
    behind: tuple[Behind | None, ...]


@dataclass(frozen=True, slots=True)
class Filtered:
    """The filters of one system: attacks by situation, and the `HARM` that each does with no attack."""

    system: str
    filters: tuple[Filter, ...]
    attacks: Mapping[str, tuple[Attacked, ...]]
    cost: tuple[Estimate | None, ...]


def filtered(result: Result) -> tuple[Filtered, ...]:
    """A table per system that any filter was put before, in the order of the suite.

    Cells are pooled as in the comparison of attacks. An interval of `DETECTED` is about changes: queries
    that meet the same passages count as one.
    """
    found = pooled(result)
    systems = dict.fromkeys(column.system for column in found.columns)
    tables = (_table(result, found, system) for system in systems)
    return tuple(table for table in tables if table.filters)


def _table(result: Result, found: Pooled, system: str) -> Filtered:
    own = [task for task in result.suite.task if task.kind == "attack" and task.system == system]
    named = {name: None for task in own for name, _ in task.filters}
    filters = tuple(
        Filter(name, rate)
        for name in named
        for rate in sorted({r for task in own for n, r in task.filters if n == name})
    )
    attacks = {}
    for column in (c for c in found.columns if c.system == system):
        lines = [_attacked(result, name, pool, column, filters) for name, pool in found.lines]
        there = [line for line in lines if line is not None]
        if there:
            attacks[column.situation] = tuple(sorted(there, key=lambda line: -line.first.value))
    tasks = {task.name for task in own}
    cost = tuple(_cost(result, tasks, each) for each in filters)
    return Filtered(system_name(result.suite, system), filters, attacks, cost)


def _attacked(
    result: Result, name: str, pool: Pool, column: Column, filters: Sequence[Filter]
) -> Attacked | None:
    records = [pool.behind.get((column, *each), []) for each in filters]
    if not any(records):
        return None
    behind = tuple(
        Behind(_estimate(result, pool, DETECTED, own), _estimate(result, pool, FIRST, own)) if own else None
        for own in records
    )
    return Attacked(name, pool.condition, _estimate(result, pool, FIRST, pool.records[column]), behind)


def _estimate(result: Result, pool: Pool, metric: str, records: Sequence[Record]) -> Estimate:
    condition = records[0].condition
    groups: Sequence[str] = [*clusters(pool, records).values()]
    if metric == DETECTED:
        groups = changes(pool.task, metric, condition, records, _NOTHING)
    rng = generator(result.suite.seed, "filters", metric, condition, pool.condition)
    values = metrics.load(metric)(records, _NOTHING)
    return stats.estimate(values, groups, level=result.suite.level, rng=rng, bounds=(0.0, 1.0))


def _cost(result: Result, tasks: set[str], each: Filter) -> Estimate | None:
    """What the filter alone takes from honest queries, as the first task that measured it found."""
    alone = {f"{before}/{each.name}@{each.rate:g}" for before in (BEFORE, CLEAN)}
    found = (n for n in result.numbers if n.metric == HARM and n.task in tasks and n.condition in alone)
    return next((n.estimate for n in found if n.estimate.n), None)
