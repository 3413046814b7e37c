"""How alike the rankings of one query are before and after a change, whatever is relevant."""

# ruff: noqa: ARG001 (every metric takes the corpus, not every one looks at it)
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import failed_attack, per_query, usable
from rag_robust.types import CLEAN, Corpus, Record

__all__ = ["BOUNDS", "jaccard", "kendall", "overlap", "rbo"]

BOUNDS = {"kendall": (-1.0, 1.0)}


def rbo(records: Sequence[Record], corpus: Corpus, *, p: float = 0.9) -> NDArray[np.float64]:
    """Rank-biased overlap of the clean and the judged ranking: 1 if equal, 0 if disjoint.

    For lists of lengths s <= l, X_d shared ids in the first d places of both, X_s and X_l at
    those depths:
    RBO = (1 - p)/p (sum_{d=1..l} X_d/d p^d + sum_{d=s+1..l} X_s (d - s)/(s d) p^d)
    + ((X_l - X_s)/l + X_s/s) p^l: beyond what was listed, agreement goes on as seen.
    NaN: no usable pair, or both lists empty; one empty list is 0.

    *Source*: Webber, Moffat and Zobel, TOIS 28 (2010), equation 32.
    """
    return _compare(records, lambda a, b: overlap(a, b, p))


def jaccard(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """Shared over all passages of the first k of the clean and the judged ranking.

    NaN: no usable pair, or both lists empty.
    """

    def share(a: Sequence[str], b: Sequence[str]) -> float:
        return len({*a[:k]} & {*b[:k]}) / len({*a[:k], *b[:k]})

    return _compare(records, share)


def kendall(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Kendall's tau of the clean and the judged ranking: 1 in the same order, -1 in the opposite one.

    (C - D) / (C + D) over the pairs whose order both rankings tell, C of them alike and D not: what is
    listed stands above what is not, and of two that are not listed nothing is told. NaN: no usable pair of
    rankings, or no such pair of passages.

    *Source*: Fagin, Kumar and Sivakumar, SIAM J. Discrete Math. 17 (2003), K^(0) in the place of the
    number of discordant pairs.
    """
    return _compare(records, _tau)


def _compare(
    records: Sequence[Record], alike: Callable[[Sequence[str], Sequence[str]], float]
) -> NDArray[np.float64]:
    """`alike` of the clean and the judged ids; an attack over its budget changed nothing: 1."""

    def judge(clean: Record | None, record: Record) -> float:
        if record.condition == CLEAN or clean is None or not usable(clean):
            return math.nan
        if failed_attack(record):
            return 1.0
        a, b = _ids(clean), _ids(record)
        return alike(a, b) if usable(record) and (a or b) else math.nan

    return per_query(records, judge)


def _ids(record: Record) -> list[str]:
    return list(dict.fromkeys(hit.passage_id for hit in record.hits))


def _tau(a: Sequence[str], b: Sequence[str]) -> float:
    ids = list(dict.fromkeys([*a, *b]))
    signs = []
    for ranked in (a, b):
        places = {passage_id: place for place, passage_id in enumerate(ranked)}
        at = np.array([places.get(i, len(ranked)) for i in ids])
        signs.append(np.sign(at[:, None] - at[None, :]))
    told = np.count_nonzero(signs[0] * signs[1])
    return float((signs[0] * signs[1]).sum() / told) if told else math.nan


def overlap(a: Sequence[str], b: Sequence[str], p: float) -> float:
    """Rank-biased overlap of two lists of ids, extrapolated as `rbo` says; 0 if one is empty."""
    short, long = sorted((a, b), key=len)
    s, l = len(short), len(long)  # noqa: E741, the paper's letters
    if not s:
        return 0.0
    shared = [len({*short[:d]} & {*long[:d]}) for d in range(1, l + 1)]
    seen = math.fsum(x / d * p**d for d, x in enumerate(shared, 1))
    uneven = math.fsum(shared[s - 1] * (d - s) / (s * d) * p**d for d in range(s + 1, l + 1))
    last = (shared[-1] - shared[s - 1]) / l + shared[s - 1] / s
    return min(1.0, (1 - p) / p * (seen + uneven) + last * p**l)
