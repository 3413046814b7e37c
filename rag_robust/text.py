"""Pure functions of strings: words, sentences, normal forms, and the order of equal scores."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = [
    "STOP_WORDS",
    "changed_tokens",
    "changed_words",
    "edit_distance",
    "normalise",
    "order_key",
    "sentences",
    "word_spans",
    "words",
]

_WORD = re.compile(r"\w+(?:['’\-]\w+)*", re.UNICODE)
_TOKEN = re.compile(rf"{_WORD.pattern}|\S", re.UNICODE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'“(\[]?[A-Z0-9])")

STOP_WORDS = frozenset(
    "a about after again all also am an and any are as at be because been before being between both but "
    "by can could did do does doing down during each few for from further had has have having he her here "
    "hers him his how i if in into is it its itself just me more most my no nor not now of off on once "
    "only or other our out over own same she should so some such than that the their them then there "
    "these they this those through to too under until up very was we were what when where which while "
    "who whom why will with would you your".split()
)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each word, in order; what lies between is punctuation and space."""
    return [m.span() for m in _WORD.finditer(text)]


def words(text: str) -> list[str]:
    """The words of a text, as written."""
    return [m.group() for m in _WORD.finditer(text)]


def sentences(text: str) -> list[str]:
    """Sentences that join back to the text up to the white space between them."""
    return [s for s in _SENTENCE.split(text) if s.strip()]


def normalise(text: str) -> str:
    """Case-folded, accents off, white space collapsed: "Zürich " equals "zurich"; 東京 stays."""
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance: insertions, deletions and replacements of one character."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def changed_words(before: str, after: str) -> int:
    """How many words differ, counted as word-level edit distance."""
    return _distance(words(before), words(after))


def changed_tokens(before: str, after: str) -> int:
    """How many words and other marks differ: nothing visible can be added for free."""
    return _distance(*([m.group() for m in _TOKEN.finditer(text)] for text in (before, after)))


def _distance(left: list[str], right: list[str]) -> int:
    codes = {w: chr(i) for i, w in enumerate(dict.fromkeys([*left, *right]), 1)}
    return edit_distance("".join(codes[w] for w in left), "".join(codes[w] for w in right))


def order_key(passage_id: str) -> str:
    """What decides between equal scores: a hash of the id, so that no id wins by its name."""
    return hashlib.blake2b(passage_id.encode(), digest_size=8).hexdigest()
