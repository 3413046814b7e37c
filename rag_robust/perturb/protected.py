"""What a rewording must leave alone: names, numbers, dates and quotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag_robust.text import STOP_WORDS, word_spans

__all__ = ["Kind", "Span", "free_words", "is_content", "is_name", "ordinary_words", "spans"]

Kind = Literal["quotation", "date", "number", "name"]

_MONTH = (
    "(?:january|february|march|april|may|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
_SCALE = r"(?:hundred|thousand|million|billion|trillion|percent|per cent)"
_QUOTATION = re.compile(r"\"[^\"\n]+\"|“[^”\n]+”|«[^»\n]+»|„[^“”\n]+[“”]|‘[^’\n]+’(?!\w)")
_DATE = re.compile(
    rf"\b\d{{4}}-\d{{2}}(?:-\d{{2}})?\b|\b\d{{1,2}}\.? {_MONTH}\b\.?(?: \d{{4}})?"
    rf"|\b{_MONTH}\b\.? \d{{1,2}}(?:, \d{{4}})?\b|\b{_MONTH}\b\.? \d{{4}}\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(rf"[$€£¥]?\s?[^\W_]*\d\w*(?:[.,'’:/\-]\d\w*)*(?:\s?%|\s{_SCALE}\b)*", re.IGNORECASE)
_LEAST_LETTERS = 4
_JOINT = re.compile(r"['’\-]")
_PART_OF_A_NUMBER = frozenset(
    "january february march april may june july august september october november december "
    "hundred thousand million billion trillion".split()
)
_LINKS = frozenset({"of", "de", "la", "du", "del", "von", "van", "der", "den"})
_ABBREVIATED = r"(?<!\b[A-Z])(?<!\b[A-Z][a-z])(?<!\b[A-Z][a-z]{2})"  # "U.S.", "Dr.", "Mrs."
_SENTENCE_END = re.compile(_ABBREVIATED + r"[.!?:]\s*$")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text, and why they are protected."""

    start: int
    end: int
    kind: Kind


def spans(text: str) -> list[Span]:
    """Protected spans in reading order; they do not overlap.

    Quotations come first, then dates, numbers (with currency sign, per cent and scale: "$38.5
    million") and names. A name is a run of capitalised words that does not merely begin a
    sentence, joined by at most one of "of", "de", "van" and the like: "Bank of England". Where a
    sentence begins, two capitalised words or one in capitals count as a name. A text all in
    capitals or without letter case has no names that could be told.
    """
    found: list[Span] = []
    patterns: tuple[tuple[re.Pattern[str], Kind], ...] = (
        (_QUOTATION, "quotation"),
        (_DATE, "date"),
        (_NUMBER, "number"),
    )
    for pattern, kind in patterns:
        for match in pattern.finditer(text):
            start, end = match.start(), match.start() + len(match.group().rstrip(" .,:'’/-"))
            start += len(match.group()) - len(match.group().lstrip())
            found += [Span(start, end, kind)] if end > start and _clear(found, start, end) else []
    found += [Span(a, b, "name") for a, b in _names(text) if _clear(found, a, b)]
    return sorted(found, key=lambda span: span.start)


def free_words(text: str) -> list[tuple[int, int]]:
    """Start and end of every word outside the protected spans."""
    kept = spans(text)
    return [(a, b) for a, b in word_spans(text) if _clear(kept, a, b)]


def ordinary_words(text: str) -> list[tuple[int, int]]:
    """Start and end of the content words outside the protected spans, none of them in capitals."""
    return [(a, b) for a, b in free_words(text) if is_content(text[a:b]) and not is_name(text, a, b)]


def is_content(word: str) -> bool:
    """A word with a part of at least 4 letters that is no stop word, and no part of a number or date."""
    parts = [part for part in _JOINT.split(word.lower()) if part not in STOP_WORDS]
    return any(len(part) >= _LEAST_LETTERS for part in parts) and _PART_OF_A_NUMBER.isdisjoint(parts)


def is_name(text: str, start: int, end: int) -> bool:
    """Capitalised, and not only because a sentence begins (two capitals in a row begin a name)."""
    if not text[start].isupper():
        return False
    before, after = text[:start], text[end:].lstrip(" ")
    begins = not before.strip() or _SENTENCE_END.search(before[-12:]) is not None
    return not begins or text[start:end].isupper() or after[:1].isupper()


def _clear(found: Sequence[Span], start: int, end: int) -> bool:
    return not any(span.start < end and start < span.end for span in found)


def _names(text: str) -> list[tuple[int, int]]:
    """Runs of capitalised words, with the small words that link them."""
    if not any(c.islower() for c in text):
        return []
    runs: list[tuple[int, int]] = []
    last = -1  # where the open run, or the small word after it, ends; -1: no run is open
    for start, end in word_spans(text):
        word, near = text[start:end], last >= 0 and text[last:start] in (" ", ". ")
        if is_name(text, start, end) and word != "I":
            runs = [*runs[:-1], (runs[-1][0], end)] if near else [*runs, (start, end)]
            last = end
        else:
            last = end if near and last == runs[-1][1] and word in _LINKS else -1
    return runs
