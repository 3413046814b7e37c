"""What a ranking keeps when most words are hidden: the mean over random masks, certified.

The ranker. g(d) = E f(Z), f in [0, 1] as in `mean`, Z the text with `kept` of its T words, chosen
uniformly, and `mask` in the place of the others.

Claim. For any version d' of d with at most R words replaced, g(d') <= min(g(d), 1 - D) + D, D = 1 - C(T -
R, n) / C(T, n), n the number of words kept.

Why. D is the probability that a kept word is among the replaced ones. Where none is, Z and Z' are one text.
With a and b the means of f over the masks that hide all of them and the others, g(d) = (1 - D) a + D b and
g(d') = (1 - D) a + D b' with the same a, b' <= 1 and (1 - D) a <= min(g(d), 1 - D). Fewer than R replaced
words have a smaller D. Which words they are does not matter, nor by what they are replaced.

*Source*: Levine and Feizi, Robustness Certificates for Sparse Adversarial Attacks (AAAI 2020). *Where we
differ* from RobustMask (arXiv 2512.23307), theorem 1: its factor 1 / C(T, n) counts the probability of a
mask twice, and its factor beta is averaged over the replaced positions, which is not the worst case. Here
both are 1. Confidence is that of `mean`, over all passages at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from rag_robust import text as strings
from rag_robust.certify._looks import Budget
from rag_robust.certify._sampled import bounds_of
from rag_robust.certify.mean import Interval, Mean, scale_of
from rag_robust.certify.ranking import Ranking, decide
from rag_robust.errors import UsageError
from rag_robust.synonyms.space import Space, Substitutions
from rag_robust.types import Certificate

__all__ = ["Masks", "certify", "masks"]


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,
    *,
    k: int,
    kept: float = 0.3,
    mask: str = "",
    low: float | None = None,
    high: float | None = None,
    interval: Interval = "betting",
    n_max: int = 1024,
    alpha: float = 0.05,
) -> Certificate:
    """Certify the top `k` of the ranker by the mean score of texts with a share `kept` of their words.

    `mask` stands for a hidden word ("[MASK]" for models that know it). The rest is as in `mean.certify`.

    Raises:
        UsageError: k < 1, no outsider, kept or alpha outside (0, 1), or an impossible range.
        ModelError: the scorer did not return one finite number per text.
    """
    ranking.check(k)
    if not 0 < kept < 1:
        raise UsageError(f"expected a share of kept words in (0, 1), got kept={kept:g}")
    scale, smoothing = scale_of(ranking.score, low, high), Mean(interval)
    laws = [masks(space, kept, mask) for space in ranking.spaces(allowed)]
    scaled = replace(ranking, score=scale.of(ranking.score))
    draws = rng or np.random.default_rng(0)
    bounds = bounds_of(scaled, laws, smoothing, Budget(n_max, alpha), k=k, rng=draws)
    over = f"with {kept:.0%} of the words shown"
    found = decide("masking", ranking, allowed, scale.back(bounds, over), k=k)
    return replace(found, parameters={"low": scale.low, "high": scale.high})


@dataclass(frozen=True, slots=True)
class Masks:
    """The law of a text of which `shown` words are shown; `gaps` stand before, between and after `words`."""

    remedy: ClassVar[str] = "fewer swaps, or a smaller share kept,"
    words: tuple[str, ...]
    gaps: tuple[str, ...]
    shown: int
    mask: str
    shift: float

    @property
    def size(self) -> int:
        """How many masks there are."""
        return comb(len(self.words), self.shown)

    def every(self) -> Iterator[str]:
        """The text under each of them."""
        return (self.write(places) for places in combinations(range(len(self.words)), self.shown))

    def draw(self, rng: Generator, n: int) -> list[str]:
        """The text under n independent masks."""
        ranks = rng.random((n, len(self.words))).argsort(axis=1)
        chosen = np.sort(ranks[:, : self.shown], axis=1)
        return [self.write(places) for places in chosen.tolist()]

    def write(self, places: Sequence[int]) -> str:
        """The text with only the words at these places."""
        seen = [self.mask] * len(self.words)
        for i in places:
            seen[i] = self.words[i]
        return self.gaps[0] + "".join(a + b for a, b in zip(seen, self.gaps[1:], strict=True))


def masks(space: Space, kept: float, mask: str = "") -> Masks:
    """The law of a text with a share of its words shown, at least one; its shift is the D of R swaps."""
    spans = strings.word_spans(space.text)
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(space.text)]
    shown = min(len(spans), max(1, round(kept * len(spans))))
    hidden = comb(len(spans) - space.swaps, shown) / comb(len(spans), shown)
    words = tuple(space.text[a:b] for a, b in spans)
    gaps = tuple(space.text[a:b] for a, b in zip(ends, starts, strict=True))
    return Masks(words, gaps, shown, mask, 1.0 - hidden)
