"""Bounds of smoothed scores from samples: spent where the list is undecided, valid whatever that is.

`_looks` proves why bounds may be looked at while samples are spent. A law with no more versions than a look
has samples is enumerated: its bounds are exact and cost no error. Equal versions are scored once. A sample
depends on the generator's state and the passage, not on the query: two queries given equal generators draw
the same versions, which an encoder's cache then knows. There is no cache of ours: drawing again costs a
hundredth of a scorer's time, keeping the texts costs memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust import seeds
from rag_robust.certify._looks import Budget, Random, Smoothing, plan_of
from rag_robust.certify._open import Seen, reason_of, undecided
from rag_robust.certify.ranking import Bounds, Ranking, version

__all__ = ["bounds_of"]

_AT_ONCE = 8192  # texts of one call of the scorer
_SMALL = 2**16  # laws of which equal draws are expected, also between looks


def bounds_of(
    ranking: Ranking, laws: Sequence[Random], smoothing: Smoothing, budget: Budget, *, k: int, rng: Generator
) -> Bounds:
    """Bounds of every passage's smoothed score, all right at once with probability 1 - alpha.

    Samples go to the passages that keep the top `k` undecided, doubling each time, until it is decided,
    `n_max` is reached, or not even `n_max` samples would close what was seen; `reason` says which.

    Raises:
        UsageError: n_max is too small for any lower bound.
        ModelError: the scorer did not return one finite number per text.
    """
    plan = plan_of(laws, smoothing, budget)
    seen = _start(ranking, laws, int(rng.integers(2**63)))
    shifts = np.array([law.shift for law in laws])
    growing = np.arange(len(laws))
    for n, error in zip(plan.looks, plan.errors, strict=True):
        _draw(seen, growing, n)
        _bound(seen, growing, shifts, smoothing, error)
        growing = undecided(seen, k, smoothing, plan)
        if not growing.size:
            break
    return Bounds(
        lower=seen.lower,
        upper=seen.upper,
        samples=seen.asked,
        alpha=budget.alpha if plan.events else 0.0,
        scores=np.clip(seen.score, seen.lower, seen.upper),
        reason=reason_of(seen, k, smoothing, plan),
    )


def _start(ranking: Ranking, laws: Sequence[Random], root: int) -> Seen:
    n = len(laws)
    return Seen(
        ranking=ranking,
        laws=laws,
        rngs=[seeds.generator(root, p.id, p.text) for p in ranking.passages],
        values=[np.empty(0)] * n,
        whole=np.zeros(n, np.bool_),
        lower=np.full(n, -np.inf),
        upper=np.full(n, np.inf),
        score=np.zeros(n),
        limit=np.zeros(n),
    )


def _draw(seen: Seen, growing: NDArray[np.int64], n: int) -> None:
    """Values of n versions of each growing passage, or of all its versions."""
    step = max(1, _AT_ONCE // n)
    for start in range(0, len(growing), step):
        part = growing[start : start + step].tolist()
        texts = [list(_fresh(seen, i, n)) for i in part]
        scores = np.split(_scores(seen, part, texts), np.cumsum([len(t) for t in texts])[:-1])
        for i, found in zip(part, scores, strict=True):
            seen.values[i] = found if seen.whole[i] else np.concatenate([seen.values[i], found])


def _fresh(seen: Seen, i: int, n: int) -> Iterator[str]:
    """The versions of passage i to be scored next, as the scorer reads them."""
    law, passage = seen.laws[i], seen.ranking.passages[i]
    seen.whole[i] = law.size <= n
    texts = list(law.every()) if seen.whole[i] else law.draw(seen.rngs[i], n - len(seen.values[i]))
    full = {text: version(passage, text).full for text in dict.fromkeys(texts)}
    return (full[text] for text in texts)


def _scores(seen: Seen, part: Sequence[int], texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Scores of all the texts; those of small laws are remembered from look to look."""
    flat = [text for group in texts for text in group]
    new = [text for text in dict.fromkeys(flat) if text not in seen.known]
    found = dict(zip(new, seen.ranking.scores(new).tolist(), strict=True))
    seen.asked += len(new)
    values = np.array([found[text] if text in found else seen.known[text] for text in flat])
    for i, group in zip(part, texts, strict=True):
        if seen.laws[i].size <= _SMALL:
            seen.known |= {text: found[text] for text in group if text in found}
    return values


def _bound(
    seen: Seen, growing: NDArray[np.int64], shifts: NDArray[np.float64], smoothing: Smoothing, error: float
) -> None:
    """What the values say of each growing passage; bounds of earlier looks still hold."""
    for i in growing[seen.whole[growing]]:
        score, limit = smoothing.points(seen.values[i][None], shifts[[i]])
        seen.score[i] = seen.lower[i] = score[0]
        seen.limit[i] = seen.upper[i] = limit[0]
    drawn = growing[~seen.whole[growing]]
    if drawn.size:
        values = np.stack([seen.values[i] for i in drawn])
        lower, upper = smoothing.bounds(values, shifts[drawn], error)
        seen.score[drawn], seen.limit[drawn] = smoothing.points(values, shifts[drawn])
        seen.lower[drawn] = np.maximum(seen.lower[drawn], lower)
        seen.upper[drawn] = np.minimum(seen.upper[drawn], upper)
