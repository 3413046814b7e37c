"""Rankers made of encoders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.types import Encoder, Score

__all__ = ["bi_encoder"]


def bi_encoder(encoder: Encoder) -> Score:
    """Score passages by the inner product of their vectors (n, dim) with the query's, in float64."""

    def score(query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        if not passages:
            return np.empty(0, np.float64)
        products: NDArray[np.float64] = np.multiply(
            encoder.encode(passages, "passage"), encoder.encode([query], "query"), dtype=np.float64, order="C"
        )
        sums: NDArray[np.float64] = products.sum(axis=1)
        return sums

    return score
