"""What random synonyms leave of a ranking: the mean over them, CertDR made sound.

The ranker. g(d) = E f(Z), Z ~ Pi_d (`_smooth`), f in [0, 1]: with a known range, f = (s - low) / (high -
low), cut off at 0 and 1; else f = 1 / (1 + exp(-s)), as CertDR does with logits. The cut is part of the
ranker.

Claim. For any allowed version d' of d, g(d') <= min(1, g(d) + o_d).

Why. |E_P f - E_Q f| <= TV(P, Q) for f in [0, 1], and TV(Pi_d, Pi_d') <= o_d. For sets of equal size nothing
smaller holds if only g(d) is known.

Bounds. l and u - o are bounds of a mean from samples (`stats.means`): by betting, which hold at every
sample size at once and are the tightest; empirical Bernstein; Hoeffding. Over all passages at once:
`_sampled`.

*Source*: CertDR, theorem 4.1 and proposition 4.2. *Where we differ*: CertDR bounds the estimates at ranks k
and k + 1, picked by those same estimates, and adds the greatest o of any passage to the one at rank k + 1;
here every passage has its own bounds and its own o, and all bounds hold at once. The o is that of R swaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.certify._looks import Budget
from rag_robust.certify._sampled import bounds_of
from rag_robust.certify._smooth import Noise, law
from rag_robust.certify.ranking import Bounds, Ranking, decide
from rag_robust.errors import UsageError
from rag_robust.stats.means import Ends, bernstein_ends, betting_ends, hoeffding_ends
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Certificate, Score

__all__ = ["Interval", "Mean", "Scale", "certify", "scale_of"]

Interval = Literal["betting", "bernstein", "hoeffding"]
_ROUNDING = 1e-12  # equal means of other sums stay ties, which count for the attacker
_METHODS = {"betting": betting_ends, "bernstein": bernstein_ends, "hoeffding": hoeffding_ends}


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,
    *,
    k: int,
    low: float | None = None,
    high: float | None = None,
    interval: Interval = "betting",
    n_max: int = 1024,
    alpha: float = 0.05,
    cap: int | None = None,
) -> Certificate:
    """Certify the top `k` of the ranker by the mean of the score over random synonyms.

    `low` and `high` are the scorer's range; without them that of a cosine, -1 and 1, where the scorer says
    that it is one, else the sigmoid of the score is meant. `n_max` samples per passage at most; `alpha` is
    the chance that any bound of this query's list is wrong. `cap` makes perturbation sets of the nearest
    `cap` words instead of a word and its substitutes. Without `rng` the draws are those of seed 0. Bounds are
    in the scorer's unit, for the sigmoid in [0, 1].

    Raises:
        UsageError: k < 1, no outsider, alpha outside (0, 1), an unknown interval, or an impossible range.
        ModelError: the scorer did not return one finite number per text.
    """
    ranking.check(k)
    scale, smoothing = scale_of(ranking.score, low, high), Mean(interval)
    noise = Noise(allowed, ranking.query.text, cap)
    laws = [law(passage.text, noise) for passage in ranking.passages]
    scaled = replace(ranking, score=scale.of(ranking.score))
    draws = rng or np.random.default_rng(0)
    bounds = bounds_of(scaled, laws, smoothing, Budget(n_max, alpha), k=k, rng=draws)
    found = decide("mean", ranking, allowed, scale.back(bounds, "over random synonyms"), k=k)
    return replace(found, parameters={"low": scale.low, "high": scale.high})


@dataclass(frozen=True, slots=True)
class Scale:
    """How scores become numbers in [0, 1]: by a known range, or by the sigmoid.

    Raises:
        UsageError: one end without the other, or low >= high.
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        ends = (self.low, self.high)
        if ends != (None, None) and (self.low is None or self.high is None or not self.low < self.high):
            raise UsageError(
                f"expected low < high, or neither for the sigmoid, got {self.low} and {self.high}"
            )

    def of(self, score: Score) -> Score:
        """The scorer with values in [0, 1]; what is not finite stays so, and is refused by the ranking."""

        def scaled(query: str, texts: Sequence[str]) -> NDArray[np.float64]:
            values = np.asarray(score(query, texts), np.float64)
            if self.low is None or self.high is None:
                return np.where(np.isfinite(values), 0.5 + 0.5 * np.tanh(values / 2), np.nan)
            inside = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
            return np.where(np.isfinite(values), inside, np.nan)

        return scaled

    def back(self, bounds: Bounds, over: str) -> Bounds:
        """Bounds in the scorer's unit, and what is certified in words."""
        if self.low is None or self.high is None or bounds.scores is None:
            return replace(bounds, ranker=f"mean of the score's sigmoid {over}")
        width, low = self.high - self.low, self.low
        return replace(
            bounds,
            lower=low + width * bounds.lower,
            upper=low + width * bounds.upper,
            scores=low + width * bounds.scores,
            ranker=f"mean of the score in [{self.low:g}, {self.high:g}] {over}",
        )


def scale_of(score: Score, low: float | None, high: float | None) -> Scale:
    """The range that is stated, or known: the method of an object whose `similarity` is "cosine" has one.

    Raises:
        UsageError: one end without the other, or low >= high.
    """
    stated = (low, high) != (None, None)
    if not stated and getattr(getattr(score, "__self__", None), "similarity", "") == "cosine":
        return Scale(-1.0, 1.0)
    return Scale(low, high)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a passage's scores, which lie in [0, 1]."""

    interval: str = "betting"

    def __post_init__(self) -> None:
        if self.interval not in _METHODS:
            raise UsageError(f'expected interval {" or ".join(get_args(Interval))}, got "{self.interval}"')

    @property
    def room(self) -> float:
        """1: a shift of 1 leaves the upper bound 1, for which no sample is needed."""
        return 1.0

    @property
    def anytime(self) -> bool:
        """True of betting."""
        return self.interval == "betting"

    def points(self, values: NDArray[np.float64], shifts: NDArray[np.float64]) -> Ends:
        """The mean, and the mean plus the shift, at most 1."""
        mean = values.mean(axis=1)
        return mean, np.minimum(1.0, mean + shifts + _ROUNDING)

    def bounds(self, values: NDArray[np.float64], shifts: NDArray[np.float64], error: float) -> Ends:
        """Bounds of the mean, the upper one plus the shift."""
        lower, upper = _METHODS[self.interval](values, error)
        return lower, np.minimum(1.0, upper + shifts + _ROUNDING)

    def hoped(
        self, values: NDArray[np.float64], shift: float, ask: tuple[int, float], *, luck: float
    ) -> tuple[float, float]:
        """The mean, less or more the width that Bernstein's inequality has with the variance seen.

        Hoeffding's own for "hoeffding". It only guides where samples are spent.
        """
        n, error = ask
        log, spread = np.log(1 / error), values.var()
        t = np.sqrt(2 * spread * log / n) + log / (1.5 * n if self.interval == "betting" else 0.4 * n)
        if self.interval == "hoeffding":
            t = np.sqrt(log / (2 * n))
        t -= luck * np.sqrt(spread / len(values))
        return float(max(0.0, values.mean() - t)), float(min(1.0, values.mean() + t + shift))

    def least(self, error: float) -> int:  # noqa: ARG002 (a mean in [0, 1] always has bounds)
        """One."""
        return 1
