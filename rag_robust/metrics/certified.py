"""What certificates prove of queries: whose top k holds, how far outsiders get, what that costs at worst.

A certificate bounds every listed passage, so one of them answers every k. With lower bounds l and upper
bounds u of the passages as the certificate orders them, an unknown u counts as infinite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import per_query
from rag_robust.types import Certificate, Corpus, Record

__all__ = [
    "BOUNDS",
    "attacked_share",
    "certified",
    "certified_ndcg",
    "certified_rr",
    "certified_share",
    "entering",
    "hostile",
    "reach",
    "reach_decile",
    "reach_mean",
    "undecided_share",
]

BOUNDS = {
    "hostile": lambda k: (0.0, float(k)),
    "reach": (1.0, math.inf),
    "reach_decile": (1.0, math.inf),
    "reach_mean": (1.0, math.inf),
}


def certified_share(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """Whether the query's top k is proved to hold under all allowed changes; NaN without a certificate."""
    return _share(records, "certified")


def attacked_share(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """Whether a witness breaks the query's top k; NaN without a certificate."""
    return _share(records, "attacked")


def undecided_share(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """Whether neither proof nor witness was found for the query; NaN without a certificate."""
    return _share(records, "undecided")


def certified(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:  # noqa: ARG001
    """Whether the first k are proved to hold; its mean is CRQ@k, the share of certified robust queries.

    min over i <= k of l_i > max over j > k of u_j, for any k below the number of listed passages,
    whatever k the task names; at the task's own, the verdict may know more than the bounds. NaN without a
    certificate, or with nobody outside the first k.

    *Source*: Wu et al., Certified Robustness to Word Substitution Ranking Attack, CIKM 2022 (CRQ).
    """

    def holds(proof: Certificate) -> float:
        lower, upper = _bounds(proof)
        if k >= len(lower):
            return math.nan
        known = k == proof.k and proof.verdict == "certified"
        return float(known or lower[:k].min() > upper[k:].max())

    return _proved(records, holds)


def hostile(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:  # noqa: ARG001
    """How many attacked passages can stand among the first k at most, whatever all outsiders do together.

    It is k' = #{j > k : w(j) <= k}, at most k, with w(j) = 1 + #{i != j : l_i > u_j}. That w(j) is the best
    rank of j alone, yet k' holds for all outsiders at once. Let h of them be among the first k, j the one of
    these with the least u, and c the number of incumbents with l > u_j: they stand above j, so h <= k - c.
    Of the outsiders by falling u, the t-th has at most the t - 1 before it with an l above its u, and if it
    is not behind j at most c incumbents, so its w is at most c + t. The first h are not behind j and
    have c + t <= k: k' counts all of them. NaN without a certificate, or with nobody outside the first k.
    """
    return _proved(records, lambda proof: float(entering(proof, k)) if k < len(proof.scores) else math.nan)


def entering(proof: Certificate, k: int) -> int:
    """K' of one certificate, as `hostile` has it."""
    return min(k, int((_reached(proof)[k:] <= k).sum()))


def reach(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """The best rank to which any outsider can be brought alone: the least w(j); 1 without a bound."""
    return _proved(records, lambda proof: float(_reached(proof)[proof.k :].min()))


def reach_mean(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """The best rank that an outsider can be brought to alone, averaged over the outsiders of a query."""
    return _proved(records, lambda proof: float(_reached(proof)[proof.k :].mean()))


def reach_decile(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """The rank that a tenth of a query's outsiders, rounded up, can reach or pass, each of them alone."""

    def decile(proof: Certificate) -> float:
        ranks = np.sort(_reached(proof)[proof.k :])
        return float(ranks[math.ceil(len(ranks) / 10) - 1])

    return _proved(records, decile)


def certified_rr(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """The reciprocal rank at k that is proved to be left, whatever the other passages are made into.

    One over the best of the worst ranks 1 + #{j != i : u_j >= l_i} of relevant passages i, which are
    themselves left alone; 0 beyond k and for passages that are not listed. NaN without a certificate
    or a relevant passage.
    """

    def worst(_: NDArray[np.float64], ranks: NDArray[np.float64]) -> float:
        best = float(ranks.min(initial=math.inf))
        return 1.0 / best if best <= k else 0.0

    return _relevant(records, corpus, worst)


def certified_ndcg(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:
    """The nDCG at k that is proved to be left, whatever the other passages are made into.

    Every relevant passage at its worst rank, as in `certified_rr`; gain is the grade, the discount
    log2(1 + rank), over the ideal ranking of all that is judged. Two passages may share a worst rank, so
    it is a lower bound.
    """

    def worst(grades: NDArray[np.float64], ranks: NDArray[np.float64]) -> float:
        ideal = np.sort(grades)[::-1][:k]
        best = (ideal / np.log2(2.0 + np.arange(len(ideal)))).sum()
        seen = ranks <= k  # unlisted: infinite
        return float((grades[seen] / np.log2(1.0 + ranks[seen])).sum() / best)

    return _relevant(records, corpus, worst)


def _share(
    records: Sequence[Record], verdict: Literal["certified", "attacked", "undecided"]
) -> NDArray[np.float64]:
    return _proved(records, lambda proof: float(proof.verdict == verdict))


def _proved(records: Sequence[Record], value: Callable[[Certificate], float]) -> NDArray[np.float64]:
    """`value` of each certificate; NaN where there is none."""

    def judge(_: Record | None, record: Record) -> float:
        if record.certificate is None or record.failure is not None:
            return math.nan
        return value(record.certificate)

    return per_query(records, judge)


def _relevant(
    records: Sequence[Record],
    corpus: Corpus,
    value: Callable[[NDArray[np.float64], NDArray[np.float64]], float],
) -> NDArray[np.float64]:
    """`value` of the grades and the worst ranks of each query's relevant passages."""

    def judge(_: Record | None, record: Record) -> float:
        grades = {i: g for i, g in corpus.qrels.get(record.query_id, {}).items() if g > 0}
        if record.certificate is None or record.failure is not None or not grades:
            return math.nan
        lower, upper = _bounds(record.certificate)
        places = {i: n for n, i in enumerate(record.certificate.scores)}
        ranks = [_fallen(lower, upper, places[i]) if i in places else math.inf for i in grades]
        return value(np.array(list(grades.values()), np.float64), np.array(ranks))

    return per_query(records, judge)


def _fallen(lower: NDArray[np.float64], upper: NDArray[np.float64], place: int) -> float:
    """The worst rank of a passage that is left alone; its own upper bound is no rival."""
    return 1.0 + float((np.delete(upper, place) >= lower[place]).sum())


def _reached(proof: Certificate) -> NDArray[np.int64]:
    """w(j) of every listed passage, best first, shape (n,)."""
    lower, upper = _bounds(proof)
    above = lower[:, None] > upper[None, :]
    np.fill_diagonal(above, val=False)
    ranks: NDArray[np.int64] = 1 + above.sum(axis=0)
    return ranks


def _bounds(proof: Certificate) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bounds (n,) in the certificate's order."""
    ids = list(proof.scores)
    lower = [proof.lower.get(i, -math.inf) for i in ids]
    return np.array(lower), np.array([proof.upper.get(i, math.inf) for i in ids])
