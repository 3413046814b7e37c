"""Rankers made of encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
    return _Pairs(encoder).score


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The scorer of an encoder; whoever has its `score` can ask it for the similarity."""

    encoder: Encoder

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        """The encoder's own."""
        return self.encoder.similarity

    def score(self, query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        """Scores (n,) of passages for one query."""
        if not passages:
            return np.empty(0, np.float64)
        vectors = self.encoder.encode(passages, "passage")
        return pair_scores(vectors, self.encoder.encode([query], "query")[0]).astype(np.float64)
