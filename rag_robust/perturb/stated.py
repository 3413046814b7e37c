"""Whether a text states an answer, in whatever spelling."""

from __future__ import annotations

import re
from decimal import Decimal

from rag_robust.errors import UsageError
from rag_robust.text import normalise

__all__ = ["states"]

_SCALES = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "mn": 6, "m": 6, "billion": 9, "bn": 9, "b": 9}
_SCALES |= {"trillion": 12, "tn": 12}
_SCALE = rf"(?:\s*({'|'.join(sorted(_SCALES, key=len, reverse=True))})(?!\w))?"
_NUMBER = re.compile(rf"(\d+(?:[.,]\d+)*){_SCALE}")
_SPACED = re.compile(rf"(?<![\d.,])(\d{{1,3}}(?:[ '’]\d{{3}})+(?:[.,]\d+)?)(?!\d){_SCALE}")
_CURRENCY = r"(?:(?:us|usd|eur|gbp|chf|jpy|cny|inr)(?![^\W\d]))?\s*[^\w\s]?\s*"
_NUMERIC_ANSWER = re.compile(rf"{_CURRENCY}\d(?:[\d.,'’ ]*\d)?[^\d]*$")


def states(text: str, answer: str) -> bool:
    """True if the text holds the answer: as words, in any case, or as an equal number.

    Numbers are equal whatever their unit and spelling: 1,234.5 = 1234.50 = 1 234,5, and 38.5 million
    = 38,500,000 = 38.5 (a table may keep the scale in its header). "1,234" is read both ways, and
    any 3 states the answer "3 ships"; numbers spelled as words are not read as numbers. The test
    errs on the side of finding the answer, which is the safe side for evidence removal.
    """
    bare = normalise(answer)
    if not bare:
        raise UsageError("expected an answer with at least one character, got a blank one")
    values = _values(bare) if _NUMERIC_ANSWER.match(bare) else set()
    if values:
        return not values.isdisjoint(_values(normalise(text)))
    left = r"(?<!\w)" if _needs_edge(bare[0]) else ""
    right = r"(?!\w)" if _needs_edge(bare[-1]) else ""
    return re.search(left + re.escape(bare) + right, normalise(text)) is not None


def _needs_edge(character: str) -> bool:
    """True for scripts that put spaces between words: "no" is not in "Norway", 東京 is in 東京都."""
    return character.isdigit() or character.islower()


def _values(text: str) -> set[Decimal]:
    """Every value that a number in the text may mean, with and without its scale."""
    found: set[Decimal] = set()
    for match in [*_NUMBER.finditer(text), *_SPACED.finditer(text)]:
        plain = _readings(re.sub(r"[ '’]", "", match[1]))
        found |= plain
        if match[2]:
            found |= {value.scaleb(_SCALES[match[2]]) for value in plain}
    return found


def _readings(digits: str) -> set[Decimal]:
    """The values of one run of digits, dots and commas: decimal point, decimal comma, or groups."""
    readings = set()
    for group, point in ((",", "."), (".", ",")):
        whole, *rest = digits.split(point)
        first, *groups = whole.split(group)
        if len(rest) <= 1 and all(len(g) == 3 for g in groups) and not any(group in r for r in rest):
            readings.add(Decimal(first + "".join(groups) + "." + "".join(rest or "0")))
    return readings
