"""The most that replaced words can do to the mean of word vectors, without a call of the scorer per version.

With E = Σ e(w_i) over the n words of d that have a vector, q the query's vector, and a swap adding to E and n
what the new word has and the old one had:

- "dot", s = <q, E> / n: exact. max (N + ΣΔ) / (n + Σδ) over at most R slots, Δ the gain in N = <q, E> and
  δ in n, is the λ at which the R greatest positive max_u (Δ - λ δ) sum to λ n - N (Dinkelbach's method).
  Where all words have a vector, δ = 0: the sum of the R greatest gains.
- "cosine", s = <q, E> / ‖E‖ with ‖q‖ = 1, R = 1: exact, every E' is a sum of two vectors.
- "cosine", R > 1: <q, E'> <= A = <q, E> + the R greatest gains, | ‖E'‖ - ‖E‖ | <= D = the R greatest
  max_u ‖e_u - e_w‖. So s <= A / (‖E‖ - D) if A > 0, and no bound if ‖E‖ <= D; s <= A / (‖E‖ + D) if A <= 0,
  or 0 where E' may vanish.

Bounds are raised by what the order of float64 sums can do to the score of a version, about 1e-12.

Scope. The score of a passage depends on no other: a ranking that lists the whole corpus certifies the first
stage as well. Source. The formulas are item 3 of a ladder of additive closed forms; Dinkelbach 1967, "On
Nonlinear Fractional Programming", for words without a vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.certify.ranking import Bounds, Ranking, decide, version
from rag_robust.errors import TargetError
from rag_robust.retrieve.static import Static
from rag_robust.synonyms.space import Space, Substitutions
from rag_robust.types import Certificate

__all__ = ["certify"]

_ONE = 1 + 1e-9
"""What no cosine exceeds, computed in float64."""

_TRIED = 10
"""So many outsiders' best guesses are scored for a witness."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Bound = tuple[float, Places]
"""No version scores more than this; and the options, by their place, that are likely to score most."""


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,  # noqa: ARG001 (families share a signature; nothing is drawn here)
    *,
    k: int,
) -> Certificate:
    """Prove that no version of any outsider enters the static embeddings' top `k`, or show one that does.

    Raises:
        UsageError: k < 1, or no outsider.
        TargetError: "not_applicable", the scorer is not that of a `retrieve.static.Static`.
    """
    ranking.check(k)
    model = getattr(ranking.score, "__self__", None)
    if not isinstance(model, Static):
        raise TargetError(
            "the closed form of static embeddings needs Static.score as the scorer", "not_applicable"
        )
    spaces = ranking.spaces(allowed)
    table = _table(model, ranking.query.text, spaces)
    sums, counts = model.sums([p.full for p in ranking.passages])
    clean = model.compare(ranking.query.text, sums, counts)
    found = [
        table.bound(space, e, n) if space.swaps else (float(s), np.empty(0, np.int64))
        for space, e, n, s in zip(spaces, sums, counts.tolist(), clean, strict=True)
    ]
    upper = np.maximum(clean, [u for u, _ in found])
    close = [
        int(j) for j in np.argsort(-upper[k:], kind="stable")[:_TRIED] + k if upper[j] >= clean[:k].min()
    ]
    tried = [version(ranking.passages[j], _written(spaces[j], found[j][1])) for j in close]
    scores = ranking.scores([p.full for p in tried])
    broken = bool(tried) and scores.max() >= clean[:k].min()
    return decide(
        "static",
        ranking,
        allowed,
        Bounds(
            lower=clean,
            upper=upper,
            samples=len(tried),
            witness=tried[int(scores.argmax())] if broken else None,
            reason="the bound of a cosine after several swaps is loose: certify fewer swaps, or rank by dot",
        ),
        k=k,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Every word that stands or may stand in a slot: its row in `sums` (V, h), `dots` and `counts` (V,)."""

    cosine: bool
    direction: Floats
    rows: dict[str, int]
    sums: Floats
    dots: Floats
    counts: Places
    longest: float

    def bound(self, space: Space, total: Floats, n: int) -> Bound:
        """The bound of one text with words' sum `total` (h,) of `n` words."""
        sizes = np.array([len(s.options) for s in space.slots])
        old = np.repeat([self.rows[s.word] for s in space.slots], sizes)
        new = [self.rows[u] for s in space.slots for u in s.options]
        slots = _Slots(np.repeat(np.arange(len(sizes)), sizes), np.cumsum(sizes) - sizes, space.swaps)
        rounding = 8 * (n + space.swaps + len(total)) * float(np.finfo(np.float64).eps)
        size = rounding * (n + space.swaps) * self.longest * max(1.0, float(np.linalg.norm(self.direction)))
        changes, along = self.counts[new] - self.counts[old], float(total @ self.direction)
        if not self.cosine:
            return _ratio(slots, (along, n), (self.dots[new] - self.dots[old], changes), size)
        moved = self.sums[new] - self.sums[old]
        if space.swaps == 1:
            return _single(total + moved, n + changes, self.direction, size)
        return _cosine(slots, (along, float(np.linalg.norm(total))), (moved, self.direction), size)


@dataclass(frozen=True, slots=True)
class _Slots:
    """The slot of each option of a text, where each slot's options start, and how many slots may change."""

    slot: Places
    starts: Places
    swaps: int

    def greatest(self, values: Floats) -> Places:
        """The place of the best option in each of the best slots, of those that are above 0."""
        best = np.lexsort((-values, self.slot))[self.starts]
        best = best[values[best] > 0]
        return np.asarray(best[np.argsort(-values[best], kind="stable")[: self.swaps]])


def _ratio(slots: _Slots, base: tuple[float, int], moves: tuple[Floats, Places], size: float) -> Bound:
    """The greatest (N + ΣΔ) / (n + Σδ) by Dinkelbach's method, 0 where no known word is left."""
    (total, n), (gains, changes) = base, moves
    fewest = n - len(slots.greatest(-changes.astype(np.float64)))
    best, chosen = (total / n if n else -np.inf), np.empty(0, np.int64)
    level = best if n else float(gains.min())
    while True:
        places = slots.greatest(gains - level * changes)
        left = n + int(changes[places].sum())
        value = (total + float(gains[places].sum())) / left if left else 0.0
        if value <= best:
            break
        best, level, chosen = value, value, places
    return max(best, 0.0 if fewest <= 0 else -np.inf) + size / max(1, fewest), chosen


def _single(totals: Floats, counts: Places, direction: Floats, size: float) -> Bound:
    """The greatest cosine of sums (M, h) of that many words, 0 for none."""
    norms = np.linalg.norm(totals, axis=1)
    safe = np.maximum(norms, np.finfo(np.float64).tiny)
    scores = np.where(counts > 0, np.minimum((totals @ direction + 2 * size) / safe, _ONE), 0.0)
    best = int(scores.argmax())
    return float(scores[best]), np.array([best])


def _cosine(slots: _Slots, base: tuple[float, float], moves: tuple[Floats, Floats], size: float) -> Bound:
    """A bound of the cosine after several swaps: numerator and norm by themselves."""
    (along, norm), (moved, direction) = base, moves
    gains, lengths = moved @ direction, np.linalg.norm(moved, axis=1)
    chosen = slots.greatest(gains)
    most = along + float(gains[chosen].sum()) + size
    reach = float(lengths[slots.greatest(lengths)].sum()) + size
    if most > 0:
        return (min(most / (norm - reach), _ONE) if norm > reach else np.inf), chosen
    return (most / (norm + reach) if norm > reach else 0.0), chosen


def _table(model: Static, query: str, spaces: Sequence[Space]) -> _Table:
    words = list(dict.fromkeys(w for space in spaces for s in space.slots for w in (s.word, *s.options)))
    sums, counts = model.sums(words)
    direction = model.direction(query)
    rows = {word: i for i, word in enumerate(words)}
    return _Table(
        model.similarity == "cosine", direction, rows, sums, sums @ direction, counts, model.longest
    )


def _written(space: Space, chosen: Places) -> str:
    """The text with the options at these places among all options."""
    every = [(i, option) for i, slot in enumerate(space.slots) for option in slot.options]
    return space.write(dict(every[place] for place in chosen))
