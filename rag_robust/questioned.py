"""Question tasks: every question in one form over one kind of documents, and what was answered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag_robust.asking import each
from rag_robust.assemble import Session
from rag_robust.seeds import digest
from rag_robust.shown import Case, Desk
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Answer, Certificate, Cost, Failure, Query, Reader, Record, System
from rag_robust.withstood import proved, withstanding
from rag_robust.work import Done, RecordUnit

__all__ = ["completions", "questioned"]


def questioned(session: Session, task: Task, unit: RecordUnit) -> Done:
    """Questions under one condition "form/documents": what was shown, what came back, with notes on both."""
    world = session.world_of(task)
    desk = Desk(world, session.sheet(task.name), session.suite.seed, task.draws)
    form, documents = unit.condition.split("/", 1)
    started = time.perf_counter()
    laid_out = desk.shown([desk.asked(query, form) for query in unit.queries], documents)
    cases = _answered(world.system, laid_out, retrieved=documents == "retrieved")
    proofs: list[Certificate | None] = [None] * len(cases)
    if unit.condition == "original/retrieved":
        cases, proofs = _proved(session, task, cases)
    seconds = (time.perf_counter() - started) / len(cases)
    pairs = list(zip(unit.keys, cases, strict=True))
    contexts: dict[str, tuple[str, object]] = {
        key: ("context", [passage.full for passage in case.shown])
        for key, case in pairs
        if case.shown is not None and "dropped" not in case.notes
    }
    records = (_record(unit, key, case, seconds) for key, case in pairs)
    told = (replace(r, certificate=proof) for r, proof in zip(records, proofs, strict=True))
    return Done(tuple(told), contexts)


def completions(records: Iterable[Record]) -> tuple[int, int]:
    """How many different prompts were completed for these records, and how many all of them asked for."""
    wanted = [prompt for record in records for prompt in str(record.notes.get("prompt", "")).split()]
    return len(set(wanted)), len(wanted)


def _answered(system: System, cases: Sequence[Case], *, retrieved: bool) -> list[Case]:
    """Every case with an answer or a failure; a retriever alone answers what it retrieves with its hits."""
    if retrieved and isinstance(system, Pipeline) and system.generate is None:
        return [c if c.failure else replace(c, answer=Answer(hits=c.hits)) for c in cases]
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


def _proved(
    session: Session, task: Task, cases: Sequence[Case]
) -> tuple[list[Case], list[Certificate | None]]:
    """The cases with what is proved of their answers and of the rankings these rest on."""
    system = session.world_of(task).system
    proofs = [proved(session, task, case) for case in cases]
    told = [
        replace(case, notes={**case.notes, **withstanding(system, case), **notes})
        for case, (notes, _) in zip(cases, proofs, strict=True)
    ]
    return told, [proof for _, proof in proofs]


def _texts(case: Case) -> list[str]:
    return [passage.full for passage in case.shown or ()]


def _prompted(system: System, case: Case) -> dict[str, str]:
    """Short hashes of what the generator had to complete."""
    if not isinstance(system, Pipeline):
        return {}
    prompts = system.prompts(case.asked, _texts(case))
    return {"prompt": " ".join(digest("prompt", prompt)[:12] for prompt in prompts)}


def _record(unit: RecordUnit, key: str, case: Case, seconds: float) -> Record:
    query: Query = case.question.query
    record = Record(key, unit.task, unit.condition, query.id, 0, cost=Cost(seconds, 1), notes=case.notes)
    if case.failure is not None or case.answer is None:
        return replace(record, failure=case.failure)
    return replace(record, hits=case.hits, answer=case.answer.text)
