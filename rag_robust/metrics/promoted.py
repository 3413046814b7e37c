"""How far edited passages moved in the ranking: promoted, into the first k, by how many places, or down.

The rank of a passage is 1 + #{i != d : s_i > s_d} over the hits of one ranking. An equal score above it
counts nothing: ties are the attacker's. The metrics called `..._pessimistic` count i with s_i >= s_d, before
the edit and after it alike, so that an edit without effect has moved nothing in either mode. The rank before
is that of the clean ranking, the rank after that of the ranking over the changed corpus, in which the old
version is gone. Beyond the end of the ranking is one place behind its last hit.

An attack that changed nothing, or went over its budget, moved nothing. With several edited passages the
value is their mean. NaN: a record or its clean counterpart failed, or the clean ranking had not the passage.

*Source*: Wu et al., PRADA, TOIS 2023 (success and boost); Wang et al., EMPRA (share within k). Two published
evaluators are off by one: PAT's takes a rank from 1 before and one from 0 after, IDEM's leaves the
passage's old score in the list. `tests/unit/test_metrics_promoted.py` tells them apart.
"""

# ruff: noqa: ARG001 (every metric takes the corpus, not every one looks at it)
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import attacked, failed_attack, mean, per_query, usable
from rag_robust.types import Corpus, Hit, Record

__all__ = [
    "BOUNDS",
    "boost",
    "boost_pessimistic",
    "enters",
    "enters_pessimistic",
    "harmed",
    "harmed_pessimistic",
    "promoted",
    "promoted_pessimistic",
    "rank_of",
    "shift",
    "shift_pessimistic",
]

_ANY = (-math.inf, math.inf)
BOUNDS = {
    "boost": _ANY,
    "boost_pessimistic": _ANY,
    "shift": (-math.inf, 1.0),
    "shift_pessimistic": (-math.inf, 1.0),
}


def promoted(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Whether the edited passage stands at a better rank than before: the mean is the success rate, ASR."""
    return _moved(records, lambda before, after: after < before)


def promoted_pessimistic(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """As `promoted`, with ties given to the others."""
    return _moved(records, lambda before, after: after < before, strict=True)


def enters(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """Whether the edited passage is among the first k, where it was not before (T5R, T10R); else NaN."""
    return _moved(records, lambda before, after: after <= k if before > k else math.nan)


def enters_pessimistic(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """As `enters`, with ties given to the others."""
    return _moved(records, lambda before, after: after <= k if before > k else math.nan, strict=True)


def boost(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """By how many places the edited passage came up; below 0 it fell."""
    return _moved(records, lambda before, after: before - after)


def boost_pessimistic(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """As `boost`, with ties given to the others."""
    return _moved(records, lambda before, after: before - after, strict=True)


def shift(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """The places it came up as a share of those above it, (rank - rank') / (rank - 1); NaN from rank 1."""
    return _moved(records, _share_of_places)


def shift_pessimistic(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """As `shift`, with ties given to the others."""
    return _moved(records, _share_of_places, strict=True)


def harmed(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Whether the edit brought its own passage down."""
    return _moved(records, lambda before, after: after > before)


def harmed_pessimistic(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """As `harmed`, with ties given to the others."""
    return _moved(records, lambda before, after: after > before, strict=True)


def rank_of(hits: Sequence[Hit], passage_id: str, *, strict: bool = False) -> int:
    """The rank of a passage by scores alone, ties its own or with `strict` the others'.

    One behind the last hit if it is not listed.
    """
    own = next((hit.score for hit in hits if hit.passage_id == passage_id), None)
    others = [hit.score for hit in hits if hit.passage_id != passage_id]
    if own is None:
        return 1 + len(others)
    return 1 + sum(score >= own if strict else score > own for score in others)


def _share_of_places(before: int, after: int) -> float:
    return (before - after) / (before - 1) if before > 1 else math.nan


def _moved(
    records: Sequence[Record], value: Callable[[int, int], float], *, strict: bool = False
) -> NDArray[np.float64]:
    """`value` of the ranks before and after of each edited passage."""

    def judge(clean: Record | None, record: Record) -> float:
        if not attacked(record) or clean is None or not usable(clean):
            return math.nan
        if failed_attack(record) or (usable(record) and not record.inserted):
            return 0.0
        if not usable(record):
            return math.nan
        both = (clean.hits, record.hits)
        ranks = [[rank_of(hits, i, strict=strict) for hits in both] for i in record.inserted]
        beyond = 1 + len(clean.hits)
        return mean([float(value(a, b)) for a, b in ranks if a < beyond])

    return per_query(records, judge)
