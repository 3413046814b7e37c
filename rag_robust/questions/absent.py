"""Questions that the corpus cannot answer: the thing and the relation are real, the fact is not there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rag_robust.questions.ask import GraphQuery, Hop
from rag_robust.questions.draft import Draft, Scene, interleaved
from rag_robust.questions.graph import Edge, FactGraph
from rag_robust.questions.mentions import Mentions, spelled
from rag_robust.text import STOP_WORDS

__all__ = ["in_text", "unanswerables"]

_AROUND = 3
"""Years before the first and after the last of a relation that are asked for too."""


def unanswerables(scene: Scene) -> Iterator[Draft]:
    """Facts that are absent, in turn: of another year, of another relation, at the end of a description.

    "year": the relation is known of this thing, but not in this year, which lies between the
    relation's first and last year or up to 3 years beside them. "relation": things of this kind
    have the relation, this one does not. "hop": the thing is described by a fact, and what is asked
    of it is absent.
    """
    missing = [*_years(scene), *_relations(scene)]
    described = (draft for draft in (_described(scene, one) for one in missing) if draft)
    years = [d for d in missing if d.kind == "year"]
    relations = [d for d in missing if d.kind == "relation"]
    streams = [scene.all(found, slot="absent") for found in (years, relations, list(described))]
    yield from interleaved([iter(found) for found in streams])


def in_text(graph: FactGraph, mentions: Mentions, query: GraphQuery, subject: str) -> bool:
    """True if some passage holds the subject, the date and every word of the relation that is asked for.

    The asked-for hop is the last; a passage that states any of these facts under another date is no
    obstacle unless it holds this date too.
    """
    hop = query.hops[-1]
    content = [word for word in spelled(hop.relation).split() if word not in STOP_WORDS]
    bits = mentions.any_of(graph.aliases.get(subject, (subject,)))
    for word in content:
        bits &= mentions.any_of(_forms(word))
    return bool(bits & mentions.of(hop.valid) if hop.valid else bits)


def _forms(word: str) -> set[str]:
    """The word in singular and plural."""
    stem = f"{word[:-3]}y" if word.endswith("ies") else word
    stems = {word, stem, word.removesuffix("s"), word.removesuffix("es")}
    plurals = {f"{one[:-1]}ies" for one in stems if one.endswith("y")}
    return stems | plurals | {f"{one}{end}" for one in stems for end in ("s", "es")}


def _years(scene: Scene) -> Iterator[Draft]:
    graph = scene.graph
    for relation in graph.relations:
        edges = [e for e in graph.get("r", relation) if e.valid.isdecimal()]
        if not edges:
            continue
        first, last = (int(pick(e.valid for e in edges)) for pick in (min, max))
        known = {e.subject: e for e in edges}
        for subject in sorted(known):
            dates = {e.valid for e in graph.get("sr", subject, relation)}
            absent = [y for y in range(first - _AROUND, last + _AROUND + 1) if str(y) not in dates]
            for year in scene.some(absent, scene.degree * 2, slot="year", name=f"{subject}|{relation}"):
                query = GraphQuery((Hop(subject, relation, "?v", str(year)),), "?v")
                near = min(graph.get("sr", subject, relation), key=lambda e: (_distance(e, year), e.key))
                yield Draft("unanswerable", "year", query, near)


def _distance(edge: Edge, year: int) -> int:
    return abs(int(edge.valid[:4]) - year) if edge.valid else 9999


def _relations(scene: Scene) -> Iterator[Draft]:
    graph = scene.graph
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for subject in graph.subjects:
        kinds[graph.kind(subject)].append(subject)
    for relation in graph.relations:
        edges = graph.get("r", relation)
        having = {e.subject for e in edges}
        for subject in sorted(s for k in {graph.kind(n) for n in having} for s in kinds[k] if k):
            if subject in having:
                continue
            dates = scene.some({e.valid for e in edges}, 4, slot="dates", name=f"{subject}|{relation}")
            for valid in dates:
                query = GraphQuery((Hop(subject, relation, "?v", valid),), "?v")
                yield Draft("unanswerable", "relation", query, graph.get("s", subject)[0])


def _described(scene: Scene, draft: Draft) -> Draft | None:
    """The same absent fact, its subject described by one of its own that no other thing has."""
    graph, hop = scene.graph, draft.query.hops[0]
    for edge in scene.some(_unique(graph, hop), 1, slot="described", name=repr(hop)):
        known = Hop("?x", edge.relation, edge.object, edge.valid)
        query = GraphQuery((known, Hop("?x", hop.relation, "?v", hop.valid)), "?v")
        return Draft("unanswerable", "hop", query, edge)
    return None


def _unique(graph: FactGraph, hop: Hop) -> Sequence[Edge]:
    return [
        e
        for e in graph.get("s", hop.subject)
        if e.relation != hop.relation
        and not e.conflict
        and e.value.kind != "boolean"
        and len(graph.get("rot", e.relation, e.object, e.valid)) == 1
        and len(graph.get("srt", e.subject, e.relation, e.valid)) == 1
    ]
