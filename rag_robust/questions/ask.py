"""A question as a query on the graph: what it is about, which facts answer it, and whether each is needed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from rag_robust.questions.graph import Edge, FactGraph
from rag_robust.questions.values import alike
from rag_robust.seeds import digest

__all__ = [
    "GraphQuery",
    "Hop",
    "Op",
    "Solved",
    "from_json",
    "is_variable",
    "needed",
    "query_id",
    "solve",
    "superfluous",
    "to_json",
]

Op = Literal["", "highest", "lowest", "as of", "before", "after", "previous", "next"]

_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Hop:
    """One fact that is asked for; a term is a name of the graph or a variable such as "?x".

    `test` ">" or "<" makes `object` a bound, written as a plain number, that the value must exceed
    or stay below. `valid` "" is a fact without a date.
    """

    subject: str
    relation: str
    object: str
    valid: str = ""
    test: Literal["", ">", "<"] = ""


@dataclass(frozen=True, slots=True)
class GraphQuery:
    """Facts that must hold together, in the order of reasoning, and the variable that is asked for.

    `op` "highest" and "lowest": each hop gives an alternative, `find` ("subject" or "valid") says
    which of its terms is the answer; a tie has none. "as of", "before", "after": of the dated facts
    of the one hop, the last not after, the last before, the first after `bound`. "previous" and
    "next": two hops of one subject and relation; the second is the nearest in time to the first.
    Numbers are compared, with each other or a bound, in one unit only; in several there is no answer.
    `differ` are pairs of terms that must not be the same.
    """

    hops: tuple[Hop, ...]
    find: str
    op: Op = ""
    bound: str = ""
    differ: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Solved:
    """The answers as names of the graph, in order, and every way to them: one edge per hop."""

    answers: tuple[str, ...]
    ways: tuple[tuple[Edge, ...], ...]


def solve(graph: FactGraph, query: GraphQuery) -> Solved:
    """Every answer of the query on the graph; this is the answer key of a question.

    Facts with conflicting values answer nothing.
    """
    if query.op in ("highest", "lowest"):
        return _extreme(graph, query)
    if query.op:
        return _in_time(graph, query)
    ways = [(bound[query.find], way) for bound, way in _joined(graph, query)]
    ways.sort(key=lambda one: (one[0], [edge.key for edge in one[1]]))
    return Solved(tuple(dict.fromkeys(name for name, _ in ways)), tuple(way for _, way in ways))


def superfluous(graph: FactGraph, query: GraphQuery, answers: Collection[str]) -> bool:
    """True if the answers stay the same without one of the conditions on what is described.

    A condition is a hop from a variable to something named, or to a bound. Without it there can
    only be more answers, so the search stops at the first.
    """
    for i, hop in enumerate(query.hops):
        if not is_variable(hop.subject) or (is_variable(hop.object) and not hop.test):
            continue
        rest = query.hops[:i] + query.hops[i + 1 :]
        if not any(query.find in (h.subject, h.object, h.valid) for h in rest):
            continue
        fewer = replace(query, hops=rest)
        if all(bound[query.find] in answers for bound, _ in _joined(graph, fewer)):
            return True
    return False


def needed(solved: Solved, query: GraphQuery) -> bool:
    """True if without any one of its facts the query has other answers, or none.

    A way falls with any of its edges, so what is left of the answers is that of the ways that do
    without the edge. Time queries and comparisons need each of their facts by what they ask.
    """
    if query.op or len(solved.ways) == 1:
        return True
    answers = set(solved.answers)
    for edge in {edge.key: edge for way in solved.ways for edge in way}.values():
        left = {_answer(way, query) for way in solved.ways if all(e.key != edge.key for e in way)}
        if left == answers:
            return False
    return True


def query_id(query: GraphQuery) -> str:
    """A hash of what is asked: the same in every run, corpus and order."""
    return f"q-{digest('question', to_json(query))[:12]}"


def to_json(query: GraphQuery) -> dict[str, Any]:
    """The query as JSON values; what is not set is left out."""
    hops = [
        {"subject": h.subject, "relation": h.relation, "object": h.object}
        | ({"valid": h.valid} if h.valid else {})
        | ({"test": h.test} if h.test else {})
        for h in query.hops
    ]
    rest = {"op": query.op, "bound": query.bound, "differ": [list(pair) for pair in query.differ]}
    return {"hops": hops, "find": query.find} | {name: value for name, value in rest.items() if value}


def from_json(held: Mapping[str, Any]) -> GraphQuery:
    """The query that `to_json` wrote."""
    hops = tuple(Hop(**hop) for hop in held["hops"])
    differ = tuple((a, b) for a, b in held.get("differ", ()))
    return GraphQuery(hops, held["find"], held.get("op", ""), held.get("bound", ""), differ)


def is_variable(term: str) -> bool:
    """True for "?x"."""
    return term[:1] == "?"


def _answer(way: Sequence[Edge], query: GraphQuery) -> str:
    """What the variable is on this way."""
    for hop, edge in zip(query.hops, way, strict=True):
        for term, name in ((hop.subject, edge.subject), (hop.object, edge.object), (hop.valid, edge.valid)):
            if term == query.find:
                return name
    return ""


def _joined(graph: FactGraph, query: GraphQuery) -> Iterator[tuple[dict[str, str], tuple[Edge, ...]]]:
    """Every way to fill the variables so that all hops are facts and what must differ does."""
    plan = _planned(query.hops)
    ways: list[Edge | None] = [None] * len(query.hops)

    def fill(step: int, bound: dict[str, str]) -> Iterator[tuple[dict[str, str], tuple[Edge, ...]]]:
        if step == len(plan):
            if all(bound.get(a, a) != bound.get(b, b) for a, b in query.differ):
                yield bound, tuple(edge for edge in ways if edge is not None)
            return
        hop = query.hops[plan[step]]
        s, o, t = bound.get(hop.subject, hop.subject), bound.get(hop.object, hop.object), hop.valid
        t = bound.get(t, t)
        for edge in _candidates(graph, hop, (s, o, t)):
            if edge.conflict or not _fits(hop, edge, (s, o, t)):
                continue
            more = bound
            for term, name in ((s, edge.subject), (o, edge.object), (t, edge.valid)):
                if term[:1] == "?":
                    more = {**more, term: name}
            ways[plan[step]] = edge
            yield from fill(step + 1, more)

    return fill(0, {})


@lru_cache(maxsize=1 << 16)
def _planned(hops: tuple[Hop, ...]) -> tuple[int, ...]:
    """The hops in the order in which most is known of each: first the subject, then an exact object."""
    order: list[int] = []
    known: set[str] = set()
    while len(order) < len(hops):
        left = [i for i in range(len(hops)) if i not in order]
        best = min(left, key=lambda i: (_unknown(hops[i], known), i))
        order.append(best)
        known |= {hops[best].subject, hops[best].object, hops[best].valid}
    return tuple(order)


def _unknown(hop: Hop, known: set[str]) -> int:
    open_ = [is_variable(term) and term not in known for term in (hop.subject, hop.object, hop.valid)]
    return 4 * open_[0] + 2 * (open_[1] or bool(hop.test)) + open_[2]


def _candidates(graph: FactGraph, hop: Hop, terms: tuple[str, str, str]) -> list[Edge]:
    s, o, t = terms
    dated = t[:1] != "?"
    if hop.test and not graph.one_unit(hop.relation):
        return []
    if s[:1] != "?":
        return graph.get("srt", s, hop.relation, t) if dated else graph.get("sr", s, hop.relation)
    if o[:1] != "?" and not hop.test:
        return graph.get("rot", hop.relation, o, t) if dated else graph.get("ro", hop.relation, o)
    return graph.get("rt", hop.relation, t) if dated else graph.get("r", hop.relation)


def _fits(hop: Hop, edge: Edge, terms: tuple[str, str, str]) -> bool:
    _, o, t = terms
    if hop.test:
        if edge.value.number is None or not _passes(edge.value.number, hop):
            return False
    elif o[:1] != "?" and edge.object != o:
        return False
    return t[:1] == "?" or edge.valid == t


def _passes(number: Decimal, hop: Hop) -> bool:
    bound = Decimal(hop.object)
    return number > bound if hop.test == ">" else number < bound


def _extreme(graph: FactGraph, query: GraphQuery) -> Solved:
    found = []
    for hop in query.hops:
        edges = [e for e in graph.get("srt", hop.subject, hop.relation, hop.valid) if not e.conflict]
        if len(edges) != 1 or edges[0].value.number is None:
            return Solved((), ())
        found.append((edges[0].value.number, edges[0]))
    if not all(alike(edge.value.unit, found[0][1].value.unit) for _, edge in found):
        return Solved((), ())
    best = (max if query.op == "highest" else min)(number for number, _ in found)
    winners = [edge for number, edge in found if number == best]
    if len(winners) != 1 or len(found) < 2:
        return Solved((), ())
    name = winners[0].subject if query.find == "subject" else winners[0].valid
    return Solved((name,), (tuple(edge for _, edge in found),))


def _in_time(graph: FactGraph, query: GraphQuery) -> Solved:
    hop = query.hops[0]
    edges = [e for e in graph.get("sr", hop.subject, hop.relation) if e.valid and not e.conflict]
    known: tuple[Edge, ...] = ()
    bound = query.bound
    if query.op in ("previous", "next"):
        known = tuple(e for e in edges if e.object == hop.object)
        if len(known) != 1:
            return Solved((), ())
        bound = known[0].valid
    if query.op == "as of":
        near = [e for e in edges if e.valid[: len(bound)] <= bound]
    elif query.op in ("before", "previous"):
        near = [e for e in edges if e.valid < bound]
    else:
        near = [e for e in edges if e.valid > bound]
    if not near:
        return Solved((), ())
    pick = (min if query.op in ("after", "next") else max)(e.valid for e in near)
    last = sorted((e for e in near if e.valid == pick), key=lambda e: e.key)
    return Solved(tuple(dict.fromkeys(e.object for e in last)), tuple((*known, e) for e in last))
