"""Rankers made of encoders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.index.order import pair_scores
from rag_robust.types import Encoder, Score

__all__ = ["bi_encoder"]


def bi_encoder(encoder: Encoder) -> Score:
    """Score passages by the inner product of their vectors (n, dim) with the query's.

    It is `index.order.pair_scores`, so a score here is the score of an exact index, bit for bit: what
    is certified is what is retrieved.
    """

    def score(query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        if not passages:
            return np.empty(0, np.float64)
        vectors = encoder.encode(passages, "passage")
        return pair_scores(vectors, encoder.encode([query], "query")[0]).astype(np.float64)

    return score
