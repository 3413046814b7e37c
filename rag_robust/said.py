"""Where a text says something and does not deny it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from rag_robust.text import words
from rag_robust.tokens import Number, Token, same, tokens

__all__ = ["mentions", "places", "states"]

_NOT = frozenset(
    "not never cannot without neither nor isnt wasnt arent werent dont doesnt didnt cant couldnt wont "
    "wouldnt hasnt havent hadnt".split()
)
_NOT_QUITE = frozenset("only just merely simply least".split())
_BEFORE = frozenset({("rather", "than"), ("other", "than"), ("instead", "of")})
_YES, _NO = frozenset({"yes", "true"}), frozenset({"no", "false"})
_REACH = 3  # words between "not" and what it denies
_OTHER = frozenset(
    "north south east west northern southern eastern western new equatorial upper lower inner "
    "democratic".split()
)


def mentions(text: str, truth: str) -> bool:
    """Whether a text says `truth`, denied or inside another name as well: more than `states`."""
    return bool(_matches(tokens(text), tokens(truth))) or states(text, truth)


def states(text: str, truth: str, others: Sequence[str] = ()) -> bool:
    """Whether a text says `truth` and does not deny it: the rule of `judge`, for any text.

    A name inside a longer one is not said: inside one of `others`, behind a capitalised word that makes
    another name of it ("South Sudan" for "Sudan"; the list is `_OTHER`), or before a hyphen and a capital
    ("Guinea-Bissau"). Other words around it describe it: "President Reagan", "Republic of Kenya".
    """
    seen, wanted = tokens(text), tokens(truth)
    if not wanted:
        return bool(truth.strip()) and truth.strip() == text.strip()
    if len(wanted) == 1 and wanted[0].value in _YES | _NO:
        return _agrees(seen, yes=wanted[0].value in _YES)
    return bool(places(text, truth, others))


def places(text: str, truth: str, others: Sequence[str] = ()) -> list[tuple[int, int]]:
    """First token and the one behind the last, wherever `states` finds it; truth values aside."""
    seen, wanted = tokens(text), tokens(truth)
    longer = [
        span
        for other in map(tokens, others)
        if len(other) > len(wanted) and _matches(other, wanted)
        for span in _matches(seen, other)
    ]
    return [
        (start, end)
        for start, end in _matches(seen, wanted)
        if not _ranged(seen, wanted, start)
        and not _denied(seen, start, end)
        and not any(a <= start and end <= b for a, b in longer)
        and not _renamed(text, seen, (start, end))
    ]


def _matches(seen: Sequence[Token], wanted: Sequence[Token]) -> list[tuple[int, int]]:
    n = len(wanted)
    spans = ((start, start + n) for start in range(len(seen) - n + 1)) if n else ()
    return [(a, b) for a, b in spans if all(same(w, s) for w, s in zip(wanted, seen[a:b], strict=True))]


def _agrees(seen: Sequence[Token], *, yes: bool) -> bool:
    """Whether the answer opens with this truth value, or later names it alone and undenied."""
    said = [t.value for t in seen]
    while said and said[0] in ("answer", "is", "it", "that"):
        said.pop(0)
    if said and said[0] in _YES | _NO:
        return (said[0] in _YES) == yes
    # "no" is too common a word to decide from the middle of a sentence
    told = {
        t.value
        for i, t in enumerate(seen)
        if t.value in ("yes", "true", "false") and not _denied(seen, i, i + 1)
    }
    return bool(told) and told <= (_YES if yes else _NO)


def _ranged(seen: Sequence[Token], wanted: Sequence[Token], start: int) -> bool:
    """Whether it is a number at an end of a range, "12-24"."""
    around = [*seen[max(0, start - 1) : start], *seen[start + 1 : start + 2]]
    return len(wanted) == 1 and isinstance(wanted[0].value, Number) and any(t.dash for t in around)


def _denied(seen: Sequence[Token], start: int, end: int) -> bool:
    """Whether a negation stands right before (or "is not" right after) in the same clause."""
    before = [t.value for t in seen[max(0, start - _REACH) : start] if t.clause == seen[start].clause]
    for i, word in enumerate(before):
        following = before[i + 1] if i + 1 < len(before) else ""
        if word in _NOT and following not in _NOT_QUITE and "until" not in before[i + 1 :]:
            return True
    if before[-1:] in (["no"], ["unlike"], ["except"], ["excluding"]) or tuple(before[-2:]) in _BEFORE:
        return True
    after = " ".join(str(t.value) for t in seen[end : end + 3] if t.clause == seen[end - 1].clause)
    return (
        re.match(r"((is|was|are|were) (not(?! only)|incorrect|wrong|false)|isnt|wasnt|arent|werent)\b", after)
        is not None
    )


def _renamed(text: str, seen: Sequence[Token], span: tuple[int, int]) -> bool:
    """Whether what stands before or behind makes another name of it."""
    start, end = span
    if not isinstance(seen[start].value, str):
        return False
    before = [t.value for t in seen[max(0, start - 1) : start] if t.clause == seen[start].clause]
    capitals, hyphens = _capitals(text)
    behind = [t for t in seen[end : end + 1] if t.clause == seen[end - 1].clause]
    return bool(_OTHER.intersection(before) & capitals) or bool(behind and seen[end - 1].value in hyphens)


@lru_cache(maxsize=4096)
def _capitals(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Words that begin with a capital, and those before a hyphen and one; in a text without any, all do."""
    found = frozenset(w.casefold() for part in words(text) for w in part.split("-") if w[:1].isupper())
    joined = re.findall(r"(?=\b([^\W_]+)-([^\W\d_]))", text)
    return found or _OTHER, frozenset(word.casefold() for word, c in joined if c.isupper() or not found)
