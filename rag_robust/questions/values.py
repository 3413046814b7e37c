"""What a written value is: a number with unit and scale, a percentage, a date, yes or no, or a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal

from rag_robust.text import normalise

__all__ = ["ABSENT", "DATE", "Kind", "Value", "alike", "read", "scaled"]

Kind = Literal["number", "percent", "date", "boolean", "name"]

ABSENT = frozenset(
    {"", "-", "–", "—", ".", "..", "...", "?", "n/a", "na", "n.a.", "none", "null", "unknown", "undated"}
)
"""What stands where a value is missing."""

DATE = r"(?<![\w.,])[12]\d{3}(?:-\d{2}(?:-\d{2})?)?(?![\w]|[.,]\d)"

_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "mn": 6, "billion": 9, "bn": 9, "trillion": 12}
_SYMBOLS = {"$": "US dollars", "€": "euros", "£": "pounds", "¥": "yen"}
_NUMBER = re.compile(
    rf"(?P<symbol>[$€£¥])?\s?(?P<digits>[-−]?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?)"
    rf"\s?(?P<percent>%|per ?cent\b)?\s?(?P<scale>{'|'.join(_SCALES)})?(?: (?P<unit>\D+))?",
    re.IGNORECASE,
)
_MONTHS = "january february march april may june july august september october november december".split()
_DAY_FIRST = re.compile(rf"(\d{{1,2}}) ({'|'.join(_MONTHS)}) ([12]\d{{3}})", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"({'|'.join(_MONTHS)}) (\d{{1,2}}), ([12]\d{{3}})", re.IGNORECASE)
_ISO = re.compile(r"[12]\d{3}-\d{2}(?:-\d{2})?")


@dataclass(frozen=True, slots=True)
class Value:
    """A value by what it means: equal values are equal whatever their spelling.

    `number` is scaled ("38.5 million" is 38500000). `key` is what equal values share: the number (a
    unit may stand in one place and be left out in another), the ISO date, "yes" or "no", or the
    normal form of a name.
    """

    kind: Kind
    key: str
    number: Decimal | None = None
    unit: str = ""


def alike(one: str, other: str) -> bool:
    """True if two units without their scale are one: "years" and "years at birth", not "m" and "feet"."""
    a, b = (set(normalise(unit).split()) for unit in (one, other))
    return a == b or bool(a and b and (a <= b or b <= a))


def scaled(unit: str) -> tuple[int, str]:
    """The power of ten in a unit before any "per", and the rest: "€ million" is (6, "euros")."""
    words = [_SYMBOLS.get(word.removeprefix("US"), word) for word in unit.split()]
    end = words.index("per") if "per" in words else len(words)
    scales = [_SCALES.get(word.casefold().removesuffix("s"), 0) for word in words[:end]]
    rest = [word for word, scale in zip(words[:end], scales, strict=True) if not scale] + words[end:]
    return sum(scales), " ".join(rest[1:] if any(scales) and rest[:1] == ["of"] else rest)


@lru_cache(maxsize=100_000)
def read(text: str, unit: str = "") -> Value:
    """The value of a text; `unit` is what its table names beside it ("million people").

    A scale in the unit multiplies: "57.4" in "million people" is 57.4 million people. "%" is a unit too,
    and of what is said in an unknown unit the symbol says it ("$5"). A number
    with letters that are no unit ("A4", "1-876") is a name. *Differs from RARE*, which compares
    lower-cased strings.
    """
    plain = " ".join(text.split())
    if plain.casefold() in {"yes", "no", "true", "false"}:
        key = "yes" if plain.casefold() in {"yes", "true"} else "no"
        return Value("boolean", key)
    if day := _day(plain):
        return Value("date", day)
    match = _NUMBER.fullmatch(plain)
    return _number(match, unit) if match else Value("name", normalise(plain))


def _day(text: str) -> str:
    """The ISO date, or ""."""
    if _ISO.fullmatch(text):
        return text
    if found := _DAY_FIRST.fullmatch(text):
        day, month, year = found.groups()
    elif found := _MONTH_FIRST.fullmatch(text):
        month, day, year = found.groups()
    else:
        return ""
    return f"{year}-{_MONTHS.index(month.casefold()) + 1:02d}-{int(day):02d}"


def _number(match: re.Match[str], unit: str) -> Value:
    given, words = scaled((match["unit"] or "").strip() or unit)
    exponent = _SCALES.get((match["scale"] or "").casefold(), 0) or given
    if match["percent"] or words in {"%", "percent", "per cent"}:
        kind, words = "percent", "%"
    else:
        kind = "number"
        words = words or _SYMBOLS.get(match["symbol"] or "", "")
    try:
        number = Decimal(match["digits"].replace(",", "").replace("−", "-")).scaleb(exponent)
    except InvalidOperation:  # more digits than a number has
        return Value("name", normalise(match.group()))
    name = f"{number.normalize():f}"
    return Value("percent" if kind == "percent" else "number", name, number, words)
