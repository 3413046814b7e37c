"""Wrong values of the right type, and texts in which one stands where the right one stood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from numpy.random import Generator

from rag_robust.perturb.knowledge import Known, asked, same_relation, stated_in
from rag_robust.perturb.stated import number_in, places, states
from rag_robust.text import normalise
from rag_robust.types import Passage, Query

__all__ = ["rival", "stale_value", "with_value"]

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?|(\d{1,2} )?[a-z]+( \d{1,2},)? \d{4}")
_SCALE = re.compile(r"^(hundred|thousand|million|billion|trillion|%|percent|per cent)\b")
_PLAIN = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}

Type = tuple[str, str, str]
"""Kind of value, scale and unit."""


def rival(passages: Sequence[Passage], query: Query, rng: Generator, world: Known) -> str | None:
    """A wrong value of the answer's type, one of the corpus where there is one.

    Drawn from the values of other facts of the same relation, else from the answers of other
    queries; values that the passages do not state already go first. A number or a year for which the
    corpus has none is moved: by a factor in [0.5, 0.95] or [1.05, 2], decimals kept, or by up to 20
    years. Yes turns into no. None for a name without another name.
    """
    right = _written(passages, query, world)
    if right is None:
        return None
    if normalise(right) in _OPPOSITE:
        return _OPPOSITE[normalise(right)]
    for pool in (_same_slot(passages, query, world), world.answers):
        found: list[str] = []
        for i in rng.permutation(len(pool)):
            if _rivals(pool[int(i)], right, query):
                found.append(pool[int(i)])
                if not any(states(p.full, found[-1]) for p in passages):
                    return found[-1]
        if found:
            return found[0]
    return _moved(right, rng)


def stale_value(passages: Sequence[Passage], query: Query, world: Known) -> str | None:
    """What was true before: the value of the last earlier time of the same fact that is not the answer."""
    fact = asked(passages, query, world)
    if fact is None or not fact.valid or not _is_answer(fact.object, query):
        return None
    told = world.of_subject.get(normalise(fact.subject), ())
    before = [f for f in told if same_relation(f, fact) and f.valid and f.valid < fact.valid]
    earlier = [f for f in before if _rivals(f.object, fact.object, query)]
    return max(earlier, key=lambda f: f.valid).object if earlier else None


def with_value(passages: Sequence[Passage], query: Query, value: str | None) -> list[Passage] | None:
    """The passages with the value wherever an answer stood, in titles too; units stay as they are.

    None where no answer is stated, or one is stated still.
    """
    if value is None or not any(stated_in(p, query) for p in passages):
        return None
    made = _rewritten(passages, query, value)
    return None if any(stated_in(p, query) for p in made) else made


def _rewritten(passages: Sequence[Passage], query: Query, value: str) -> list[Passage]:
    answers = sorted(query.answers, key=len, reverse=True)
    made = []
    for passage in passages:
        title, text = passage.title, passage.text
        for answer in answers:
            title, text = _replaced(title, answer, value), _replaced(text, answer, value)
        made.append(replace(passage, title=title, text=text))
    return made


def _replaced(text: str, answer: str, value: str) -> str:
    numeric = number_in(answer) is not None and number_in(value) is not None
    for start, end in reversed(places(text, answer)):
        inner = number_in(value) if numeric and number_in(text[start:end]) == (0, end - start) else None
        text = text[:start] + (value[slice(*inner)] if inner else value) + text[end:]
    return text


def _written(passages: Sequence[Passage], query: Query, world: Known) -> str | None:
    """The answer as the passages have it, with its unit if that is known; else as the question has it."""
    fact = asked(passages, query, world)
    if fact is not None and _is_answer(fact.object, query):
        return fact.object
    stated = [a for a in query.answers if any(places(p.full, a) for p in passages)]
    return max(stated or query.answers, key=len, default=None)


def _same_slot(passages: Sequence[Passage], query: Query, world: Known) -> Sequence[str]:
    """What stands in the other facts of the relation where the answer stands in this one."""
    fact = asked(passages, query, world)
    if fact is None:
        return ()
    told = world.of_relation.get(normalise(fact.relation), ())
    if _is_answer(fact.object, query):
        return [f.object for f in told]
    return [f.subject for f in told] if _is_answer(fact.subject, query) else ()


def _is_answer(value: str, query: Query) -> bool:
    return any(states(value, answer) for answer in query.answers)


def _rivals(value: str, right: str, query: Query) -> bool:
    """Whether a value is of the right one's type, wrong, and not given away by the question."""
    if not _alike(_type(value), _type(right)) or states(query.text, value):
        return False
    known = (right, *query.answers)
    return not any(states(value, one) or states(one, value) for one in known if normalise(one))


def _alike(one: Type, two: Type) -> bool:
    """The same kind and scale, and the same unit unless one of them leaves it out."""
    return one[:2] == two[:2] and (one[2] == two[2] or "" in (one[2], two[2]))


@lru_cache(maxsize=100_000)
def _type(value: str) -> Type:
    bare = normalise(value)
    if _DATE.fullmatch(bare):
        return "date", re.sub(r"\d+", "#", re.sub(r"[a-z]+", "month", bare)), ""
    place = number_in(bare)
    if place is None or re.search(r"\w", bare[: place[0]]):
        return "name", "", ""
    scale = _SCALE.match(bare[place[1] :].strip())
    inside = re.sub(r"[\d.,'’ ]", "", bare[slice(*place)])
    unit = bare[: place[0]].strip() + bare[place[1] :].strip()
    return "number", inside or (scale[0] if scale else ""), unit


def _moved(right: str, rng: Generator) -> str | None:
    """The value with its number, or its year, moved."""
    dated = _type(right)[0] == "date" or re.fullmatch(r"[12]\d{3}", right.strip())
    year = re.search(r"(?<!\d)[12]\d{3}(?!\d)", right) if dated else None
    if year is not None:
        by = int(rng.integers(1, 21)) * (1 if rng.integers(2) else -1)
        return f"{right[: year.start()]}{int(year[0]) + by}{right[year.end() :]}"
    found = _PLAIN.search(right) if _type(right)[0] == "number" else None
    if found is None:
        return None
    low, high = ((0.5, 0.95), (1.05, 2.0))[rng.integers(2)]
    decimals = len(found[0].partition(".")[2])
    value = Decimal(found[0].replace(",", "")) * Decimal(repr(round(float(rng.uniform(low, high)), 3)))
    told = f"{value:{',' if ',' in found[0] else ''}.{decimals}f}"
    return None if told == found[0] else right[: found.start()] + told + right[found.end() :]
