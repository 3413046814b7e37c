"""Questions about one thing by several of its facts, and about things that share a value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import combinations
from math import comb
from typing import Literal

from rag_robust.questions.ask import GraphQuery, Hop
from rag_robust.questions.draft import Draft, Scene, apart, functional, interleaved
from rag_robust.questions.graph import Edge

__all__ = ["inverted_stars", "stars"]

MOST_BRANCHES = 4
"""Facts of a star."""

_MOST_SHARING = 5
"""Things that may share a value and still be asked for by name."""


@dataclass(frozen=True, slots=True)
class _Condition:
    """Something that is true of a thing: the hop (about "?x"), its fact, and all things it is true of."""

    hop: Hop
    edge: Edge
    holds: int


def stars(scene: Scene) -> Iterator[Draft]:
    """Stars of 2 to 4 facts about one thing, in turn.

    "value": one dated fact says which thing is meant, another is asked for. "which": conditions,
    each of which is needed, say which thing is meant, and it is asked for. "described": conditions
    say which thing is meant, and another fact is asked for.
    """
    conditions = _Conditions(scene)
    yield from interleaved([_by_value(scene), conditions.which(), conditions.described()])


def inverted_stars(scene: Scene) -> Iterator[Draft]:
    """Two things that share an undated value, in turn.

    "other": every other thing that shares it with a named one. "narrowed": the one of them that
    fulfils further conditions. "leaf": a fact of the only other one.
    """
    conditions = _Conditions(scene)
    yield from interleaved([_others(scene), conditions.narrowed(), _leaves(scene)])


def _by_value(scene: Scene) -> Iterator[Draft]:
    """Pairs of facts of one thing: the first has a value that no other thing has at that date."""
    graph = scene.graph
    facts: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in functional(graph):
        facts[edge.subject].append(edge)
    pairs = []
    for subject in sorted(facts):
        for edge in facts[subject]:
            if (
                not edge.valid
                or edge.value.kind == "boolean"
                or len(graph.get("rot", edge.relation, edge.object, edge.valid)) > 1
            ):
                continue
            others = [e for e in facts[subject] if e.relation != edge.relation and apart([edge, e])]
            for other in scene.some(others, slot="star", name=repr(edge.key)):
                known = Hop("?x", edge.relation, edge.object, edge.valid)
                asked = Hop("?x", other.relation, "?v", other.valid)
                pairs.append(Draft("star", "value", GraphQuery((known, asked), "?v")))
    yield from scene.all(pairs, slot="stars")


def _others(scene: Scene) -> Iterator[Draft]:
    found = []
    for edge in _shared(scene):
        hops = (Hop(edge.subject, edge.relation, "?o"), Hop("?x", edge.relation, "?o"))
        query = GraphQuery(hops, "?x", differ=((edge.subject, "?x"),))
        found.append(Draft("inverted star", "other", query))
    yield from scene.all(found, slot="others")


def _leaves(scene: Scene) -> Iterator[Draft]:
    """A fact of the only other thing that shares a value with a named one."""
    graph = scene.graph
    found = []
    for edge in _shared(scene):
        sharing = [e for e in graph.get("ro", edge.relation, edge.object) if e.subject != edge.subject]
        if len(sharing) != 1:
            continue
        leaves = [
            e
            for e in graph.get("s", sharing[0].subject)
            if e.relation != edge.relation and not e.conflict and apart([edge, sharing[0], e])
        ]
        for leaf in scene.some(leaves, scene.degree * 3, slot="leaf", name=edge.subject):
            hops = (
                Hop(edge.subject, edge.relation, "?o"),
                Hop("?x", edge.relation, "?o"),
                Hop("?x", leaf.relation, "?v", leaf.valid),
            )
            query = GraphQuery(hops, "?v", differ=((edge.subject, "?x"),))
            found.append(Draft("inverted star", "leaf", query))
    yield from scene.all(found, slot="leaves")


def _shared(scene: Scene) -> list[Edge]:
    """Undated facts that are the only one of their subject, with an object that few others share."""
    graph = scene.graph
    return [
        edge
        for edge in functional(graph)
        if not edge.valid
        and graph.one_to_one(edge.relation)
        and 2 <= len(graph.get("ro", edge.relation, edge.object)) <= _MOST_SHARING + 1
    ]


class _Conditions:
    """What is true of each thing, with bits for the things it is true of."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        graph = scene.graph
        self.bit = {subject: 1 << i for i, subject in enumerate(graph.subjects)}
        self.wide: dict[str, list[Edge]] = {}
        self.whole: dict[tuple[str, str], bool] = {}
        self.sharing: dict[tuple[str, str], int] = {}
        self.passing: dict[tuple[str, str, Decimal, str], int] = {}
        self.of: defaultdict[str, list[_Condition]] = defaultdict(list)
        self.groups: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
        facts: defaultdict[str, list[Edge]] = defaultdict(list)
        for edge in functional(graph):
            self.groups[edge.relation, edge.valid].append(edge)
            facts[edge.subject].append(edge)
        for found in facts.values():
            if any(apart(pair) for pair in combinations(_places(found), 2)):
                for edge in found:
                    self._add(edge)

    def _add(self, edge: Edge) -> None:
        graph = self.scene.graph
        group = self.groups[edge.relation, edge.valid]
        amount = graph.quantity(edge.relation) and graph.one_unit(edge.relation)
        if edge.value.number is not None and amount and len(group) > 3:
            for bound, test in _bounds(edge.value.number, whole=self._whole(edge.relation, edge.valid)):
                hop = Hop("?x", edge.relation, f"{bound.normalize():f}", edge.valid, test)
                self.of[edge.subject].append(_Condition(hop, edge, self._holding(group, bound, test)))
        elif not edge.valid and edge.value.kind != "boolean":
            sharing = graph.get("ro", edge.relation, edge.object)
            if len(sharing) > 1:
                condition = _Condition(Hop("?x", edge.relation, edge.object), edge, self._sharing(sharing))
                self.of[edge.subject].append(condition)

    def _holding(self, group: Sequence[Edge], bound: Decimal, test: str) -> int:
        """The subjects whose value passes; found once per bound."""
        key = (group[0].relation, group[0].valid, bound, test)
        if key not in self.passing:
            above = test == ">"
            self.passing[key] = sum(
                self.bit[e.subject]
                for e in group
                if e.value.number is not None
                and (e.value.number > bound if above else e.value.number < bound)
            )
        return self.passing[key]

    def _whole(self, relation: str, valid: str) -> bool:
        """True if all values of the relation at that date are whole numbers; found once."""
        known = relation, valid
        if known not in self.whole:
            numbers = [e.value.number for e in self.groups[known]]
            self.whole[known] = all(number is not None and number % 1 == 0 for number in numbers)
        return self.whole[known]

    def _sharing(self, edges: Sequence[Edge]) -> int:
        """The subjects that have one value of a relation; found once per value."""
        known = edges[0].relation, edges[0].object
        if known not in self.sharing:
            self.sharing[known] = sum({self.bit[e.subject] for e in edges})
        return self.sharing[known]

    def which(self) -> Iterator[Draft]:
        """Conditions that only together say which thing is meant."""
        for subject, group in self._groups("which", 2):
            if self._needed(group, self.bit[subject]):
                yield Draft("star", "which", GraphQuery(tuple(c.hop for c in group), "?x"))

    def described(self) -> Iterator[Draft]:
        """Conditions that only together say which thing is meant, and a fact of it that is asked for."""
        for subject, group in self._groups("described", 2, most=MOST_BRANCHES - 1):
            if not self._needed(group, self.bit[subject]):
                continue
            told = {c.edge.relation for c in group}
            leaves = [
                e
                for e in self.scene.graph.get("s", subject)
                if e.relation not in told and not e.conflict and apart([*(c.edge for c in group), e])
            ]
            for leaf in self.scene.some(leaves, 1, slot="described leaf", name=repr([c.hop for c in group])):
                hops = (*(c.hop for c in group), Hop("?x", leaf.relation, "?v", leaf.valid))
                yield Draft("star", "described", GraphQuery(hops, "?v"))

    def narrowed(self) -> Iterator[Draft]:
        """A named thing, a value it shares with many, and conditions that only one other fulfils."""
        graph = self.scene.graph
        for subject, group in self._groups("narrowed", 1, most=MOST_BRANCHES - 2):
            told = {c.edge.relation for c in group}
            shared = [e for e in self._wide(subject) if e.relation not in told]
            for edge in self.scene.some(shared, 1, slot="shared", name=repr(group[0].hop)):
                sharing = graph.get("ro", edge.relation, edge.object)
                holding = self._sharing(sharing)
                named = [e for e in sharing if e.subject != subject]
                for other in self.scene.some(named, 1, slot="named", name=repr(group[-1].hop)):
                    base = _Condition(
                        Hop("?x", edge.relation, "?o"), edge, holding & ~self.bit[other.subject]
                    )
                    edges = [other, edge, *(c.edge for c in group)]
                    if self._needed([base, *group], self.bit[subject]) and apart(edges):
                        hops = (
                            Hop(other.subject, edge.relation, "?o"),
                            base.hop,
                            *(c.hop for c in group),
                        )
                        query = GraphQuery(hops, "?x", differ=((other.subject, "?x"),))
                        yield Draft("inverted star", "narrowed", query)

    def _wide(self, subject: str) -> list[Edge]:
        """Undated facts of a thing that at least two others share."""
        if subject not in self.wide:
            graph = self.scene.graph
            self.wide[subject] = [
                e
                for e in graph.get("s", subject)
                if not e.valid
                and not e.conflict
                and graph.one_to_one(e.relation)
                and len(graph.get("ro", e.relation, e.object)) > 2
            ]
        return self.wide[subject]

    def _groups(
        self, slot: str, least: int, most: int = MOST_BRANCHES
    ) -> Iterator[tuple[str, list[_Condition]]]:
        """Draws of conditions of one thing from different passages, subjects in turn; they come to an end.

        A subject is drawn at most four times as often as there are ways to choose among its
        conditions, and all together as often as the scene says.
        """
        sizes = range(least, most + 1)
        left = {
            s: 4 * sum(comb(len(self.of[s]), n) for n in sizes) for s in self.scene.all(self.of, slot=slot)
        }
        draws = self.scene.draws
        for draw in range(80 * self.scene.degree):
            left = {subject: n for subject, n in left.items() if n > draw}
            for subject in left:
                if not draws:
                    return
                draws -= 1
                if draws % 1000 == 0:
                    self.scene.tick()
                group = self._drawn(subject, sizes[draw % len(sizes)], f"{slot}{draw}")
                if group:
                    yield subject, group

    def _drawn(self, subject: str, n: int, slot: str) -> list[_Condition]:
        own = self.of[subject]
        if len(own) < n:
            return []
        hashed = self.scene.rank("draw", slot, subject)
        group: list[_Condition] = []
        for _ in range(4 * n):
            hashed, at = divmod(hashed, len(own))
            hashed = (hashed * 6364136223846793005 + 1442695040888963407) % 2**64
            one = own[at]
            fresh = all(one.hop.relation != c.hop.relation for c in group)
            if fresh and apart([*(c.edge for c in group), one.edge]):
                group.append(one)
            if len(group) == n:
                return group
        return []

    @staticmethod
    def _needed(group: Sequence[_Condition], wanted: int) -> bool:
        """True if all conditions together hold for the wanted thing alone, and no fewer do."""
        every = -1
        for one in group:
            every &= one.holds
        if every != wanted:
            return False
        for left_out in range(len(group)):
            rest = -1
            for i, one in enumerate(group):
                rest &= one.holds if i != left_out else -1
            if rest == wanted:
                return False
        return True


def _places(edges: Sequence[Edge]) -> list[Edge]:
    """One fact for each set of passages that states some."""
    return [*{edge.passages: edge for edge in edges}.values()]


def _bounds(number: Decimal, *, whole: bool) -> Iterator[tuple[Decimal, Literal[">", "<"]]]:
    """Round numbers a little below (">") and above ("<") a value: 77.3 is above 75, and below 80."""
    if number <= 0:
        return
    step = Decimal(5).scaleb(number.adjusted() - 1)
    step = max(step, Decimal(1)) if whole else step
    low = (number / step).to_integral_value(rounding=ROUND_FLOOR) * step
    high = (number / step).to_integral_value(rounding=ROUND_CEILING) * step
    yield (low if low < number else low - step), ">"
    yield (high if high > number else high + step), "<"
