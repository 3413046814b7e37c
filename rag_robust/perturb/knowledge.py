"""What an operator on passages may know: the corpus, the facts it states, and which of them is asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from numpy.random import Generator

from rag_robust import said
from rag_robust.perturb.protected import spans
from rag_robust.perturb.stated import states
from rag_robust.text import STOP_WORDS, normalise, words
from rag_robust.types import Corpus, Fact, Passage, Query

__all__ = [
    "Known",
    "asked",
    "elsewhere",
    "entity",
    "known",
    "named_in",
    "of_other_relation",
    "on_topic",
    "same_relation",
    "stated_in",
]

_DRAWN = 200


@dataclass(frozen=True, slots=True)
class Known:
    """The world an operator works in; make one per corpus with `known`, it is read by all queries."""

    passages: Mapping[str, Passage]
    ids: tuple[str, ...]
    answers: tuple[str, ...] = ()
    in_passage: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    of_relation: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    of_subject: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    behind: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)


def known(
    corpus: Corpus, facts: Iterable[Fact] = (), *, behind: Mapping[str, Sequence[Fact]] | None = None
) -> Known:
    """The world of a corpus. `behind` maps a query id to the facts that bear its answer, last hop last.

    Without `behind`, the fact asked for is the one in the given passages whose value is an answer
    and whose words the query shares most. Without `facts`, operators that need rivals or other
    facts fall back on the answers of the corpus' queries, or do not apply.
    """
    stated = sorted(facts, key=lambda f: (f.passage_id, f.start, f.relation))
    answers = {answer for query in corpus.queries.values() for answer in query.answers}
    return Known(
        corpus.passages,
        tuple(sorted(corpus.passages)),
        tuple(sorted(answers)),
        _grouped(stated, lambda f: f.passage_id),
        _grouped(stated, lambda f: normalise(f.relation)),
        _grouped(stated, lambda f: normalise(f.subject)),
        {query: tuple(some) for query, some in (behind or {}).items()},
    )


def _grouped(facts: Iterable[Fact], key: Callable[[Fact], str]) -> dict[str, tuple[Fact, ...]]:
    groups: defaultdict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        groups[key(fact)].append(fact)
    return {name: tuple(group) for name, group in groups.items()}


def asked(passages: Sequence[Passage], query: Query, world: Known) -> Fact | None:
    """The fact that bears the answer, or None if none is known."""
    if query.id in world.behind:
        hops = world.behind[query.id]
        return next((f for f in reversed(hops) if _bears(f, query)), hops[-1] if hops else None)
    here = [f for p in passages for f in world.in_passage.get(p.id, ())]
    bearing = [f for f in here if _bears(f, query)]
    told = _content(query.text)
    return max(
        bearing, key=lambda f: len(told & _content(f"{f.subject} {f.relation} {f.valid}")), default=None
    )


def _bears(fact: Fact, query: Query) -> bool:
    return any(states(fact.object, answer) for answer in query.answers)


def on_topic(
    passages: Sequence[Passage],
    query: Query,
    world: Known,
    rng: Generator,
    n: int,
    *,
    other_relation: bool = False,
) -> list[Passage]:
    """Up to `n` other passages of the corpus that state no answer, those nearest in words first.

    Passages about the same subject, by its facts or else by the names in the query, are looked at
    first, then a draw of 200 from the whole corpus; nearness is the number of shared content words.
    With `other_relation`, passages that state the relation asked for of the same subject, say for
    another year, are left out.
    """
    fact = asked(passages, query, world)
    here, near = {p.id for p in passages}, set(_about(query, world, fact))
    drawn = rng.permutation(len(world.ids))[:_DRAWN]
    candidates = [
        world.passages[i] for i in sorted(near | {world.ids[int(i)] for i in drawn}) if i not in here
    ]
    told = _content(" ".join([query.text, *(p.text for p in passages)]))
    ranked = sorted(candidates, key=lambda p: (p.id not in near, -len(told & _content(p.text)), p.id))
    found: list[Passage] = []
    for passage in ranked:
        if len(found) == n:
            break
        if not stated_in(passage, query) and (not other_relation or of_other_relation(passage, fact, world)):
            found.append(passage)
    return found


def elsewhere(passages: Sequence[Passage], query: Query, world: Known) -> list[Passage]:
    """Other passages about the entity of the question that speak of another relation and state no answer."""
    fact, here = asked(passages, query, world), {p.id for p in passages}
    found = [world.passages[i] for i in _about(query, world, fact) if i not in here]
    return [p for p in found if not stated_in(p, query) and of_other_relation(p, fact, world)]


def entity(query: Query, fact: Fact | None) -> list[str]:
    """What the question is about: the subject of its fact, else its names; no abbreviation beside others."""
    if fact is not None:
        return [fact.subject]
    names = [query.text[s.start : s.end] for s in spans(query.text) if s.kind == "name"]
    return [name for name in names if not name.isupper()] or names


def named_in(passage: Passage, names: Sequence[str]) -> bool:
    """Whether a passage names one of these: "Japan" neither by "Japanese" nor by "North Japan"."""
    folded = normalise(passage.full)
    return any(normalise(name) in folded and said.states(passage.full, name) for name in names)


def same_relation(one: Fact, two: Fact) -> bool:
    """Whether two facts say the same of the same subject; "population" is "population in the profile"."""
    a, b = _content(one.relation), _content(two.relation)
    return normalise(one.subject) == normalise(two.subject) and (a <= b or b <= a)


def of_other_relation(passage: Passage, fact: Fact | None, world: Known) -> bool:
    """Whether a passage does not state, as far as facts are known, what is asked for, at any time."""
    told = world.in_passage.get(passage.id, ())
    return fact is None or not any(same_relation(one, fact) for one in told)


def stated_in(passage: Passage, query: Query) -> bool:
    """Whether a passage, its title included, states an answer of the query."""
    return any(states(passage.full, answer) for answer in query.answers)


def _about(query: Query, world: Known, fact: Fact | None) -> list[str]:
    """Ids of passages about the entity of the question, in order."""
    if fact is not None:
        told = world.of_subject.get(normalise(fact.subject), ())
        return sorted({f.passage_id for f in told} & world.passages.keys())
    names = entity(query, fact)
    return [i for i in world.ids if names and named_in(world.passages[i], names)]


@lru_cache(maxsize=20_000)
def _content(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in words(text)) - STOP_WORDS
