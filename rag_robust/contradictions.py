"""Certificates held against attacks: what is proved and yet broken is our error, and ends a run as one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rag_robust.suite import Suite
from rag_robust.task import Task
from rag_robust.types import CLEAN, Certificate, Record

__all__ = ["contradictions"]


def contradictions(suite: Suite, records: Sequence[Record]) -> Iterator[str]:
    """Bounds that an attack inside the certified set goes beyond: never to be.

    A certificate of the model itself, not of a ranker made of it, gives every listed passage a score u that
    no version of it exceeds, and a rank w that none gets above while the others are left alone. So an attack
    of whatever search, on the same system and substitutions, that edits this passage alone and brings it
    above either breaks the certificate: by its score under the statistics of the unchanged corpus, which is
    what is certified, and by its rank in the changed one, if its edit moved no other passage there. One of
    the query's wordings is broken by a wording under which other listed passages are the top k.
    """
    proved: dict[tuple[object, ...], list[Record]] = {}
    for record in records:
        if record.certificate is not None:
            proved.setdefault((*_threat(suite.select(record.task)), record.query_id), []).append(record)
    clean = {(r.task, r.query_id): r for r in records if r.condition == CLEAN}
    for record in records:
        task = suite.select(record.task)
        before = clean.get((record.task, record.query_id))
        if before is None or not _attacked(task, record):
            continue
        for certified in proved.get((*_threat(task), record.query_id), ()):
            proof = certified.certificate
            if proof is None or not _covers(proof, task, record):
                continue
            if len(record.inserted) == 1 and proof.ranker == "the model":
                yield from _broken(certified, record, before)
            if not record.inserted and proof.method == "query":
                yield from _reworded(certified, record)


def _attacked(task: Task, record: Record) -> bool:
    """Whether an attack changed a text, and what it is now is one of the task's versions of it."""
    own = task.kind == "attack" and record.condition == task.method and record.failure is None
    return own and record.notes.get("inside") is True


def _moved(clean: Record, record: Record) -> bool:
    """Whether the edit moved more than its passage: a statistic of the corpus, or a first stage's candidates.

    Of those nothing is proved.
    """
    before = {hit.passage_id: hit.score for hit in clean.hits if hit.passage_id not in record.inserted}
    now = {hit.passage_id: hit.score for hit in record.hits}
    return any(i not in now or _above(s, now[i]) for i, s in before.items())


def _above(score: float, other: float) -> bool:
    """Whether a score exceeds another by more than what rounding does to either."""
    return score > other + 1e-6 * max(1.0, abs(other))


def _covers(proof: Certificate, task: Task, record: Record) -> bool:
    """Whether the certificate allows as many replaced words as the attack made."""
    swaps = record.notes.get("swaps", task.swaps)
    return proof.swaps is None or (isinstance(swaps, int) and swaps <= proof.swaps)


def _broken(certified: Record, record: Record, clean: Record) -> Iterator[str]:
    """What the certificate says of the edited passage, if the attack has shown that it is wrong."""
    proof, (target,) = certified.certificate, record.inserted
    if proof is None or target not in proof.upper:
        return
    most, told = proof.upper[target], f"query {record.query_id}"
    best = 1 + sum(low > most for i, low in proof.lower.items() if i != target)
    frozen = float(record.notes.get("frozen_score", -math.inf))
    ranks = [_now(clean, record)]
    if passed := _above(frozen, most):
        ranks.append(1 + sum(score > frozen for i, score in proof.scores.items() if i != target))
    if (rank := min(ranks)) < best:
        claim = f'"{certified.task}" proves that {target} gets no better rank than {best}'
        broken = "certified, yet broken" if rank <= proof.k < best else "proved, yet passed"
        yield f'{told}: {broken}: {claim}, "{record.task}" brought it to {rank}'
    elif passed:
        claim = f'"{certified.task}" proves that {target} scores at most {most:.6g}'
        yield f'{told}: proved, yet passed: {claim}, "{record.task}" brought it to {frozen:.6g}'


def _now(clean: Record, record: Record) -> float:
    """The rank of the edited passage in the changed corpus; infinite if others moved, or it is not listed."""
    own = next((hit.score for hit in record.hits if hit.passage_id in record.inserted), None)
    if own is None or _moved(clean, record):
        return math.inf
    return 1 + sum(hit.score > own for hit in record.hits if hit.passage_id not in record.inserted)


def _reworded(certified: Record, record: Record) -> Iterator[str]:
    """What the certificate says of the first k, if listed passages alone have shown that it is wrong."""
    proof = certified.certificate
    if proof is None or proof.verdict != "certified":
        return
    first = list(proof.scores)[: proof.k]
    now = [hit.passage_id for hit in record.hits[: proof.k]]
    if set(now) <= proof.scores.keys() and set(now) != set(first):
        claim = f'"{certified.task}" proves that its top {proof.k} holds in other words'
        yield f'query {record.query_id}: certified, yet broken: {claim}, "{record.task}" found others'


def _threat(task: Task) -> tuple[object, ...]:
    """What attack and certificate must share to be about the same versions of the same passages."""
    return task.system, task.synonyms, task.per_word, task.share, task.freeze_query
