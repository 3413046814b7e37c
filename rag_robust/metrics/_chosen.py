"""Which of the things that a question offers an answer chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from rag_robust.said import places, states
from rag_robust.tokens import Number, Token, tokens

__all__ = ["asserted", "chosen"]

_MORE = frozenset("higher highest larger largest greater greatest bigger biggest more longer longest".split())
_LESS = frozenset("lower lowest smaller smallest fewer fewest less shorter shortest".split())
_REFERRED = frozenset({"than", "compared", "comparison", "relative"})
_QUESTION = re.compile(r"[^.!?\n]*\?")
_LED = frozenset("answer by in is it so that this was".split())
_BESIDE = frozenset("about around at in of with".split())
_VERBS = frozenset("are did do does had has have is was were".split())

Span = tuple[int, int]


def asserted(question: str, names: Sequence[str], text: str) -> str:
    """A text without what it asks, where the question offers one of the names: to repeat is not to choose."""
    return _QUESTION.sub(" ", text) if any(states(question, name) for name in names) else text


def chosen(question: str, right: Sequence[str], rejected: Sequence[str], text: str) -> bool:
    """Whether a text that says a right answer clearly chooses it; in doubt it does not.

    Chosen is what is named alone, or with the others named only behind a comparing word ("higher than B",
    "compared to B"); else what the clauses with the question's own comparison name, if they name no other
    ("A had the higher one, B the lower"); else what the answer opens with, where its figures bear it out
    ("A, with 40,000; B had 30,000"). Nothing is chosen with an "or" before it, by a text that compares the
    other way round than the question, nor by a list of both with their figures.
    """
    seen, every = tokens(text), (*right, *rejected)
    named = [[span for name in names for span in places(text, name, every)] for names in (right, rejected)]
    if any("or" in [t.value for t in seen[max(0, a - 2) : a]] for some in named for a, _ in some):
        return False
    posed = tokens(question)
    asked, told = _compared(posed), _compared(seen)
    if len(set(asked.values())) == 1 and told and not set(told.values()) & set(asked.values()):
        return False
    own, other = ([a for a, _ in some if not _referred(seen, a)] for some in named)
    if not other:
        return bool(own)
    clauses = {seen[i].clause for i, way in told.items() if way in asked.values()}
    if any(seen[a].clause in clauses for a in other):
        return False
    if any(seen[a].clause in clauses for a in own):
        return True
    ways = set(asked.values())
    return (
        len(ways) == 1 and _opens(posed, seen, named[0], named[1]) and _borne_out(posed, seen, named) in ways
    )


def _opens(posed: Sequence[Token], seen: Sequence[Token], own: Sequence[Span], other: Sequence[Span]) -> bool:
    """Whether the text begins with a right name alone, or with its figure, and no list of all names follows.

    What is said of the others must be a sentence: "Denmark had 30,000", not "Denmark: 30,000".
    """
    start, end = min(own, default=(0, 0))
    if not own or min(other) < (start, end):
        return False
    plain = _BESIDE | {t.value for t in posed if isinstance(t.value, str)} - _VERBS
    clause = seen[start].clause
    before = all(t.clause == clause and t.value in _LED for t in seen[:start])
    behind = all(
        _is(t, plain) and not any(a <= i < b for a, b in other)
        for i, t in enumerate(seen)
        if i >= end and t.clause == clause
    )
    listed = plain | {"and", "it", "that"}
    return before and behind and all(any(not _is(t, listed) for t in _around(seen, span)) for span in other)


def _is(token: Token, words: Set[object]) -> bool:
    """Whether a token is one of these words, or no word."""
    return not isinstance(token.value, str) or token.value in words


def _around(seen: Sequence[Token], span: Span) -> list[Token]:
    """The rest of the clause of a name."""
    clause = seen[span[0]].clause
    return [t for i, t in enumerate(seen) if t.clause == clause and not span[0] <= i < span[1]]


def _borne_out(posed: Sequence[Token], seen: Sequence[Token], named: Sequence[Sequence[Span]]) -> bool | None:
    """Whether the figure behind a right name is more (True) or less (False) than those behind the others.

    A figure stands between a name and the next one and is none of the question's own numbers. None: a figure
    is missing, is of another unit, or is the same or between the others.
    """
    figures: list[list[Number]] = []
    starts = sorted(a for spans in named for a, _ in spans)
    known = {t.value for t in posed if isinstance(t.value, Number)}
    for spans in named:
        own: list[Number] = []
        for a, b in sorted(spans):
            until = next((other for other in starts if other > a), len(seen))
            values = [t.value for t in seen[b:until]]
            own += [v for v in values if isinstance(v, Number) and v not in known][:1]
        figures.append(own)
    if not all(figures) or len({v.unit for own in figures for v in own} - {""}) > 1:
        return None
    first, others = figures[0][0].value, [v.value for v in figures[1]]
    return True if first > max(others) else False if first < min(others) else None


def _compared(seen: Sequence[Token]) -> dict[int, bool]:
    """Where something is said to be more (True) or less (False); "more than 5" compares with a number."""
    return {
        i: token.value in _MORE
        for i, token in enumerate(seen)
        if token.value in _MORE | _LESS and not _bound(seen[i + 1 : i + 3])
    }


def _bound(behind: Sequence[Token]) -> bool:
    return len(behind) == 2 and behind[0].value == "than" and isinstance(behind[1].value, Number)


def _referred(seen: Sequence[Token], at: int) -> bool:
    """Whether what stands there is what another thing is compared with."""
    return any(t.value in _REFERRED and t.clause == seen[at].clause for t in seen[:at])
