"""Errors in single words, as fingers, scanners and look-alike letters make them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from numpy.random import Generator

from rag_robust.errors import SuiteError
from rag_robust.perturb.promises import INVISIBLE, LOOK_ALIKE
from rag_robust.perturb.protected import free_words, is_content, ordinary_words
from rag_robust.text import word_spans

__all__ = ["hit", "hit_once_each", "inside", "look_alike", "misread", "mistyped", "widthless"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")  # each row sits half a key right of the one above
_MISREAD = tuple(
    pair
    for one, two in (
        *(("rn", "m"), ("cl", "d"), ("vv", "w"), ("li", "h"), ("ii", "u"), ("nn", "m"), ("ri", "n")),
        *(("c", "e"), ("h", "b"), ("i", "l"), ("t", "f"), ("a", "o"), ("n", "u"), ("g", "q"), ("v", "y")),
        *(("O", "Q"), ("B", "E"), ("I", "l"), ("F", "P"), ("C", "G"), ("U", "V"), ("s", "z")),
    )
    for pair in ((one, two), (two, one))
)


def hit(
    text: str, rng: Generator, share: float, *, change: Callable[[str, Generator], str], small: bool = False
) -> str:
    """The text with one error in a `share` of its words, at least one, outside the protected spans.

    Content words are hit; `small` hits stop words and short ones too, as does a text that has no
    other. `change` gives a word back as it is if it cannot take the error, and another is hit.

    Raises:
        SuiteError: a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise SuiteError(f"expected 0 < share <= 1, got {share:g}")
    free = [(a, b) for a, b in free_words(text) if not _counts(text[a:b])]
    content = [(a, b) for a, b in free if is_content(text[a:b])]
    wanted = max(1, round(share * len(word_spans(text))))
    found: dict[tuple[int, int], str] = {}
    places = free if small else content or free
    for i in rng.permutation(len(places)):
        start, end = places[int(i)]
        if len(found) < wanted and (made := change(text[start:end], rng)) != text[start:end]:
            found[start, end] = made
    for start, end in sorted(found, reverse=True):
        text = text[:start] + found[start, end] + text[end:]
    return text


def hit_once_each(text: str, rng: Generator, edits: int) -> str:
    """The text with one typing error in each of `edits` words; names only if nothing else is left."""
    places = _suitable(text)
    chosen = rng.permutation(len(places))[:edits]
    for start, end in sorted((places[i] for i in chosen), reverse=True):
        text = text[:start] + mistyped(text[start:end], rng) + text[end:]
    return text


def _suitable(text: str) -> list[tuple[int, int]]:
    """Where a typing error may be made: content words, or else the longest word that can take one."""
    possible = [(a, b) for a, b in word_spans(text) if not _counts(text[a:b]) and inside(text[a:b])]
    able = set(possible)
    free = [span for span in ordinary_words(text) if span in able]
    return free or sorted(possible, key=lambda span: span[0] - span[1])[:1]


def _counts(word: str) -> bool:
    return any(c.isdigit() or c.isnumeric() for c in word)


def inside(word: str) -> list[int]:
    """Positions of letters that follow a letter: what is done there cannot split a word."""
    return [i for i in range(1, len(word)) if word[i].isalpha() and word[i - 1].isalpha()]


def mistyped(word: str, rng: Generator, only: str = "") -> str:
    """The word with one error, kind first and then place, each equally likely where possible.

    `only` one kind: "key", "swap", "omit" or "twice"; a word that cannot take it comes back.
    """
    inner = inside(word)
    swaps = [i for i in inner if i + 1 in inner and word[i] != word[i + 1]]
    keys = [i for i in inner if word[i].lower() in _NEIGHBOURS]
    options = (("key", keys), ("swap", swaps), ("omit", inner), ("twice", inner))
    kinds = [(kind, at) for kind, at in options if at and only in ("", kind)]
    if not kinds:
        return word
    kind, places = kinds[rng.integers(len(kinds))]
    i = places[rng.integers(len(places))]
    if kind == "key":
        near = _NEIGHBOURS[word[i].lower()]
        key = near[rng.integers(len(near))]
        return word[:i] + (key.upper() if word[i].isupper() else key) + word[i + 1 :]
    if kind == "swap":
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return word[:i] + word[i + 1 :] if kind == "omit" else word[:i] + word[i] + word[i:]


def look_alike(word: str, rng: Generator) -> str:
    """The word with one Latin letter replaced by the Cyrillic one that looks like it."""
    places = [i for i, c in enumerate(word) if c in LOOK_ALIKE]
    if not places:
        return word
    i = places[rng.integers(len(places))]
    return word[:i] + LOOK_ALIKE[word[i]] + word[i + 1 :]


def misread(word: str, rng: Generator) -> str:
    """The word with one letter or pair of letters read as another of the same shape."""
    places = [(m.start(), *pair) for pair in _MISREAD for m in re.finditer(pair[0], word)]
    if not places:
        return word
    at, one, two = places[rng.integers(len(places))]
    return word[:at] + two + word[at + len(one) :]


def widthless(word: str, rng: Generator) -> str:
    """The word with a character of no width between two of its letters."""
    places = inside(word)
    if not places:
        return word
    i, mark = places[rng.integers(len(places))], INVISIBLE[rng.integers(len(INVISIBLE))]
    return word[:i] + mark + word[i:]


def _adjacent() -> Iterator[tuple[str, str]]:
    """Pairs of keys that touch: side by side, and a key with the two below it."""
    for row in _ROWS:
        yield from pairwise(row)
    for upper, lower in pairwise(_ROWS):
        for i, key in enumerate(upper):
            yield from ((key, lower[j]) for j in (i - 1, i) if 0 <= j < len(lower))


_NEIGHBOURS = {
    key: "".join(sorted({b for a, b in _adjacent() if a == key} | {a for a, b in _adjacent() if b == key}))
    for key in "".join(_ROWS)
}
