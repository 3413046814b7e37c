"""One unit of work: an attack proposes a change, the harness holds it against its budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from numpy.random import Generator

from rag_robust.assemble import Session
from rag_robust.attacks import tools
from rag_robust.attacks._space import as_passage, check_space
from rag_robust.attacks._view import Tick, Tools, View, check_budget
from rag_robust.errors import (
    BudgetError,
    ModelError,
    RagRobustError,
    SuiteError,
    TargetError,
    ThreatModelError,
)
from rag_robust.listed import demotable, owned
from rag_robust.measured import WORK_VERSION, Effort, facts
from rag_robust.seeds import generator
from rag_robust.store import change_from_json, change_to_json
from rag_robust.synonyms.space import Space
from rag_robust.task import Task
from rag_robust.threats import demotes, known_queries, make_attack, neutral, ruler, secrets, target_of
from rag_robust.types import Attack, Change, Passage, Query
from rag_robust.unfinished import Unfinished
from rag_robust.work import ChangeUnit, Done, asked_as

if TYPE_CHECKING:
    from rag_robust.generate.language_model import LanguageModel

__all__ = ["ENCODER", "called", "make_change", "plain"]

ENCODER = "all-MiniLM-L6-v2"
"""An attacker's own encoder, by which it keeps its edits near what they were; not loaded unless it asks."""


def make_change(session: Session, unit: ChangeUnit, tick: Tick | None = None) -> Done:
    """Let the attack propose, hold it against its budget, and keep the change or the failure."""
    task = session.suite.select(unit.task)
    attack = make_attack(unit.attack, task, session.concept(task) if task.concept else None)
    known = known_queries(session, task, unit.query_id)
    if unit.made is not None:
        taken = facts(session, task, known, change_from_json(unit.made["change"]))
        again = {**unit.made, "facts": taken, "measured": unit.measured}
        return Done(artifacts={unit.key: ("change", again)})
    asked = (asked_as(task), unit.attack, unit.query_id or task.concept, unit.trial)
    rng = generator(session.suite.seed, *asked)
    view = _view(session, task, attack, known)
    effort = Effort((*view.secrets.models, view))
    if session.unfinished is not None:
        view.checkpoint = Unfinished(session.unfinished / f"{unit.key}.json", effort)
    if tick is not None:
        view.tick = tick
    body: dict[str, object] = {"attack": unit.attack, "known": [q.text for q in known], "trial": unit.trial}
    change = Change()
    try:
        change = _proposed(session, unit, attack, view, rng)
        body["change"] = change_to_json(change)
    except BudgetError as error:
        body["failure"] = {"kind": "budget", "message": str(error)}
    except TargetError as error:
        body["failure"] = {"kind": error.kind, "message": str(error)}
    work = effort.spent()
    body |= {
        "calls": view.calls,
        "seconds": work["wall_s"],
        "work": {**work, "version": WORK_VERSION},
        "notes": plain(view.notes),
    }
    body |= {"target": view.target, "facts": facts(session, task, known, change), "measured": unit.measured}
    return Done(artifacts={unit.key: ("change", body)})


def _proposed(session: Session, unit: ChangeUnit, attack: Attack, view: View, rng: Generator) -> Change:
    """The change under neutral ids, within its budget."""
    task = session.suite.select(unit.task)
    threat, ruler = attack.threat, view.n_tokens  # as they are before the attack has them in hand
    if threat.writes == "insert":
        own = threat.budget.passages
        most = task.passages if own is None else min(task.passages, own)
        threat = replace(threat, budget=replace(threat.budget, passages=most))
    query = next(iter(view.secrets.queries), Query("", ""))
    if threat.writes == "edit":
        view.targets = tuple(_targets(session, task, attack, query, unit.trial))
    if threat.writes != "insert" and "space" in tools(attack):
        view.space = _space(session, task, query)
    mine = {p.id: p for p in view.targets} if threat.writes == "edit" else {query.id: as_passage(query)}
    proposed = called(attack, view, rng)
    change = replace(proposed, inserted=neutral(proposed.inserted))
    check_budget(change, threat, mine, ruler)
    if "space" in getattr(attack, "tools", ()):
        check_space(change, mine, _space(session, task, query))
    return change


def called(attack: Attack, view: View, rng: Generator) -> Change:
    """What the attack proposes; that it cannot, or breaks down, is said of this change alone."""
    try:
        proposed = attack(view, rng)
    except ModelError as error:
        raise TargetError(str(error), "not_applicable") from error
    except ThreatModelError as error:
        raise TargetError(str(error), "crash") from error
    except RagRobustError:
        raise
    except Exception as error:  # an attack may be a person's own code, which may raise anything
        raise TargetError(f"the attack raised {type(error).__name__}: {error}", "crash") from error
    if not (isinstance(proposed, Change) and all(isinstance(p, Passage) for p in _written(proposed))):
        raise TargetError(f"expected a Change of Passages from the attack, got {proposed!r:.60}", "crash")
    return proposed


def _written(change: Change) -> tuple[object, ...]:
    return (*change.inserted, *change.edited.values())


def _view(session: Session, task: Task, attack: Attack, known: Sequence[Query]) -> View:
    """What the attack sees."""
    view = View(
        attack.threat,
        secrets(session, task, known),
        tools=Tools(
            _writer(session) if "language_model" in tools(attack) else None,
            partial(session.encoder, (*task.surrogates, ENCODER)[0], "float32"),
            session.masked_model if "masked_model" in tools(attack) else None,
        ),
        target=target_of(session, task, known[0]) if known and attack.threat.writes == "insert" else None,
    )
    if attack.threat.writes == "insert" and (counted := ruler(session, task)):
        view.n_tokens = counted.n_tokens
    return view


def _writer(session: Session) -> Callable[[], LanguageModel]:
    """The attacker's language model; that the suite names none that can be loaded ends the run."""

    def loaded() -> LanguageModel:
        try:
            return session.language_model()
        except ModelError as error:
            raise SuiteError(f"language_model: {error}") from error

    return loaded


def plain(notes: dict[str, object]) -> object:
    """The notes as JSON values: what is none becomes text, what is no number nothing."""
    return json.loads(json.dumps(notes, default=str, skipkeys=True), parse_constant=lambda _: None)


def _targets(session: Session, task: Task, attack: Attack, query: Query, trial: int) -> list[Passage]:
    """What an editing attacker owns; the passages to bring up are the same for every attack."""
    world = session.world_of(task)
    if demotes(attack):
        return demotable(world, task, query)
    rng = generator(session.suite.seed, "targets", task.targets, query.id, trial)
    return owned(world, task, query, trial, rng)


def _space(session: Session, task: Task, query: Query) -> Callable[[Passage], Space]:
    """What the task's substitutions make of a passage; the words are looked up when first used."""

    def space(passage: Passage) -> Space:
        return session.substitutions(task).space(passage.text, query.text)

    return space
