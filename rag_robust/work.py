"""Units of work: what is done at once, and the keys under which its results are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rag_robust.assemble import Session
from rag_robust.seeds import digest
from rag_robust.task import Task
from rag_robust.types import Change, Failure, Query, Record

__all__ = [
    "KEY_VERSION",
    "Case",
    "ChangeUnit",
    "Done",
    "RecordUnit",
    "asked_as",
    "joined",
    "key_of",
    "record_units",
]

KEY_VERSION = 1
"""Raised when the meaning of a record changes, so that no old record passes for a new one."""

SECONDS = {"clean": 0.02, "perturb": 0.02, "attack": 0.02, "certify": 3.0, "questions": 0.7}
"""About how long one query takes by kind of task on two CPU cores: for the time left, for nothing else."""

BATCH = 64
"""Queries per unit: what is lost by a kill is at most one unit."""


@dataclass(frozen=True, slots=True)
class ChangeUnit:
    """One change to be made by one trial of an attack: against a set of queries, or against one query.

    `measured` hashes what decides the measures of a change beside the change itself; `made` is the
    change where it was made before and is only to be measured again. `sight` hashes all that the attack
    is shown, its seed included: units of one sight get one change. "" where it sees the system itself.
    """

    key: str
    task: str
    attack: str
    query_id: str | None
    weight: float
    trial: int = 0
    measured: str = ""
    sight: str = ""
    made: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RecordUnit:
    """Queries of one task, asked together; the tuples run in parallel.

    Query i is asked under `conditions[i]`, which is one for all but in question tasks. `changes[i]` is
    what its world went through: a change, why there is none, or nothing. `defence` is the filter the
    hits pass and its rate, None for no filter.
    """

    task: str
    conditions: tuple[str, ...]
    queries: tuple[Query, ...]
    keys: tuple[str, ...]
    change_keys: tuple[str, ...]
    weight: float
    changes: tuple[Change | Failure | None, ...] = ()
    trial: int = 0
    defence: tuple[str, float] | None = None

    @property
    def condition(self) -> str:
        """That of all its queries, where it is one."""
        return self.conditions[0]

    def only(self, rows: Sequence[int]) -> RecordUnit:
        """The unit with these of its queries and nothing else, in this order."""
        return replace(
            self,
            conditions=tuple(self.conditions[i] for i in rows),
            queries=tuple(self.queries[i] for i in rows),
            keys=tuple(self.keys[i] for i in rows),
            change_keys=tuple(self.change_keys[i] for i in rows),
            weight=self.weight * len(rows) / len(self.queries),
        )


def joined(units: Sequence[RecordUnit]) -> RecordUnit:
    """One unit with all rows of these, in their order."""
    return replace(
        units[0],
        conditions=tuple(condition for unit in units for condition in unit.conditions),
        queries=tuple(query for unit in units for query in unit.queries),
        keys=tuple(key for unit in units for key in unit.keys),
        change_keys=tuple(key for unit in units for key in unit.change_keys),
        weight=sum(unit.weight for unit in units),
    )


@dataclass(frozen=True, slots=True)
class Done:
    """What a unit gave: records, and artifacts `key -> (kind, JSON value)`."""

    records: tuple[Record, ...] = ()
    artifacts: dict[str, tuple[str, object]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """What of a condition is the same for all its queries: its name, and all that can change its records."""

    condition: str
    spec: object = ()
    trial: int = 0
    defence: tuple[str, float] | None = None


def record_units(
    session: Session, task: Task, case: Case, queries: Sequence[Query], *, change_keys: Sequence[str] = ()
) -> Iterator[RecordUnit]:
    """Units of at most `BATCH` queries, each record under a key that hashes all that can change it."""
    world = session.world_of(task)
    reader = world.reader if task.generate or task.kind == "questions" else ""
    system = (
        world.corpus.digest,
        world.fingerprint,
        reader,
        task.name,
        case.condition,
        case.spec,
        task.depth,
    )
    change_keys = change_keys or [""] * len(queries)
    keys = [
        key_of(session, *system, case.trial, change, query.id, query.text, query.answers)
        for query, change in zip(queries, change_keys, strict=True)
    ]
    for i in range(0, len(queries), BATCH):
        part = slice(i, i + BATCH)
        asked = tuple(queries[part])
        yield RecordUnit(
            task.name,
            (case.condition,) * len(asked),
            asked,
            tuple(keys[part]),
            tuple(change_keys[part]),
            SECONDS[task.kind] * len(asked),
            trial=case.trial,
            defence=case.defence,
        )


def asked_as(task: Task) -> str:
    """A task's name without the system behind it: what a template asks of several systems is one question."""
    return task.name.removesuffix(f" · {task.system}") if task.system else task.name


def key_of(session: Session, *parts: object) -> str:
    """The key of a unit of work: a hash of what can change its result, and of nothing else."""
    return digest(KEY_VERSION, session.suite.seed, *parts)
