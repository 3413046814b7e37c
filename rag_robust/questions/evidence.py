"""Triplets with their evidence, and the one validator that everything extracted has to pass."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rag_robust.questions.values import ABSENT, Kind, Value, read
from rag_robust.text import normalise, words
from rag_robust.types import Corpus, Fact, Passage

__all__ = ["EXTRACTORS", "STRUCTURED", "WORDED", "Triplet", "Validated", "doubtful", "validated"]

EXTRACTORS = ("tables", "key-value", "patterns", "dependencies", "endpoint", "demo")
"""Where triplets come from, the most trusted first."""

WORDED = ("patterns", "tables", "key-value")
"""Extractors whose relations have names of ours; the others call them as the text or a model does."""

STRUCTURED = frozenset({"tables", "key-value"})
"""Extractors whose subject and date may stand in a header, a caption or the title."""

_MOST_WORDS = {"subject": 10, "relation": 10, "object": 14}
_NOBODY = frozenset(
    "he her here him his how i it its mine my none one our she that the their them there these they "
    "this those us we what which who whose you your company country it's".split()
)
_DOUBTFUL = re.compile(
    r"\b(?:not|never|no longer|neither|nor|without|n[o']t|(?-i:may|will)|might|could|would|should|shall|"
    r"if|unless|whether|perhaps|possibly|probably|apparently|supposedly|reportedly|allegedly|"
    r"rumou?r(?:ed|s)?|unlikely|likely|unclear|unconfirmed|(?:expect|aim|hope|plan)(?:s|e?d|ned)? to|"
    r"(?:said|believed|thought|claimed|supposed|set|forecast|projected) to|"
    r"(?:claims?|claimed|believes?) that|forecasts?|projections?|"
    r"den(?:y|ies|ied)|refut(?:es|ed)|false(?:ly)?|wrong(?:ly)?|incorrect(?:ly)?|"
    r"mistaken(?:ly)?|untrue|myth|far from|instead of|rather than)\b|n['’]t\b|\?[\"'”’)]*\s*$",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"\b(?:could|can) expect to live\b|\bnot only\b", re.IGNORECASE)
"""Idioms that state what they say."""

_USUAL_SHARE, _USUAL_N = 0.9, 10


@dataclass(frozen=True, slots=True)
class Triplet:
    """A fact, the exact span of text that proves it, and who read it there.

    `evidence` is (start, end) in the passage's text: a sentence, a line or a table row. `header` is
    the span of the caption and the header row, for tables. `kind` is what the subject is called
    where it is listed ("currency"), `unit` what the place gives the value.
    """

    fact: Fact
    evidence: tuple[int, int]
    extractor: str
    header: tuple[int, int] = (0, 0)
    kind: str = ""
    unit: str = ""

    @property
    def value(self) -> Value:
        """What the object means."""
        return read(self.fact.object, self.unit)


@dataclass(frozen=True, slots=True)
class Validated:
    """The triplets that stand, in an order of their own, and per extractor how many fell and why."""

    triplets: tuple[Triplet, ...]
    dropped: Mapping[str, Mapping[str, int]]


def validated(corpus: Corpus, found: Iterable[Triplet]) -> Validated:
    """The triplets whose evidence proves them.

    Each must have its object at its place inside the evidence; subject and date inside the
    evidence too, or for `STRUCTURED` extractors in the header, the caption or the title; ends that
    name something; and for extractors of free text a sentence without negation or hedge. A value
    of another type than nearly all of its relation's (0.9 of at least 10) falls as well. The same
    fact at the same place from two extractors is kept from the first of `EXTRACTORS`.
    """
    dropped: defaultdict[str, Counter[str]] = defaultdict(Counter)
    standing: dict[tuple[str, str, str, str, str], Triplet] = {}
    for one in sorted(found, key=_rank):
        why = _wrong(one, corpus.passages.get(one.fact.passage_id))
        fact = one.fact
        same = (normalise(fact.subject), fact.relation, fact.valid, one.value.key, fact.passage_id)
        if why is None and same in standing:
            why = "said before in the same passage"
        if why is None:
            standing[same] = one
        else:
            dropped[one.extractor][why] += 1
    usual = _usual_kinds(standing.values())
    kept = []
    for one in standing.values():
        if usual.get(one.fact.relation, one.value.kind) == one.value.kind:
            kept.append(one)
        else:
            dropped[one.extractor]["value of another type"] += 1
    return Validated(tuple(kept), {name: dict(sorted(n.items())) for name, n in sorted(dropped.items())})


def _rank(one: Triplet) -> tuple[object, ...]:
    fact = one.fact
    return (
        EXTRACTORS.index(one.extractor),
        fact.passage_id,
        fact.start,
        fact.subject,
        fact.relation,
        fact.valid,
    )


def _wrong(one: Triplet, passage: Passage | None) -> str | None:
    """Why the triplet falls, or None."""
    fact = one.fact
    if passage is None or passage.text[fact.start : fact.end] != fact.object:
        return "value not at its place"
    start, end = one.evidence
    if not start <= fact.start < fact.end <= end <= len(passage.text):
        return "value outside the evidence"
    places = [passage.text[start:end]]
    if one.extractor in STRUCTURED:
        places += [passage.text[slice(*one.header)], passage.title]
    if not any(_holds(place, fact.subject) for place in places):
        return "subject not in the evidence"
    if fact.valid and not any(fact.valid in place for place in places):
        return "date not in the evidence"
    if why := _says_nothing(one):
        return why
    free = one.extractor not in STRUCTURED
    return "denied or hedged sentence" if free and doubtful(places[0]) else None


def _holds(text: str, phrase: str) -> bool:
    return normalise(phrase) in normalise(text)


def _says_nothing(one: Triplet) -> str | None:
    fact = one.fact
    for name in ("subject", "relation", "object"):
        n = len(words(getattr(fact, name)))
        if not 0 < n <= _MOST_WORDS[name]:
            return f"{name} empty or too long"
    if normalise(fact.subject) in _NOBODY or not any(c.isalpha() for c in fact.subject):
        return "subject names nobody"
    if normalise(fact.object) in ABSENT | _NOBODY or fact.object.startswith("?"):
        return "no value"
    return "subject and value are the same" if normalise(fact.subject) == normalise(fact.object) else None


def doubtful(sentence: str) -> bool:
    """True if a sentence denies, doubts, foretells or asks: what it says is no fact."""
    return bool(_DOUBTFUL.search(_PLAIN.sub("", sentence)))


def _usual_kinds(found: Iterable[Triplet]) -> dict[str, Kind]:
    """By relation, the type of nearly all its values."""
    kinds: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
    for one in found:
        kinds[one.fact.relation][one.value.kind] += 1
    most = {relation: counted.most_common(1)[0] for relation, counted in kinds.items()}
    return {
        relation: kind
        for relation, (kind, n) in most.items()
        if (total := kinds[relation].total()) >= _USUAL_N and n >= _USUAL_SHARE * total
    }
