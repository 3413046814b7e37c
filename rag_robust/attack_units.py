"""The work of an attack task: changes to be made, and conditions to judge them under, beside baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from rag_robust.assemble import Session
from rag_robust.simulated import SIMULATED, applies
from rag_robust.task import Task
from rag_robust.threats import demotes, encoders, judged_queries, known_queries, make_attack
from rag_robust.types import CLEAN, Attack, Query
from rag_robust.work import Case, ChangeUnit, RecordUnit, key_of, record_units

__all__ = ["BASELINES", "HELD_IN", "attack_units", "defended_units"]

BASELINES = ("information_only", "random_passage")
"""Attacks that run beside every inserting attack; a metric that one of them wins is broken."""

HELD_IN = "held-in"
"""The condition of an attack over the queries it knew, after its name and a slash."""


def attack_units(session: Session, task: Task) -> tuple[list[ChangeUnit], list[RecordUnit]]:
    """Units of an attack in each of its trials and, if it inserts passages, of what it is compared with."""
    judged = judged_queries(session, task)
    inserts = _made(session, task, task.method).threat.writes == "insert"
    baselines = [b for b in BASELINES if inserts and b != task.method.replace("-", "_")]
    changes: list[ChangeUnit] = []
    units = [*record_units(session, task, Case(CLEAN), judged)]
    units += defended_units(session, task, Case(CLEAN), judged)
    for name in (task.method, *baselines):
        for trial in range(task.trials):
            made, asked = _trial(session, task, name, judged, trial=trial)
            changes += made
            units += asked
    if inserts and applies(session):
        known = [(q.id, q.text) for q in ([] if task.knows == "knows-all" else known_queries(session, task))]
        case = Case(SIMULATED, (task.knows, task.passages, known))
        units += record_units(session, task, case, judged)
    return changes, units


def defended_units(
    session: Session, task: Task, case: Case, queries: Sequence[Query], *, change_keys: Sequence[str] = ()
) -> Iterator[RecordUnit]:
    """The same condition behind each defence of the task at each of its rates: "clean/perplexity@0.05"."""
    for defence, rate in task.filters:
        behind = dataclasses.replace(
            case,
            condition=f"{case.condition}/{defence}@{rate:g}",
            spec=(case.spec, defence, rate, session.tool_names),
            defence=(defence, rate),
        )
        yield from record_units(session, task, behind, queries, change_keys=change_keys)


def _trial(
    session: Session, task: Task, name: str, judged: Sequence[Query], *, trial: int
) -> tuple[list[ChangeUnit], list[RecordUnit]]:
    """One trial of an attack or a baseline; one change per query where the attacker knows it, else one."""
    case = Case(name, _spec(session, task, _made(session, task, name)), trial)
    own = name == task.method
    if task.knows == "knows-all":
        changes = [_change_unit(session, task, case, q.id) for q in judged]
        keys = [unit.key for unit in changes]
    else:
        changes = [_change_unit(session, task, case, None)]
        keys = [changes[0].key] * len(judged)
    units = [*record_units(session, task, case, judged, change_keys=keys)]
    if own:
        units += defended_units(session, task, case, judged, change_keys=keys)
    if own and task.knows != "knows-all":
        known = known_queries(session, task)
        if task.knows == "knows-nothing":
            known = known[: len(judged)]
        inside = dataclasses.replace(case, condition=f"{name}/{HELD_IN}")
        units += record_units(session, task, inside, known, change_keys=[keys[0]] * len(known))
    return changes, units


def _made(session: Session, task: Task, name: str) -> Attack:
    return make_attack(name, task, session.concept(task) if task.concept else None)


def _spec(session: Session, task: Task, attack: Attack) -> object:
    """What of an attack can change its result; its encoders by their fingerprints."""
    own = [encoder.fingerprint for encoder in encoders(session, task)]
    reads = attack.threat.reads
    return (
        type(attack).__qualname__,
        dataclasses.asdict(attack),  # type: ignore[call-overload]
        task.knows,
        own,
        session.tool_names,
        session.world("").reader if "answers" in reads else "",
        task.target,
        (task.k, task.per_word, session.synonyms(task.synonyms).hash)
        if attack.threat.writes == "edit" and not demotes(attack)
        else (),
    )


def _change_unit(session: Session, task: Task, case: Case, query_id: str | None) -> ChangeUnit:
    world = session.world("")
    known = [(q.id, q.text) for q in known_queries(session, task, query_id)]
    name, system = case.condition, (world.corpus.digest, world.fingerprint)
    key = key_of(session, "change", *system, task.name, name, case.spec, task.depth, known, case.trial)
    return ChangeUnit(key, task.name, name, query_id, _seconds(_made(session, task, name)), case.trial)


def _seconds(attack: Attack) -> float:
    """About how long an attack takes on two CPU cores: what it forwards, at 0.2 ms a token."""
    work = dataclasses.asdict(attack)  # type: ignore[call-overload]
    if {"n_steps", "n_flip", "n_cand", "n_grad", "tokens", "passages"} <= work.keys():
        rows = work["n_flip"] * work["n_cand"] + 3 * work["n_grad"]
        return float(2e-4 * work["passages"] * work["n_steps"] * rows * work["tokens"])
    return 5.0 if attack.threat.writes == "edit" else 0.1
