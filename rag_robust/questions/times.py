"""Questions that compare values, that turn on dates, and that the corpus cannot answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from rag_robust.questions.ask import GraphQuery, Hop, Op
from rag_robust.questions.draft import Draft, Scene, apart, functional, interleaved
from rag_robust.questions.graph import Edge
from rag_robust.questions.values import alike

__all__ = ["comparisons", "temporals"]


def comparisons(scene: Scene) -> Iterator[Draft]:
    """Which of two things has the higher or lower value of one relation and unit, at one date or undated."""
    groups: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in _numbers(scene):
        groups[edge.relation, edge.valid].append(edge)
    pairs: dict[tuple[Hop, Hop], None] = {}
    for relation, valid in sorted(groups):
        ring = scene.ring(groups[relation, valid], slot="partner")
        for edge in groups[relation, valid]:
            for other in ring.near(edge, scene.degree):
                differs = other.value.number != edge.value.number
                if differs and apart([edge, other]) and _alike(scene, edge, other):
                    a, b = sorted([edge, other], key=lambda e: e.subject)
                    pairs[Hop(a.subject, relation, "?a", valid), Hop(b.subject, relation, "?b", valid)] = None
    for hops in scene.all(pairs, slot="comparison"):
        op: Op = "highest" if scene.rank("op", hops) % 2 else "lowest"
        yield Draft("comparison", op, GraphQuery(hops, "subject", op))


def temporals(scene: Scene) -> Iterator[Draft]:
    """What was known at, before or after a date; what replaced what; when it was more; the same year."""
    series: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in functional(scene.graph):
        if edge.valid:
            series[edge.subject, edge.relation].append(edge)
    dated = {known: sorted(found, key=lambda e: e.valid) for known, found in sorted(series.items())}
    streams = (_around(dated), _replaced(dated), _years(scene, dated), _same_year(scene, dated))
    yield from interleaved([iter(scene.all(found, slot="temporal")) for found in streams])


def _numbers(scene: Scene) -> list[Edge]:
    return [
        e for e in functional(scene.graph) if scene.graph.quantity(e.relation) and e.value.number is not None
    ]


def _alike(scene: Scene, edge: Edge, other: Edge) -> bool:
    """Of one kind, and in one unit."""
    same = scene.graph.kind(edge.subject) == scene.graph.kind(other.subject)
    return same and alike(edge.value.unit, other.value.unit)


_Series = dict[tuple[str, str], list[Edge]]


def _around(dated: _Series) -> Iterator[Draft]:
    """As of a year between two dates, before a date, after a date."""
    for (subject, relation), edges in dated.items():
        for one, two in pairwise(edges):
            hop = (Hop(subject, relation, "?v", "?t"),)
            if one.valid.isdecimal() and two.valid.isdecimal() and int(two.valid) - int(one.valid) > 1:
                middle = str((int(one.valid) + int(two.valid)) // 2)
                yield Draft("temporal", "as of", GraphQuery(hop, "?v", "as of", middle))
            yield Draft("temporal", "before", GraphQuery(hop, "?v", "before", two.valid))
            yield Draft("temporal", "after", GraphQuery(hop, "?v", "after", one.valid))


def _replaced(dated: _Series) -> Iterator[Draft]:
    """The value that one superseded, or that superseded it, if they stand in different passages."""
    for (subject, relation), edges in dated.items():
        for one, two in pairwise(edges):
            if not apart([one, two]) or one.object == two.object:
                continue
            later = (Hop(subject, relation, two.object, "?t"), Hop(subject, relation, "?v", "?u"))
            yield Draft("temporal", "superseded", GraphQuery(later, "?v", "previous"))
            sooner = (Hop(subject, relation, one.object, "?t"), Hop(subject, relation, "?v", "?u"))
            yield Draft("temporal", "superseding", GraphQuery(sooner, "?v", "next"))


def _years(scene: Scene, dated: _Series) -> Iterator[Draft]:
    """In which of two years a value was higher or lower."""
    for (subject, relation), edges in dated.items():
        for one in edges:
            later = [
                e
                for e in edges
                if e.valid > one.valid
                and e.value.number != one.value.number
                and alike(one.value.unit, e.value.unit)
            ]
            for two in scene.some(later, 3, slot="years", name=repr(one.key)):
                if one.value.number is None or two.value.number is None or not apart([one, two]):
                    continue
                hops = (Hop(subject, relation, "?a", one.valid), Hop(subject, relation, "?b", two.valid))
                op: Op = "highest" if scene.rank("year", hops) % 2 else "lowest"
                yield Draft("temporal", "which year", GraphQuery(hops, "valid", op))


def _same_year(scene: Scene, dated: _Series) -> Iterator[Draft]:
    """A value in the year in which another thing had a known value."""
    graph = scene.graph
    ring = scene.ring(dated, slot="same year")
    for (subject, relation), edges in dated.items():
        for one in edges:
            if len([e for e in graph.get("sr", subject, relation) if e.object == one.object]) != 1:
                continue
            if len(one.valid) != len("1992"):
                continue
            partners = ring.near(one, 4 * scene.degree)
            found = (e for k in partners if k[0] != subject for e in graph.get("srt", *k, one.valid))
            for two in [e for e in found if not e.conflict and apart([one, e])][:4]:
                hops = (
                    Hop(subject, relation, one.object, "?t"),
                    Hop(two.subject, two.relation, "?v", "?t"),
                )
                yield Draft("temporal", "same year", GraphQuery(hops, "?v"))
