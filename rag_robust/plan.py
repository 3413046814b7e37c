"""From a suite to a list of work: which records there will be, in which order, under which keys."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_robust import attacks, certify, metrics, perturb, stats
from rag_robust.assemble import Session
from rag_robust.corpus.concepts import Concept, concept
from rag_robust.errors import SuiteError, nearest
from rag_robust.seeds import digest
from rag_robust.suite import Gate, Suite, Task
from rag_robust.types import CLEAN, Attack, Change, Failure, Query

__all__ = [
    "BASELINES",
    "KEY_VERSION",
    "ChangeUnit",
    "Plan",
    "RecordUnit",
    "build",
    "known_queries",
    "make_attack",
]

KEY_VERSION = 1
"""Raised when the meaning of a record changes, so that no old record passes for a new one."""

BASELINES = ("information_only", "random_passage")
"""Attacks that run beside every inserting attack; a metric that one of them wins is broken."""

HELD_IN = "held-in"

SECONDS = {"clean": 0.02, "perturb": 0.02, "attack": 0.02, "certify": 3.0, "questions": 0.7}
"""About how long one query takes by kind of task on two CPU cores: for the time left, for nothing else."""

BATCH = 64
"""Queries per unit: what is lost by a kill is at most one unit."""


@dataclass(frozen=True, slots=True)
class ChangeUnit:
    """One change to be made by an attack: against one concept, or against one query."""

    key: str
    task: str
    attack: str
    query_id: str | None
    weight: float


@dataclass(frozen=True, slots=True)
class RecordUnit:
    """Queries of one task under one condition, asked together; the tuples run in parallel.

    `changes[i]` is what query i's world went through: a change, why there is none, or nothing.
    """

    task: str
    condition: str
    queries: tuple[Query, ...]
    keys: tuple[str, ...]
    change_keys: tuple[str, ...]
    weight: float
    changes: tuple[Change | Failure | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All the work of a run; `keys` are the records it consists of, in the order of the report."""

    changes: tuple[ChangeUnit, ...]
    units: tuple[RecordUnit, ...]

    @property
    def keys(self) -> list[str]:
        """Every record's key."""
        return [key for unit in self.units for key in unit.keys]


def build(session: Session) -> Plan:
    """The plan of a suite. Builds the systems, since their fingerprints are part of every key."""
    _check_names(session.suite)
    changes: list[ChangeUnit] = []
    units: list[RecordUnit] = []
    for task in session.suite.task:
        if task.kind == "attack":
            made, asked = _attack(session, task)
            changes += made
            units += asked
        elif task.kind == "questions":
            units += _questions(session, task)
        else:
            units += _queries(session, task)
    return Plan(tuple(changes), tuple(units))


def _check_names(suite: Suite) -> None:
    """Refuse unknown names and impossible cut-offs before any model is loaded."""
    wanted = [(task.name, metric) for task in suite.task for metric in task.metrics]
    for name, metric in (*wanted, *((g.task, g.metric) for g in suite.gate)):
        metrics.load(metric)
        task = suite.select(name)
        cut = metric.removesuffix(" drop").rpartition("@")[2]
        if cut.isdecimal() and int(cut) > task.depth and task.kind != "questions":
            raise SuiteError(
                f'task "{name}": {metric} looks at {cut} hits, depth is {task.depth}; raise depth'
            )
    for task in suite.task:
        if task.kind == "attack":
            _check_attack(suite, task)
        elif task.kind == "certify":
            _check_certificate(task)
        for form in (task.perturb, *(task.forms if task.kind == "questions" else ())):
            if form:
                perturb.load(form, **(task.parameters if form == task.perturb else {}))


def _check_attack(suite: Suite, task: Task) -> None:
    attack = make_attack(task.method, task, concept(task.concept) if task.concept else None)
    if attack.threat.writes == "edit":
        _check_depth(task)
        wanted = {g.metric for g in suite.gate if g.task == task.name} | set(task.metrics)
        if wrong := sorted(m for m in wanted if m.startswith("success@") and m != f"success@{task.k}"):
            raise SuiteError(
                f'task "{task.name}": {wrong[0]} is not what is attacked, k = {task.k}; make them equal'
            )
    elif not task.concept and task.threat is None:
        raise SuiteError(
            f'task "{task.name}": give a concept, or say threat = "knows-all": the attacker knows each query'
        )


def _check_certificate(task: Task) -> None:
    _check_depth(task)
    given = {"query", "ranking", "k", "score", "source", "max_per_word"}
    known = [n for n in inspect.signature(certify.load(task.method)).parameters if n not in given]
    for name in task.parameters:
        if name not in known:
            raise SuiteError(f'certificate {task.method} has no parameter "{name}"; {nearest(name, known)}')


def _check_depth(task: Task) -> None:
    if task.depth <= task.k:
        raise SuiteError(
            f'task "{task.name}": depth {task.depth} leaves nobody outside the top k = {task.k}; raise depth'
        )


def decisions(suite: Suite, plan: Plan) -> list[tuple[Gate, int, str]]:
    """Per gate: how many queries it will have, and which outcomes would decide it, worst case over Holm."""
    level = 1 - (1 - suite.level) / max(1, len(suite.gate))
    out = []
    for gate in suite.gate:
        task = suite.select(gate.task)
        wanted = gate.condition or task.method
        queries = {
            q.id for u in plan.units if u.task == gate.task and u.condition == wanted for q in u.queries
        }
        if task.kind == "questions":
            queries = {q.id for u in plan.units if u.task == gate.task for q in u.queries}
        out.append((gate, len(queries), _outcomes(gate, len(queries), level)))
    return out


def _outcomes(gate: Gate, n: int, level: float) -> str:
    """Which rates out of n pass and fail a gate, if every query counts 0 or 1."""
    sides = {
        i: stats.side(stats.clopper_pearson(i, n, level), low=gate.min, high=gate.max) for i in range(n + 1)
    }
    passing = [i for i, side in sides.items() if side == "inside"]
    failing = [i for i, side in sides.items() if side == "outside"]
    parts = [
        f"{word} at {_span(found)} of {n}" for word, found in (("PASS", passing), ("FAIL", failing)) if found
    ]
    return "; ".join(parts) or "too few queries for any outcome to decide it"


def _span(found: Sequence[int]) -> str:
    return f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"


def make_attack(name: str, task: Task, concept: Concept | None) -> Attack:
    """The attack of a task, or one of its baselines with what it shares with it."""
    known = attacks.parameters(name)
    information = task.information or (concept.information if concept else None)
    shared: dict[str, object] = {"passages": task.passages, "information": information}
    if twice := sorted(shared.keys() & task.parameters.keys()):
        raise SuiteError(f'task "{task.name}": {twice[0]} stands in the task itself, not under with')
    given = {k: v for k, v in shared.items() if k in known and v is not None}
    if name == task.attack:
        return attacks.load(name, **given, **task.parameters)
    return attacks.load(name, **given, **{k: v for k, v in task.parameters.items() if k in known})


def known_queries(session: Session, task: Task, query_id: str | None) -> tuple[Query, ...]:
    """What the attacker knows: the held-in queries of the concept, or the one query itself."""
    if query_id is not None:
        return (session.corpus().queries[query_id],)
    return session.concept(task).held_in


def _limited(session: Session, task: Task) -> tuple[Query, ...]:
    queries = session.corpus().queries
    chosen = sorted(queries)[: task.limit]
    if not chosen:
        raise SuiteError(f'task "{task.name}": the corpus {session.suite.corpus.source} has no queries')
    return tuple(queries[i] for i in chosen)


def _queries(session: Session, task: Task) -> Iterator[RecordUnit]:
    """Units of a clean, perturb or certify task; a certificate is a unit by itself."""
    queries = _limited(session, task)
    if task.kind == "certify":
        source = session.synonyms(task.synonyms).hash
        spec = (task.certify, task.k, task.per_word, source, dict(task.parameters))
        for query in queries:
            yield from _units(session, task, task.method, (query,), spec=spec)
        return
    yield from _units(session, task, CLEAN, queries)
    if task.perturb:
        yield from _units(session, task, task.perturb, queries, spec=dict(task.parameters))


def _questions(session: Session, task: Task) -> Iterator[RecordUnit]:
    queries = tuple(q.query for q in session.questions(task.name).questions)
    cells = [f"{form}/{shown}" for form in ("original", *task.forms) for shown in task.documents]
    for condition in ("original/none", *cells):
        yield from _units(session, task, condition, queries, spec=dict(task.parameters))


def _attack(session: Session, task: Task) -> tuple[list[ChangeUnit], list[RecordUnit]]:
    """Units of an attack and, if it inserts passages, of its baselines; one change per concept or query."""
    concept = session.concept(task) if task.concept else None
    attack = make_attack(task.method, task, concept)
    by_query = concept is None or task.knows == "knows-all"
    judged = _limited(session, task) if by_query or concept is None else concept.held_out[: task.limit]
    changes: list[ChangeUnit] = []
    units = list(_units(session, task, CLEAN, judged))
    baselines = BASELINES if attack.threat.writes == "insert" else ()
    for name in (task.method, *(b for b in baselines if b != task.method.replace("-", "_"))):
        spec = _attack_spec(session, task, make_attack(name, task, concept))
        made = {q.id: _change_unit(session, task, name, spec, q.id) for q in judged} if by_query else {}
        shared = None if by_query else _change_unit(session, task, name, spec, None)
        changes += [shared] if shared else made.values()
        keys = [(shared or made[q.id]).key for q in judged]
        units += _units(session, task, name, judged, spec=spec, change_keys=keys)
        if shared and concept is not None and name == task.method:
            known = concept.held_in
            keys = [shared.key] * len(known)
            units += _units(session, task, f"{name}/{HELD_IN}", known, spec=spec, change_keys=keys)
    return changes, units


def _attack_spec(session: Session, task: Task, attack: Attack) -> object:
    """What of an attack can change its result."""
    encoder = session.world("").encoder
    parameters = dataclasses.asdict(attack)  # type: ignore[call-overload]
    substitutes = session.synonyms(task.synonyms).hash if attack.threat.writes == "edit" else ""
    surrogate = encoder.fingerprint if encoder else ""
    name = type(attack).__qualname__
    return (name, parameters, task.knows, surrogate, task.k, task.per_word, substitutes)


def _change_unit(session: Session, task: Task, name: str, spec: object, query_id: str | None) -> ChangeUnit:
    concept = session.concept(task) if task.concept else None
    world = session.world("")
    known = [(q.id, q.text) for q in known_queries(session, task, query_id)]
    key = _key(
        session, "change", world.corpus.digest, world.fingerprint, task.name, name, spec, task.depth, known
    )
    return ChangeUnit(key, task.name, name, query_id, _seconds(make_attack(name, task, concept)))


def _seconds(attack: Attack) -> float:
    """About how long an attack takes on two CPU cores: what it forwards, at 0.2 ms a token."""
    work = dataclasses.asdict(attack)  # type: ignore[call-overload]
    if {"n_steps", "n_flip", "n_cand", "n_grad", "tokens", "passages"} <= work.keys():
        rows = work["n_flip"] * work["n_cand"] + 3 * work["n_grad"]
        return float(2e-4 * work["passages"] * work["n_steps"] * rows * work["tokens"])
    return 5.0 if attack.threat.writes == "edit" else 0.1


def _units(
    session: Session,
    task: Task,
    condition: str,
    queries: Sequence[Query],
    *,
    spec: object = (),
    change_keys: Sequence[str] = (),
) -> Iterator[RecordUnit]:
    """Units of at most `BATCH` queries, each record under a key that hashes all that can change it."""
    world = session.world(task.questions or "")
    reader = world.reader if task.generate or task.kind == "questions" else ""
    system = (world.corpus.digest, world.fingerprint, reader, task.name, condition, spec, task.depth)
    change_keys = change_keys or [""] * len(queries)
    keys = [
        _key(session, *system, change, query.id, query.text, query.answers)
        for query, change in zip(queries, change_keys, strict=True)
    ]
    for i in range(0, len(queries), BATCH):
        part = slice(i, i + BATCH)
        asked = tuple(queries[part])
        weight = SECONDS[task.kind] * len(asked)
        yield RecordUnit(task.name, condition, asked, tuple(keys[part]), tuple(change_keys[part]), weight)


def _key(session: Session, *parts: object) -> str:
    return digest(KEY_VERSION, session.suite.seed, *parts)
