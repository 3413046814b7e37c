"""Whether a text states an answer, in whatever spelling."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from rag_robust import said
from rag_robust.errors import UsageError
from rag_robust.text import normalise

__all__ = ["number_in", "places", "states"]

_SCALES = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "mn": 6, "m": 6, "billion": 9, "bn": 9, "b": 9}
_SCALES |= {"trillion": 12, "tn": 12}
_SCALE = rf"(?:\s*({'|'.join(sorted(_SCALES, key=len, reverse=True))})(?!\w))?"
_NUMBER = re.compile(rf"(\d+(?:[.,]\d+)*){_SCALE}")
_SPACED = re.compile(rf"(?<![\d.,])(\d{{1,3}}(?:[ '’]\d{{3}})+(?:[.,]\d+)?)(?!\d){_SCALE}")
_CURRENCY = r"(?:(?:us|usd|eur|gbp|chf|jpy|cny|inr)(?![^\W\d]))?\s*[^\w\s]?\s*"
_NUMERIC_ANSWER = re.compile(rf"{_CURRENCY}\d(?:[\d.,'’ ]*\d)?[^\d]*$")


def states(text: str, answer: str) -> bool:
    """True if the text holds the answer: as words, in any case, as an equal number, or as the judge finds it.

    Numbers are equal whatever their unit and spelling: 1,234.5 = 1234.50 = 1 234,5, and 38.5 million
    = 38,500,000 = 38.5 (a table may keep the scale in its header). "1,234" is read both ways, and
    any 3 states the answer "3 ships". Whatever makes an answer right (`said.mentions`) states it: "five"
    is 5, "1 March 2019" is 2019-03-01. The test errs on the side of finding the answer, denied or inside
    another name, which is the safe side for evidence removal.
    """
    bare = normalise(answer)
    if not bare:
        raise UsageError("expected an answer with at least one character, got a blank one")
    return _spelled(text, bare) or said.mentions(text, answer)


def _spelled(text: str, bare: str) -> bool:
    """Whether the text holds these letters, or of a number one of its values."""
    values = _values(bare) if _NUMERIC_ANSWER.match(bare) else set()
    if values:
        return not values.isdisjoint(_values_of(text))
    left = r"(?<!\w)" if _needs_edge(bare[0]) else ""
    right = r"(?!\w)" if _needs_edge(bare[-1]) else ""
    return re.search(left + re.escape(bare) + right, _normal(text)) is not None


def places(text: str, answer: str) -> list[tuple[int, int]]:
    """Start and end of every place that states the answer; of numbers, digits and scale without the unit.

    Finds the letters of the answer alone: neither "Zurich" in "Zürich" nor "five" for 5, as `states` does.
    """
    bare = normalise(answer)
    values = _values(bare) if _NUMERIC_ANSWER.match(bare) else set()
    if values:
        return [span for span, meant in _numbers(text) if not values.isdisjoint(meant)]
    plain = answer.split()
    left = r"(?<!\w)" if _needs_edge(bare[0]) else ""
    right = r"(?!\w)" if _needs_edge(bare[-1]) else ""
    pattern = left + r"\s+".join(map(re.escape, plain)) + right
    return [m.span() for m in re.finditer(pattern, text, re.IGNORECASE)]


def number_in(text: str) -> tuple[int, int] | None:
    """Start and end of the only number in the text, with its scale; None for no number or several."""
    found = [span for span, _ in _numbers(text)]
    return found[0] if len(found) == 1 else None


def _numbers(text: str) -> list[tuple[tuple[int, int], set[Decimal]]]:
    """Every number as it is written, the longest where two readings overlap, and the values it may mean."""
    found = [m for pattern in (_SPACED, _NUMBER) for m in re.finditer(pattern.pattern, text, re.IGNORECASE)]
    longest = sorted(found, key=lambda m: (m.start() - m.end(), m.start()))
    kept: list[re.Match[str]] = []
    for match in longest:
        if not any(match.start() < other.end() and other.start() < match.end() for other in kept):
            kept.append(match)
    return [(m.span(), _meant(m)) for m in sorted(kept, key=lambda m: m.start())]


@lru_cache(maxsize=4096)
def _normal(text: str) -> str:
    return normalise(text)


@lru_cache(maxsize=4096)
def _values_of(text: str) -> frozenset[Decimal]:
    return frozenset(_values(_normal(text)))


def _needs_edge(character: str) -> bool:
    """True for scripts that put spaces between words: "no" is not in "Norway", 東京 is in 東京都."""
    return character.isdigit() or character.islower()


def _values(text: str) -> set[Decimal]:
    """Every value that a number in the text may mean, with and without its scale."""
    found: set[Decimal] = set()
    for match in [*_NUMBER.finditer(text), *_SPACED.finditer(text)]:
        found |= _meant(match)
    return found


def _meant(match: re.Match[str]) -> set[Decimal]:
    """The values of one written number, with and without its scale."""
    plain = _readings(re.sub(r"[ '’]", "", match[1]))
    scale = _SCALES.get((match[2] or "").casefold(), 0)
    return plain | {value.scaleb(scale) for value in plain}


def _readings(digits: str) -> set[Decimal]:
    """The values of one run of digits, dots and commas: decimal point, decimal comma, or groups."""
    readings = set()
    for group, point in ((",", "."), (".", ",")):
        whole, *rest = digits.split(point)
        first, *groups = whole.split(group)
        if len(rest) <= 1 and all(len(g) == 3 for g in groups) and not any(group in r for r in rest):
            readings.add(Decimal(first + "".join(groups) + "." + "".join(rest or "0")))
    return readings
