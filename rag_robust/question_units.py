"""The plan of a question task: its conditions, their keys, and how long their prompts take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rag_robust import certify, perturb
from rag_robust.assemble import Session
from rag_robust.brought import named
from rag_robust.errors import SuiteError
from rag_robust.listed import check
from rag_robust.metrics.cells import place
from rag_robust.shown import check_documents, over_evidence
from rag_robust.suite import GeneratorConfig
from rag_robust.task import OWN, Task
from rag_robust.work import BATCH, Case, RecordUnit, joined, record_units
from rag_robust.written import check_patterns

__all__ = ["check_questions", "question_units"]

VERSION = 2
"""Raised when the same condition means something else, so that no old record passes for a new one."""

_PROOF = 2
"""The same for what is noted of certificates."""

_FACTS = 2
"""The same for what is noted of questions that belong to a corpus or a set."""

_STATED = 3
"""The same for what is noted of the passages that are shown, and of what answers from them withstand."""

_SEARCH_S = 0.02

_UNIT_S = 60.0
"""Seconds that one unit takes at most if several questions are in it: what a kill loses, but completions."""


def check_questions(task: Task) -> None:
    """Refuse forms, documents and patterns that there are not, before anything is loaded.

    Raises:
        SuiteError: names the task and the nearest known name.
    """
    for name in (*task.forms, *task.documents):
        if named(name) and not task.kept:
            raise SuiteError(
                f'task "{task.name}": "{name}" comes with a set; ask one, questions = "set:FILE"'
            )
    for form in task.forms:
        if not named(form):
            perturb.load(form)
    check_patterns(task)
    if task.certify:
        check(task.certify, task.parameters)
    try:
        for documents in task.documents:
            check_documents(documents)
    except SuiteError as error:
        raise SuiteError(f'task "{task.name}": {error}') from error


def question_units(session: Session, task: Task) -> Iterator[RecordUnit]:
    """A question under all conditions of the task, or several: prompts that begin alike are read together."""
    whole = list(_by_condition(session, task))
    ids = [question.query.id for question in session.questions(task.name).questions]
    seconds = sum(unit.weight for unit in whole) / max(1, len(ids))
    n = max(1, min(BATCH, int(_UNIT_S / seconds))) if seconds else BATCH
    for start in range(0, len(ids), n):
        some = set(ids[start : start + n])
        rows = ([i for i, query in enumerate(unit.queries) if query.id in some] for unit in whole)
        yield joined([unit.only(found) for unit, found in zip(whole, rows, strict=True) if found])


def _by_condition(session: Session, task: Task) -> Iterator[RecordUnit]:
    """Every condition of the task, each over all its questions; over evidence those that have some."""
    asked = session.questions(task.name).questions
    answerable = tuple(q.query for q in asked if q.query.answers)
    config = session.suite.described(task.system)
    done = _read_before(session, task)
    for condition in task.cells:
        documents = condition.partition("/")[2]
        queries = answerable if over_evidence(documents) else tuple(q.query for q in asked)
        shown = 0 if documents == "none" else config.context
        seconds = _SEARCH_S + (0.0 if condition in done else _answer_s(config.generator, shown))
        proof = (*_proof(task), session.substitutions(task).key, task.depth) if task.certify else ()
        own = session.sheet(task.name).brought.key(condition)
        told = (*_untold(task), *own, *_revised(condition))
        case = Case(condition, (VERSION, dict(task.parameters), *proof, *told))
        for unit in record_units(session, task, case, queries):
            yield replace(unit, weight=seconds * len(unit.queries))


def _untold(task: Task) -> tuple[object, ...]:
    """A number for questions whose facts are not written down, of which other things were once noted."""
    return (("facts", _FACTS),) if task.questions == OWN or task.kept else ()


def _revised(condition: str) -> tuple[object, ...]:
    """What revised operators add, and where passages are shown the test of what they state."""
    form, shown, found_for = place(condition)
    operator = shown.partition("+")[2] if shown.startswith("retrieved") else shown
    added = [part for name in (form, operator, found_for) for part in perturb.revision(name)]
    return tuple(added) if shown == "none" else (*added, ("stated", _STATED))


def _proof(task: Task) -> tuple[object, ...]:
    """The certificate of a task; with a number where other records were once kept under its name alone."""
    name = str(task.certify)
    same = name in {"exact", "static"}
    return (name, *(() if same else (_PROOF,)), *certify.revision(name))


def _read_before(session: Session, task: Task) -> set[str]:
    """Conditions whose prompts an earlier task of the suite completes: the same evidence, the same reader."""
    suite = session.suite
    generator, written = suite.described(task.system).generator, _written(task)
    earlier = suite.task[: suite.task.index(task)]
    alike = (t for t in earlier if t.kind == "questions" and _written(t) == written)
    alike = (t for t in alike if suite.described(t.system).generator == generator)
    found = {condition for t in alike for condition in t.cells}
    return {c for c in found if not c.partition("/")[2].startswith("retrieved")}


def _written(task: Task) -> tuple[object, ...]:
    """What decides a task's questions and their changes."""
    return task.questions, task.patterns, task.limit, task.draws


def _answer_s(generator: GeneratorConfig | None, passages: int) -> float:
    """About how long one CPU core takes over a prompt of so many passages of a hundred words.

    Measured with SmolLM2-135M, all prompts of a question together, so that beginnings are read once; equal
    prompts are completed once, so it is at most that.
    """
    if generator is None or generator.kind == "canned":
        return 0.0
    if generator.isolate and passages > 1:
        return passages * _answer_s(generator, 1)
    return 0.1 + 0.2 * passages + 0.01 * generator.max_new_tokens
