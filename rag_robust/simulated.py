"""The simulated attack: passages whose vectors are perfect, an estimate in seconds and without a text.

The k-means centroids of the queries an attacker knows are scored as if they were passages: unit
vectors for cosine models; for dot products of the length that 99 % of the corpus' passages stay
below. No vector of that length has a greater mean similarity to the known queries of its cluster, and
that is all that is proved. How often a passage is among the first k, and anything over queries that
were held out, is no mean similarity: an optimised passage may do better than this row. For an
attacker who knows the very query a cluster is that query, and a cosine model's row is the most.

*Source*: Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, the "perfect" attack. There 25,000
passages are sampled for the length; here all are measured.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rag_robust.assemble import Session
from rag_robust.defended import sized
from rag_robust.index.order import pair_scores
from rag_robust.retrieve.dense import Dense
from rag_robust.retrieve.hits import best
from rag_robust.seeds import digest, generator
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.threats import known_queries
from rag_robust.types import Cost, Encoder, Failure, Record
from rag_robust.work import Done, RecordUnit

__all__ = ["SIMULATED", "applies", "simulated"]

SIMULATED = "simulated"
"""The name of the condition."""

_WHY_NOT = "perfect vectors are ranked exactly in a dense, exact (Flat) index with nothing behind it only"


def applies(session: Session, task: Task) -> bool:
    """Whether the task's system has an encoder whose vectors could be simulated."""
    config = session.suite.described(task.system)
    given = session.system is not None and not task.system
    return not given and config.kind == "pipeline" and config.retriever.encodes


def simulated(session: Session, task: Task, unit: RecordUnit) -> Done:
    """The clean rankings with the perfect vectors among them, one record per query."""
    world = session.world_of(task)
    system = sized(world.system, task.model_copy(update={"generate": False}))
    base = [
        Record(key, task.name, unit.condition, query.id, unit.trial)
        for key, query in zip(unit.keys, unit.queries, strict=True)
    ]
    if world.ranked_by is None or not isinstance(system, Pipeline):
        return Done(tuple(replace(record, failure=Failure("not_applicable", _WHY_NOT)) for record in base))
    started = time.perf_counter()
    rankings = [answer.hits for answer in system.many(unit.queries)]
    vectors = world.ranked_by.encode([query.text for query in unit.queries], "query")
    longest = _longest(system, world.ranked_by)
    shared = None if task.knows == "knows-all" else _known(session, task, world.ranked_by, longest)
    records = []
    for record, hits, vector in zip(base, rankings, vectors, strict=True):
        perfect = _perfect(vector[None], longest)[None] if shared is None else shared
        scores = pair_scores(perfect, vector).tolist()
        scored = {f"inserted-{digest(SIMULATED, i)[:12]}": score for i, score in enumerate(scores)}
        pairs = [*((hit.passage_id, hit.score) for hit in hits), *scored.items()]
        records.append(replace(record, hits=tuple(best(pairs, task.depth)), inserted=tuple(scored)))
    cost = Cost((time.perf_counter() - started) / len(base), 1)
    return Done(tuple(replace(record, cost=cost) for record in records))


def _known(session: Session, task: Task, encoder: Encoder, longest: float) -> NDArray[np.float32]:
    """The perfect vectors (n, dim) against all the queries the attacker knows, one per cluster."""
    from rag_robust.attacks._flip import clusters

    vectors = encoder.encode([query.text for query in known_queries(session, task)], "query")
    rng = generator(session.suite.seed, task.name, SIMULATED)
    return np.stack([_perfect(vectors[rows], longest) for rows in clusters(vectors, task.passages, rng)])


def _perfect(vectors: NDArray[np.float32], longest: float) -> NDArray[np.float32]:
    """The direction of the mean of `vectors` (n, dim), of length `longest`: shape (dim,)."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    scaled: NDArray[np.float64] = mean * (longest / max(float(np.linalg.norm(mean)), 1e-12))
    return scaled.astype(np.float32)


def _longest(system: Pipeline, encoder: Encoder) -> float:
    """1 for cosine models, else the 99th percentile of the passages' norms."""
    if encoder.similarity == "cosine" or not isinstance(system.retriever, Dense):
        return 1.0
    return float(np.percentile(np.linalg.norm(system.retriever.vectors, axis=1), 99))
