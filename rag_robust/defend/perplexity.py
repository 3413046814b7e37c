"""Perplexity: text that a language model finds hard to predict is suspicious.

Optimised triggers read like noise; the passages of a corpus mostly do not. Suspicion is the mean
negative log-likelihood per token in nats, the logarithm of the perplexity, so that the order is
that of the perplexity and no value overflows.

*Source*: Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, fluency filter; Jain et al.,
Baseline Defenses for Adversarial Attacks Against Aligned Language Models, 2023, section 4.1, which
also has the windows. The model is the defender's, not the GPT-2 of either paper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.defend._tools import Tools, needed
from rag_robust.errors import UsageError
from rag_robust.types import Passage

__all__ = ["suspicion"]

USES: tuple[str, ...] = ("language_model",)


def suspicion(passages: Sequence[Passage], tools: Tools, *, window: int = 0) -> NDArray[np.float64]:
    """Mean surprise per token in nats, shape (n,); with `window` the greatest of any `window` words.

    Windows overlap by half and are read by themselves, without what stands before them: a short
    trigger behind a long plain text is diluted in the whole and not in its window. Empty text: 0.

    Raises:
        TargetError: no language model (not applicable).
    """
    if window < 0:
        raise UsageError(f"expected a window of words, or 0 for the whole text, got {window}")
    model = needed(tools.language_model, "a language model")
    pieces = [(i, piece) for i, p in enumerate(passages) for piece in _pieces(p.full, window)]
    out = np.zeros(len(passages), np.float64)
    if pieces:
        np.maximum.at(out, [i for i, _ in pieces], model.surprise([piece for _, piece in pieces]))
    return out


def _pieces(text: str, window: int) -> list[str]:
    """The text, or its windows; the last one ends with the text."""
    parts = text.split()
    if not parts:
        return []
    if not window or len(parts) <= window:
        return [text]
    starts = [*range(0, len(parts) - window, max(1, window // 2)), len(parts) - window]
    return [" ".join(parts[s : s + window]) for s in starts]
