"""Repetition: a passage that says the same words or phrases over and over is suspicious.

Query stuffing repeats; so does a trigger that repeats the word the retriever likes best. Two shares
in [0, 1] are taken, since each is blind to the other's case, and neither grows with the length of
plain text as the share of repeated words does (Heaps' law).

*Source*: Li et al., A Diversity-Promoting Objective Function for Neural Conversation Models, NAACL
2016 (distinct-n); putting it beside the share of the top word is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.defend._tools import Tools
from rag_robust.errors import UsageError
from rag_robust.text import STOP_WORDS, normalise, words
from rag_robust.types import Passage

__all__ = ["repeated", "suspicion", "top_share"]

USES: tuple[str, ...] = ()


def suspicion(
    passages: Sequence[Passage],
    tools: Tools,  # noqa: ARG001 (all filters are called alike)
    *,
    n: int = 2,
) -> NDArray[np.float64]:
    """The larger of `repeated(text, n)` and `top_share(text)`, shape (n passages,)."""
    texts = [p.full for p in passages]
    return np.array([max(repeated(text, n), top_share(text)) for text in texts], np.float64)


def repeated(text: str, n: int) -> float:
    """1 − distinct-n: the share of word n-grams that occurred before; 0 for a text of fewer words.

    Words are compared by their normal form. n = 1 is the share of repeated words.
    """
    if n < 1:
        raise UsageError(f"expected n-grams of n >= 1 words, got n = {n}")
    found = words(normalise(text))
    grams = list(zip(*(found[i:] for i in range(n)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def top_share(text: str) -> float:
    """(c − 1) / N with c the count of the most frequent of the N words that are not stop words.

    The first occurrence is free, so a single word has share 0.
    """
    found = [w for w in words(normalise(text)) if w not in STOP_WORDS]
    return (max(Counter(found).values()) - 1) / len(found) if found else 0.0
