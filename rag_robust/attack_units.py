"""The work of an attack task: changes to be made, and conditions to judge them under, beside baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag_robust.assemble import Session
from rag_robust.attacks import identity, tools
from rag_robust.attacks._evade import SAMPLE, evaded
from rag_robust.benign import BENIGN, asked_alone, is_benign, sampled
from rag_robust.defend import uses
from rag_robust.simulated import SIMULATED, applies
from rag_robust.suspicions import VERSION as SUSPICIONS
from rag_robust.task import Task
from rag_robust.threats import encoders, judged_queries, known_queries, make_attack, ruler, seen_queries
from rag_robust.types import CLEAN, Attack, Query
from rag_robust.work import Case, ChangeUnit, RecordUnit, asked_as, key_of, record_units

__all__ = ["BASELINES", "HELD_IN", "VERSIONS", "attack_units", "defended_units", "once", "text_seconds"]

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
    units += _benign_units(session, task, Case(CLEAN), judged)
    for name in (task.method, *baselines):
        for trial in range(task.runs):
            made, asked = _trial(session, task, name, judged, trial=trial)
            changes += made
            units += asked
    if inserts and applies(session, task):
        known = [(q.id, q.text) for q in ([] if task.knows == "knows-all" else known_queries(session, task))]
        case = Case(SIMULATED, (task.knows, task.passages, known))
        units += record_units(session, task, case, judged)
    return changes, [_with_answers(task, unit) for unit in units]


def _with_answers(task: Task, unit: RecordUnit) -> RecordUnit:
    """The unit with the time its answers take; whoever changes nothing gets the answers there were."""
    bystander = is_benign(unit.condition) or unit.condition in {*BASELINES, SIMULATED}
    if not task.generate or bystander:
        return unit
    return dataclasses.replace(unit, weight=unit.weight + _A_QUESTION * len(unit.queries))


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


def _benign_units(
    session: Session, task: Task, case: Case, judged: Sequence[Query], *, change: str = "", own: bool = True
) -> Iterator[RecordUnit]:
    """The same condition for people who ask about anything, behind the defences too unless it is a baseline.

    Where the corpus judges no query, one record says so.
    """
    alone = asked_alone(session.suite, task)
    if alone is None:
        return
    queries = sampled(session, task) or judged[:1]
    keys = [change] * len(queries)
    beside = dataclasses.replace(case, condition=f"{case.condition}/{BENIGN}")
    units = [*record_units(session, alone, beside, queries, change_keys=keys)]
    if own:
        units += defended_units(session, alone, beside, queries, change_keys=keys)
    yield from (dataclasses.replace(unit, weight=_A_BENIGN * len(unit.queries)) for unit in units)


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
    units += _benign_units(session, task, case, judged, change=keys[0], own=own)
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
    """What of an attack can change its result; its encoders, or whose tokens it counts, by fingerprints."""
    reads, edits, used = attack.threat.reads, attack.threat.writes != "insert", tools(attack)
    own = [encoder.fingerprint for encoder in encoders(session, task)]
    if not edits and (counted := ruler(session, task)) and counted.encoder.fingerprint not in own:
        own.append(counted.encoder.fingerprint)
    return (
        *identity(attack),
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
    asked = asked_as(task)
    own = (name, case.spec, task.depth, known, case.trial, *({task.name, asked} - {task.name}))
    key = key_of(session, "change", *system, task.name, *own)
    attack = _made(session, task, name)
    sight = ""
    if attack.threat.writes == "insert" and attack.threat.reads <= _OPEN:
        seen = (asked, name, query_id, case.spec, known, case.trial, _encoder_names(session, task))
        sight = key_of(session, "sight", world.corpus.digest, *seen)
    seconds, measured = _seconds(session, task, attack), _measured(session, task, attack)
    return ChangeUnit(key, task.name, name, query_id, seconds, case.trial, measured, sight)


_OPEN = frozenset({"queries", "corpus", "gradients", "embeddings"})
"""What an attacker reads without asking the system itself: two systems of one encoder look alike to it."""


def _encoder_names(session: Session, task: Task) -> object:
    """The encoders an attacker has in hand, by their names: a sketch has no others."""
    config = session.suite.described(task.system)
    if task.surrogates or config.kind != "pipeline":
        return task.surrogates or config.surrogate
    if config.surrogate or not config.retriever.encodes:
        return config.surrogate
    return config.retriever.encoder, config.retriever.dtype


def once(changes: Sequence[ChangeUnit]) -> Iterator[ChangeUnit]:
    """The changes, where of those of one sight the first bears the work and the others are measured alone."""
    seen: set[str] = set()
    for unit in changes:
        yield dataclasses.replace(unit, weight=min(unit.weight, 0.1)) if unit.sight in seen else unit
        seen |= {unit.sight} - {""}


def _measured(session: Session, task: Task, attack: Attack) -> str:
    """A hash of what decides the measures of a change, and not the change."""
    judged = [] if task.knows == "knows-all" else judged_queries(session, task)
    model = session.tool_names({"language_model"}) if task.fluency else ""
    encoder = session.world_of(task).encoder
    by = (encoder and encoder.fingerprint, task.fluency, model, *_ALSO.get(attack.threat.writes, ()))
    return key_of(session, "measured", [(q.id, q.text) for q in judged], *by)


_ALSO = {"edit": ("frozen_score",), "insert": ("norm", SUSPICIONS)}
"""Measures that came later, by what an attack writes: they are taken of changes that were made before."""


def _seconds(session: Session, task: Task, attack: Attack) -> float:
    """About how long an attack takes on one CPU core, measured on models of 22 million weights."""
    work = dataclasses.asdict(attack)  # type: ignore[call-overload]
    own = 1.4 * len(str(work.get("information", "")).split())
    asked = _A_QUESTION * _questions(work) if "answers" in attack.threat.reads else 0.0
    if "gradients" in attack.threat.reads and {"n_steps", "n_cand"} <= work.keys():
        filled = min(work["tokens"], _A_PASSAGE) if asked else work["tokens"]
        length = min(filled, own + (work["trigger_tokens"] or filled))
        a_token = _A_TOKEN[work.get("screening", "float32")]
        known = sum(_A_JUDGED.get(name.replace("-", "_"), 0.0) for name in evaded(work.get("evade", "")))
        held = known + (_A_JUDGED["perplexity"] if work.get("fluency_weight") else 0.0)
        passes = a_token * _rows(work) * length + held * _held(work)
        return float(asked + known * SAMPLE + work.get("passages", 1) * passes)
    if "n_beams" in work:
        return float(_A_DRAFT * work["passages"] * work["n_beams"] * max(0.0, work["tokens"] - own))
    if attack.threat.writes == "insert":
        return max(0.1, asked)
    if not attack.threat.reads & {"scores", "ranks"}:
        return 0.5
    outsiders = 1 if task.targets != "outsiders" else task.depth - task.k
    rounds = {"beam": 2 + work.get("width", 1) * ((task.swaps or 3) - 1), "exact": task.swaps or 3}
    texts = outsiders * VERSIONS * rounds.get(str(work.get("search")), 1 if task.swaps else 3)
    reads = work.get("beams", 0) * work.get("tokens", 0) + 3 * work.get("n_candidates", 0) * work.get(
        "words", 0
    )
    return float(_A_READ * reads + text_seconds(session, task) * texts)


def text_seconds(session: Session, task: Task) -> float:
    """About how long a task's ranker takes for one text on a CPU core."""
    config = session.suite.described(task.system)
    if config.reranker is not None:
        return _A_TEXT[config.reranker.kind]
    return _A_TEXT["bi-encoder"] if config.retriever.encodes else 0.0001


_A_TEXT = {"bi-encoder": 0.02, "cross-encoder": 0.02, "query-likelihood": 0.4, "splade": 0.017}
"""Seconds for a text of a hundred words by the kind of score, on a CPU core."""


VERSIONS = 50
"""Versions of a passage of a hundred words in which one is replaced."""

_A_TOKEN = {"bfloat16": 2.2e-4, "float32": 3.4e-4}
"""Seconds for a token of a passage that is scored, by the precision in which it is."""

_A_DRAFT, _A_QUESTION, _A_READ = 0.3, 0.8, 0.08
"""Seconds for a beam's step of a language model, an answer of a small generator, a token of an edit."""

_A_BENIGN = 0.005
"""Seconds for a query that is only ranked, with others."""

_A_PASSAGE = 50
"""Tokens of a passage that is to be obeyed."""


def _questions(work: Mapping[str, Any]) -> float:
    """Questions that an attack asks the generator; a text that works ends the trials of its passage."""
    if "n_trials" in work:
        return float(work["passages"] * min(4, work["n_trials"]))
    return float(work.get("n_steps", 0) * work.get("n_cand", 1))


def _rows(work: Mapping[str, Any]) -> float:
    """Sequences that a gradient attack scores, or takes gradients of, for one passage."""
    steps, flips, tokens, gradients = (int(work.get(n, 1)) for n in ("n_steps", "n_flip", "n_cand", "n_grad"))
    if work.get("profile", "paper").startswith("paper"):
        return float(steps * (flips * tokens + 3 * gradients))
    return _rounds(work) * (2 * flips * max(1, tokens // 32) + 4 * flips + 3 * gradients / 8)


def _held(work: Mapping[str, Any]) -> float:
    """Texts of one passage that are held against a filter, where the attack knows any."""
    if str(work.get("profile")).startswith("paper"):
        return float(work["n_steps"] * work["n_flip"] * work["n_cand"])
    return float(_CONFIRMED * _rounds(work)) if "profile" in work else 0.0


def _rounds(work: Mapping[str, Any]) -> int:
    """Rounds for one passage in a profile of GASLITE that is ours."""
    return int(work["n_steps"] + _RACE if work.get("profile") == "fast" else 3 * work["n_steps"])


_RACE = 12
"""Rounds that the rivals of a search cost before one is left."""

_A_JUDGED = {"perplexity": 0.17, "masked_token": 0.06}
"""Seconds for a text of 48 tokens that an attacker holds against a filter that it knows."""

_CONFIRMED = 16
"""Texts of a round that it holds against them."""
