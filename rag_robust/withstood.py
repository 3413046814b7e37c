"""Proofs for a question: how many hostile passages its answer withstands, and how many can be shown to it."""

from __future__ import annotations

from functools import partial

from rag_robust.assemble import Session
from rag_robust.errors import TargetError
from rag_robust.listed import certificate
from rag_robust.metrics.answers import outcome
from rag_robust.metrics.certified import entering
from rag_robust.seeds import digest, generator
from rag_robust.shown import Case
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Certificate

__all__ = ["proved", "withstanding"]

Note = float | int | str | bool


def withstanding(system: object, case: Case) -> dict[str, Note]:
    """How many of the shown passages may be hostile and the answer stays right, where they are read alone.

    `withstands` is -1 where it is wrong as it is; `withstands_of` says of which answer that was proved.
    """
    query = case.asked
    if not isinstance(system, Pipeline) or case.shown is None or case.answer is None or not query.answers:
        return {}

    def right(text: str) -> bool:
        return outcome(query, text) == "correct"

    found = system.withstands(query, [passage.full for passage in case.shown], right)
    if found is None or case.answer.text is None:
        return {}
    return {"withstands": found, "withstands_of": digest("answer", case.answer.text)[:12]}


def proved(session: Session, task: Task, case: Case) -> tuple[dict[str, Note], Certificate | None]:
    """The certificate of the ranking that a question is answered from, and `hostile`, what it lets in.

    Of listed passages; a closed form of BM25 lets the statistics of the corpus move with all their edits, any
    other certificate of BM25 holds them fixed. What cannot be proved, and what a certificate says of another
    ranker than the deployed one, is noted as `unproved`, with the reason.
    """
    world = session.world_of(task)
    if not task.certify or not isinstance(world.system, Pipeline) or case.failure is not None:
        return {}, None
    k = world.system.context
    own = {"reindexed": task.depth - k} if task.certify == "bm25" else {}
    alone = task.model_copy(update={"questions": None, "k": k, "parameters": own | dict(task.parameters)})
    allowed = partial(session.substitutions, alone)
    rng = generator(session.suite.seed, "certificate")
    try:
        proof = certificate(world, alone, case.asked, allowed, rng)
    except TargetError as error:
        return {"unproved": str(error)}, None
    if wrong := _other(proof):
        return {"unproved": wrong}, proof
    return {"hostile": entering(proof, proof.k)}, proof


def _other(proof: Certificate) -> str:
    """Why a certificate says nothing of passages that are edited under the deployed ranker; "" if it does."""
    if proof.alpha >= 1:
        return f"{proof.method} is a baseline that proves nothing"
    if proof.method == "query":
        return "query certifies other wordings of the question, not edits of passages"
    return "" if proof.ranker == "the model" else f"{proof.method} certifies another ranker: {proof.ranker}"
