"""All attacks of a run in one table: how often each is seen, beside what it is compared with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rag_robust import metrics, stats
from rag_robust.attack_units import BASELINES
from rag_robust.benign import BENIGN
from rag_robust.gates import Result
from rag_robust.report.named import system_name
from rag_robust.report.pooled import Column, Pool, clusters, pooled
from rag_robust.seeds import generator
from rag_robust.simulated import SIMULATED
from rag_robust.suite import Suite
from rag_robust.types import Corpus, Estimate, Record

__all__ = [
    "FIRST",
    "HARM",
    "METRIC",
    "Cell",
    "Comparison",
    "Line",
    "compare",
]

METRIC, FIRST = "appeared@10", "appeared@1"
"""What attacks are compared by, and what tells them apart where all of them are among the first ten."""

HARM = "nDCG@10 drop"
"""What others lose by an attack: benign queries where a concept's are not judged, else the judged ones."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The judged queries of all concepts pooled: `METRIC`, `FIRST`, and `METRIC` of the known queries.

    `lead` is `FIRST` less that of the next line below in this column, on the queries that both have.
    `trials` and `first_trials` are `METRIC` and `FIRST` trial by trial where there are several: how much
    hangs on the attack's seed. In the estimates a query counts once, by its mean over trials: trials of one
    subject are no further subjects. `harm` is the mean of `HARM`, where tasks measure it.
    """

    estimate: Estimate
    first: Estimate
    held_in: Estimate | None = None
    lead: Estimate | None = None
    trials: tuple[float, ...] = ()
    first_trials: tuple[float, ...] = ()
    harm: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """An attack or what it is compared with; a cell is None where the suite does not ask."""

    name: str
    condition: str
    surrogates: tuple[str, ...]
    cells: tuple[Cell | None, ...]

    @property
    def baseline(self) -> bool:
        """Whether nobody meant to attack with it."""
        return self.condition in {*BASELINES, SIMULATED}

    @property
    def value(self) -> tuple[float, float]:
        """The means of its cells, by which lines are ordered; below all others if none was scored."""
        scored = [(c.estimate.value, c.first.value) for c in self.cells if c and c.estimate.n]
        means = [math.fsum(column) / len(scored) for column in zip(*scored, strict=True)]
        return (means[0], means[1]) if means else (-1.0, -1.0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Lines by falling value, over columns in the order of the suite."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]


def compare(result: Result) -> Comparison | None:
    """The comparison of a run with two or more tasks whose attacks insert passages, else None.

    A cell is the mean over all judged queries of the tasks that differ in nothing but concept and
    query sample; a query counts once. Queries about one subject meet the same passages, so intervals are
    clustered by subject where there are `pooled.SUBJECTS` or more; with fewer they are about more queries on
    these subjects, for the passages as they were made. What stands beside attacks (information only,
    random passage, simulated) is taken from the first such task of each concept.
    """
    found = pooled(result)
    if found.n_tasks < 2:
        return None
    columns = found.columns
    lines = [(_line(result, pool, name, columns), pool) for name, pool in found.lines]
    lines.sort(key=lambda both: both[0].value, reverse=True)
    shown = {c: Column(system_name(result.suite, c.system), c.threat, c.passages) for c in columns}
    return Comparison(tuple(shown.values()), tuple(_leading(result.suite, lines, columns)))


def _line(result: Result, pool: Pool, name: str, columns: Sequence[Column]) -> Line:
    surrogates = pool.task.surrogates if pool.condition == pool.task.method else ()
    return Line(name, pool.condition, surrogates, tuple(_cell(result, pool, column) for column in columns))


def _cell(result: Result, pool: Pool, column: Column) -> Cell | None:
    if column not in pool.records:
        return None
    suite = result.suite

    def estimate(metric: str, records: Sequence[Record]) -> Estimate:
        values = metrics.load(metric)(records, Corpus({}, {}, {}, ""))
        groups = clusters(pool, records).values()
        rng = generator(suite.seed, "comparison", metric, pool.condition, repr(column))
        return stats.estimate(values, [*groups], level=suite.level, rng=rng, bounds=(0.0, 1.0))

    records, known = pool.records[column], pool.known[column]
    return Cell(
        estimate(METRIC, records),
        estimate(FIRST, records),
        estimate(METRIC, known) if known else None,
        trials=tuple(_trials(METRIC, records)),
        first_trials=tuple(_trials(FIRST, records)),
        harm=_harm(result, pool, column),
    )


def _trials(metric: str, records: Sequence[Record]) -> Iterator[float]:
    """The mean over queries of each trial that all tasks have; none for a single one."""
    by_task: dict[str, set[int]] = {}
    for record in records:
        by_task.setdefault(record.task, set()).add(record.seed)
    seeds = sorted(set.intersection(*by_task.values()))
    for seed in seeds if len(seeds) > 1 else ():
        values = metrics.load(metric)([r for r in records if r.seed == seed], Corpus({}, {}, {}, ""))
        if np.isfinite(values).any():
            yield float(np.nanmean(values))


def _harm(result: Result, pool: Pool, column: Column) -> float | None:
    """The mean of what the tasks of a cell measured of `HARM`; None where none did."""
    wanted = {(name, f"{pool.condition}{part}") for name in pool.tasks[column] for part in ("", f"/{BENIGN}")}
    found = [
        n.estimate.value
        for n in result.numbers
        if n.metric == HARM and (n.task, n.condition) in wanted and n.estimate.n
    ]
    return math.fsum(found) / len(found) if found else None


def _leading(suite: Suite, lines: Sequence[tuple[Line, Pool]], columns: Sequence[Column]) -> list[Line]:
    """The lines with their leads."""
    below: dict[Column, dict[str, float]] = {}
    done: list[Line] = []
    for line, pool in reversed(lines):
        cells: list[Cell | None] = []
        for column, cell in zip(columns, line.cells, strict=True):
            records = pool.records.get(column, ())
            own = _first(records)
            if cell and column in below:
                groups = clusters(pool, records)
                place = (line.name, repr(column))
                cell = replace(cell, lead=_paired(suite, own, below[column], groups, place))
            if own:
                below[column] = own
            cells.append(cell)
        done.insert(0, replace(line, cells=tuple(cells)))
    return done


def _first(records: Sequence[Record]) -> dict[str, float]:
    """`FIRST` of every query that has one."""
    if not records:
        return {}
    values = metrics.load(FIRST)(records, Corpus({}, {}, {}, "")).tolist()
    ids = dict.fromkeys(record.query_id for record in records)
    return {query: value for query, value in zip(ids, values, strict=True) if not math.isnan(value)}


def _paired(
    suite: Suite,
    one: dict[str, float],
    other: dict[str, float],
    groups: dict[str, str],
    place: tuple[str, str],
) -> Estimate | None:
    """One less other, query by query; None where they have no query in common."""
    ids = [query for query in one if query in other]
    if not ids:
        return None
    values = np.array([one[query] - other[query] for query in ids])
    rng = generator(suite.seed, "lead", *place)
    clusters = [groups[query] for query in ids]
    return stats.estimate(values, clusters, level=suite.level, rng=rng, bounds=(-1.0, 1.0))
