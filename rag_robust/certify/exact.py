"""What at most R replaced words per passage can do to a ranking: exact, by trying every version.

Claim. With u_j = max { s(d') : d' in S_R(d_j) } by enumeration and d_1 ... d_k left alone, no choice of
versions for all outsiders together brings one of them into the top k if and only if
min_{i<=k} s(d_i) > max_{j>k} u_j.

Why. Left to right: the outsider with the greatest u_j alone, in its best version, is beaten by no outsider,
and if some incumbent does not beat it either, fewer than k passages do. Right to left: every incumbent beats
every version of every outsider. So the best single attack and the certificate are one enumeration, with no
sampling error, and one passage is enough for a witness.

Scope. The listed passages only: one that is not a candidate can still be promoted into the list by an earlier
stage. The order inside the top k is not certified.

Source. CertDR, Definition 3.2 (certified top-K robust), with R stated instead of a share of the words.
We differ: CertDR bounds a smoothed ranker by sampling; here the model itself is certified and alpha is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.certify.ranking import Bounds, Ranking, decide, version
from rag_robust.synonyms.space import Space, Substitutions
from rag_robust.types import Certificate, Passage

__all__ = ["best_versions", "certify"]


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,  # noqa: ARG001 (families share a signature; nothing is drawn here)
    *,
    k: int,
    max_versions: int | None = 20_000,
) -> Certificate:
    """Prove that no version of any outsider enters the top `k`, or show the one that does.

    `max_versions` per passage caps the work: a passage with more is tried in part, fewest swaps first; it has
    no upper bound, and then the verdict is "attacked" or "undecided".

    Raises:
        UsageError: k < 1, or no outsider.
        ModelError: the scorer did not return one finite number per text.
    """
    ranking.check(k)
    spaces = ranking.spaces(allowed)
    families, scores = _enumerated(ranking, spaces, max_versions)
    best = np.array([s.max() for s in scores])
    cut = np.array([max_versions is not None and space.size > max_versions for space in spaces])
    lower = np.array([s[0] for s in scores])
    j = k + int(best[k:].argmax())
    attacked = bool(best[j] >= lower[:k].min())
    return decide(
        "exact",
        ranking,
        allowed,
        Bounds(
            lower=lower,
            upper=np.where(cut, np.inf, best),
            samples=len({v.full for family in families for v in family}),
            witness=families[j][int(scores[j].argmax())] if attacked else None,
            reason=f"{cut.sum()} passages have more than {max_versions} versions; raise max_versions",
        ),
        k=k,
    )


def best_versions(ranking: Ranking, allowed: Substitutions) -> list[tuple[float, Passage]]:
    """For each passage the greatest score of any of its versions, and the version that has it.

    The optimal attack of at most R swaps, by the enumeration that `certify` uses. Of equal versions the first
    is the answer: the passage itself, then those with fewest swaps in reading order.

    Raises:
        ModelError: the scorer did not return one finite number per text.
    """
    families, scores = _enumerated(ranking, ranking.spaces(allowed), None)
    return [(float(s.max()), f[int(s.argmax())]) for s, f in zip(scores, families, strict=True)]


def _enumerated(
    ranking: Ranking, spaces: Sequence[Space], most: int | None
) -> tuple[list[list[Passage]], list[NDArray[np.float64]]]:
    """The versions of each passage, at most so many and fewest swaps first, and their scores."""
    families = [
        [version(p, text) for text in islice(space.versions(), most)]
        for p, space in zip(ranking.passages, spaces, strict=True)
    ]
    return families, ranking.grouped([[v.full for v in family] for family in families])
