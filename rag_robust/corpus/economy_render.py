"""Sentences and tables that state claims, and remember where each value is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rag_robust.seeds import digest
from rag_robust.types import Fact, Passage

__all__ = ["WORDINGS", "Claim", "Rendered", "Section", "choose", "lines", "named", "prose", "table"]

Rendered = tuple[Passage, tuple[Fact, ...]]
Option = TypeVar("Option")

WORDINGS: Mapping[str, tuple[str, ...]] = {
    "life expectancy": (
        "In {valid}, life expectancy at birth in {subject} was {value}.",
        "A child born in {subject} in {valid} could expect to live {value}.",
        "Life expectancy in {subject} stood at {value} in {valid}.",
        "For {valid}, the data put the life expectancy of {subject} at {value}.",
        "People born in {subject} in {valid} had a life expectancy of {value}.",
        "On average, those born in {valid} in {subject} had {value} ahead of them.",
    ),
    "population": (
        "In {valid}, {subject} had {value}.",
        "The population of {subject} was {value} in {valid}.",
        "{value} lived in {subject} in {valid}.",
        "By {valid}, the number of inhabitants of {subject} had come to {value}.",
        "The data give {subject} a population of {value} for {valid}.",
        "{subject} was home to {value} in {valid}.",
    ),
    "GDP per head": (
        "GDP per head in {subject} was {value} in {valid}.",
        "In {valid}, income per head in {subject}, measured as GDP, came to {value}.",
        "For {valid}, the GDP per head of {subject} is given as {value}.",
        "The economy of {subject} produced {value} per head in {valid}.",
        "Per head of the population, the GDP of {subject} amounted to {value} in {valid}.",
        "The year {valid} saw a GDP per head of {value} in {subject}.",
    ),
    "capital": (
        "The capital of {subject} is {value}.",
        "{value} is the capital of {subject}.",
        "In {subject}, {value} is the capital city.",
        "As its capital, {subject} has {value}.",
    ),
    "region": (
        "{subject} lies in {value}.",
        "The data place {subject} in {value}.",
        "By region, {subject} is counted as part of {value}.",
        "Among the regions of the world, {subject} belongs to {value}.",
    ),
    "currency": (
        "The currency of {subject} is the {value}.",
        "People in {subject} pay with the {value}.",
        "{subject} uses the {value} as its currency.",
        "In {subject}, money is counted in the {value}.",
    ),
    "currency code": (
        "The currency code of {subject} is {value}.",
        "Amounts in the currency of {subject} carry the code {value}.",
        "In lists of currencies, that of {subject} has the code {value}.",
        "The code {value} stands for the currency of {subject}.",
    ),
    "highest euro reference rate": (
        "The highest rate of the {subject} in {valid} was {value}.",
        "In {valid}, the {subject} reached its highest rate at {value}.",
        "At its highest in {valid}, the rate of the {subject} was {value}.",
        "The rate of the {subject} rose no higher than {value} in {valid}.",
    ),
    "lowest euro reference rate": (
        "The lowest rate of the {subject} in {valid} was {value}.",
        "In {valid}, the {subject} touched its lowest rate at {value}.",
        "At its lowest in {valid}, the rate of the {subject} was {value}.",
        "The rate of the {subject} fell no lower than {value} in {valid}.",
    ),
}
"""By relation, the sentences that may state it; each names the subject and, if dated, the year."""

_ARTICLE = frozenset(
    "Central African Republic|Comoros|Czech Republic|Dominican Republic|Gambia|Netherlands|Philippines|"
    "United Kingdom|United States".split("|")
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact before it is written; `object` is the value as it will stand in the text."""

    subject: str
    relation: str
    valid: str
    object: str


@dataclass(frozen=True, slots=True)
class Section:
    """Where a passage goes: its id, its document's title, and the words around its claims."""

    passage_id: str
    title: str
    opening: str
    closing: str = ""


def named(subject: str) -> str:
    """The subject as it stands inside a sentence, with its article if it takes one."""
    return f"the {subject}" if subject in _ARTICLE else subject


def choose(options: Sequence[Option], *names: str) -> Option:
    """One of the options, by a hash of the names: always the same, yet spread evenly."""
    return options[int(digest("economy", *names), 16) % len(options)]


def prose(section: Section, claims: Iterable[Claim]) -> Rendered:
    """A paragraph with one sentence per claim, worded by a hash of the claim."""

    def parts() -> Iterator[str | Claim]:
        yield section.opening
        for claim in claims:
            yield " "
            yield from _sentence(claim)
        if section.closing:
            yield " " + section.closing

    return _assembled(section, parts())


def table(section: Section, head: tuple[str, str], rows: Iterable[tuple[str, Claim]]) -> Rendered:
    """A caption (the section's opening) and a markdown table of two columns, label and value."""

    def parts() -> Iterator[str | Claim]:
        yield f"{section.opening}\n| {head[0]} | {head[1]} |\n| --- | --- |"
        for label, claim in rows:
            yield f"\n| {label} | "
            yield claim
            yield " |"

    return _assembled(section, parts())


def lines(section: Section, fields: Iterable[tuple[str, Sequence[Claim]]]) -> Rendered:
    """The section's opening, and a line "Label: value; value" for each field."""

    def parts() -> Iterator[str | Claim]:
        yield section.opening
        for label, claims in fields:
            for i, claim in enumerate(claims):
                yield "; " if i else f"\n{label}: "
                yield claim

    return _assembled(section, parts())


def _sentence(claim: Claim) -> Iterator[str | Claim]:
    wording = choose(WORDINGS[claim.relation], claim.subject, claim.relation, claim.valid)
    before, after = wording.split("{value}")
    before, after = (part.format(subject=named(claim.subject), valid=claim.valid) for part in (before, after))
    yield before[:1].upper() + before[1:]
    yield claim
    yield after


def _assembled(section: Section, parts: Iterable[str | Claim]) -> Rendered:
    """The passage of the parts in a row, and a fact for each claim, with the place of its value."""
    written: list[str] = []
    facts = []
    end = 0
    for part in parts:
        text = part if isinstance(part, str) else part.object
        start, end = end, end + len(text)
        written.append(text)
        if isinstance(part, Claim):
            who, what, when = part.subject, part.relation, part.valid
            facts.append(Fact(who, what, part.object, when, section.passage_id, start, end))
    return Passage(section.passage_id, "".join(written), section.title), tuple(facts)
