"""The list an editing attacker works on: which passages it owns, and where the victim ranks their versions.

*Source*: the protocols easy-5 and hard-5 are those of Liu et al., PAT, and of Chen et al., IDEM (targets from
ranks 51 to 100, and the last five); there each target is attacked once per query, as here in five trials.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust import certify
from rag_robust.certify.ranking import Ranking
from rag_robust.defended import sized
from rag_robust.errors import SuiteError, TargetError, nearest
from rag_robust.retrieve.bm25 import BM25
from rag_robust.retrieve.hits import best
from rag_robust.synonyms.space import Substitutions
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Certificate, Change, Changeable, Hit, Passage, Query, Score, System
from rag_robust.worlds import World

__all__ = [
    "certificate",
    "check",
    "check_targets",
    "demotable",
    "owned",
    "parameters",
    "ranking",
    "ranks",
    "scorer",
]

_GIVEN = frozenset({"ranking", "allowed", "rng", "k"})
"""What the harness gives to every family of certificates."""

_DEEPEST = {"easy-5": 100, "hard-5": 5}
"""How many places a list must have, or for "hard-5" have below the top k, for a protocol's targets."""

Ranks = Callable[[Query, Sequence[Passage]], NDArray[np.int64]]


def ranking(world: World, task: Task, query: Query) -> list[Passage]:
    """The passages a list certificate is about: the first `depth` of the clean ranking.

    Where BM25 ranks alone and `depth` reaches the size of the corpus they are all there are.

    Raises:
        TargetError: the system found a passage without a text.
    """
    try:
        return [world.corpus.passages[hit.passage_id] for hit in _hits(world, task, query)]
    except KeyError as error:
        message = f"the system found passage {error}, whose text the corpus does not have"
        raise TargetError(message, "not_applicable") from error


def owned(world: World, task: Task, query: Query, trial: int, rng: Generator) -> list[Passage]:
    """The passages an attacker may edit to bring them up: all below the first k, or the trial's one target.

    "easy-5": one drawn from each ten places from 51 to 100; "hard-5": the last five of the list.

    Raises:
        TargetError: the list is too short for the protocol.
    """
    listed = ranking(world, task, query)
    if task.targets == "outsiders":
        return listed[task.k :]
    needed = _DEEPEST["easy-5"] if task.targets == "easy-5" else task.k + _DEEPEST["hard-5"]
    if len(listed) < needed:
        raise TargetError(
            f'targets "{task.targets}" need a list of {needed} passages, the system found {len(listed)}',
            "not_applicable",
        )
    if task.targets == "hard-5":
        return [listed[len(listed) - _DEEPEST["hard-5"] + trial]]
    return [listed[50 + 10 * trial + int(rng.integers(10))]]


def demotable(world: World, task: Task, query: Query) -> list[Passage]:
    """The passages an attacker may bring down: the relevant ones, or if none is judged the top k.

    Raises:
        TargetError: the system found a passage without a text.
    """
    grades = world.corpus.qrels.get(query.id, {})
    known = world.corpus.passages
    relevant = [known[i] for i in sorted(grades) if grades[i] > 0 and i in known]
    return relevant or ranking(world, task, query)[: task.k]


def scorer(world: World) -> Score | None:
    """What scores any text as the final ranking does: the last stage, or BM25 where it stands alone."""
    first = world.system.retriever if isinstance(world.system, Pipeline) else None
    return world.score or (first.score if isinstance(first, BM25) else None)


def ranks(world: World, task: Task) -> Ranks | None:
    """The victim's rank of each version among its own list, the others unchanged; None if it tells none.

    1 + #{i != d : s_i >= s'}: ties are the others'. By the score of the final stage where it can be asked
    for, else by asking the system over the changed corpus; beyond the list is one behind its last passage.
    """
    system = sized(world.system, task)
    clean = cache(lambda query: _hits(world, task, query))
    score = scorer(world)
    if score is None and not isinstance(system, Changeable):
        return None

    def ranked(query: Query, versions: Sequence[Passage]) -> NDArray[np.int64]:
        if score is None:
            return np.array([_asked(system, task, query, v) for v in versions], np.int64)
        scores = score(query.text, [v.full for v in versions])
        hits: tuple[Hit, ...] = clean(query)
        pairs = zip(versions, scores.tolist(), strict=True)
        return np.array([_place(hits, v.id, s) for v, s in pairs], np.int64)

    return ranked


def certificate(
    world: World, task: Task, query: Query, allowed: Callable[[], Substitutions], rng: Generator
) -> Certificate:
    """The task's certificate for the clean ranking of one query.

    Raises:
        TargetError: the system tells no scores of single texts or lists nobody outside the top k, or the
            method cannot do with its scorer.
    """
    score = scorer(world)
    if score is None:
        message = "certificates need a system whose score of one passage can be asked for"
        raise TargetError(message, "not_applicable")
    listed = tuple(ranking(world, task, query))
    if len(listed) <= task.k:
        message = f"the system found {len(listed)} passages, so nobody is outside the top k = {task.k}"
        raise TargetError(message, "not_applicable")
    prove = certify.load(task.method)
    proof = prove(Ranking(query, listed, score), allowed(), rng, k=task.k, **task.parameters)
    usual = {n: v for n, v in parameters(task.method).items() if v is not inspect.Parameter.empty}
    own = {**usual, **task.parameters, **proof.parameters}
    whole = len(listed) == len(world.corpus.passages)
    return replace(proof, parameters=own, synonyms=task.synonyms, first_stage=whole)


def check_targets(task: Task) -> None:
    """Refuse a list that a protocol's targets are not in, or a top k that they are.

    Raises:
        SuiteError: it is.
    """
    if task.targets == "outsiders":
        return
    needed = _DEEPEST["easy-5"] if task.targets == "easy-5" else task.k + _DEEPEST["hard-5"]
    if task.depth < needed:
        raise SuiteError(
            f'task "{task.name}": depth {task.depth} is not deep enough for targets "{task.targets}"; '
            f"raise it to {needed}"
        )
    if task.targets == "easy-5" and task.k > 50:
        raise SuiteError(f'task "{task.name}": targets "easy-5" start at rank 51, got k = {task.k}; lower k')


def parameters(family: str) -> dict[str, object]:
    """The parameters of a family of certificates, and their defaults.

    Raises:
        SuiteError: there is no such family.
    """
    signature = inspect.signature(certify.load(family))
    return {name: p.default for name, p in signature.parameters.items() if name not in _GIVEN}


def check(family: str, given: Mapping[str, object]) -> None:
    """Refuse parameters that a family does not have, or of another type than their default.

    Raises:
        SuiteError: it has no such parameter, or it is of another type.
    """
    known = parameters(family)
    for name, value in given.items():
        if name not in known:
            own = nearest(name, known) if known else "it has none"
            raise SuiteError(f'certificate {family} has no parameter "{name}"; {own}')
        default = known[name]
        number = isinstance(default, (int, float)) and not isinstance(default, bool)
        kind = type(default) if not number else (int if isinstance(default, int) else (int, float))
        if default is not None and (not isinstance(value, kind) or isinstance(value, bool) != (kind is bool)):
            raise SuiteError(f"certificate {family}: {name} is like {default!r}, got {value!r}")


def _hits(world: World, task: Task, query: Query) -> tuple[Hit, ...]:
    hits = sized(world.system, task)(query).hits[: task.depth]
    return (*hits, *_without_a_word(world, task, hits))


def _without_a_word(world: World, task: Task, hits: Sequence[Hit]) -> list[Hit]:
    """What BM25 does not find, with score 0, where it ranks alone and as deep as the corpus is large.

    No hits of a search, but an attacker can make them some: only with them is the list the whole corpus.
    """
    passages = world.corpus.passages
    if task.depth < len(passages) or not isinstance(getattr(scorer(world), "__self__", None), BM25):
        return []
    found = {hit.passage_id for hit in hits}
    return best(((i, 0.0) for i in passages if i not in found), len(passages))


def _asked(system: System, task: Task, query: Query, version: Passage) -> int:
    if not isinstance(system, Changeable):
        raise TargetError("the system cannot live in a changed corpus", "not_applicable")
    hits = system.changed(Change(edited={version.id: version}))(query).hits[: task.depth]
    own = next((hit.score for hit in hits if hit.passage_id == version.id), -np.inf)
    return _place(hits, version.id, own)


def _place(hits: Sequence[Hit], passage_id: str, score: float) -> int:
    return 1 + sum(hit.score >= score for hit in hits if hit.passage_id != passage_id)
