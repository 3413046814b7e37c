"""From a suite to a list of work: which records there will be, in which order, under which keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag_robust import certify, defend, metrics, perturb, stats
from rag_robust.assemble import Session
from rag_robust.attack_units import VERSIONS, attack_units, defended_units, once, text_seconds
from rag_robust.benign import asked_alone, is_benign, judged_condition
from rag_robust.corpus.concepts import concept
from rag_robust.errors import SuiteError
from rag_robust.listed import check, check_targets, parameters
from rag_robust.question_units import check_questions, question_units
from rag_robust.suite import Gate, Suite
from rag_robust.suspicions import BENIGN
from rag_robust.task import Task
from rag_robust.threats import demotes, limited, make_attack
from rag_robust.types import CLEAN
from rag_robust.work import Case, ChangeUnit, RecordUnit, record_units

__all__ = ["Plan", "build", "decisions", "preparation"]


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
            made, asked = attack_units(session, task)
            changes += made
            units += asked
        elif task.kind == "questions":
            units += question_units(session, task)
        else:
            units += _queries(session, task)
    return Plan(tuple(once(changes)), tuple(_with_filters(session, units)))


_A_PASSAGE = {"perplexity": 0.6, "masked_token": 0.2, "norm": 0.04}
"""Seconds in which a defence judges a passage on one CPU core, where that counts."""


def _with_filters(session: Session, units: Sequence[RecordUnit]) -> Iterator[RecordUnit]:
    """The units, where the first behind a defence bears all its judging: each passage once, at most all."""
    seen: dict[str, dict[str, int]] = {}
    for unit in units:
        if unit.defence:
            task = session.suite.select(unit.task)
            alone = asked_alone(session.suite, task) if is_benign(unit.condition) else None
            asked = dict.fromkeys((q.id for q in unit.queries), 2 * (alone or task).depth)
            seen.setdefault(unit.defence[0], {}).update(asked)
    for unit in units:
        found = seen.pop(unit.defence[0], None) if unit.defence else None
        if unit.defence is None or found is None:
            yield unit
            continue
        passages = min(len(session.corpus().passages), BENIGN + sum(found.values()))
        seconds = passages * _A_PASSAGE.get(unit.defence[0], 0.0)
        yield replace(unit, weight=unit.weight + seconds)


def preparation(session: Session) -> float:
    """About how many seconds it takes one CPU core to encode the corpus for all systems, the first time."""
    configs = [session.suite.described(name) for name in {task.system for task in session.suite.task}]
    kept = [c.retriever for c in configs if c.kind == "pipeline" and c.retriever.encodes]
    encoders = {(r.encoder, r.dtype) for r in kept if r.encoder != "hashed"}
    return _ENCODING * len(encoders) * len(session.corpus().passages)


_ENCODING = 0.02
"""Seconds a passage of a hundred tokens, for a model of 22 million weights."""


def _check_names(suite: Suite) -> None:
    """Refuse unknown names and impossible cut-offs before any model is loaded."""
    wanted = [(task.name, metric) for task in suite.task for metric in task.metrics]
    for name, metric in (*wanted, *((g.task, g.metric) for g in suite.gate)):
        metrics.load(metric)
        task = suite.select(name)
        cut = metric.removesuffix(" drop").rpartition("@")[2]
        deepest = task.depth - 1 if metric.startswith(("certified@", "hostile@")) else task.depth
        if cut.isdecimal() and int(cut) > deepest and task.kind != "questions":
            raise SuiteError(
                f'task "{name}": {metric} looks at {cut} hits, depth is {task.depth}; raise depth'
            )
    for task in suite.task:
        for defence in task.defences:
            defend.load(defence)
        if task.kind == "attack":
            _check_attack(suite, task)
        elif task.kind == "certify":
            _check_certificate(task)
        elif task.kind == "questions":
            check_questions(task)
        elif task.perturb:
            perturb.load(task.perturb, **task.parameters)


def _check_attack(suite: Suite, task: Task) -> None:
    attack = make_attack(task.method, task, concept(task.concept) if task.concept else None)
    if attack.threat.writes == "edit" and not demotes(attack):
        _check_depth(task)
        check_targets(task)
        wanted = {g.metric for g in suite.gate if g.task == task.name} | set(task.metrics)
        if wrong := sorted(m for m in wanted if m.startswith("success@") and m != f"success@{task.k}"):
            raise SuiteError(
                f'task "{task.name}": {wrong[0]} is not what is attacked, k = {task.k}; make them equal'
            )
    elif task.targets != "outsiders":
        raise SuiteError(
            f'task "{task.name}": targets "{task.targets}" are to be brought up, which {task.method} does not'
        )
    elif attack.threat.writes == "reword" and task.knows != "knows-all":
        raise SuiteError(f'task "{task.name}": {task.method} rewords the query it knows; leave out concept')
    elif attack.threat.writes == "insert" and not task.concept and task.threat is None:
        raise SuiteError(
            f'task "{task.name}": give a concept, or say threat = "knows-all": the attacker knows each query'
        )


def _check_certificate(task: Task) -> None:
    _check_depth(task)
    check(task.method, task.parameters)


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
        wanted = gate.condition or judged_condition(task, gate.metric)
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


def _queries(session: Session, task: Task) -> Iterator[RecordUnit]:
    """Units of a clean, perturb or certify task; a certificate is a unit by itself."""
    queries = limited(session, task)
    if task.kind == "certify":
        threat = session.substitutions(task).key
        revised = certify.revision(task.method)
        case = Case(task.method, (task.certify, task.k, threat, dict(task.parameters), *revised))
        seconds = text_seconds(session, task) * _texts(task)
        for query in queries:
            yield from (replace(u, weight=seconds) for u in record_units(session, task, case, (query,)))
        return
    yield from record_units(session, task, Case(CLEAN), queries)
    yield from defended_units(session, task, Case(CLEAN), queries)
    if task.perturb:
        given = dict(task.parameters)
        reworded = perturb.revision(task.perturb, **given)
        case = Case(task.perturb, (given, *reworded) if reworded else given)
        yield from record_units(session, task, case, queries)


def _texts(task: Task) -> float:
    """About how many texts a certificate has scored: samples, versions, or the list and nothing else."""
    own = parameters(task.method) | dict(task.parameters)
    samples = own.get("n_max", own.get("n", 0))
    if isinstance(samples, int) and samples:
        return float(task.depth * samples)
    if task.method == "exact":
        return float(task.depth * min(20_000, VERSIONS ** (task.swaps or 3)))
    return 2.0 * task.depth
