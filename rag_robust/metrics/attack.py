"""How far an attack came: whether its passages are seen, how high they stand, what they push out."""

# ruff: noqa: ARG001 (every metric takes the corpus, not every one looks at it)
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import attacked, failed_attack, per_query, usable
from rag_robust.types import Corpus, Hit, Record

__all__ = [
    "BOUNDS",
    "adversarial_rr",
    "appeared",
    "appeared_strict",
    "best_rank",
    "displaced",
    "success",
    "wins_over_gold",
]

BOUNDS = {"best_rank": lambda k: (1.0, k + 1.0)}


def appeared(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """Whether a passage the attack put in or edited is among the first k, ties given to the attacker.

    1 if min over p in `record.inserted` of rank(p) <= k, else 0, where rank(p) is the first place
    of p's block of equal scores: an equal score may win on another day. An attack over its budget
    failed: 0. NaN: clean records and all other failures. Ties with hits that were not returned
    cannot be seen.
    """
    return _each(records, 0.0, lambda _, r: float(_best(r) <= k))


def appeared_strict(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """As `appeared`, with ties given to the defender: behind every untouched passage of equal score.

    The share of queries between this and `appeared` hangs on ties alone.
    """
    return _each(records, 0.0, lambda _, r: float(_best(r, strict=True) <= k))


def adversarial_rr(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """One over the rank of the attack's best passage, ties given to the attacker; 0 beyond k."""
    return _each(records, 0.0, lambda _, r: 1.0 / _best(r) if _best(r) <= k else 0.0)


def best_rank(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """The rank of the attack's best passage, ties given to the attacker; k + 1 if beyond k."""
    return _each(records, k + 1.0, lambda _, r: min(_best(r), k + 1.0))


def wins_over_gold(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Whether the attack's best passage stands above every relevant one, ties given to the attacker.

    Relevant are passages of grade 1 or more that the attack did not touch itself; NaN without
    any. Neither of both retrieved: 0.
    """

    def wins(_: Record | None, record: Record) -> float:
        grades = corpus.qrels.get(record.query_id, {})
        gold = {p for p, grade in grades.items() if grade > 0} - set(record.inserted)
        if not gold:
            return math.nan
        best = _best(record)
        ranks = _ranks(record.hits, frozenset(record.inserted))
        return float(
            best < math.inf and best <= min((ranks[p][0] for p in gold & ranks.keys()), default=math.inf)
        )

    return _each(records, 0.0, wins)


def success(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """Whether a passage of the attack is in the first k that was not there in the clean ranking.

    For edited passages that is the promotion; inserted ones never were there, so it equals
    `appeared`. NaN without a usable clean record.
    """

    def promoted(clean: Record | None, record: Record) -> float:
        if clean is None or not usable(clean):
            return math.nan
        before = _top(clean, k)
        ranks = _ranks(record.hits, frozenset(record.inserted))
        return float(any(p in ranks and ranks[p][0] <= k and p not in before for p in record.inserted))

    return _each(records, 0.0, promoted)


def displaced(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """The share of the clean top k that is gone from the judged top k.

    |C - J| / |C| for the first k of the clean (C) and the judged (J) ranking as listed; NaN
    without a usable clean record or if that had no hits.
    """

    def gone(clean: Record | None, record: Record) -> float:
        before = _top(clean, k) if clean is not None and usable(clean) else set()
        return len(before - _top(record, k)) / len(before) if before else math.nan

    return _each(records, 0.0, gone)


def _each(
    records: Sequence[Record], if_failed: float, value: Callable[[Record | None, Record], float]
) -> NDArray[np.float64]:
    """`value` of each attacked record; `if_failed` for an attack that went over its budget."""

    def judge(clean: Record | None, record: Record) -> float:
        if failed_attack(record):
            return if_failed
        return value(clean, record) if attacked(record) and usable(record) else math.nan

    return per_query(records, judge)


def _top(record: Record, k: int) -> set[str]:
    return {hit.passage_id for hit in record.hits[:k]}


def _best(record: Record, *, strict: bool = False) -> float:
    """The best rank of a passage of the attack, infinite if none was retrieved."""
    inserted, hits = frozenset(record.inserted), record.hits
    first = next((i for i, hit in enumerate(hits) if hit.passage_id in inserted), None)
    if first is None:
        return math.inf
    block = _ties(hits, first)
    return block[0] + 1 + (sum(hits[i].passage_id not in inserted for i in block) if strict else 0)


def _ties(hits: Sequence[Hit], place: int) -> range:
    """The places of the run of equal scores around a place."""
    start, end = place, place + 1
    while start and hits[start - 1].score == hits[place].score:
        start -= 1
    while end < len(hits) and hits[end].score == hits[place].score:
        end += 1
    return range(start, end)


def _ranks(hits: Sequence[Hit], inserted: frozenset[str]) -> dict[str, tuple[int, int]]:
    """First place of each passage's block of equal scores, and its place behind the block's others.

    Blocks are runs of equal scores in the order listed, which stays what it is.
    """
    ranks: dict[str, tuple[int, int]] = {}
    start = 0
    while start < len(hits):
        end = start + 1
        while end < len(hits) and hits[end].score == hits[start].score:
            end += 1
        block = [hit.passage_id for hit in hits[start:end]]
        behind = start + sum(p not in inserted for p in block)
        for passage_id in block:
            behind += passage_id in inserted
            ranks.setdefault(passage_id, (start + 1, behind if passage_id in inserted else end))
        start = end
    return ranks
