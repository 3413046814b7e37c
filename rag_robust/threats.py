"""Who knows what: the queries an attacker sees and is judged on, its encoders, and what it is after.

`knows-all`: each query is attacked by itself. `knows-what`: the attacker reads the held-in queries
of a concept and is judged on the held-out ones. `knows-nothing`: it reads a generic sample, a
half of the corpus' own queries drawn by the suite's seed, and is judged on the other half; where
the corpus has fewer than 20 queries, the sample is every query of the concepts that come along
(without the task's own) and all queries of the corpus are judged.

*Source*: Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, section 3 (the three threat
models; there the generic sample is 5 % of the training queries).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rag_robust import attacks, systems
from rag_robust.assemble import Session
from rag_robust.attacks._view import Secrets
from rag_robust.corpus import concepts
from rag_robust.corpus.concepts import Concept
from rag_robust.defended import sized
from rag_robust.errors import SuiteError, TargetError, UsageError
from rag_robust.listed import ranking, ranks, scorer
from rag_robust.metrics.wrong import wrong_answer
from rag_robust.retrieve.scores import bi_encoder
from rag_robust.seeds import digest, generator
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Answer, Attack, Change, Changeable, Encoder, Passage, Query, Reader, System

if TYPE_CHECKING:
    from rag_robust.encode.tokens import TokenModel

__all__ = [
    "demotes",
    "encoders",
    "judged_queries",
    "known_queries",
    "limited",
    "make_attack",
    "neutral",
    "ruler",
    "secrets",
    "seen_queries",
    "target_of",
]

FEWEST = 20
"""Queries a corpus must have for half of them to be a sample."""

OTHERS = 1000
"""Queries whose answers a target is drawn from."""

SEEN = 20
"""Queries that a defender has seen."""


def make_attack(name: str, task: Task, concept: Concept | None) -> Attack:
    """The attack of a task, or one of its baselines with what it shares with it."""
    known = attacks.parameters(name)
    information = task.information or (concept.information if concept else None)
    shared: dict[str, object] = {"passages": task.passages, "information": information}
    if twice := sorted(shared.keys() & task.parameters.keys()):
        raise SuiteError(f'task "{task.name}": {twice[0]} stands in the task itself, not under with')
    if name == task.attack and task.passages > 1 and "passages" not in known:
        raise SuiteError(f'task "{task.name}": attack {name} has no parameter "passages"; leave it out')
    given = {k: v for k, v in shared.items() if k in known and v is not None}
    if name == task.attack:
        return attacks.load(name, **given, **task.parameters)
    return attacks.load(name, **given, **{k: v for k, v in task.parameters.items() if k in known})


def demotes(attack: Attack) -> bool:
    """Whether an editing attack says, by `goal = "demote"`, that it brings passages down, not up."""
    return attack.threat.writes == "edit" and getattr(attack, "goal", "promote") == "demote"


def known_queries(session: Session, task: Task, query_id: str | None = None) -> tuple[Query, ...]:
    """What the attacker reads; `query_id` is the query under attack where it knows all."""
    if query_id is not None:
        return (session.corpus().queries[query_id],)
    return _halves(session, task)[0] if task.knows == "knows-nothing" else session.concept(task).held_in


def judged_queries(session: Session, task: Task) -> tuple[Query, ...]:
    """The queries the attack is judged on, at most the task's `limit`."""
    if task.knows == "knows-all":
        return limited(session, task)
    judged = _halves(session, task)[1] if task.knows == "knows-nothing" else session.concept(task).held_out
    return judged[: task.limit]


def seen_queries(session: Session, task: Task) -> tuple[str, ...]:
    """Texts of at most 20 queries that a defender has seen: none that the attacker knows or is judged on.

    They are drawn from the corpus' own, and where too few of those are left, from other concepts.
    """
    secret = {q.text for q in judged_queries(session, task)}
    if task.knows != "knows-all":
        secret |= {q.text for q in known_queries(session, task)}
    queries = session.corpus().queries
    others = [q for c in _other_concepts(session, task) for q in (*c.held_in, *c.held_out)]
    rng = generator(session.suite.seed, "seen by the defender")
    drawn: list[str] = []
    for pool in ([queries[i].text for i in sorted(queries)], [q.text for q in others]):
        free = [text for text in dict.fromkeys(pool) if text not in secret]
        drawn += [free[i] for i in rng.permutation(len(free))[: SEEN - len(drawn)]]
    return tuple(sorted(drawn))


def limited(session: Session, task: Task) -> tuple[Query, ...]:
    """The corpus' queries in the order of their ids, at most the task's `limit`."""
    queries = session.corpus().queries
    chosen = sorted(queries)[: task.limit]
    if not chosen:
        raise SuiteError(f'task "{task.name}": the corpus {session.suite.corpus.source} has no queries')
    return tuple(queries[i] for i in chosen)


def encoders(session: Session, task: Task) -> tuple[Encoder, ...]:
    """What a white-box attacker has in hand: the surrogates of the task, else the victim's own encoder."""
    if session.sketch:
        return ()
    if task.surrogates:
        return tuple(session.encoder(name, "float32") for name in task.surrogates)
    own = session.world_of(task).encoder
    return () if own is None else (own,)


def ruler(session: Session, task: Task) -> TokenModel | None:
    """Whose tokens a budget counts: an attacker's own encoder, the victim's, or the suite's own system's.

    So passages before a retriever that counts words may be as long as those beside them before an encoder.
    An attacker who has surrogates measures by the first that has tokens. None: words are counted.
    """
    if session.sketch:
        return None
    if task.surrogates:
        return next((model for name in task.surrogates if (model := session.surrogate(name))), None)
    if (victim := session.token_model(task.system)) is not None:
        return victim
    config = session.suite.described("")
    encodes = session.system is None and config.kind == "pipeline" and config.retriever.encodes
    return session.surrogate(config.retriever.encoder) if encodes else None


def target_of(session: Session, task: Task, query: Query) -> str | None:
    """The wrong answer the attacker wants: the task's own, else one drawn for a query it knows.

    It comes from the answers to at most 1,000 other queries of the corpus. None without known answers,
    or where none of those is wrong.
    """
    if task.target is not None or task.knows != "knows-all" or not query.answers:
        return task.target
    rng = generator(session.suite.seed, "target", query.id)
    queries = session.corpus().queries
    ids = sorted(i for i in queries if i != query.id)
    others = [queries[ids[i]] for i in rng.permutation(len(ids))[:OTHERS]]
    try:
        return wrong_answer(query, others, rng)
    except UsageError:  # nothing to draw from: an attack that needs a target is then not applicable
        return None


def secrets(session: Session, task: Task, known: Sequence[Query]) -> Secrets:
    """All an attack of this task may be shown; with surrogates, nothing from within the victim's retriever.

    Embeddings and scores are then those of the first surrogate; ranks are what anybody sees who asks.
    """
    world = session.world_of(task)
    own = encoders(session, task)
    models: list[TokenModel | None] = [session.surrogate(name) for name in task.surrogates]
    models = models or [session.token_model(task.system)]
    white = tuple(model for model in models if model is not None)
    embed = own[0].encode if own else None
    return Secrets(
        known,
        world.corpus.passages,
        white[0] if white else None,
        white[0].counted(embed) if white and embed else embed,
        bi_encoder(own[0]) if task.surrogates and own else scorer(world),
        models=white,
        ask=_ask(world.system, task),
        answer=_answer(world.system),
        rank=ranks(world, task),
        listed=lambda query: ranking(world, task, query),
    )


def neutral(passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """The passages under neutral ids, so that none wins a tie, or a filter, by its name."""
    return tuple(replace(p, id=f"inserted-{digest(p.full, i)[:12]}") for i, p in enumerate(passages))


def _halves(session: Session, task: Task) -> tuple[tuple[Query, ...], tuple[Query, ...]]:
    """The generic sample and the judged queries of an attacker who knows nothing."""
    queries = session.corpus().queries
    ids = sorted(queries)
    if len(ids) < FEWEST:
        others = _other_concepts(session, task)
        return tuple(q for c in others for q in (*c.held_in, *c.held_out)), limited(session, task)
    drawn = generator(session.suite.seed, "generic sample").permutation(len(ids))[: len(ids) // 2]
    known = {ids[i] for i in drawn.tolist()}
    return tuple(queries[i] for i in sorted(known)), tuple(queries[i] for i in ids if i not in known)


def _other_concepts(session: Session, task: Task) -> list[Concept]:
    """The concepts that come along, without the task's own."""
    own = session.concept(task).name if task.concept else None
    return [c for name in concepts.names() if (c := concepts.concept(name)).name != own]


def _ask(system: System, task: Task) -> Callable[[Query, Sequence[Passage]], Answer] | None:
    """What the whole system answers with passages inserted; its hits name them as the attack did."""
    if not isinstance(system, Changeable) or (isinstance(system, Pipeline) and system.generate is None):
        return None
    whole = sized(system, task.model_copy(update={"generate": True}))

    def ask(query: Query, poison: Sequence[Passage]) -> Answer:
        inserted = neutral(poison)
        change = Change(inserted=inserted)
        if (reason := systems.applicable(whole, change)) is not None or not isinstance(whole, Changeable):
            raise TargetError(reason or "the system cannot live in a changed corpus", "not_applicable")
        answer = whole.changed(change)(query)
        names = {new.id: old.id for new, old in zip(inserted, poison, strict=True)}
        hits = [replace(hit, passage_id=names.get(hit.passage_id, hit.passage_id)) for hit in answer.hits]
        return replace(answer, hits=tuple(hits))

    return ask


def _answer(system: System) -> Callable[[Query, Sequence[str]], str] | None:
    """What the system's generator makes of given texts."""
    if not isinstance(system, Reader) or (isinstance(system, Pipeline) and system.generate is None):
        return None
    return lambda query, texts: system.read([query], [list(texts)])[0].text or ""
