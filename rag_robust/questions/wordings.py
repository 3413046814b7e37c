"""How relations are worded: several questions, descriptions and comparisons each, as data."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rag_robust.errors import CorpusError, nearest

__all__ = ["KINDS", "WORDS", "Words", "plural", "read_wordings"]


@dataclass(frozen=True, slots=True)
class Words:
    """The verbalisations of one relation.

    `{s}` is the subject, a name or a description; `{o}` the value; `{when}` is "in 1992" or "in the
    year in which ...", `{When}` the same at the start of a sentence (both empty without a date);
    `{n}` a neutral description of the time-less thing.

    ask: questions for the value. lead: those for a long subject, with the time first.
    which: predicates "lies in {o}", true of the subject; `whose` relative clauses in their stead.
    above, below: predicates for a bound. noun: "capital", in "the capital of {s}".
    same: predicate "uses the same currency as {s}". higher, lower: "had the higher population {when}".
    """

    noun: str
    ask: tuple[str, ...]
    which: tuple[str, ...]
    lead: tuple[str, ...] = ()
    whose: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    same: str = ""
    higher: str = ""
    lower: str = ""
    np: str = ""

    @property
    def phrase(self) -> str:
        """The value as a noun phrase of its subject."""
        return self.np or f"the {self.noun} of {{s}}"


WORDS: Mapping[str, Words] = {
    "life expectancy": Words(
        noun="life expectancy",
        ask=(
            "What was the life expectancy at birth in {s} {when}?",
            "How long could a child born in {s} {when} expect to live?",
            "How high was life expectancy in {s} {when}?",
        ),
        lead=(
            "{When}, what was the life expectancy at birth in {s}?",
            "{When}, what was the life expectancy of a child born in {s}?",
            "{When}, how high was life expectancy in {s}?",
        ),
        which=("had a life expectancy of {o} {when}", "reported a life expectancy of {o} {when}"),
        whose=("whose life expectancy was {o} {when}", "where life expectancy stood at {o} {when}"),
        above=("had a life expectancy above {o} {when}", "had a life expectancy of more than {o} {when}"),
        below=("had a life expectancy below {o} {when}", "had a life expectancy of less than {o} {when}"),
        higher="had the higher life expectancy {when}",
        lower="had the lower life expectancy {when}",
    ),
    "population": Words(
        noun="population",
        ask=(
            "How many people lived in {s} {when}?",
            "What was the population of {s} {when}?",
            "How large was the population of {s} {when}?",
        ),
        lead=(
            "{When}, how many people lived in {s}?",
            "{When}, what was the population of {s}?",
            "{When}, how large was the population of {s}?",
        ),
        which=("had a population of {o} {when}", "was home to {o} {when}"),
        whose=("whose population was {o} {when}", "where {o} lived {when}"),
        above=("had a population above {o} {when}", "had more than {o} {when}"),
        below=("had a population below {o} {when}", "had fewer than {o} {when}"),
        higher="had the larger population {when}",
        lower="had the smaller population {when}",
    ),
    "GDP per head": Words(
        noun="GDP per head",
        ask=(
            "What was the GDP per head of {s} {when}, in inflation-adjusted US dollars?",
            "How large was the GDP per head of {s} {when}?",
            "How much did the economy of {s} produce per head {when}?",
        ),
        lead=(
            "{When}, what was the GDP per head of {s}, in inflation-adjusted US dollars?",
            "{When}, how large was the GDP per head of {s}?",
            "{When}, what was the economic output per head of {s}?",
        ),
        which=("had a GDP per head of {o} {when}", "reported a GDP per head of {o} {when}"),
        whose=("whose GDP per head was {o} {when}",),
        above=("had a GDP per head above {o} {when}", "produced more than {o} per head {when}"),
        below=("had a GDP per head below {o} {when}", "produced less than {o} per head {when}"),
        higher="had the higher GDP per head {when}",
        lower="had the lower GDP per head {when}",
    ),
    "year-end euro reference rate": Words(
        noun="year-end euro reference rate",
        ask=(
            "What was the last euro reference rate of {s} {when}?",
            "What was the year-end euro reference rate of {s} {when}?",
            "At which euro reference rate did {s} end the year {year}?",
        ),
        lead=(
            "{When}, what was the last euro reference rate of {s}?",
            "{When}, what was the year-end euro reference rate of {s}?",
        ),
        which=("had a year-end euro reference rate of {o} {when}",),
        whose=("whose year-end euro reference rate was {o} {when}",),
        above=("had a year-end euro reference rate above {o} {when}",),
        below=("had a year-end euro reference rate below {o} {when}",),
        higher="had the higher year-end euro reference rate {when}",
        lower="had the lower year-end euro reference rate {when}",
    ),
    "highest euro reference rate": Words(
        noun="highest euro reference rate",
        ask=(
            "What was the highest euro reference rate of {s} {when}?",
            "At which value did the euro reference rate of {s} peak {when}?",
        ),
        lead=(
            "{When}, what was the highest euro reference rate of {s}?",
            "{When}, what was the peak of the euro reference rate of {s}?",
        ),
        which=("saw its euro reference rate peak at {o} {when}",),
        whose=("whose euro reference rate peaked at {o} {when}",),
        above=("reached a euro reference rate above {o} {when}",),
        higher="had the higher peak in its euro reference rate {when}",
        lower="had the lower peak in its euro reference rate {when}",
    ),
    "lowest euro reference rate": Words(
        noun="lowest euro reference rate",
        ask=(
            "What was the lowest euro reference rate of {s} {when}?",
            "What was the low of the euro reference rate of {s} {when}?",
        ),
        lead=(
            "{When}, what was the lowest euro reference rate of {s}?",
            "{When}, what was the low of the euro reference rate of {s}?",
        ),
        which=("saw its euro reference rate bottom out at {o} {when}",),
        whose=("whose euro reference rate bottomed out at {o} {when}",),
        below=("touched a euro reference rate below {o} {when}",),
        higher="had the higher low in its euro reference rate {when}",
        lower="had the lower low in its euro reference rate {when}",
    ),
    "capital": Words(
        noun="capital",
        ask=("What is the capital of {s}?", "Which city is the capital of {s}?", "Name the capital of {s}."),
        which=("has {o} as its capital",),
        whose=("whose capital is {o}",),
    ),
    "region": Words(
        noun="region",
        ask=("In which region of the world does {s} lie?", "To which world region does {s} belong?"),
        lead=("What is the world region of {s}?",),
        which=("lies in {o}",),
        whose=("in {o}",),
        same="lies in the same region as {s}",
    ),
    "currency": Words(
        noun="currency",
        ask=("What is the currency of {s}?", "With which currency do people in {s} pay?"),
        lead=("What is the currency of {s}?", "Which currency is used in {s}?"),
        which=("uses {o} as its currency",),
        whose=("whose currency is {o}",),
        same="uses the same currency as {s}",
    ),
    "currency code": Words(
        noun="currency code",
        ask=("What is the currency code of {s}?", "Which code does the currency of {s} have?"),
        lead=("What is the currency code of {s}?",),
        which=("has the currency code {o}",),
        whose=("whose currency code is {o}",),
        same="has the same currency code as {s}",
    ),
    "area in square kilometres": Words(
        noun="area",
        ask=(
            "What is the area of {s} in square kilometres?",
            "How many square kilometres does {s} cover?",
            "How large is {s}, in square kilometres?",
        ),
        lead=("How many square kilometres are given as the area of {s}?",),
        which=("covers {o}",),
        whose=("whose area is {o}",),
        above=("covers more than {o}",),
        below=("covers less than {o}",),
        higher="has the larger area",
        lower="has the smaller area",
    ),
    "population in the country profile": Words(
        noun="population in the country profile",
        ask=(
            "Which population does the country profile of {s} give?",
            "How many inhabitants does the country profile of {s} name?",
        ),
        lead=("Which population is given in the country profile of {s}?",),
        which=("has a population of {o} in its country profile",),
        whose=("whose country profile gives a population of {o}",),
        above=("has a population above {o} in its country profile",),
        below=("has a population below {o} in its country profile",),
        higher="has the larger population in its country profile",
        lower="has the smaller population in its country profile",
    ),
    "number of neighbours by land": Words(
        noun="number of neighbours by land",
        ask=("How many neighbours does {s} have by land?", "On how many countries does {s} border by land?"),
        lead=(
            "How many neighbours by land are given for {s}?",
            "What is the number of land neighbours of {s}?",
        ),
        which=("has exactly {o} neighbours by land",),
        whose=("with exactly {o} neighbours by land",),
        above=("has more than {o} neighbours by land",),
        below=("has fewer than {o} neighbours by land",),
        same="has as many neighbours by land as {s}",
        higher="has more neighbours by land",
        lower="has fewer neighbours by land",
    ),
    "neighbour by land": Words(
        noun="neighbour by land",
        ask=(
            "With which country or countries does {s} share a land border?",
            "Which neighbours does {s} have by land?",
        ),
        lead=("Which neighbours by land are listed for {s}?", "Name every neighbour by land of {s}."),
        which=("borders by land on {o}", "shares a land border with {o}"),
        whose=("that borders by land on {o}",),
        same="borders by land on a neighbour of {s}",
        np="the only neighbour by land of {s}",
    ),
    "calling code": Words(
        noun="calling code",
        ask=("What is the calling code of {s}?", "Which telephone calling code does {s} have?"),
        lead=("What is the calling code of {s}?", "What is the telephone calling code of {s}?"),
        which=("has the calling code {o}",),
        whose=("whose calling code is {o}",),
    ),
    "demonym": Words(
        noun="demonym",
        ask=("What is the demonym of {s}?", "Which demonym is used for someone from {s}?"),
        which=("has the demonym {o}",),
        whose=("whose demonym is {o}",),
    ),
    "founding year": Words(
        noun="founding year",
        ask=("In which year was {s} founded?", "When was {s} founded?"),
        lead=("What is the founding year of {s}?",),
        which=("was founded in {o}",),
        whose=("that was founded in {o}",),
    ),
    "headquarters": Words(
        noun="headquarters",
        ask=("Where is {s} headquartered?", "Where does {s} have its headquarters?"),
        which=("is headquartered in {o}",),
        whose=("that is headquartered in {o}",),
        same="is headquartered in the same place as {s}",
        np="the place where {s} is headquartered",
    ),
    "chief executive": Words(
        noun="chief executive",
        ask=("Who is the chief executive of {s}?", "Who leads {s} as chief executive?"),
        which=("is led by {o}",),
        whose=("whose chief executive is {o}",),
    ),
    "founder": Words(
        noun="founder",
        ask=("Who founded {s}?", "By whom was {s} founded?"),
        which=("was founded by {o}",),
        whose=("that was founded by {o}",),
    ),
    "author": Words(
        noun="author",
        ask=("Who wrote {s}?", "By whom was {s} written?"),
        which=("was written by {o}",),
        whose=("that was written by {o}",),
    ),
    "acquisition": Words(
        noun="acquisition",
        ask=("What did {s} acquire {when}?", "Which acquisition did {s} make {when}?"),
        lead=("{When}, what did {s} acquire?",),
        which=("acquired {o} {when}",),
        whose=("that acquired {o} {when}",),
        np="what {s} acquired",
    ),
}
"""By relation; others get `general`."""

KINDS: Mapping[str, str] = {"person": "people", "series": "series", "species": "species"}
"""Plurals that no rule makes."""


def plural(kind: str) -> str:
    """More than one of a kind; "entries" if it has none."""
    if not kind or kind in KINDS:
        return KINDS.get(kind, "entries")
    if re.search(r"[^aeiou]y$", kind):
        return f"{kind[:-1]}ies"
    return f"{kind}es" if re.search(r"(?:[sxz]|ch|sh)$", kind) else f"{kind}s"


def read_wordings(path: Path) -> dict[str, Words]:
    """A person's own wordings from a TOML file, a table per relation with the fields of `Words`.

    Raises:
        CorpusError: the file cannot be read, or a table has an unknown field or lacks one.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: _words(name, table, path) for name, table in tables.items()}
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: expected TOML with a table per relation, got {error}") from error


def _words(name: str, table: object, path: Path) -> Words:
    known = [field.name for field in fields(Words)]
    if not isinstance(table, dict) or not {"noun", "ask", "which"} <= set(table):
        raise CorpusError(f"{path}: {name}: expected a table with noun, ask and which")
    for key in table:
        if key not in known:
            raise CorpusError(f'{path}: {name}: unknown field "{key}"; {nearest(key, known)}')
    read: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else str(v) for k, v in table.items()}
    return Words(**read)
