"""Questions along paths: one fact, and chains of two to four facts through things that have one value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rag_robust.questions.ask import GraphQuery, Hop
from rag_robust.questions.draft import Draft, Scene, apart
from rag_robust.questions.graph import Edge

__all__ = ["chains", "singles"]

LONGEST = 4
"""Hops of a chain."""

_TRIED = 3
"""Ends that are tried per place and degree, before the evidence is looked at."""


def singles(scene: Scene) -> Iterator[Draft]:
    """Every subject, relation and date, relations and subjects in turn, in the order of the seed."""
    asked = {(e.subject, e.relation, e.valid) for e in scene.graph.edges if not e.conflict}
    for subject, relation, valid in scene.all(asked, slot="single"):
        kind = "dated" if valid else "undated"
        yield Draft("single", kind, GraphQuery((Hop(subject, relation, "?v", valid),), "?v"))


@dataclass(frozen=True, slots=True)
class _Walk:
    """A path from a named start to a thing: its hops, its facts, and the things it went through."""

    hops: tuple[Hop, ...]
    edges: tuple[Edge, ...]
    nodes: tuple[str, ...]

    @property
    def here(self) -> str:
        return self.nodes[-1]


def chains(scene: Scene) -> Iterator[Draft]:
    """Chains of 2 to 4 facts, from a name over things that are unique to a value or a name.

    A step goes from a subject to its only object, or from an object to the only subject that has
    it ("the country whose capital is Oslo"); steps are undated facts between names, the last hop is
    any fact of the thing that was reached. No thing is visited twice, no passage states two of the
    facts, and at each place at most `degree` ends are kept, by the seed. Longer chains come first
    in each round, or the short ones would crowd them out.
    """
    by_length: dict[int, list[Draft]] = {n: [] for n in range(LONGEST, 1, -1)}
    for start in sorted({n for e in scene.graph.edges if not e.valid for n in (e.subject, e.object)}):
        for walk in _walks(scene, _Walk((), (), (start,))):
            if walk.hops:
                by_length[len(walk.hops) + 1] += _ends(scene, walk)
    ordered = {n: scene.all(found, slot="chain") for n, found in by_length.items()}
    longest = max(map(len, ordered.values()), default=0)
    for i in range(longest):
        for found in ordered.values():
            if i < len(found):
                yield found[i]


def _walks(scene: Scene, walk: _Walk) -> Iterator[_Walk]:
    yield walk
    if len(walk.hops) == LONGEST - 1:
        return
    n = len(walk.hops)
    here = f"?x{n}" if n else walk.here
    for edge, forth in _steps(scene, walk.here):
        there = edge.object if forth else edge.subject
        if there in walk.nodes or not apart([*walk.edges, edge]):
            continue
        ends = (here, f"?x{n + 1}") if forth else (f"?x{n + 1}", here)
        hop = Hop(ends[0], edge.relation, ends[1])
        yield from _walks(scene, _Walk((*walk.hops, hop), (*walk.edges, edge), (*walk.nodes, there)))


def _steps(scene: Scene, name: str) -> Iterator[tuple[Edge, bool]]:
    """Undated facts that lead from a thing to exactly one other: forth to the object, or back."""
    graph = scene.graph
    for edge in graph.get("s", name):
        one = len(graph.get("sr", name, edge.relation)) == 1
        if one and not edge.valid and edge.value.kind == "name" and graph.get("s", edge.object):
            yield edge, True
    for edge in graph.get("o", name):
        one = graph.one_to_one(edge.relation) and len(graph.get("ro", edge.relation, name)) == 1
        if one and not edge.valid and not edge.conflict and edge.value.kind != "boolean":
            yield edge, False


def _ends(scene: Scene, walk: _Walk) -> Iterator[Draft]:
    """The last hops of a walk: any fact of the thing that was reached."""
    n = len(walk.hops)
    last = [
        edge
        for edge in scene.graph.get("s", walk.here)
        if edge.relation != walk.edges[-1].relation and edge.object not in walk.nodes and not edge.conflict
    ]
    kept = 0
    for edge in scene.some(last, scene.degree * _TRIED, slot="chain end", name=repr(walk.nodes)):
        if kept < scene.degree and apart([*walk.edges, edge]):
            kept += 1
            end = Hop(f"?x{n}", edge.relation, "?v", edge.valid)
            yield Draft("chain", f"{n + 1} hops", GraphQuery((*walk.hops, end), "?v"))
