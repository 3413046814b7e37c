"""What happens to a query on its way: typing errors today; every public function here is a name in a suite.

A perturbation is `(text, rng) -> text` with keyword-only parameters that have defaults. To add one,
write the function and list it in `__all__`; suites, the command line and the contract tests find it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from numpy.random import Generator

from rag_robust.errors import SuiteError
from rag_robust.text import STOP_WORDS, word_spans

__all__ = ["typo"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")  # each row sits half a key right of the one above
_LEAST_LETTERS = 4
_PART_OF_A_NUMBER = frozenset(
    "january february march april may june july august september october november december "
    "hundred thousand million billion trillion".split()
)
_JOINT = re.compile(r"['’\-]")
_ABBREVIATED = r"(?<!\b[A-Z])(?<!\b[A-Z][a-z])(?<!\b[A-Z][a-z]{2})"  # "U.S.", "Dr.", "Mrs."
_SENTENCE_END = re.compile(_ABBREVIATED + r"[.!?]\s*$")


def typo(text: str, rng: Generator, *, edits: int = 1) -> str:
    """The text with a typing error in one word, or in each of `edits` words.

    An error is a neighbouring key (QWERTY), two letters swapped, a letter left out or a letter
    typed twice; the first letter of a word stays. Content words are hit: no stop words, at least
    4 letters, no digits. Names (capitalised, not only because a sentence begins), numbers and
    dates stay intact, unless nothing else is left: then the longest word without digits is hit.
    A text without two letters side by side comes back as it is; fewer than `edits` suitable words
    get fewer errors.

    Per word, the Levenshtein distance is 1, or 2 for a swap, and words are neither split nor
    joined. *Source*: the character level of RARE-Met of the RARE benchmark (arXiv 2506.00789), which
    swaps in 10 % of all words, names and numbers too, so that the question may become another one.
    """
    if edits < 1:
        raise SuiteError(f"typo: expected edits >= 1, got {edits}")
    spans = _suitable(text)
    chosen = rng.permutation(len(spans))[:edits]
    for start, end in sorted((spans[i] for i in chosen), reverse=True):
        text = text[:start] + _mistyped(text[start:end], rng) + text[end:]
    return text


def _suitable(text: str) -> list[tuple[int, int]]:
    """Where a typing error may be made: content words, or else the longest word that can take one."""
    possible = [span for span in word_spans(text) if _can_take_error(text[slice(*span)])]
    content = [span for span in possible if _is_content(text[slice(*span)])]
    free = [span for span in content if not _is_name(text, *span)]
    return free or sorted(possible, key=lambda span: span[0] - span[1])[:1]


def _can_take_error(word: str) -> bool:
    return not any(c.isdigit() or c.isnumeric() for c in word) and bool(_inner(word))


def _is_content(word: str) -> bool:
    parts = [part for part in _JOINT.split(word.lower()) if part not in STOP_WORDS]
    return any(len(part) >= _LEAST_LETTERS for part in parts) and _PART_OF_A_NUMBER.isdisjoint(parts)


def _is_name(text: str, start: int, end: int) -> bool:
    """Capitalised, and not only because a sentence begins (two capitals in a row begin a name)."""
    if not text[start].isupper():
        return False
    before, after = text[:start], text[end:].lstrip(" ")
    begins = not before.strip() or _SENTENCE_END.search(before) is not None
    return not begins or text[start:end].isupper() or after[:1].isupper()


def _inner(word: str) -> list[int]:
    """Positions of letters that follow a letter: what is done there cannot split a word."""
    return [i for i in range(1, len(word)) if word[i].isalpha() and word[i - 1].isalpha()]


def _mistyped(word: str, rng: Generator) -> str:
    """The word with one error, kind first and then place, each equally likely where possible."""
    inner = _inner(word)
    swaps = [i for i in inner if i + 1 in inner and word[i] != word[i + 1]]
    keys = [i for i in inner if word[i].lower() in _NEIGHBOURS]
    options = (("key", keys), ("swap", swaps), ("omit", inner), ("twice", inner))
    kinds = [(kind, at) for kind, at in options if at]
    kind, places = kinds[rng.integers(len(kinds))]
    i = places[rng.integers(len(places))]
    if kind == "key":
        near = _NEIGHBOURS[word[i].lower()]
        key = near[rng.integers(len(near))]
        return word[:i] + (key.upper() if word[i].isupper() else key) + word[i + 1 :]
    if kind == "swap":
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return word[:i] + word[i + 1 :] if kind == "omit" else word[:i] + word[i] + word[i:]


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
