"""How a relation is worded that has no wordings of its own."""

from __future__ import annotations

import re

from rag_robust.questions.relations import is_participle
from rag_robust.questions.wordings import Words

__all__ = ["general"]

_PASSIVE = frozenset(
    "acquired adopted approved built closed commissioned completed constructed created designed discovered "
    "dissolved elected established founded inaugurated incorporated introduced invented launched opened "
    "published recorded registered released renovated signed updated written".split()
)
"""Participles of which "was founded in 1987" is said."""

_NOUNS = {
    "acquired": "acquisition",
    "built": "construction",
    "closed": "closing",
    "completed": "completion",
    "constructed": "construction",
    "established": "founding",
    "founded": "founding",
    "introduced": "introduction",
    "launched": "launch",
    "opened": "opening",
    "published": "publication",
    "released": "release",
}
"""What was done as a noun, before "year" or "date"."""

_DID = {
    "died": "die",
    "graduated": "graduate",
    "joined": "join",
    "resigned": "resign",
    "retired": "retire",
    "started": "start",
}
"""What somebody did, and the verb."""

_OFFICES = frozenset(
    "architect author captain ceo chair chairman chairperson chairwoman chancellor coach commander composer "
    "curator dean designer director editor founder governor instructor inventor leader lecturer manager "
    "mayor minister owner president principal professor rector secretary spouse supervisor teacher "
    "treasurer".split()
)
"""Relations to somebody."""

_PEOPLE = frozenset("cattle crew livestock people personnel police sheep staff".split())
_AMOUNTS = frozenset(
    "assets costs deposits earnings exports imports expenses fees funds gains liabilities losses proceeds "
    "profits receipts reserves returns revenues salaries sales savings taxes wages".split()
)
"""Plurals that are measured and not counted."""

_PLURAL = re.compile(r"(?:.* )?\w{2,}[^siu\W]s")


def general(relation: str, kind: str) -> Words:
    """Wordings for a relation without its own, by the type of its values.

    "count" are bare whole numbers; those of a participle ("founded") are years. "What is the founded of
    Acme" is no English, so participles and plurals have wordings of their own.
    """
    last = relation.rpartition(" ")[2]
    if relation.startswith("to "):
        return _verb(relation)
    if relation in _PASSIVE | _DID.keys() and kind in ("date", "count"):
        worded = _when if relation in _PASSIVE else _did
        return worded(relation, "year" if kind == "count" else "date")
    if kind == "boolean" or is_participle(relation):
        return _quoted(relation)
    if last in _AMOUNTS and kind != "name":
        return _amounts(relation)
    if kind == "count" and (last in _PEOPLE or _PLURAL.fullmatch(relation)):
        return _counted(relation)
    person = kind == "name" and (last.casefold() in _OFFICES or relation.startswith("head of "))
    if _PLURAL.fullmatch(relation) and not person:
        return _several(relation)
    r, number = relation, kind in ("number", "count", "percent")
    article = "an" if r[:1].lower() in "aeiou" else "a"
    told = f"figure do the documents give for the {r} of" if number else f"{r} do the documents give for"
    what, second = "what", f"Which {told} {{s}} {{when}}?"
    if person:
        what, second = "who", f"Whom do the documents name as the {r} of {{s}} {{when}}?"
    return Words(
        noun=r,
        ask=(f"{what.capitalize()} {{is}} the {r} of {{s}} {{when}}?", second),
        lead=(f"{{When}}, {what} {{is}} the {r} of {{s}}?", f"{what.capitalize()} {{is}} the {r} of {{s}}?"),
        which=(f"{{has}} {article} {r} of {{o}} {{when}}",)
        if number
        else (f"{{has}} {{o}} as its {r} {{when}}",),
        whose=(f"whose {r} {{is}} {{o}} {{when}}",),
        above=(f"{{has}} {article} {r} above {{o}} {{when}}",),
        below=(f"{{has}} {article} {r} below {{o}} {{when}}",),
        same=f"{{has}} the same {r} as {{s}} {{when}}",
        higher=f"{{has}} the higher {r} {{when}}",
        lower=f"{{has}} the lower {r} {{when}}",
    )


def _when(done: str, unit: str) -> Words:
    """Wordings for the year or date of what was done: "founded"."""
    on = "in" if unit == "year" else "on"
    return Words(
        noun=f"{unit} {on} which it was {done}",
        ask=(f"When was {{s}} {done}?", f"{on.capitalize()} which {unit} was {{s}} {done}?"),
        lead=(f"What is the {_NOUNS[done]} {unit} of {{s}}?",) if done in _NOUNS else (),
        which=(f"was {done} {on} {{o}}",),
        whose=(f"that was {done} {on} {{o}}",),
        same=f"was {done} {on} the same {unit} as {{s}}",
        np=f"the {unit} {on} which {{s}} was {done}",
    )


def _did(done: str, unit: str) -> Words:
    """Wordings for the year or date of what somebody did: "joined"."""
    on, verb = ("in" if unit == "year" else "on"), _DID[done]
    return Words(
        noun=f"{unit} {on} which it {done}",
        ask=(f"When did {{s}} {verb}?", f"{on.capitalize()} which {unit} did {{s}} {verb}?"),
        which=(f"{done} {on} {{o}}",),
        whose=(f"that {done} {on} {{o}}",),
        same=f"{done} {on} the same {unit} as {{s}}",
        np=f"the {unit} {on} which {{s}} {done}",
    )


def _quoted(relation: str) -> Words:
    """Wordings for a field that is no noun: "listed", "employed"."""
    return Words(
        noun=f"entry “{relation}”",
        ask=(f"Under “{relation}”, what do the documents say about {{s}} {{when}}?",),
        which=(f"{{has}} {{o}} under “{relation}” {{when}}",),
    )


def _amounts(things: str) -> Words:
    """Wordings for a plural that is measured: "sales"."""
    return Words(
        noun=f"amount of {things}",
        ask=(f"Which figure do the documents give for the {things} of {{s}} {{when}}?",),
        which=(f"{{has}} {things} of {{o}} {{when}}",),
        whose=(f"with {things} of {{o}} {{when}}",),
        above=(f"{{has}} {things} above {{o}} {{when}}",),
        below=(f"{{has}} {things} below {{o}} {{when}}",),
        same=f"{{has}} the same {things} as {{s}} {{when}}",
        higher=f"{{has}} the higher {things} {{when}}",
        lower=f"{{has}} the lower {things} {{when}}",
    )


def _several(things: str) -> Words:
    """Wordings for a plural that is neither: "languages"."""
    return Words(
        noun=things,
        ask=(f"Which {things} do the documents give for {{s}} {{when}}?",),
        which=(f"{{has}} {{o}} as its {things} {{when}}",),
        above=(f"{{has}} {things} above {{o}} {{when}}",),
        below=(f"{{has}} {things} below {{o}} {{when}}",),
        same=f"{{has}} the same {things} as {{s}} {{when}}",
        higher=f"{{has}} the higher {things} {{when}}",
        lower=f"{{has}} the lower {things} {{when}}",
    )


def _counted(things: str) -> Words:
    """Wordings for what is counted: "employees"."""
    return Words(
        noun=f"number of {things}",
        ask=(
            f"How many {things} {{does}} {{s}} have {{when}}?",
            f"What {{is}} the number of {things} of {{s}} {{when}}?",
        ),
        lead=(
            f"{{When}}, what {{is}} the number of {things} of {{s}}?",
            f"What {{is}} the number of {things} of {{s}}?",
        ),
        which=(f"{{has}} {{o}} {things} {{when}}",),
        whose=(f"that {{has}} {{o}} {things} {{when}}",),
        above=(f"{{has}} more than {{o}} {things} {{when}}",),
        below=(f"{{has}} fewer than {{o}} {things} {{when}}",),
        same=f"{{has}} as many {things} as {{s}} {{when}}",
        higher=f"{{has}} more {things} {{when}}",
        lower=f"{{has}} fewer {things} {{when}}",
    )


def _verb(relation: str) -> Words:
    """Wordings for a verb that grammar found: "to supply to"."""
    said = f"“{{s}} … {relation} …”"
    return Words(
        noun=f"what completes “{relation}”",
        ask=(f"Which name or figure completes the statement {said} {{when}}?",),
        which=(f"{{is}} said “{relation}” {{o}} {{when}}",),
        np=f"what completes {said}",
    )
