"""A ranked list under attack, and the one rule by which every family of certificates decides.

Let s be the scorer and S(d) what the attacker may make of passage d (`synonyms.space`). A family gives,
for every listed passage, l_i <= s(d_i), which holds while d_i is left alone, and u_j >= max s(d') over
d' in S(d_j), all of them at once with probability at least 1 - alpha. Then

- the top K holds, whatever all outsiders do together, if min over i <= K of l_i > max over j > K of u_j;
- an outsider that attacks alone gets no better rank than w(j) = 1 + #{i != j : l_i > u_j}.

Ties count for the attacker. Bounds of all passages are kept, so one certificate answers every K.

*Source*: CertDR, Definition 3.2; the rule is ours. CertDR compares the two passages at ranks K and K + 1 of
the same estimates it was picked by, which bounds neither the others nor the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import ModelError, UsageError
from rag_robust.synonyms.space import Space, Substitutions
from rag_robust.text import order_key
from rag_robust.types import Certificate, Change, Passage, Query, Score

__all__ = ["Bounds", "Ranking", "decide", "version"]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """A query's listed passages, best first, and the scorer that ranks them.

    Raises:
        UsageError: an id listed twice.
    """

    query: Query
    passages: tuple[Passage, ...]
    score: Score

    def __post_init__(self) -> None:
        if len({p.id for p in self.passages}) < len(self.passages):
            raise UsageError(
                "expected each passage once in the ranking, got an id twice; remove the repetition"
            )

    def check(self, k: int) -> None:
        """Refuse a top k without anybody in it, or without anybody outside.

        Raises:
            UsageError: it is.
        """
        if not 1 <= k < len(self.passages):
            raise UsageError(
                f"expected 1 <= k < {len(self.passages)} listed passages, got k={k}; list more candidates"
            )

    def spaces(self, allowed: Substitutions) -> list[Space]:
        """What the attacker may make of each passage's text; titles are not touched."""
        return [allowed.space(p.text, self.query.text) for p in self.passages]

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Scores (n,) of full texts, from one call with each distinct text once.

        Raises:
            ModelError: the scorer did not return one finite number per text.
        """
        distinct = list(dict.fromkeys(texts))
        values = np.asarray(self.score(self.query.text, distinct), np.float64) if distinct else np.empty(0)
        if values.shape != (len(distinct),) or not np.isfinite(values).all():
            raise ModelError(
                f"expected {len(distinct)} finite scores for query {self.query.id}, got shape {values.shape} "
                f"with {int((~np.isfinite(values)).sum())} not finite; mend the scorer"
            )
        known = dict(zip(distinct, values.tolist(), strict=True))
        return np.array([known[text] for text in texts], np.float64)

    def grouped(self, texts: Sequence[Sequence[str]]) -> list[NDArray[np.float64]]:
        """The scores of every group of texts, as `scores` has them."""
        values = self.scores([text for group in texts for text in group])
        return np.split(values, np.cumsum([len(group) for group in texts])[:-1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """What a family found: (n,) `lower` and `upper` per listed passage; an unknown upper bound is inf.

    `scores` (n,) are its ranker's own, where that is not the model: the list is then put in their order.
    `samples` counts the texts that the scorer was asked for; `alpha` is 0 for exact methods. `witness` is
    a passage in a version that is known to break the list, `reason` says why bounds stayed open.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    samples: int
    alpha: float = 0.0
    ranker: str = "the model"
    scores: NDArray[np.float64] | None = None
    witness: Passage | None = None
    reason: str = ""


def decide(method: str, ranking: Ranking, allowed: Substitutions, bounds: Bounds, *, k: int) -> Certificate:
    """The certificate for the top `k`: of the list as it stands, or as a family's own ranker orders it.

    An order that is not the scorer's own can be attacked but never certified wrongly: with bounds that hold
    at once, any k passages whose lower bounds exceed all other upper bounds are the top k. The verdict is
    "attacked" only with a witness.

    Raises:
        UsageError: k < 1, or no outsider.
    """
    ranking.check(k)
    scores = bounds.lower if bounds.scores is None else bounds.scores
    order = _order(ranking, bounds.scores)
    ids = [ranking.passages[i].id for i in order]
    lower, upper = bounds.lower[order], bounds.upper[order]
    low, high = float(lower[:k].min()), float(upper[k:].max())
    witness = bounds.witness if low <= high else None
    return Certificate(
        method=method,
        k=k,
        swaps=allowed.swaps,
        source=allowed.name,
        alpha=bounds.alpha,
        samples=bounds.samples,
        low=low,
        high=high if np.isfinite(high) else None,
        verdict="certified" if low > high else "attacked" if witness else "undecided",
        ranker=bounds.ranker,
        scores=dict(zip(ids, scores[order].tolist(), strict=True)),
        lower=dict(zip(ids, lower.tolist(), strict=True)),
        upper={i: u for i, u in zip(ids, upper.tolist(), strict=True) if np.isfinite(u)},
        witness=Change(edited={witness.id: witness}) if witness else None,
        reason="" if low > high or witness else bounds.reason,
    )


def _order(ranking: Ranking, scores: NDArray[np.float64] | None) -> NDArray[np.int64]:
    """Places in the list, best first: as listed, or by a family's scores, ties by the ids' neutral keys."""
    if scores is None:
        return np.arange(len(ranking.passages))
    keys = np.array([order_key(p.id) for p in ranking.passages])
    return np.lexsort((keys, -scores))


def version(passage: Passage, text: str) -> Passage:
    """The passage with another text and its own title."""
    return replace(passage, text=text)
