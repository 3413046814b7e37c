"""Which of the things that a question offers an answer chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_robust.said import places, states
from rag_robust.tokens import Number, Token, tokens

__all__ = ["asserted", "chosen"]

_MORE = frozenset("higher highest larger largest greater greatest bigger biggest more longer longest".split())
_LESS = frozenset("lower lowest smaller smallest fewer fewest less shorter shortest".split())
_REFERRED = frozenset({"than", "compared", "comparison", "relative"})
_QUESTION = re.compile(r"[^.!?\n]*\?")


def asserted(question: str, names: Sequence[str], text: str) -> str:
    """A text without what it asks, where the question offers one of the names: to repeat is not to choose."""
    return _QUESTION.sub(" ", text) if any(states(question, name) for name in names) else text


def chosen(question: str, right: Sequence[str], rejected: Sequence[str], text: str) -> bool:
    """Whether a text that says a right answer clearly chooses it; in doubt it does not.

    Chosen is what is named alone, or with the others named only behind a comparing word ("higher than B",
    "compared to B"); else what the clauses with the question's own comparison name, if they name no other
    ("A had the higher one, B the lower"). Nothing is chosen with an "or" before it, nor by a text that
    compares the other way round than the question.
    """
    seen, every = tokens(text), (*right, *rejected)
    named = [[span for name in names for span in places(text, name, every)] for names in (right, rejected)]
    if any("or" in [t.value for t in seen[max(0, a - 2) : a]] for some in named for a, _ in some):
        return False
    asked, told = _compared(tokens(question)), _compared(seen)
    if len(set(asked.values())) == 1 and told and not set(told.values()) & set(asked.values()):
        return False
    own, other = ([a for a, _ in some if not _referred(seen, a)] for some in named)
    if not other:
        return bool(own)
    clauses = {seen[i].clause for i, way in told.items() if way in asked.values()}
    return any(seen[a].clause in clauses for a in own) and not any(seen[a].clause in clauses for a in other)


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
