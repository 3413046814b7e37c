"""From a draft to a question that stands, or to the reason why it falls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_robust.questions.absent import in_text
from rag_robust.questions.ask import GraphQuery, Solved, is_variable, needed, query_id, solve, superfluous
from rag_robust.questions.check import LONGEST
from rag_robust.questions.draft import Draft, apart
from rag_robust.questions.graph import Edge
from rag_robust.questions.mentions import spelled
from rag_robust.questions.question import Question
from rag_robust.questions.verbalise import Verbaliser
from rag_robust.questions.world import World
from rag_robust.text import STOP_WORDS, words
from rag_robust.types import Fact, Query

__all__ = ["MOST_ANSWERS", "MOST_WORDS", "composed", "text_fault"]

MOST_ANSWERS = 5
"""Answers of one question; a longer list is a search result."""

MOST_WORDS = 60
"""Words of a question over several facts; a single one has `check.LONGEST`."""

_UGLY = re.compile(r"[{}]|\b(\w+) \1\b|\?.|\.\.|\b(?:the|a|an) (?:in|of|that|whose)\b", re.IGNORECASE)
_CHOICE = ("highest", "lowest")


@dataclass(frozen=True, slots=True)
class _Found:
    """What a draft leads to before it is written."""

    draft: Draft
    solved: Solved
    sets: tuple[tuple[str, ...], ...]
    fact: Fact
    kind: str


def composed(world: World, verbaliser: Verbaliser, draft: Draft, *, text: str = "") -> Question | str:
    """The question of a draft, or the reason for dropping it; `text` is a paraphrase to check instead.

    The graph query is solved and is the answer key. Over several facts, no passage may state two of
    them, each must be needed, and no passage may hold answer, named things and relations together.
    The text must name what the query names, neither answer nor what is only described, and be short.
    """
    found = _unanswerable(world, draft) if draft.pattern == "unanswerable" else _answered(world, draft)
    if isinstance(found, str):
        return found
    identity = query_id(draft.query)
    asked = text or verbaliser.question(draft.query, identity, several=len(found.sets) > 1)
    fault = text_fault(world, draft.query, asked, found.solved)
    if fault:
        return fault
    gold = {p for way in found.solved.ways for edge in way for p in edge.passages}
    return Question(
        Query(identity, asked, _listings(found.sets), _rejected(world, draft.query, found)),
        found.fact,
        tuple(sorted(gold)),
        draft.pattern,
        draft.kind,
        draft.query,
        found.solved.ways,
        found.sets,
        found.kind,
    )


def _answered(world: World, draft: Draft) -> _Found | str:
    query = draft.query
    solved = solve(world.graph, query)
    if not solved.ways:
        return "no answer in the graph"
    if len(solved.answers) > MOST_ANSWERS:
        return "too many answers"
    if len(query.hops) > 1 or query.op in ("previous", "next"):
        why = _not_several(world, query, solved)
        if why:
            return why
    edge, forms, kind = _bearing(world, solved)
    return _Found(draft, solved, forms, edge.fact, kind)


def _not_several(world: World, query: GraphQuery, solved: Solved) -> str | None:
    """Why the question does not need several passages, or None."""
    if not query.op and not _one_pivot(query, solved):
        return "what is described is not unique"
    if not all(apart(way) for way in solved.ways):
        return "one passage states two of the facts"
    if not needed(solved, query):
        return "a fact is not needed"
    if not query.op and superfluous(world.graph, query, set(solved.answers)):
        return "a condition is not needed"
    return "one passage answers it" if _shortcut(world, query, solved) else None


def _one_pivot(query: GraphQuery, solved: Solved) -> bool:
    """True if every variable but the one asked for stands for one thing only."""
    seen: dict[str, str] = {}
    for way in solved.ways:
        for hop, edge in zip(query.hops, way, strict=True):
            for term, name in (
                (hop.subject, edge.subject),
                (hop.object, edge.object),
                (hop.valid, edge.valid),
            ):
                if is_variable(term) and term != query.find and seen.setdefault(term, name) != name:
                    return False
    return True


def _shortcut(world: World, query: GraphQuery, solved: Solved) -> bool:
    """True if one passage holds an answer, everything that is named, and the words of the relations."""
    anchors = [*_anchors(query), *_relation_words(query)]
    if query.op in _CHOICE:
        values = [edge.object for edge in solved.ways[0]]
        return bool(world.mentions.all_of([*anchors, *values]))
    answers = [form for names in _forms(world, solved) for form in names]
    return bool(world.mentions.all_of(anchors) & world.mentions.any_of(answers))


def _relation_words(query: GraphQuery) -> list[str]:
    found = {word for hop in query.hops for word in spelled(hop.relation).split()}
    return sorted(found - STOP_WORDS)


def _anchors(query: GraphQuery) -> list[str]:
    """What the question must name: things, exact values and dates."""
    found: dict[str, None] = {}
    for hop in query.hops:
        for term in (hop.subject, "" if hop.test else hop.object, hop.valid):
            if term and not is_variable(term):
                found[term] = None
    return [*found, *([query.bound] if query.bound else [])]


def _forms(world: World, solved: Solved) -> list[tuple[str, ...]]:
    """Per answer all its spellings, answers in order."""
    forms: dict[str, dict[str, None]] = {name: {} for name in solved.answers}
    for way in solved.ways:
        for edge in way:
            if edge.object in forms:
                forms[edge.object] |= dict.fromkeys(edge.forms)
    for name, known in forms.items():
        known.setdefault(name)
        known |= dict.fromkeys(world.graph.aliases.get(name, ()))
    return [tuple(known) for known in forms.values()]


def _bearing(world: World, solved: Solved) -> tuple[Edge, tuple[tuple[str, ...], ...], str]:
    """The edge that bears the first answer, the spellings of all answers, and the type."""
    answer, way = solved.answers[0], solved.ways[0]
    edge = next((e for e in reversed(way) if answer in (e.object, e.subject, e.valid)), way[-1])
    kind: str = edge.value.kind if answer == edge.object else "date" if answer == edge.valid else "name"
    if len(solved.answers) > 1:
        kind = "set"
    return edge, tuple(_forms(world, solved)), kind


def _listings(sets: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The spellings of one answer, or ways to list several: "A, B and C", "A, B, C"."""
    if len(sets) == 1:
        return sets[0]
    first = [names[0] for names in sets]
    return (f"{', '.join(first[:-1])} and {first[-1]}", ", ".join(first)) if first else ()


def _rejected(world: World, query: GraphQuery, found: _Found) -> tuple[str, ...]:
    """The spellings of what the question offers beside the answer."""
    if query.op not in _CHOICE or not found.solved.ways:
        return ()
    right = {form for names in found.sets for form in names}
    offered = [hop.subject if query.find == "subject" else hop.valid for hop in query.hops]
    forms = (form for name in offered for form in (name, *world.graph.aliases.get(name, ())))
    return tuple(dict.fromkeys(form for form in forms if form not in right))


def _unanswerable(world: World, draft: Draft) -> _Found | str:
    if solve(world.graph, draft.query).answers:
        return "the graph answers it"
    near = draft.near
    last = draft.query.hops[-1]
    if near is None:
        return "no fact near it"
    subject = near.subject if is_variable(last.subject) else last.subject
    if in_text(world.graph, world.mentions, draft.query, subject):
        return "the text may answer it"
    return _Found(draft, Solved((), ()), (), near.fact, "none")


def text_fault(world: World, query: GraphQuery, text: str, solved: Solved) -> str | None:
    """Why a text does not ask the query: something missing, something given away, or ugly; or None."""
    told = spelled(text)
    if any(spelled(anchor) not in told for anchor in _anchors(query)):
        return "something named is missing from the question"
    if query.op not in _CHOICE:
        if any(_given(told, form) for names in _forms(world, solved) for form in names):
            return "answer in question"
        if any(_given(told, form) for form in _pivots(world, query, solved)):
            return "what is described is named in the question"
    n = len(words(text))
    if n > (MOST_WORDS if len(query.hops) > 1 else LONGEST):
        return "too long"
    return "hard to read" if _UGLY.search(text.rstrip()[:-1]) or text[-1:] not in "?." else None


def _given(told: str, form: str) -> bool:
    wanted = spelled(form)
    return wanted != " " and wanted in told


def _pivots(world: World, query: GraphQuery, solved: Solved) -> Iterator[str]:
    """All names of what the question only describes."""
    named = set(_anchors(query))
    for way in solved.ways:
        for hop, edge in zip(query.hops, way, strict=False):
            for term, name in (
                (hop.subject, edge.subject),
                (hop.object, edge.object),
                (hop.valid, edge.valid),
            ):
                if is_variable(term) and name and name not in named:
                    yield name
                    yield from world.graph.aliases.get(name, ())
