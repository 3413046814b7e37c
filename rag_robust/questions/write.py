"""From a fact to a question and its answers: several wordings per relation, as data."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.random import Generator

from rag_robust.questions.relations import is_participle
from rag_robust.questions.triplets import Stated
from rag_robust.types import Fact

__all__ = ["DATED", "QUOTED", "UNDATED", "WORDINGS", "answers", "question"]

WORDINGS: Mapping[str, tuple[str, ...]] = {
    "life expectancy": (
        "What was the life expectancy at birth in {subject} in {valid}?",
        "How many years could a child born in {subject} in {valid} expect to live?",
        "In {valid}, how high was the life expectancy in {subject}?",
        "Which life expectancy do the data give for people born in {subject} in {valid}?",
    ),
    "population": (
        "How many million people lived in {subject} in {valid}?",
        "What was the population of {subject} in {valid}, in millions?",
        "In {valid}, how many million inhabitants did {subject} have?",
        "How large was the population of {subject} in {valid}?",
    ),
    "GDP per head": (
        "What was the GDP per head of {subject} in {valid}, in inflation-adjusted US dollars?",
        "How many US dollars, adjusted for inflation, was GDP per head in {subject} in {valid}?",
        "In {valid}, how large was the GDP per head of {subject}?",
        "How much did the economy of {subject} produce per head in {valid}?",
    ),
    "year-end euro reference rate": (
        "What was the last euro reference rate of the {subject} in {valid}?",
        "At the end of {valid}, at which rate did the European Central Bank quote the {subject}?",
        "Which reference rate closed the year {valid} for the {subject} against the euro?",
        "For the {subject}, what was the final rate per euro in {valid}?",
    ),
    "area in square kilometres": (
        "What is the area of {subject} in square kilometres?",
        "How many square kilometres does {subject} cover?",
        "How large is {subject}, in square kilometres?",
    ),
    "population in the country profile": (
        "What is the population of {subject} according to its country profile?",
        "How many inhabitants does the country profile of {subject} give?",
        "Which population figure stands in the country profile of {subject}?",
    ),
    "number of neighbours by land": (
        "How many neighbours does {subject} have by land?",
        "How many countries share a land border with {subject}?",
        "By land, how many other countries does {subject} border on?",
    ),
}
"""By relation, the questions that ask for it; each names the subject and, if dated, the date."""

DATED = (
    "What was the {relation} of {subject} in {valid}?",
    "What is given as the {relation} of {subject} for {valid}?",
    "For {subject}, what was the {relation} in {valid}?",
)
UNDATED = (
    "What is the {relation} of {subject}?",
    "What is given as the {relation} of {subject}?",
    "For {subject}, what is the {relation}?",
)
"""For relations without wordings of their own."""

QUOTED = (
    "Under “{relation}”, what do the documents say about {subject}?",
    "What stands under “{relation}” for {subject}?",
)
"""For participles ("founded"); a date is put after the subject."""

_SHORT_UNITS: Mapping[str, str] = {
    "inflation-adjusted US dollars": "US dollars",
    "units of the currency per euro": "",
    "years at birth": "years",
}
_WITH_ARTICLE = ("Central African", "Czech Republic", "Dominican", "Netherlands", "Philippines", "United ")


def question(fact: Fact, rng: Generator) -> str:
    """One wording of the question for this fact, each equally likely."""
    general = DATED if fact.valid else UNDATED
    wordings = WORDINGS.get(fact.relation, general)
    if ("{valid}" in wordings[0]) != bool(fact.valid):
        wordings = general
    if wordings is general and is_participle(fact.relation):
        on = " in {valid}" if fact.valid else ""
        wordings = tuple(wording.replace("{subject}", f"{{subject}}{on}") for wording in QUOTED)
    wording = wordings[rng.integers(len(wordings))]
    if len(fact.valid) == len("2007-03-01"):
        wording = wording.replace("in {valid}", "on {valid}").replace("In {valid}", "On {valid}")
    named = f"the {fact.subject}" if fact.subject.startswith(_WITH_ARTICLE) else fact.subject
    return wording.format(subject=named, relation=fact.relation, valid=fact.valid)


def answers(found: Stated) -> tuple[str, ...]:
    """The value as written and, if the table names a unit, with it: "57.1" and "57.1 years"."""
    value = found.fact.object
    unit = _SHORT_UNITS.get(found.unit, found.unit)
    return (value, f"{value} {unit}") if unit and value[-1].isdigit() else (value,)
