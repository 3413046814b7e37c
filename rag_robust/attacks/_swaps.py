"""Searches over the versions of a passage by substitutions, and the one batch that serves them all.

A search is a generator: it yields the versions it wants values of and is sent those values, larger is
better. `together` runs the searches of several passages side by side and asks for all their versions at
once. What a search found stands in its `Trail`, which is kept when the victim may be asked no more. A
trail only ever goes up, and only to versions of the passage's own space that the constraint allows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from rag_robust.attacks._constraints import Constraint
from rag_robust.synonyms.space import Space
from rag_robust.text import STOP_WORDS, words
from rag_robust.types import Passage

__all__ = ["Choice", "Oracle", "Search", "Trail", "beam", "drawn", "exact", "greedy", "lexical", "together"]

AT_ONCE = 4096
"""So many versions of one passage are held at once while all are tried."""

Choice = dict[int, str]
"""Number of a slot -> the word that is put there."""

Search = Generator[list[Passage], list[float], None]


@dataclass(slots=True)
class Trail:
    """How far a search brought one passage: the best choice up to now, and its value after each gain."""

    target: Passage
    space: Space
    allows: Constraint
    choice: Choice = field(default_factory=dict)
    trace: list[float] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """True if no further word may be replaced."""
        return len(self.choice) >= self.space.swaps

    @property
    def swaps(self) -> list[tuple[str, str]]:
        """The words replaced and what stands there now, in reading order."""
        return [(self.space.slots[i].word, self.choice[i]) for i in sorted(self.choice)]

    @property
    def free(self) -> list[int]:
        """Slots that still hold their own word."""
        return [i for i in range(len(self.space.slots)) if i not in self.choice]

    def write(self, choice: Choice) -> Passage:
        """The passage with these words."""
        return replace(self.target, text=self.space.write(choice))

    def without(self, i: int) -> Passage:
        """The passage with nothing in slot i: a probe, never a version (unless nothing else is there)."""
        text = self.space.text
        slot = self.space.slots[i]
        bare = replace(self.target, text=text[: slot.start] + text[slot.end :])
        return bare if words(bare.full) else self.target

    def allowed(self, choice: Choice) -> bool:
        """Whether the constraint lets the version pass; the passage as it is always passes."""
        return not choice or self.allows(self.target.full, self.write(choice).full)

    def take(self, choices: Sequence[Choice], values: Sequence[float]) -> bool:
        """Go on to the best allowed choice if it is better than all before; of equal ones to the first."""
        for j in np.argsort(-np.asarray(values), kind="stable"):
            if values[j] <= self.trace[-1]:
                return False
            if self.allowed(choices[j]):
                self.choice = choices[j]
                self.trace.append(values[j])
                return True
        return False


@dataclass(frozen=True, slots=True)
class Oracle:
    """Asks for values of versions, each different one once; `same` says which two are one to the victim."""

    ask: Callable[[list[Passage]], Sequence[float]]
    same: Callable[[Passage], Hashable]
    known: dict[Hashable, float] = field(default_factory=dict)

    def new(self, versions: Sequence[Passage]) -> list[Passage]:
        """Those that were not asked for before, each once."""
        return list({self.same(p): p for p in versions if self.same(p) not in self.known}.values())

    def __call__(self, versions: Sequence[Passage]) -> list[float]:
        """A value for each."""
        if new := self.new(versions):
            values = self.ask(new)
            self.known.update((self.same(p), float(v)) for p, v in zip(new, values, strict=True))
        return [self.known[self.same(p)] for p in versions]


def together(searches: Sequence[Search], oracle: Oracle, left: Callable[[], float]) -> bool:
    """Run all searches, one batch per stage; False if a stage takes more calls than are `left`."""
    waiting = {i: asked for i, s in enumerate(searches) if (asked := next(s, None)) is not None}
    while waiting:
        versions = [p for asked in waiting.values() for p in asked]
        if len(oracle.new(versions)) > left():
            return False
        values = iter(oracle(versions))
        waiting = {
            i: more
            for i, asked in waiting.items()
            if (more := _sent(searches[i], list(islice(values, len(asked))))) is not None
        }
    return True


def _sent(search: Search, values: list[float]) -> list[Passage] | None:
    try:
        return search.send(values)
    except StopIteration:
        return None


def greedy(trail: Trail) -> Search:
    """The best word for one slot after the other, those first that the passage is better off without.

    Importance of slot i: the value of the passage without its word, the highest first. A slot's best
    option stays if it is better than what is there; R at most stay. 1 + m + Σ |S_i| values at most.
    *Source*: the order and the loop are TextFooler's (Jin et al., AAAI 2020) with the sign of a promotion.
    """
    places = [] if trail.full else trail.free
    first, *bare = yield [trail.target, *(trail.without(i) for i in places)]
    trail.trace.append(first)
    for _, i in sorted(zip(bare, places, strict=True), key=lambda pair: -pair[0]):
        if trail.full:
            break
        tried = [trail.choice | {i: word} for word in trail.space.slots[i].options]
        trail.take(tried, (yield [trail.write(choice) for choice in tried]))


def beam(trail: Trail, width: int) -> Search:
    """R rounds: each of the `width` best versions with one more word replaced, whichever and by whatever.

    It begins with the greedy search, so it is never worse; with R = 1 it is exact. It ends before R rounds
    when a round's best is no better than that of the round before.
    """
    yield from greedy(trail)
    front, before = [Choice()], trail.trace[0]
    for _ in range(trail.space.swaps):
        tried = list({tuple(sorted(c.items())): c for old in front for c in _longer(trail, old)}.values())
        values = yield [trail.write(choice) for choice in tried]
        order = np.argsort(-np.asarray(values), kind="stable")
        trail.take(tried, values)
        front = list(islice((tried[j] for j in order if trail.allowed(tried[j])), width))
        best = values[order[0]]
        if not front or best <= before:
            break
        before = best


def exact(trail: Trail) -> Search:
    """Every version there is: no attack of the space does better against these values."""
    choices = (c for r in range(trail.space.swaps + 1) for c in trail.space.choices(r))
    first = yield [trail.target]
    trail.trace += first
    while tried := list(islice(choices, AT_ONCE)):
        trail.take(tried, (yield [trail.write(choice) for choice in tried]))


def drawn(trail: Trail, rng: np.random.Generator) -> None:
    """As many words as may be, at random places, each replaced by a random word: what the space is worth."""
    slots = trail.space.slots
    for i in rng.permutation(len(slots)).tolist():
        word = slots[i].options[int(rng.integers(len(slots[i].options)))]
        if not trail.full and trail.allowed(longer := trail.choice | {i: word}):
            trail.choice = longer


def lexical(trail: Trail, query: str) -> None:
    """Words of the query wherever the space has them, the one that the passage says least often first.

    A word of the query that is there stays: BM25 pays for each, for the first most (its saturation).
    """
    wanted = {word.lower() for word in words(query)} - STOP_WORDS
    said = Counter(word.lower() for word in words(trail.target.full))
    ways = [
        (i, word)
        for i, slot in enumerate(trail.space.slots)
        for word in slot.options
        if word.lower() in wanted and slot.word.lower() not in wanted
    ]
    while ways and not trail.full:
        i, word = min(ways, key=lambda way: said[way[1].lower()])
        if trail.allowed(longer := trail.choice | {i: word}):
            trail.choice = longer
            said[word.lower()] += 1
            ways = [way for way in ways if way[0] != i]
        else:
            ways.remove((i, word))


def _longer(trail: Trail, choice: Choice) -> Iterator[Choice]:
    """The choice with one slot more."""
    for i, slot in enumerate(trail.space.slots):
        if i not in choice:
            yield from (choice | {i: word} for word in slot.options)
