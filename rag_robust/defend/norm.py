"""Embedding norm: a passage whose vector is longer than the corpus's vectors is suspicious.

For a dot product ⟨q, v⟩ = ‖q‖ ‖v‖ cos, so length lifts a passage for every query at once and an
attacker gains by it. For cosine models length wins nothing: there the norm before the model's own
normalisation is taken, a statistic like any other; an encoder without one gets the constant 0,
which flags nobody at any threshold.

*Source*: Zhong et al., Poisoning Retrieval Corpora by Injecting Adversarial Passages, EMNLP 2023,
section 6; Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, norm filter. Both look at dot
products only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.defend._tools import Tools, needed
from rag_robust.encode.unscaled import unscaled
from rag_robust.types import Passage

__all__ = ["suspicion"]

USES: tuple[str, ...] = ()


def suspicion(passages: Sequence[Passage], tools: Tools) -> NDArray[np.float64]:
    """‖f(p)‖₂ before any scaling to unit length, shape (n,); 0 where the encoder has unit vectors only.

    Raises:
        TargetError: no encoder (not applicable).
    """
    encoder = unscaled(needed(tools.encoder, "an encoder"))
    if encoder.similarity == "cosine":
        return np.zeros(len(passages), np.float64)
    vectors = encoder.encode([p.full for p in passages], "passage")
    lengths: NDArray[np.float64] = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return lengths
