"""CertDR as it was published, as a baseline: its error is NOT family-wise, and may be 1.

The procedure, literally. n random versions of each passage; f the sigmoid of the score, its mean the
estimate; the list sorted by the estimates; certified if

    f(d_k) - f(d_{k+1}) - max over ranks > k of o_d - e > 0,

o_d = 1 - product of q_w over all words of d that have a set, e = 2 sqrt(ln(2 / .05) / (2 n)) with
`mc_error`, else 0 (the default of its code), q_w = min over u in S_w of |P_w & P_u| / |P_w|, P_w the `cap`
nearest words of w (all of its component if that is smaller), 100 there.

What is wrong with it, and why it is here to compare with and not to rely on:
- Ranks k and k + 1 are picked by the same estimates that are then taken for fixed ones, out of all listed;
  a margin for two fixed estimates covers neither the choice nor the k - 1 other incumbents. Without
  `mc_error`, the default, there is no confidence at all: equal passages are certified as different almost
  surely.
- q_w divides by |P_w|: too large where P_u is the larger set, as with `cap` = None.
- It is loose, too: the product is over all words whatever R is, and the greatest o of any passage is added
  to the estimate at rank k + 1.
So the certificate's `alpha` is 1: nothing is promised of the list as a whole. Its `upper` adds the greatest o
of this rank and all below it, which makes min of l > max of u the published rule for every k.

*Source*: Wu et al., CertDR (CIKM 2022), theorem 4.1, proposition 4.2, and the description of its released
pipeline; written from these. *Where we differ*: the source and what of it may be replaced are the task's;
near is counted in substitutions, not in vectors; titles and stop words are not resampled.
"""

from __future__ import annotations

from dataclasses import replace
from math import log, prod, sqrt

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust import seeds
from rag_robust.certify._smooth import Noise, law
from rag_robust.certify.mean import Scale
from rag_robust.certify.ranking import Bounds, Ranking, decide, version
from rag_robust.errors import UsageError
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Certificate

__all__ = ["certify", "literal_overlap"]

_NOTE = "the published procedure, whose error is not family-wise: a baseline, no proof"


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,
    *,
    k: int,
    n: int = 1000,
    mc_error: bool = False,
    cap: int | None = 100,
) -> Certificate:
    """What CertDR would say of the top `k`; "certified" here is its word, not a proof.

    `n` versions of each passage; `mc_error` subtracts its margin for two estimates.

    Raises:
        UsageError: k < 1, no outsider, or n < 1.
        ModelError: the scorer did not return one finite number per text.
    """
    ranking.check(k)
    if n < 1:
        raise UsageError(f"expected n >= 1 samples per passage, got {n}; CertDR takes 1000")
    noise = Noise(allowed, ranking.query.text, cap)
    root = int((rng or np.random.default_rng(0)).integers(2**63))
    texts = []
    for p in ranking.passages:
        drawn = law(p.text, noise).draw(seeds.generator(root, p.id, p.text), n)
        texts += [version(p, text).full for text in drawn]
    scaled = replace(ranking, score=Scale().of(ranking.score))
    means = scaled.scores(texts).reshape(-1, n).mean(axis=1)
    shifts = np.array([_shift(p.text, noise) for p in ranking.passages])
    half = sqrt(log(2 / 0.05) / (2 * n)) if mc_error else 0.0
    bounds = Bounds(
        lower=means - half,
        upper=means + half + _greatest_from(means, shifts),
        samples=len(set(texts)),
        alpha=1.0,
        ranker="mean of the score's sigmoid over random synonyms, as CertDR has it",
        scores=means,
    )
    found = decide("certdr", ranking, allowed, bounds, k=k)
    return replace(
        found, reason=_NOTE if found.verdict == "certified" else f"{_NOTE}; try mean or percentile"
    )


def _greatest_from(means: NDArray[np.float64], shifts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The greatest shift of the passages that rank where each one does, or lower."""
    order = np.argsort(-means, kind="stable")
    found = np.empty_like(shifts)
    found[order] = np.maximum.accumulate(shifts[order][::-1])[::-1]
    return found


def literal_overlap(noise: Noise, word: str) -> float:
    """CertDR's q_w = min over u in S_w of |P_w & P_u| / |P_w|: no bound where sets differ in size."""
    mine = set(noise.members(word))
    return min((len(mine & set(noise.members(u))) / len(mine) for u in noise.options(word)), default=1.0)


def _shift(text: str, noise: Noise) -> float:
    """CertDR's o_d: over all words that have a set, whatever R is."""
    return 1.0 - prod(literal_overlap(noise, s.word) for s in noise.allowed.space(text, noise.query).slots)
