"""The geometry of the encoders under attack, measured once per run: what attacks are read beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TypeVar

from rag_robust.assemble import Session
from rag_robust.encode.geometry import geometry
from rag_robust.seeds import digest, generator
from rag_robust.store import Store
from rag_robust.task import Task
from rag_robust.threats import make_attack

__all__ = ["PASSAGES", "QUERIES", "keep_spaces", "space_key"]

T = TypeVar("T")

K = 10
"""Neighbours per query, as many as attacks are compared by."""

QUERIES, PASSAGES = 1_500, 50_000
"""The most that are compared; of more, so many are drawn by the suite's seed."""

VERSION = 1
"""Raised when a number changes its meaning."""


def keep_spaces(session: Session, store: Store) -> None:
    """Measure every encoder that alone decides a ranking which attacks are compared on, and keep it.

    Queries and passages are the corpus' own. What was measured before on the same is not measured again, and
    what the suite no longer asks for is forgotten.
    """
    known = {name: store.artifact(space_key(name)) or {} for name in ("", *session.suite.systems)}
    made = {str(body["made"]): body for body in known.values() if body}
    systems = _systems(session)
    for name, before in known.items():
        found = _space(session, name, made) if name in systems else {}
        if found != before:
            store.add((), {space_key(name): ("geometry", found)})


def _space(session: Session, name: str, made: dict[str, dict[str, object]]) -> dict[str, object]:
    """The numbers of a system's encoder, from those that were `made` if they are there."""
    corpus, retriever = session.corpus(), session.suite.described(name).retriever
    encoder = session.encoder(retriever.encoder, retriever.dtype)
    key = digest(VERSION, encoder.fingerprint, corpus.digest, session.suite.seed, K, QUERIES, PASSAGES)
    if key not in made:
        queries = _drawn(session, corpus.queries, QUERIES)
        passages = _drawn(session, corpus.passages, PASSAGES)
        rng = generator(session.suite.seed, "geometry")
        found = geometry(encoder, queries, passages, k=K, n_texts=QUERIES, rng=rng)
        made[key] = {"made": key, "encoder": encoder.fingerprint, **asdict(found)}
    return made[key]


def space_key(system: str) -> str:
    """Where the geometry of a system's encoder is kept in the store."""
    return f"geometry {system}"


def _systems(session: Session) -> list[str]:
    """Dense systems with nothing behind the index, if two or more tasks put passages into the corpus."""
    suite, corpus = session.suite, session.corpus()
    attacked = [task.system for task in suite.task if task.kind == "attack" and _inserts(session, task)]
    if len(attacked) < 2 or min(len(corpus.queries), len(corpus.passages)) < 2:
        return []
    given = {""} if session.system is not None else set()
    configs = {name: suite.described(name) for name in attacked if name not in given}
    return [
        name
        for name, config in configs.items()
        if config.kind == "pipeline" and config.retriever.kind == "dense" and config.reranker is None
    ]


def _inserts(session: Session, task: Task) -> bool:
    attack = make_attack(task.method, task, session.concept(task) if task.concept else None)
    return attack.threat.writes == "insert"


def _drawn(session: Session, items: Mapping[str, T], most: int) -> list[T]:
    ids = sorted(items)
    drawn = generator(session.suite.seed, "geometry").permutation(len(ids))[:most]
    return [items[ids[i]] for i in sorted(drawn.tolist())]
