"""What is one line of a table of attacks: tasks that differ in nothing but concept and query sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rag_robust.attack_units import BASELINES, HELD_IN
from rag_robust.gates import Result
from rag_robust.report.named import line_name
from rag_robust.suite import Task
from rag_robust.types import CLEAN, Record

__all__ = ["SUBJECTS", "Column", "Pool", "Pooled", "clusters", "pooled"]

SUBJECTS = 5
"""So many subjects are enough to say how a cell would come out on others."""

_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Column:
    """A situation: which system, what the attacker knows, how many passages it may put in."""

    system: str
    threat: str
    passages: int

    @property
    def situation(self) -> str:
        """All but the system, in words."""
        return f"{self.threat}, {self.passages} {'passage' if self.passages == 1 else 'passages'}"


Both = tuple[list[Record], list[Record]]
"""Records behind a filter, and before none."""


@dataclass(slots=True)
class Pool:
    """The tasks behind a line; records of its condition by column, `known` those of known queries.

    `behind` are the records behind each filter at each of its rates, and those of the same queries before
    none. `subjects` are what queries are about, or the queries themselves where a task has no concept.
    """

    condition: str
    task: Task
    subjects: dict[str, str] = field(default_factory=dict)
    records: dict[Column, list[Record]] = field(default_factory=dict)
    known: dict[Column, list[Record]] = field(default_factory=dict)
    behind: dict[tuple[Column, str, float], Both] = field(default_factory=dict)
    tasks: dict[Column, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pooled:
    """Pools with the names of their lines, and the columns in the order of the suite."""

    lines: tuple[tuple[str, Pool], ...]
    columns: tuple[Column, ...]
    n_tasks: int


def pooled(result: Result) -> Pooled:
    """The attacks that insert passages and look ten deep, with what stands beside them."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in result.records:
        found.setdefault((record.task, record.condition), []).append(record)
    tasks = [task for task in result.suite.task if _compared(task, found)]
    pools = _pools(tasks, found)
    columns = tuple(dict.fromkeys(_column(task) for task in tasks))
    return Pooled(tuple((_name(pool, pools), pool) for pool in pools), columns, len(tasks))


def clusters(pool: Pool, records: Sequence[Record]) -> dict[str, str]:
    """What each query's value hangs together with: its subject, or nothing but itself where these are few."""
    subjects = {r.query_id: pool.subjects[r.query_id] for r in records}
    few = len(set(subjects.values())) < SUBJECTS
    return {query: query if few else subject for query, subject in subjects.items()}


def _compared(task: Task, found: Iterable[tuple[str, str]]) -> bool:
    """Whether a task has the baselines of an inserting attack and looks deep enough."""
    beside = any((task.name, name) in found for name in BASELINES)
    return task.kind == "attack" and beside and task.depth >= _DEPTH


def _pools(tasks: Sequence[Task], found: dict[tuple[str, str], list[Record]]) -> list[Pool]:
    pools: dict[tuple[object, ...], Pool] = {}
    seen: set[tuple[object, ...]] = set()
    for task in tasks:
        column = _column(task)
        for condition in [c for name, c in found if name == task.name and c != CLEAN and "/" not in c]:
            own = condition == task.method and condition not in BASELINES
            key = (condition, task.surrogates, repr(sorted(task.parameters.items()))) if own else (condition,)
            place = (key, column, task.concept, task.information)
            pool = pools.setdefault(key, Pool(condition, task))
            judged = found[task.name, condition]
            pool.subjects |= {r.query_id: task.concept or r.query_id for r in judged}
            for name, rate in task.filters:
                records = found.get((task.name, f"{condition}/{name}@{rate:g}"), [])
                if records and (*place, name, rate) not in seen:
                    seen.add((*place, name, rate))
                    behind, before = pool.behind.setdefault((column, name, rate), ([], []))
                    behind.extend(records)
                    before.extend(judged)
            if place in seen:
                continue
            seen.add(place)
            inside = found.get((task.name, f"{condition}/{HELD_IN}"), [])
            pool.subjects |= {r.query_id: task.concept or r.query_id for r in inside}
            pool.records.setdefault(column, []).extend(judged)
            pool.tasks.setdefault(column, []).append(task.name)
            pool.known.setdefault(column, []).extend(inside)
    return list(pools.values())


def _column(task: Task) -> Column:
    return Column(task.system, task.knows, task.passages)


def _name(pool: Pool, pools: Sequence[Pool]) -> str:
    """A line's name among the others."""
    own = (pool.condition, pool.task.surrogates)
    likes = [p.task for p in pools if (p.condition, p.task.surrogates) == own]
    return line_name(pool.condition, pool.task, likes)
