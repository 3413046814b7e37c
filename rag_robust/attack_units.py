"""The work of an attack task: changes to be made, and conditions to judge them under, beside baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from rag_robust.assemble import Session
from rag_robust.attacks import tools
from rag_robust.defend import uses
from rag_robust.simulated import SIMULATED, applies
from rag_robust.task import Task
from rag_robust.threats import encoders, judged_queries, known_queries, make_attack, seen_queries
from rag_robust.types import CLEAN, Attack, Query
from rag_robust.work import Case, ChangeUnit, RecordUnit, key_of, record_units

__all__ = ["BASELINES", "HELD_IN", "VERSIONS", "attack_units", "defended_units", "text_seconds"]

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
        for trial in range(task.runs):
            made, asked = _trial(session, task, name, judged, trial=trial)
            changes += made
            units += asked
    if inserts and applies(session, task):
        known = [(q.id, q.text) for q in ([] if task.knows == "knows-all" else known_queries(session, task))]
        case = Case(SIMULATED, (task.knows, task.passages, known))
        units += record_units(session, task, case, judged)
    return changes, units


def defended_units(
    session: Session, task: Task, case: Case, queries: Sequence[Query], *, change_keys: Sequence[str] = ()
) -> Iterator[RecordUnit]:
    """The same condition behind each defence of the task at each of its rates: "clean/perplexity@0.05"."""
    for defence, rate in task.filters:
        used = uses(defence)
        seen = seen_queries(session, task) if "queries" in used else ()
        behind = dataclasses.replace(
            case,
            condition=f"{case.condition}/{defence}@{rate:g}",
            spec=(case.spec, defence, rate, session.tool_names(used), seen),
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
    reads, edits, used = attack.threat.reads, attack.threat.writes != "insert", tools(attack)
    return (
        type(attack).__qualname__,
        dataclasses.asdict(attack),  # type: ignore[call-overload]
        task.knows,
        own,
        session.tool_names(used),
        session.world_of(task).reader if "answers" in reads else "",
        task.target,
        (task.k, task.targets) if edits else 0,
        session.substitutions(task).key if edits and "space" in used else (),
    )


def _change_unit(session: Session, task: Task, case: Case, query_id: str | None) -> ChangeUnit:
    world = session.world_of(task)
    known = [(q.id, q.text) for q in known_queries(session, task, query_id)]
    name, system = case.condition, (world.corpus.digest, world.fingerprint)
    key = key_of(session, "change", *system, task.name, name, case.spec, task.depth, known, case.trial)
    seconds = _seconds(session, task, _made(session, task, name))
    return ChangeUnit(key, task.name, name, query_id, seconds, case.trial, _measured(session, task))


def _measured(session: Session, task: Task) -> str:
    """A hash of what decides the measures of a change, and not the change."""
    judged = [] if task.knows == "knows-all" else judged_queries(session, task)
    model = session.tool_names({"language_model"}) if task.fluency else ""
    encoder = session.world_of(task).encoder
    by = (encoder and encoder.fingerprint, task.fluency, model)
    return key_of(session, "measured", [(q.id, q.text) for q in judged], *by)


def _seconds(session: Session, task: Task, attack: Attack) -> float:
    """About how long an attack takes on one CPU core, measured on models of 22 million weights."""
    work = dataclasses.asdict(attack)  # type: ignore[call-overload]
    own = 1.4 * len(str(work.get("information", "")).split())
    length = min(work.get("tokens", 0), own + (work.get("trigger_tokens") or work.get("tokens", 0)))
    if "gradients" in attack.threat.reads and {"n_steps", "n_cand"} <= work.keys():
        return float(_A_TOKEN * work.get("passages", 1) * work["n_steps"] * _rows(work) * length)
    if "n_beams" in work:
        return float(_A_DRAFT * work["passages"] * work["n_beams"] * (length - own))
    if attack.threat.writes == "insert":
        return 0.1
    if not attack.threat.reads & {"scores", "ranks"}:
        return 0.5
    outsiders = 1 if task.targets != "outsiders" else task.depth - task.k
    texts = outsiders * VERSIONS * (task.swaps or 3) * (work["width"] if work.get("search") == "beam" else 1)
    return float(text_seconds(session, task) * texts)


def text_seconds(session: Session, task: Task) -> float:
    """About how long a task's ranker takes for one text on a CPU core."""
    config = session.suite.described(task.system)
    if config.reranker is not None:
        return {"bi-encoder": 0.01, "cross-encoder": 0.02, "query-likelihood": 0.3}[config.reranker.kind]
    return 0.001 if config.retriever.kind == "bm25" else 0.01


VERSIONS = 50
"""Versions of a passage of a hundred words in which one is replaced."""

_A_TOKEN, _A_DRAFT = 3e-4, 0.2
"""Seconds for a token of a passage that is scored, and for a beam's step of a language model."""


def _rows(work: Mapping[str, int | str]) -> float:
    """Sequences that one step of a gradient attack scores or takes gradients of."""
    flips, tokens, gradients = (int(work.get(n, 1)) for n in ("n_flip", "n_cand", "n_grad"))
    if work.get("profile") == "fast":
        return 2 * flips * max(2, tokens // 16) + flips + gradients / 2
    return flips * tokens * (0.35 if work.get("profile") == "default" else 1) + gradients
