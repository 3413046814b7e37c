"""Question tasks: every question in every form over every kind of documents, and what was answered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from rag_robust.asking import each
from rag_robust.assemble import Session
from rag_robust.seeds import digest
from rag_robust.shown import Case, Desk
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Answer, Certificate, Cost, Failure, Reader, Record, System
from rag_robust.withstood import proved, withstanding
from rag_robust.work import Done, RecordUnit

__all__ = ["completions", "questioned"]


def questioned(session: Session, task: Task, unit: RecordUnit) -> Done:
    """Questions under conditions "form/documents": what was shown, what came back, with notes on both.

    All are answered together, whatever they are asked under, so that a reader may share what it reads.
    """
    system = session.world_of(task).system
    started = time.perf_counter()
    cases = _answered(system, list(_laid_out(session, task, unit)), unit.conditions)
    told = [
        _proved(session, task, case) if condition == "original/retrieved" else (case, None)
        for case, condition in zip(cases, unit.conditions, strict=True)
    ]
    seconds = (time.perf_counter() - started) / len(cases)
    pairs = [(key, case) for key, (case, _) in zip(unit.keys, told, strict=True)]
    contexts: dict[str, tuple[str, object]] = {
        key: ("context", [passage.full for passage in case.shown])
        for key, case in pairs
        if case.shown is not None and "dropped" not in case.notes
    }
    records = tuple(_record(unit, i, case, proof, Cost(seconds, 1)) for i, (case, proof) in enumerate(told))
    return Done(records, contexts)


def completions(records: Iterable[Record]) -> tuple[int, int]:
    """How many different prompts were completed for these records, and how many all of them asked for."""
    wanted = [prompt for record in records for prompt in str(record.notes.get("prompt", "")).split()]
    return len(set(wanted)), len(wanted)


def _laid_out(session: Session, task: Task, unit: RecordUnit) -> Iterator[Case]:
    """Every question of the unit as it is asked, with the passages of its condition."""
    desk = Desk(session.world_of(task), session.sheet(task.name), session.suite.seed, task.draws)
    for condition, rows in groupby(zip(unit.conditions, unit.queries, strict=True), key=lambda row: row[0]):
        form, documents = condition.split("/", 1)
        yield from desk.shown([desk.asked(query, form) for _, query in rows], documents)


def _answered(system: System, cases: Sequence[Case], conditions: Sequence[str]) -> list[Case]:
    """Every case with an answer or a failure; a retriever alone answers what it retrieves with its hits."""
    if isinstance(system, Pipeline) and system.generate is None:
        cases = [
            replace(case, answer=Answer(hits=case.hits))
            if case.failure is None and condition.endswith("/retrieved")
            else case
            for case, condition in zip(cases, conditions, strict=True)
        ]
    todo = [case for case in cases if case.failure is None and case.answer is None]
    done = iter(_read(system, todo) if todo else ())
    return [next(done) if c.failure is None and c.answer is None else c for c in cases]


def _read(system: System, cases: Sequence[Case]) -> list[Case]:
    if not isinstance(system, Reader):
        message = "the system cannot be given its passages, so document conditions do not apply"
        return [replace(case, failure=Failure("not_applicable", message)) for case in cases]
    reader = system

    def read(some: Sequence[Case]) -> list[Answer]:
        return reader.read([c.asked for c in some], [_texts(c) for c in some])

    answers = each(read, cases)
    return [
        replace(case, failure=answer)
        if isinstance(answer, Failure)
        else replace(case, answer=answer, notes={**case.notes, **_prompted(system, case)})
        for case, answer in zip(cases, answers, strict=True)
    ]


def _proved(session: Session, task: Task, case: Case) -> tuple[Case, Certificate | None]:
    """The case with what is proved of its answer, and of the ranking that rests on."""
    system = session.world_of(task).system
    notes, proof = proved(session, task, case)
    return replace(case, notes={**case.notes, **withstanding(system, case), **notes}), proof


def _texts(case: Case) -> list[str]:
    return [passage.full for passage in case.shown or ()]


def _prompted(system: System, case: Case) -> dict[str, str]:
    """Short hashes of what the generator had to complete."""
    if not isinstance(system, Pipeline):
        return {}
    prompts = system.prompts(case.asked, _texts(case))
    return {"prompt": " ".join(digest("prompt", prompt)[:12] for prompt in prompts)}


def _record(unit: RecordUnit, i: int, case: Case, proof: Certificate | None, cost: Cost) -> Record:
    query, condition = case.question.query, unit.conditions[i]
    record = Record(unit.keys[i], unit.task, condition, query.id, 0, cost=cost, notes=case.notes)
    record = replace(record, certificate=proof)
    if case.failure is not None or case.answer is None:
        return replace(record, failure=case.failure)
    return replace(record, hits=case.hits, answer=case.answer.text)
