"""One unit of work: an attack proposes a change, the harness holds it against its budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rag_robust.assemble import Session, World
from rag_robust.attacks._view import Secrets, Tick, View, check_budget
from rag_robust.certify import substitute
from rag_robust.errors import BudgetError, TargetError, ThreatModelError
from rag_robust.plan import ChangeUnit, known_queries, make_attack
from rag_robust.seeds import digest, generator
from rag_robust.store import change_to_json
from rag_robust.suite import Task
from rag_robust.systems.pipeline import Pipeline
from rag_robust.types import Change, Passage, Query, Record, System

__all__ = ["Done", "make_change", "sized"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a unit gave: records, and artifacts `key -> (kind, JSON value)`."""

    records: tuple[Record, ...] = ()
    artifacts: dict[str, tuple[str, object]] = field(default_factory=dict)


def make_change(session: Session, unit: ChangeUnit, tick: Tick | None = None) -> Done:
    """Let the attack propose, hold it against its budget, and keep the change or the failure."""
    task = session.suite.select(unit.task)
    concept = session.concept(task) if task.concept else None
    attack = make_attack(unit.attack, task, concept)
    world = session.world("")
    model = session.token_model("")
    queries = known_queries(session, task, unit.query_id)
    rng = generator(session.suite.seed, task.name, unit.attack, unit.query_id or task.concept)
    embed = world.encoder.encode if world.encoder else None
    view = View(attack.threat, Secrets(queries, world.corpus.passages, model, embed, world.score))
    if model is not None:
        view.n_tokens = model.n_tokens
    if tick is not None:
        view.tick = tick
    threat, ruler = attack.threat, view.n_tokens  # as they are before the attack has them in hand
    started = time.perf_counter()
    body: dict[str, object] = {"attack": unit.attack, "known": [q.text for q in queries]}
    try:
        if threat.writes == "edit":
            view.targets = tuple(_outsiders(world, task, queries[0]))
            view.variants = _variants(session, task)
        editable = {p.id: p for p in view.targets}
        change = _renamed(attack(view, rng))
        check_budget(change, threat, editable, ruler)
        body |= {"change": change_to_json(change), "facts": _facts(world, queries, change)}
    except (BudgetError, ThreatModelError) as error:
        body["failure"] = {"kind": "budget", "message": str(error)}
    except TargetError as error:
        body["failure"] = {"kind": error.kind, "message": str(error)}
    body |= {"calls": view.calls, "seconds": time.perf_counter() - started}
    return Done(artifacts={unit.key: ("change", body)})


def sized(system: System, task: Task) -> System:
    """The system as deep as the task looks, without its generator unless the task asks for it."""
    if not isinstance(system, Pipeline):
        return system
    if task.generate:
        return replace(system, k=max(task.depth, system.context))
    return replace(system, k=task.depth, context=1, generate=None)


def _renamed(change: Change) -> Change:
    """Inserted passages under neutral ids, so that none wins a tie, or a filter, by its name."""
    named = [replace(p, id=f"inserted-{digest(p.full, i)[:12]}") for i, p in enumerate(change.inserted)]
    return replace(change, inserted=tuple(named))


def _facts(world: World, queries: Sequence[Query], change: Change) -> dict[str, object]:
    """The objective as the harness measures it, on text: cosine to the centroid, and its ceiling."""
    if world.encoder is None or world.encoder.similarity != "cosine" or not change.inserted:
        return {}
    known = world.encoder.encode([q.text for q in queries], "query").mean(axis=0)
    ceiling = float(np.linalg.norm(known))
    vectors = world.encoder.encode([p.full for p in change.inserted], "passage")
    return {"ceiling": ceiling, "cosine": [float(v @ known / ceiling) for v in vectors]}


def _ranking(world: World, task: Task, query: Query) -> list[Passage]:
    """The passages a list certificate is about: the first `depth` of the clean ranking."""
    system = sized(world.system, task)
    try:
        return [world.corpus.passages[hit.passage_id] for hit in system(query).hits[: task.depth]]
    except KeyError as error:
        message = f"the system found passage {error}, whose text the corpus does not have"
        raise TargetError(message, "not_applicable") from error


def _outsiders(world: World, task: Task, query: Query) -> list[Passage]:
    return _ranking(world, task, query)[task.k :]


def _variants(session: Session, task: Task) -> Callable[[Passage], list[Passage]]:
    source = session.synonyms(task.synonyms)

    def variants(passage: Passage) -> list[Passage]:
        swapped = substitute.variants(passage.text, source, max_per_word=task.per_word)
        return [replace(passage, text=text) for _, text in swapped]

    return variants
