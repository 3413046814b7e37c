"""Candidates for questions: a pattern, a graph query, and an order that a seed decides."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nsmallest
from typing import Generic, TypeVar

from rag_robust.questions.ask import GraphQuery
from rag_robust.questions.graph import Edge, FactGraph

__all__ = ["PATTERNS", "Draft", "Ring", "Scene", "apart", "functional", "interleaved"]

T = TypeVar("T")

_MASK = 2**64 - 1

PATTERNS = ("single", "chain", "star", "inverted star", "comparison", "temporal", "unanswerable")
"""In the order of reports."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A question before it is written and checked; `kind` is what is special within its pattern."""

    pattern: str
    kind: str
    query: GraphQuery
    near: Edge | None = None
    """For unanswerable questions, a fact about the same subject or relation."""

    @property
    def written(self) -> str:
        """Its query in one line, which tells drafts of one kind apart."""
        query = self.query
        hops = [f"{h.subject}|{h.relation}|{h.object}|{h.valid}|{h.test}" for h in query.hops]
        return "||".join([self.kind, *hops, query.find, query.op, query.bound])


@dataclass(frozen=True, slots=True)
class Scene:
    """A graph, the seed of every choice, and what is tried: continuations at one place, draws in all.

    `tick` is called now and then while drafts are looked for.
    """

    graph: FactGraph
    seed: int
    degree: int = 12
    draws: int = 10**6
    tick: Callable[[], None] = lambda: None

    def some(self, items: Iterable[T], n: int | None = None, *, slot: str, name: str = "") -> list[T]:
        """At most `n` (default `degree`) of the items, those with the least hashes, in that order.

        An item that stays when others come or go keeps its place, so an updated corpus gives
        mostly the same questions. Items need a `repr` that tells them apart.
        """
        here = _hash(f"{self.seed}|{slot}|{name}")
        return nsmallest(self.degree if n is None else n, items, key=lambda item: _mixed(_mark(item) ^ here))

    def all(self, items: Iterable[T], *, slot: str) -> list[T]:
        """All items, in the order of the seed."""
        here = _hash(f"{self.seed}|{slot}|")
        return sorted(items, key=lambda item: _mixed(_mark(item) ^ here))

    def ring(self, items: Iterable[T], *, slot: str) -> Ring[T]:
        """The items in a circle, from which `Ring.near` takes some without looking at the rest."""
        ordered = self.all(items, slot=slot)
        here = _hash(f"{self.seed}|{slot}|")
        return Ring(tuple(ordered), tuple(_mixed(_mark(item) ^ here) for item in ordered))

    def rank(self, *parts: object) -> int:
        """The place of something in the order of the seed."""
        return _hash("|".join([str(self.seed), *map(repr, parts)]))


@dataclass(frozen=True, slots=True)
class Ring(Generic[T]):
    """Items in the order of their hashes, the last followed by the first."""

    items: tuple[T, ...]
    hashes: tuple[int, ...]

    def near(self, item: object, n: int) -> list[T]:
        """The `n` items that follow the place of another on the circle."""
        at = bisect_left(self.hashes, _mixed(_mark(item)))
        return [self.items[(at + i) % len(self.items)] for i in range(min(n, len(self.items)))]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


@lru_cache(maxsize=200_000)
def _known(key: object) -> int:
    return _hash(repr(key))


def _mark(item: object) -> int:
    """A hash of the item itself; an edge is its key."""
    if isinstance(item, Edge):
        return _known(item.key)
    if isinstance(item, Draft):
        return _hash(item.written)
    return _known(item) if isinstance(item, str | tuple) else _hash(repr(item))


def _mixed(bits: int) -> int:
    """The bits stirred (splitmix64), so that the order of one context says nothing about another's."""
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & _MASK
    return bits ^ (bits >> 31)


def functional(graph: FactGraph) -> list[Edge]:
    """The facts that are the only one of their subject, relation and date."""
    return [
        e
        for e in graph.edges
        if not e.conflict and len(graph.get("srt", e.subject, e.relation, e.valid)) == 1
    ]


def apart(edges: Sequence[Edge]) -> bool:
    """True if no passage states two of the facts."""
    seen: set[str] = set()
    for edge in edges:
        if not seen.isdisjoint(edge.passages):
            return False
        seen |= edge.passages
    return True


def interleaved(streams: Sequence[Iterator[Draft]]) -> Iterator[Draft]:
    """One of each in turn, until all have ended."""
    alive = list(streams)
    while alive:
        going = []
        for stream in alive:
            found = next(stream, None)
            if found is not None:
                going.append(stream)
                yield found
        alive = going
