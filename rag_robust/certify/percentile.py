"""What random synonyms leave of a ranking: the median over them, certified for any scorer (recommended).

The ranker. h_p(d) = inf { t : P(s(Z) <= t) >= p } for Z ~ Pi_d (`_smooth`), p = 1/2 unless said otherwise,
in advance. It needs no range of scores, and any increasing function of the scorer gives the same order and
the same verdicts.

Claim. With o = o_d and d' any allowed version of d, h_p(d') <= h_{p+o}(d).

Why. At t = h_{p+o}(d), P(s(Z) <= t) >= p + o (the infimum is attained). TV(Pi_d, Pi_d') <= o, so P(s(Z') <=
t) >= p for Z' ~ Pi_d', and h_p(d') is the least such t. For p + o > 1 there is no such t, and for p + o = 1
samples say nothing of it: then the passage has no upper bound.

Bounds. l is the order statistic of n scores below h_p, u the one above h_{p+o}, by exact binomials
(`stats.means.quantile_ranks`); ties and atoms do no harm. Over all passages and looks at once: `_looks`.

*Source*: Chiang et al., Detection as Regression: Certified Object Detection by Median Smoothing (NeurIPS
2020), there for Gaussian noise and l2; the step by total variation is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.certify._looks import Budget
from rag_robust.certify._sampled import bounds_of
from rag_robust.certify._smooth import Noise, law
from rag_robust.certify.ranking import Ranking, decide
from rag_robust.errors import UsageError
from rag_robust.stats.means import Ends, least_samples, quantile_ranks
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Certificate

__all__ = ["Percentile", "certify"]

_ROUNDING = 1e-12  # p is meant less this much, for every text alike: a sum of shares is right to 1e-15


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,
    *,
    k: int,
    p: float = 0.5,
    n_max: int = 1024,
    alpha: float = 0.05,
    cap: int | None = None,
) -> Certificate:
    """Certify the top `k` of the ranker by the `p`-quantile of the score over random synonyms.

    `n_max` samples per passage at most; `alpha` is the chance that any bound of this query's list is wrong.
    `cap` makes perturbation sets of the nearest `cap` words instead of a word and its substitutes. Without
    `rng` the draws are those of seed 0. The list is put in the order of the estimated quantiles.

    Raises:
        UsageError: k < 1, no outsider, p or alpha outside (0, 1), or n_max too small for any bound.
        ModelError: the scorer did not return one finite number per text.
    """
    ranking.check(k)
    smoothing = Percentile(p)
    noise = Noise(allowed, ranking.query.text, cap)
    laws = [law(passage.text, noise) for passage in ranking.passages]
    draws = rng or np.random.default_rng(0)
    bounds = bounds_of(ranking, laws, smoothing, Budget(n_max, alpha), k=k, rng=draws)
    return decide("percentile", ranking, allowed, replace(bounds, ranker=_ranker(p)), k=k)


@dataclass(frozen=True, slots=True)
class Percentile:
    """The `share`-quantile of a passage's scores."""

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise UsageError(f"expected a quantile p in (0, 1), got {self.share:g}; the median is 0.5")

    @property
    def room(self) -> float:
        """1 - p: from there on a shifted quantile is none."""
        return 1.0 - self.share

    @property
    def anytime(self) -> bool:
        """False: order statistics bound at one sample size."""
        return False

    def points(self, values: NDArray[np.float64], shifts: NDArray[np.float64]) -> Ends:
        """h_p and h_{p+o} of the values taken as the whole law; inf where p + o > 1."""
        ordered = np.sort(values, axis=1)
        score = ordered[:, _rank(self.share, values.shape[1]) - 1]
        limit = [
            row[_rank(self.share + o, len(row)) - 1] if self.share + o <= 1 else np.inf
            for row, o in zip(ordered, shifts.tolist(), strict=True)
        ]
        return score, np.array(limit)

    def bounds(self, values: NDArray[np.float64], shifts: NDArray[np.float64], error: float) -> Ends:
        """Order statistics below h_p and above h_{p+o}."""
        ordered = np.sort(values, axis=1)
        pairs = [_ends(row, self.share, o, (len(row), error)) for row, o in zip(ordered, shifts, strict=True)]
        return np.array([low for low, _ in pairs]), np.array([high for _, high in pairs])

    def hoped(
        self, values: NDArray[np.float64], shift: float, ask: tuple[int, float], *, luck: float
    ) -> tuple[float, float]:
        """The values at the ranks that n samples would be read at, as shares."""
        slack = luck * float(np.sqrt(self.share * (1 - self.share) / len(values)))
        return _ends(np.sort(values), self.share, shift, ask, slack=slack)

    def least(self, error: float) -> int:
        """Samples of which the least is below h_p."""
        return least_samples(self.share, error)


def _ends(
    ordered: NDArray[np.float64], p: float, o: float, ask: tuple[int, float], *, slack: float = 0.0
) -> tuple[float, float]:
    """The order statistics of `ordered` at the ranks for (n, error), both moved inwards by `slack`."""
    n, error = ask
    low, high = quantile_ranks(n, p, error)[0], n + 1
    if p + o < 1:
        high = quantile_ranks(n, p + o, error)[1]
    lowest = ordered[_rank(low / n + slack, len(ordered)) - 1] if low else -np.inf
    highest = ordered[_rank(high / n - slack, len(ordered)) - 1] if high <= n else np.inf
    return float(lowest), float(highest)


def _rank(share: float, n: int) -> int:
    """The least rank, from 1, that has at least `share` of n values at or below it."""
    return min(n, max(1, ceil((share - _ROUNDING) * n)))


def _ranker(p: float) -> str:
    middle = "median" if p == 0.5 else f"{p:g}-quantile"
    return f"{middle} over random synonyms"
