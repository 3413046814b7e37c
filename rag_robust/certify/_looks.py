"""How often samples are looked at, and with which error each time, so that every bound holds at once.

A passage's samples are one sequence of independent draws; how many of them are looked at is decided by what
was seen. Two rules make that harmless:

- Bounds hold for all looks of all passages at once. There are E events that can go wrong: a lower bound of
  each passage whose law is not enumerated, and an upper bound of each of those that has one. Which passages
  are in the top k is known only from the samples, so each needs both, 2 N and not N. A family whose bounds
  hold at every sample size together gets error alpha / E; the others share it out to their looks, of 32,
  64, ..., n_max samples, fixed beforehand, in proportion to these numbers: most of it goes to the last. By
  the union bound all bounds that could ever be seen hold with probability at least 1 - alpha; so do those
  that are, and the best of several looks.
- So no sample is spent on selection alone, and none has to be thrown away for having been looked at.

For one fixed k it would do to count N + 2 events. (Let A be the k passages with the greatest smoothed
scores, B the others, t the greatest score in B. If a set T is certified wrongly with c between its bounds
and the others', either T = A, and the bounds of the least of A and of the greatest reach in B, one pair,
are not both right; or T has a member of B and leaves out one of A, and then c > t makes a lower bound in B
wrong, c <= t an upper bound in A.) But the bounds of a certificate answer every k and give worst ranks, and
the difference is a few per cent of a bound's width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.errors import UsageError
from rag_robust.stats.means import Ends

__all__ = ["Budget", "Plan", "Random", "Smoothing", "doubling", "plan_of"]

_FIRST = 32


class Random(Protocol):
    """The law of one text's random versions; `shift` bounds what replaced words change of any probability."""

    @property
    def size(self) -> int:
        """How many equally likely versions there are."""

    @property
    def shift(self) -> float:
        """An upper bound of the total variation distance to the law of any allowed version."""

    @property
    def remedy(self) -> str:
        """What would make the shift smaller."""

    def every(self) -> Iterator[str]:
        """All versions."""

    def draw(self, rng: Generator, n: int) -> list[str]:
        """The next n independent versions."""


class Smoothing(Protocol):
    """What is made of a passage's scores: a number, and bounds of it here and after any replacement.

    Values are (r, n), one row per passage; shifts are (r,). Where the shift is `room` or more there is no
    upper bound to speak of.
    """

    @property
    def room(self) -> float:
        """The shift from which on nothing is known."""

    @property
    def anytime(self) -> bool:
        """Whether bounds of one error hold at all sample sizes at once."""

    def points(self, values: NDArray[np.float64], shifts: NDArray[np.float64]) -> Ends:
        """The smoothed score (r,) and the most it can become (r,), for values that are the whole law."""

    def bounds(self, values: NDArray[np.float64], shifts: NDArray[np.float64], error: float) -> Ends:
        """A lower bound of the first and an upper bound of the second, each wrong with at most `error`."""

    def hoped(
        self, values: NDArray[np.float64], shift: float, ask: tuple[int, float], *, luck: float
    ) -> tuple[float, float]:
        """About where one passage's bounds would be, by its values (n',), after (n, error) samples.

        `luck` is by how many standard errors the values may have been unlucky.
        """

    def least(self, error: float) -> int:
        """The least number of samples with a lower bound."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `n_max` samples per passage, and the chance `alpha` that any bound of the list is wrong.

    Raises:
        UsageError: n_max < 1, or alpha outside (0, 1).
    """

    n_max: int
    alpha: float

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise UsageError(f"expected an error alpha in (0, 1), got {self.alpha:g}; 0.05 is usual")
        if self.n_max < 1:
            raise UsageError(f"expected n_max >= 1 samples per passage, got {self.n_max}")


@dataclass(frozen=True, slots=True)
class Plan:
    """The looks, the error of one bound at each of them, and how many bounds there are."""

    looks: tuple[int, ...]
    errors: tuple[float, ...]
    events: int


def plan_of(laws: Sequence[Random], smoothing: Smoothing, budget: Budget) -> Plan:
    """Looks that double up to n_max; none so early that a lower bound is impossible."""
    looks = list(doubling(_FIRST, budget.n_max))
    while True:
        drawn = [law for law in laws if law.size > looks[0]]
        events = sum(1 + (law.shift < smoothing.room) for law in drawn)
        each = [budget.alpha / max(1, events)] * len(looks)
        errors = each if smoothing.anytime else [e * n / sum(looks) for e, n in zip(each, looks, strict=True)]
        least = smoothing.least(errors[0])
        if not events or looks[0] >= least:
            return Plan(tuple(looks), tuple(errors), events)
        if len(looks) == 1:
            raise UsageError(
                f"n_max={budget.n_max} samples bound nothing at alpha={budget.alpha:g} over {len(laws)} "
                f"passages; take at least {least}"
            )
        looks.pop(0)


def doubling(n: int, most: int) -> Iterator[int]:
    """n, 2 n, 4 n, ... below `most`, and then `most`."""
    while n < most:
        yield n
        n *= 2
    yield most
