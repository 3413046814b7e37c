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
    """An attack behind a filter: the share of its passages that is dropped, and `FIRST` of what is left.

    `before` is `FIRST` of the same queries before no filter.
    """

    detected: Estimate
    first: Estimate
    before: Estimate


@dataclass(frozen=True, slots=True)
class Attacked:
    """An attack, its `FIRST` before no filter on all its queries, and how it fares behind each filter.

    None where no task of the attack asks for the filter, or its records are not there yet.
    """

    name: str
    condition: str
    first: Estimate
    behind: tuple[Behind | None, ...]


@dataclass(frozen=True, slots=True)
class Filtered:
    """The filters of one system: attacks by situation, and the `HARM` that each does with no attack.

    `cost` is told by the task that asked the most queries; None where none did.
    """

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
    return tuple(table for table in tables if table.attacks)


def _table(result: Result, found: Pooled, system: str) -> Filtered:
    asked = {key[1:]: None for _, pool in found.lines for key in pool.behind if key[0].system == system}
    names = list(dict.fromkeys(name for name, _ in asked))
    filters = tuple(Filter(*each) for each in sorted(asked, key=lambda each: (names.index(each[0]), each[1])))
    attacks = {}
    for column in (c for c in found.columns if c.system == system):
        lines = [_attacked(result, name, pool, column, filters) for name, pool in found.lines]
        there = [line for line in lines if line is not None]
        if there:
            attacks[column.situation] = tuple(sorted(there, key=_order))
    tasks = {task.name for task in result.suite.task if task.system == system}
    cost = tuple(_cost(result, tasks, each) for each in filters)
    return Filtered(system_name(result.suite, system), filters, attacks, cost)


def _order(line: Attacked) -> float:
    """By falling `FIRST`; what was not scored comes last."""
    return -line.first.value if line.first.n else 1.0


def _attacked(
    result: Result, name: str, pool: Pool, column: Column, filters: Sequence[Filter]
) -> Attacked | None:
    found = [pool.behind.get((column, *each)) for each in filters]
    if not any(found):
        return None

    def estimate(metric: str, records: Sequence[Record]) -> Estimate:
        return _estimate(result, pool, metric, records)

    behind = tuple(
        Behind(estimate(DETECTED, both[0]), estimate(FIRST, both[0]), estimate(FIRST, both[1]))
        if both
        else None
        for both in found
    )
    return Attacked(name, pool.condition, estimate(FIRST, pool.records[column]), behind)


def _estimate(result: Result, pool: Pool, metric: str, records: Sequence[Record]) -> Estimate:
    condition = records[0].condition
    groups: Sequence[str] = [*clusters(pool, records).values()]
    if metric == DETECTED:
        groups = changes(pool.task, metric, condition, records, _NOTHING)
    rng = generator(result.suite.seed, "filters", metric, condition, pool.condition)
    values = metrics.load(metric)(records, _NOTHING)
    return stats.estimate(values, groups, level=result.suite.level, rng=rng, bounds=(0.0, 1.0))


def _cost(result: Result, tasks: set[str], each: Filter) -> Estimate | None:
    """What the filter alone takes from honest queries, as the task found that asked the most of them."""
    alone = {f"{before}/{each.name}@{each.rate:g}" for before in (BEFORE, CLEAN)}
    found = [n for n in result.numbers if n.metric == HARM and n.task in tasks and n.condition in alone]
    most = max(found, key=lambda number: number.estimate.n, default=None)
    return most.estimate if most and most.estimate.n else None
