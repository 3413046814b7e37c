"""A text as tokens that can be compared by what they mean: words, numbers with units, dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

__all__ = ["Date", "Number", "Token", "same", "tokens"]


@dataclass(frozen=True, slots=True)
class Number:
    """A value with its scale multiplied out, and its canonical unit ("" if none is known)."""

    value: Fraction
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Date:
    """A calendar date; month and day are 0 where they are not given."""

    year: int
    month: int
    day: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or date, the clause it stands in, and whether it is the dash of "12-24"."""

    value: str | Number | Date
    clause: int
    dash: bool = False


_UNITS = {
    "%": "% percent per_cent pct",
    "pp": "percentage_point percentage_points pp",
    "usd": "$ us$ usd dollar dollars us_dollar us_dollars",
    "aud": "a$ aud",
    "cad": "c$ cad",
    "eur": "€ eur euro euros",
    "gbp": "£ gbp pounds_sterling",
    "jpy": "¥ jpy yen",
    "inr": "₹ inr rupee rupees",
    "km": "km kilometre kilometres kilometer kilometers",
    "m": "m metre metres meter meters",
    "cm": "cm centimetre centimetres centimeter centimeters",
    "mm": "mm millimetre millimetres millimeter millimeters",
    "mile": "mile miles mi",
    "foot": "ft foot feet",
    "km2": "km2 km^2 sqkm sq_km sq._km square_km square_kilometre square_kilometres square_kilometer "
    "square_kilometers",
    "m2": "m2 m^2 sqm sq_m sq._m square_m square_metre square_metres square_meter square_meters",
    "m3": "m3 m^3 cbm cubic_m cubic_metre cubic_metres cubic_meter cubic_meters",
    "mile2": "sq_mi sq._mi sq_miles square_mile square_miles",
    "foot2": "ft2 ft^2 sq_ft sq._ft sq_feet square_foot square_feet",
    "hectare": "ha hectare hectares",
    "litre": "l litre litres liter liters",
    "person": "person persons people inhabitant inhabitants resident residents",
    "kg": "kg kilogram kilograms",
    "g": "g gram grams",
    "tonne": "tonne tonnes",
    "second": "second seconds sec secs",
    "minute": "minute minutes min mins",
    "hour": "hour hours hr hrs",
    "day": "day days",
    "week": "week weeks",
    "month": "month months",
    "year": "year years yr yrs",
    "celsius": "°c degrees_celsius degree_celsius celsius",
    "fahrenheit": "°f degrees_fahrenheit degree_fahrenheit fahrenheit",
}
_UNIT = {name.replace("_", " "): unit for unit, line in _UNITS.items() for name in line.split()}
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SHORT_SCALES = {"k": 3, "mn": 6, "mln": 6, "bn": 9, "tn": 12}
_MONEY_SCALES = {"m": 6, "b": 9, "t": 12}
_SCALE = {**_SCALES, **_SHORT_SCALES, **_MONEY_SCALES}
_SMALL = {w: i for i, w in enumerate("two three four five six seven eight nine ten eleven twelve".split(), 2)}
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))


_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_MONEY = _any(["us$", "a$", "c$", "$", "€", "£", "¥", "₹", "usd", "eur", "gbp", "jpy", "inr", "aud", "cad"])
_MARKS = (  # letters and vowel signs of Hebrew, Arabic, Indic and Tibetan, some of which are no \w
    r"\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0f00\u0f18-\u0fff"
)
_LETTER = rf"(?:[^\W_]|[{_MARKS}])"
_UNSPACED = (  # kana, Han, Thai, Lao, Burmese, Khmer
    r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e01-\u0eff\u1000-\u109f\u1780-\u17d3"
)
_LONG = rf"\ ?(?P<scale>{_any([*_SCALES, *_SHORT_SCALES])})"
_MONEY_ONLY = rf"(?(money)\ ?(?P<short>{_any(_MONEY_SCALES)})|(?!))"
_PIECES = re.compile(
    rf"""
    (?<![\w-])(?P<iso>\d{{4}}[-/]\d{{2}}[-/]\d{{2}})(?![\w-])
  | (?<!\w)(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?:\ of)?\ (?P<m1>{_MONTH})\.?,?\ (?P<y1>\d{{4}})(?!\w)
  | (?<!\w)(?P<m2>{_MONTH})\.?\ (?:(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,?\ )?(?P<y2>\d{{4}})(?!\w)
  | (?<!\w)(?P<odd>\d+(?:[:/]\d+)+\w*)
  | (?<!\w)(?P<sign>(?<![\w)\]])-)?(?:(?P<money>{_MONEY})\ ?)?
    (?:(?P<digits>(?>\.?\d(?:[\d.,]*\d)?))
      |(?<!-)(?P<small>{_any(_SMALL)}|one(?=\ (?:{_any(_SCALES)})))(?!-\w))
    (?:(?:{_LONG}|{_MONEY_ONLY})(?!\w))?(?:[\ -]?(?P<unit>{_any(_UNIT)})(?!\w))?(?!\w)
  | (?P<char>[{_UNSPACED}])
  | (?P<word>{_LETTER}+(?:'{_LETTER}+|-\d{_LETTER}*)*[+\#]*)
  | (?P<dash>(?<=\d)-(?=\d))
  | (?P<stop>[.,;:!?()\[\]"\n])
    """,
    re.VERBOSE,
)
_DROPPED = frozenset({"a", "an", "the"})
_TURNS = frozenset({"but", "however", "instead", "whereas", "while"})


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text; articles are left out unless there is nothing else.

    Case and Latin or Greek accents are folded, other scripts are kept as they are. Scripts
    written without spaces (Han, kana, Thai, Lao, Burmese, Khmer) give one token per sign.
    """
    found = tuple(_tokens(_fold(text)))
    return tuple(t for t in found if t.value not in _DROPPED) or found


def same(wanted: Token, seen: Token) -> bool:
    """Whether what is seen says what is wanted.

    Numbers: equal values, and units equal or missing on one side (a percentage never is a plain
    number that was asked for). Dates: every part that is wanted is there. A wanted plain year
    from 1000 to 2999 is said by a date of that year.
    """
    a, b = wanted.value, seen.value
    if isinstance(a, Number) and isinstance(b, Number):
        return a.value == b.value and (
            a.unit == b.unit or not b.unit or (not a.unit and b.unit not in ("%", "pp"))
        )
    if isinstance(a, Date) and isinstance(b, Date):
        return a.year == b.year and a.month == b.month and a.day in (0, b.day)
    if isinstance(a, Number) and isinstance(b, Date):
        return not a.unit and 1000 <= a.value < 3000 and a.value == b.year
    return a == b


def _fold(text: str) -> str:
    text = re.sub("(?<=\\d)[\u00a0\u202f\u2009'’](?=\\d{3}(?!\\d))", ",", text)  # thousands
    text = unicodedata.normalize("NFKC", text).casefold()
    text = "".join(_bare(c) for c in text)
    text = text.translate(_LIKE)
    text = re.sub(r"(?<!\w)(?:[^\W\d_]\.){2,}", lambda m: m[0].replace(".", ""), text)  # u.s. is us
    return re.sub(r"[^\S\n]+", " ", text)


_LIKE = {
    **dict.fromkeys(map(ord, "’‘`´ʼ′"), "'"),
    **dict.fromkeys(map(ord, "‐‑‒–−"), "-"),
    **dict.fromkeys(map(ord, "—―…"), ";"),
    **dict.fromkeys(map(ord, "“”„«»"), '"'),
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), ""),
    **str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "⁄": "/"}),
}


def _bare(c: str) -> str:
    """A Latin or Greek letter without its accents."""
    decomposed = unicodedata.normalize("NFD", c)
    if len(decomposed) > 1 and decomposed[0] < "Ѐ":  # Cyrillic and everything after it starts here
        return decomposed[0]
    return "" if "\u0300" <= c <= "\u036f" else c


def _tokens(text: str) -> Iterator[Token]:
    clause = 0
    for match in _PIECES.finditer(text):
        if match["stop"]:
            clause += 1
        elif match["dash"]:
            yield Token("to", clause, dash=True)
        elif match["word"]:
            clause += match["word"] in _TURNS
            # einstein's is einstein, isn't is isnt
            yield Token(match["word"].removesuffix("'s").replace("'", ""), clause)
        elif match["odd"] or match["char"]:
            yield Token(match[0], clause)
        elif match["digits"] or match["small"]:
            yield Token(_number(match) or match[0], clause)
        else:
            yield Token(_date(match) or match[0], clause)


def _number(match: re.Match[str]) -> Number | None:
    digits = _plain(match["digits"]) if match["digits"] else str(_SMALL.get(match["small"], 1))
    if digits is None:
        return None
    scale = match["scale"] or match["short"]
    value = Fraction(digits) * 10 ** (_SCALE[scale] if scale else 0)
    unit = match["unit"] or match["money"]
    return Number(-value if match["sign"] else value, _UNIT[unit] if unit else "")


def _plain(digits: str) -> str | None:
    """Digits without thousands separators and with a decimal point; None if they are no number."""
    if len(digits) > 60 or not digits.isascii():
        return None
    digits = f"0{digits}" if digits.startswith(".") else digits
    if re.fullmatch(r"\d+(\.\d+)?|\d{1,3}(,\d{3})+(\.\d+)?", digits):
        return digits.replace(",", "")
    if re.fullmatch(r"\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,}|\d+,\d{1,2}", digits):
        return digits.replace(".", "").replace(",", ".")
    return None


def _date(match: re.Match[str]) -> Date | None:
    if match["iso"]:
        year, month, day = (int(part) for part in re.split("[-/]", match["iso"]))
    else:
        year, day = int(match["y1"] or match["y2"]), int(match["d1"] or match["d2"] or 0)
        month = _MONTHS.index((match["m1"] or match["m2"])[:3]) + 1
    return Date(year, month, day) if 1 <= month <= 12 and day <= 31 else None
