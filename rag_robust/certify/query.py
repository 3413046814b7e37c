"""What at most R replaced words in the query can do to a ranking: exact, by trying every version of it.

Claim. The set of the first k passages is the same for every q' in S_R(q), whatever decides ties, if and only
if min_{i<=k} s(q', d_i) > max_{j>k} s(q', d_j) for every q'. Passages are left alone. Queries are short: with
R = 1 there are about as many versions as a query has synonyms, each scored against the whole list.

Why. It is the definition; the versions are enumerated, so alpha is 0, and a version for which it fails is
the witness: a reworded query.

Scope. The listed passages only: for another wording the first stage may list others. The order inside the
top k is not certified. `lower` and `upper` are a passage's least and greatest score over all versions; as
the same version moves all passages, the verdict may be "certified" where these bounds would not say so.

Source. Left open by CertDR (queries are not attacked there); the enumeration is ours.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.certify.ranking import Ranking
from rag_robust.errors import TargetError
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Certificate, Change

__all__ = ["certify"]

_RANKER = "the model, asked in other words"
"""Not "the model": what is certified holds for edits of the query, not of passages."""


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,  # noqa: ARG001 (families share a signature; nothing is drawn here)
    *,
    k: int,
    max_versions: int = 2_000,
) -> Certificate:
    """Prove that no allowed rewording of the query changes which passages are the first `k`, or show one.

    `max_versions` caps the work: of a query with more they are tried in part, fewest swaps first; then the
    verdict is "attacked" or "undecided", no bounds are known, and `low` is the least score that was seen.

    Raises:
        UsageError: k < 1, or no outsider.
        TargetError: "not_applicable", the threat freezes the words of the query.
        ModelError: the scorer did not return one finite number per text.
    """
    ranking.check(k)
    if allowed.freeze_query:
        raise TargetError(
            "freeze_query leaves no word of a query to replace; set it to false", "not_applicable"
        )
    space = allowed.space(ranking.query.text)
    asked = list(islice(space.versions(), max_versions))
    table = np.stack([_scores(ranking, text) for text in asked])  # (versions, passages)
    broken = np.flatnonzero(table[:, :k].min(axis=1) <= table[:, k:].max(axis=1))
    bounded = space.size <= max_versions
    return Certificate(
        method="query",
        k=k,
        swaps=allowed.swaps,
        source=allowed.name,
        alpha=0.0,
        samples=table.size,
        low=float(table[:, :k].min()),
        high=float(table[:, k:].max()) if bounded else None,
        verdict="attacked" if len(broken) else "certified" if bounded else "undecided",
        ranker=_RANKER,
        scores=_named(ranking, table[0]),
        lower=_named(ranking, table.min(axis=0)) if bounded else {},
        upper=_named(ranking, table.max(axis=0)) if bounded else {},
        witness=Change(reworded={ranking.query.id: asked[broken[0]]}) if len(broken) else None,
        reason=""
        if len(broken) or bounded
        else f"the query has {space.size} versions, {max_versions} were tried; raise max_versions",
    )


def _scores(ranking: Ranking, text: str) -> NDArray[np.float64]:
    """Scores (n,) of the listed passages for another wording of the query."""
    asked = replace(ranking, query=replace(ranking.query, text=text))
    return asked.scores([passage.full for passage in ranking.passages])


def _named(ranking: Ranking, values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip((p.id for p in ranking.passages), values.tolist(), strict=True))
