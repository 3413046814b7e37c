"""Random versions of a text, and how far replaced words can move the law they are drawn from.

Every word w that may be replaced has a perturbation set P_w; Pi_d draws each word of d uniformly from its
set, independently, and leaves all other words (stop words, frozen words, words without a set) as they are.
A smoothed ranker scores d by its random versions, and d' by those of d': a word u that was put in the place
of w is drawn from P_u. P is a function of the word as it is written, so it is the law that is used.

Claim. Let d' differ from d in at most R words, each replaced by a member of its set S_w. Then

    TV(Pi_d, Pi_d') <= o_d = 1 - product of the R smallest q_w,   q_w = min over u in S_w of q(w, u),
    q(w, u) = |P_w & P_u| / max(|P_w|, |P_u|).

Why. sum_v min(P_w(v), P_u(v)) = |P_w & P_u| / max(|P_w|, |P_u|) for uniform laws. For products, sum_z
min(Pi_d(z), Pi_d'(z)) >= product over words of sum_v min(P_i(v), P'_i(v)), as a minimum of products is at
least the product of minima; unchanged words give 1. So 1 - TV >= the product of the q of the changed words.

*Source*: Ye, Gong and Liu, SAFER (ACL 2020), theorem 1; CertDR, theorem 4.1. *Where we differ*: both divide
by |P_w| alone, which overstates q wherever P_u is the larger set (P_w = {w}, P_u = {w, a, b}: 1 instead of
1/3), and CertDR's code takes the product over all words whatever R is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.errors import UsageError
from rag_robust.synonyms.space import Substitutions

__all__ = ["Law", "Noise", "law"]

_CODES = 2**62
"""Above so many versions two of a few thousand draws are never alike, and none are looked for."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The perturbation sets of a threat: P_w and q_w, each worked out once.

    P_w is w and its allowed substitutes S_w; with `cap` the `cap` nearest words of w, itself among them, by
    the number of substitutions between them and the order of the sets (all of its component where that is
    smaller: then its sets are equal and q is 1). Drawn words are in small letters: a number in the place of a
    capitalised word has lost the case, and could not have the same law otherwise.

    Raises:
        UsageError: cap < 1.
    """

    allowed: Substitutions
    query: str = ""
    cap: int | None = None
    _members: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False, repr=False)
    _overlaps: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.cap is not None and self.cap < 1:
            raise UsageError(f"expected cap >= 1 words in a perturbation set, got {self.cap}; leave it out")

    def members(self, word: str) -> tuple[str, ...]:
        """P_w of a word as written: small letters, itself first; one that is never replaced, as it is."""
        if word not in self._members:
            self._members[word] = self._near(word.lower()) if self.options(word) else (word,)
        return self._members[word]

    def overlap(self, word: str) -> float:
        """q_w: the least q(w, u) over the words u that an attacker may put in the place of w."""
        if word not in self._overlaps:
            mine = set(self.members(word))
            others = [set(self.members(u)) for u in self.options(word)]
            self._overlaps[word] = min([len(mine & p) / max(len(mine), len(p)) for p in others], default=1.0)
        return self._overlaps[word]

    def options(self, word: str) -> tuple[str, ...]:
        """S_w: what an attacker may put in the place of the word, written like it."""
        slots = self.allowed.space(word, self.query).slots
        return slots[0].options if slots else ()

    def _near(self, word: str) -> tuple[str, ...]:
        lookup = self.allowed.source.lookup
        if self.cap is None:
            return (word, *lookup(word)[: self.allowed.per_word])
        found = {word: None}
        for at in (queue := [word]):
            if len(found) >= self.cap:
                break
            fresh = [u for u in lookup(at) if u not in found]
            found |= dict.fromkeys(fresh)
            queue += fresh
        return tuple(found)[: self.cap]


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """Pi_d of one text: `pieces[i]` are what may stand at place i, each after what stands before the place.

    `shift` is o_d, the most that allowed replacements can change the probability of anything.
    """

    remedy: ClassVar[str] = "fewer swaps, or a source cut into classes (?stop=0&cap=12),"
    pieces: tuple[tuple[str, ...], ...]
    tail: str
    shift: float

    @property
    def size(self) -> int:
        """How many equally likely versions there are."""
        return prod(len(p) for p in self.pieces)

    def every(self) -> Iterator[str]:
        """All of them."""
        return ("".join((*parts, self.tail)) for parts in product(*self.pieces))

    def draw(self, rng: Generator, n: int) -> list[str]:
        """`n` independent versions, equal ones as one string; n draws at once go on where the last ended.

        An index is floor(|P| u) with u of 53 bits: uniform up to |P| 2^-53.
        """
        rows = self.rows(rng, n)
        if self.size > _CODES:
            return self.write(rows)
        radix = np.cumprod([1, *(len(p) for p in self.pieces[:-1])])[: len(self.pieces)]
        _, first, inverse = np.unique(rows @ radix, return_index=True, return_inverse=True)
        distinct = self.write(rows[first])
        return [distinct[i] for i in inverse.tolist()]

    def rows(self, rng: Generator, n: int) -> NDArray[np.int64]:
        """Which piece stands at each place, (n, places)."""
        shares = rng.random((n, len(self.pieces)))
        shares *= [len(p) for p in self.pieces]
        return shares.astype(np.int64)

    def write(self, rows: NDArray[np.int64]) -> list[str]:
        """The versions of some rows (n, places)."""
        starts = np.cumsum([0, *(len(p) for p in self.pieces)])[:-1]
        flat = np.array([piece for p in self.pieces for piece in p] or [""], dtype=object)
        join, tail = "".join, self.tail
        return [join(parts) + tail for parts in flat[rows + starts].tolist()]


def law(text: str, noise: Noise) -> Law:
    """The law of a text's random versions, and how far the threat's replacements can move it."""
    space = noise.allowed.space(text, noise.query)
    pieces, last = [], 0
    for slot in space.slots:
        gap = text[last : slot.start]
        pieces.append(tuple(gap + word for word in noise.members(slot.word)))
        last = slot.end
    weakest = sorted(noise.overlap(slot.word) for slot in space.slots)[: space.swaps]
    return Law(tuple(pieces), text[last:], 1.0 - prod(weakest))
