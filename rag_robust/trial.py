"""One unit of work: queries are asked under one condition, and every one yields a record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

from rag_robust import defend, perturb, systems
from rag_robust.asking import ask, failed
from rag_robust.assemble import Session
from rag_robust.benign import NONE, asked_alone, is_benign, sampled
from rag_robust.defended import Guarded, guarded, sized
from rag_robust.errors import TargetError
from rag_robust.listed import certificate
from rag_robust.questioned import questioned
from rag_robust.seeds import digest, generator
from rag_robust.simulated import SIMULATED, simulated
from rag_robust.store import change_to_json
from rag_robust.task import Task
from rag_robust.threats import seen_queries, target_of
from rag_robust.types import (
    CLEAN,
    Answer,
    Change,
    Changeable,
    Cost,
    Failure,
    Hit,
    Query,
    Record,
    System,
)
from rag_robust.work import Done, RecordUnit

__all__ = ["make_records"]


def make_records(session: Session, unit: RecordUnit) -> Done:
    """Ask the unit's queries under its condition; every one of them yields a record."""
    task = session.suite.select(unit.task)
    if task.kind == "certify":
        return _certify(session, task, unit)
    if task.kind == "questions":
        return questioned(session, task, unit)
    if task.kind == "attack" and unit.condition == SIMULATED:
        return simulated(session, task, unit)
    changes: Sequence[Change | Failure | None] = unit.changes or [None] * len(unit.queries)
    if is_benign(unit.condition):
        if not sampled(session, task):
            return Done(tuple(_base(task, unit, i, failure=_UNJUDGED) for i in range(len(unit.queries))))
        task = asked_alone(session.suite, task) or task
    if task.perturb and unit.condition == task.perturb:
        changes = [Change(reworded={q.id: _reworded(session, task, q)}) for q in unit.queries]
    world = session.world_of(task)
    if unit.defence is None:
        return _ask_all(session, unit, sized(world.system, task), changes)
    name, rate = unit.defence
    seen = seen_queries(session, task) if "queries" in defend.uses(name) else ()
    behind = guarded(world, task, session.suspicions(name, task.system, seen), rate)
    return _ask_all(session, unit, behind, changes)


_UNJUDGED = Failure("not_applicable", NONE)


def _ask_all(
    session: Session, unit: RecordUnit, system: System, changes: Sequence[Change | Failure | None]
) -> Done:
    """Queries that live in the same changed corpus are asked together."""
    records: dict[str, Record] = {}
    artifacts: dict[str, tuple[str, object]] = {}
    rows = list(zip(unit.queries, unit.keys, unit.change_keys, changes, strict=True))
    for _, group in groupby(rows, key=lambda row: row[2]):
        shared = list(group)
        change = shared[0][3]
        started = time.perf_counter()
        if isinstance(change, Failure):
            answers: list[Answer | Failure] = [change] * len(shared)
        else:
            reworded = [c.reworded if isinstance(c, Change) else {} for _, _, _, c in shared]
            asked = [
                replace(q, text=r.get(q.id, q.text)) for (q, *_), r in zip(shared, reworded, strict=True)
            ]
            answers = _in_changed_world(system, change, asked)
        cost = Cost((time.perf_counter() - started) / len(shared), 1)
        for (query, key, change_key, own), answer in zip(shared, answers, strict=True):
            if isinstance(own, Change) and own.reworded and not change_key:
                change_key = digest("reworded", key)
                artifacts[change_key] = ("change", {"change": change_to_json(own)})
            base = Record(key, unit.task, unit.condition, query.id, unit.trial, cost=cost, change=change_key)
            notes = _notes(session, unit, query) | _detected(system, own, answer)
            records[key] = replace(_filled(base, answer, own), notes=notes)
    return Done(tuple(records.values()), artifacts)


def _notes(session: Session, unit: RecordUnit, query: Query) -> dict[str, str | float]:
    """The answer an attacker was after, for records in which it may be found."""
    task = session.suite.select(unit.task)
    attacked = task.kind == "attack" and unit.condition.split("/")[0] != CLEAN
    attacked = attacked and not is_benign(unit.condition)
    target = target_of(session, task, query) if attacked and task.generate else None
    return {} if target is None else {"target": target}


def _detected(
    system: System, change: Change | Failure | None, answer: Answer | Failure
) -> dict[str, str | float]:
    """The share of the attacker's passages that the defence flags."""
    if not isinstance(system, Guarded) or not isinstance(change, Change) or isinstance(answer, Failure):
        return {}
    written = (*change.inserted, *change.edited.values())
    return {"detected": float(system.flag(written, written).mean())} if written else {}


def _in_changed_world(
    system: System, change: Change | None, queries: Sequence[Query]
) -> list[Answer | Failure]:
    if change is None or not change.touches_corpus:
        return ask(system, queries)
    reason = systems.applicable(system, change)
    if reason is not None or not isinstance(system, Changeable):
        return [Failure("not_applicable", reason or "the system cannot live in a changed corpus")] * len(
            queries
        )
    try:
        return ask(system.changed(change), queries)
    except TargetError as error:
        return [failed(error)] * len(queries)


def _filled(base: Record, answer: Answer | Failure, change: Change | Failure | None) -> Record:
    touched: tuple[str, ...] = ()
    if isinstance(change, Change):
        touched = (*(p.id for p in change.inserted), *change.edited)
    if isinstance(answer, Failure):
        return replace(base, failure=answer, inserted=touched)
    return replace(base, hits=answer.hits, answer=answer.text, inserted=touched)


def _reworded(session: Session, task: Task, query: Query) -> str:
    rng = generator(session.suite.seed, task.name, str(task.perturb), query.id)
    return perturb.load(str(task.perturb), **task.parameters)(query.text, rng)


def _certify(session: Session, task: Task, unit: RecordUnit) -> Done:
    """Certificates of the final stage's ranking, one per query."""
    world, allowed = session.world_of(task), partial(session.substitutions, task)
    records = []
    for i, query in enumerate(unit.queries):
        started = time.perf_counter()
        rng = generator(
            session.suite.seed, "certificate"
        )  # alike for all queries: passages share their samples
        try:
            proof = certificate(world, task, query, allowed, rng)
        except TargetError as error:
            records.append(_base(task, unit, i, failure=failed(error)))
            continue
        hits = tuple(Hit(i, score) for i, score in proof.scores.items())
        cost = Cost(time.perf_counter() - started, proof.samples)
        records.append(replace(_base(task, unit, i), hits=hits, certificate=proof, cost=cost))
    return Done(tuple(records))


def _base(task: Task, unit: RecordUnit, i: int, *, failure: Failure | None = None) -> Record:
    return Record(unit.keys[i], task.name, unit.condition, unit.queries[i].id, 0, failure=failure)
