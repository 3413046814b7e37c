"""What a rewritten passage has to satisfy besides its words: plain yes or no, from before and after.

Which words may be replaced by which, by what part of speech, and that stop words and words of the query
stay, is a matter of the task's substitutions; these narrow the search further. What is no worse than it
was before always passes: a passage need not be mended by who attacks it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rag_robust.text import normalise, words
from rag_robust.types import Encoder

if TYPE_CHECKING:
    from rag_robust.generate.language_model import LanguageModel

__all__ = ["Constraint", "every", "fluent", "keeping", "plain", "similar", "spamicity"]

Constraint = Callable[[str, str], bool]
"""(before, after), full texts -> whether the version may be proposed."""


def every(constraints: Sequence[Constraint]) -> Constraint:
    """All of them, the first that says no is the last asked."""
    return lambda before, after: all(allows(before, after) for allows in constraints)


def similar(encoder: Encoder, floor: float) -> Constraint:
    """cos(f(before), f(after)) >= floor, for the attacker's own encoder f."""

    @cache
    def vector(text: str) -> tuple[float, ...]:
        row = encoder.encode([text], "passage")[0].astype(np.float64)
        return tuple(row / (np.linalg.norm(row) or 1.0))

    return lambda before, after: float(np.dot(vector(before), vector(after))) >= floor - 1e-6


def fluent(model: LanguageModel, ceiling: float) -> Constraint:
    """The perplexity exp(mean surprise per token) is at most `ceiling`, or no higher than it was."""

    @cache
    def surprise(text: str) -> float:
        return float(model.surprise([text])[0])

    most = float(np.log(ceiling))
    return lambda before, after: surprise(after) <= max(most, surprise(before))


def plain(query: str, ceiling: float, idf: Mapping[str, float] | None = None) -> Constraint:
    """The spamicity for the query is at most `ceiling`, or no higher than it was."""
    return lambda before, after: spamicity(query, after, idf) <= max(ceiling, spamicity(query, before, idf))


def keeping(phrases: Sequence[str]) -> Constraint:
    """Every protected phrase stands there as often as it did, by its normalised words."""
    spans = [tuple(words(normalise(phrase))) for phrase in phrases]

    def allows(before: str, after: str) -> bool:
        old, new = (words(normalise(text)) for text in (before, after))
        return all(_count(new, span) >= _count(old, span) for span in spans)

    return allows


def spamicity(query: str, text: str, idf: Mapping[str, float] | None = None) -> float:
    """How much a text is written for one query: Σ_{t ∈ q ∩ d} w(t, d) / (|q| · max_t w(t, q)).

    w(t, x) = idf(t) · (how often t is in x) / (words of x), |q| the different words of q; without an `idf`
    all words weigh the same, for an attacker who has no corpus. 0 for a query without words.
    *Source*: Zhou and Pavlu's OSD as PAT (Liu et al., CCS 2022) uses it; there the weights are a tf-idf
    fitted on the corpus, so its thresholds (0.05, 0.3) are not these.
    """
    asked, said = _weights(query, idf), _weights(text, idf)
    most = len(asked) * max(asked.values(), default=0.0)
    return sum(said[t] for t in asked.keys() & said.keys()) / most if most else 0.0


def _weights(text: str, idf: Mapping[str, float] | None) -> dict[str, float]:
    counts = Counter(words(normalise(text)))
    return {t: n / counts.total() * (1.0 if idf is None else idf.get(t, 0.0)) for t, n in counts.items()}


def _count(said: Sequence[str], span: tuple[str, ...]) -> int:
    if not span:
        return 0
    return sum(tuple(said[i : i + len(span)]) == span for i in range(len(said) - len(span) + 1))
