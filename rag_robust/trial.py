"""One unit of work: queries are asked under one condition, and every one yields a record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import cast

from rag_robust import defend, perturb, systems
from rag_robust.assemble import Session
from rag_robust.defended import Guarded, guarded, sized
from rag_robust.errors import TargetError
from rag_robust.listed import certificate
from rag_robust.perturb import document
from rag_robust.seeds import digest, generator
from rag_robust.simulated import SIMULATED, simulated
from rag_robust.store import change_to_json
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.threats import seen_queries, target_of
from rag_robust.types import (
    CLEAN,
    Answer,
    Change,
    Changeable,
    Cost,
    Failure,
    FailureKind,
    Hit,
    Passage,
    Query,
    Reader,
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
        return _questioned(session, task, unit)
    if task.kind == "attack" and unit.condition == SIMULATED:
        return simulated(session, task, unit)
    changes: Sequence[Change | Failure | None] = unit.changes or [None] * len(unit.queries)
    if task.perturb and unit.condition == task.perturb:
        changes = [Change(reworded={q.id: _reworded(session, task, q)}) for q in unit.queries]
    world = session.world_of(task)
    if unit.defence is None:
        return _ask_all(session, unit, sized(world.system, task), changes)
    name, rate = unit.defence
    seen = seen_queries(session, task) if "queries" in defend.uses(name) else ()
    behind = guarded(world, task, session.suspicions(name, task.system, seen), rate)
    return _ask_all(session, unit, behind, changes)


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
        return _ask(system, queries)
    reason = systems.applicable(system, change)
    if reason is not None or not isinstance(system, Changeable):
        return [Failure("not_applicable", reason or "the system cannot live in a changed corpus")] * len(
            queries
        )
    try:
        return _ask(system.changed(change), queries)
    except TargetError as error:
        return [_failure(error)] * len(queries)


def _ask(system: System, queries: Sequence[Query]) -> list[Answer | Failure]:
    """One answer or failure per query; a failing query costs no other its answer."""
    many = getattr(system, "many", None)
    try:
        return list(many(queries)) if many else [system(query) for query in queries]
    except TargetError as error:
        if len(queries) == 1:
            return [_failure(error)]
        return [answer for query in queries for answer in _ask(system, [query])]


def _failure(error: TargetError) -> Failure:
    return Failure(cast(FailureKind, error.kind), str(error))


def _filled(base: Record, answer: Answer | Failure, change: Change | Failure | None) -> Record:
    touched: tuple[str, ...] = ()
    if isinstance(change, Change):
        touched = (*(p.id for p in change.inserted), *change.edited)
    if isinstance(answer, Failure):
        return replace(base, failure=answer, inserted=touched)
    return replace(base, hits=answer.hits, answer=answer.text, inserted=touched)


def _reworded(session: Session, task: Task, query: Query, form: str | None = None) -> str:
    name = form or str(task.perturb)
    parameters = task.parameters if form is None else {}
    rng = generator(session.suite.seed, task.name, name, query.id)
    return perturb.load(name, **parameters)(query.text, rng)


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
            records.append(_base(task, unit, i, failure=_failure(error)))
            continue
        hits = tuple(Hit(i, score) for i, score in proof.scores.items())
        cost = Cost(time.perf_counter() - started, proof.samples)
        records.append(replace(_base(task, unit, i), hits=hits, certificate=proof, cost=cost))
    return Done(tuple(records))


def _base(task: Task, unit: RecordUnit, i: int, *, failure: Failure | None = None) -> Record:
    return Record(unit.keys[i], task.name, unit.condition, unit.queries[i].id, 0, failure=failure)


def _questioned(session: Session, task: Task, unit: RecordUnit) -> Done:
    """Questions under one query form and one document condition, and what the generator was shown."""
    world = session.world_of(task)
    form, shown = unit.condition.split("/")
    facts = {q.query.id: q for q in session.questions(task.name).questions}
    asked = [
        q if form == "original" else replace(q, text=_reworded(session, task, q, form)) for q in unit.queries
    ]
    started = time.perf_counter()
    contexts: list[list[str] | Failure] = []
    if shown == "retrieved":
        answers = _ask(world.system, asked)
        contexts += [_shown(world.system, answer) for answer in answers]
    else:
        golds = [world.corpus.passages[facts[q.id].fact.passage_id] for q in unit.queries]
        contexts += [_context(session, task, g, q, shown) for g, q in zip(golds, unit.queries, strict=True)]
        answers = _read_each(world.system, asked, contexts)
    cost = Cost((time.perf_counter() - started) / len(asked), 1)
    records = [
        _filled(replace(_base(task, unit, i), cost=cost, notes={"asked": asked[i].text}), answer, None)
        for i, answer in enumerate(answers)
    ]
    artifacts: dict[str, tuple[str, object]] = {
        key: ("context", texts)
        for key, texts in zip(unit.keys, contexts, strict=True)
        if not isinstance(texts, Failure)
    }
    return Done(tuple(records), artifacts)


def _read_each(
    system: System, queries: Sequence[Query], contexts: Sequence[list[str] | Failure]
) -> list[Answer | Failure]:
    """One answer or failure per query; queries without a context are not asked."""
    if not isinstance(system, Reader):
        message = "the system cannot be given its passages, so document conditions do not apply"
        return [Failure("not_applicable", message)] * len(queries)
    given = [(q, c) for q, c in zip(queries, contexts, strict=True) if not isinstance(c, Failure)]
    answered = iter(_read(system, [q for q, _ in given], [c for _, c in given]))
    return [c if isinstance(c, Failure) else next(answered) for c in contexts]


def _read(
    system: Reader, queries: Sequence[Query], contexts: Sequence[Sequence[str]]
) -> list[Answer | Failure]:
    try:
        return list(system.read(queries, contexts))
    except TargetError as error:
        if len(queries) == 1:
            return [_failure(error)]
        pairs = zip(queries, contexts, strict=True)
        return [answer for query, texts in pairs for answer in _read(system, [query], [texts])]


def _shown(system: object, answer: Answer | Failure) -> list[str]:
    if isinstance(answer, Failure) or not isinstance(system, Pipeline):
        return []
    return system.texts(answer.hits)


def _context(session: Session, task: Task, gold: Passage, query: Query, shown: str) -> list[str] | Failure:
    """The texts of a document condition; an empty list is the closed book."""
    if shown == "none":
        return []
    text: str | None = gold.text
    if shown == "removed":
        text = document.evidence_removed(gold.text, query.answers)
    elif shown == "different":
        rng = generator(session.suite.seed, task.name, shown, query.id)
        text = document.lexically_different(gold.text, query.answers, rng)
    if text is None:
        return Failure("not_applicable", f"the gold passage cannot be made {shown}")
    return [replace(gold, text=text).full]
