"""Rankers that read query and passage together: cross-encoders of sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder

from rag_robust.errors import ModelError
from rag_robust.types import Score

__all__ = ["cross_encoder"]


def cross_encoder(name_or_path: str, *, device: str = "cpu") -> Score:
    """Score passages with a cross-encoder that has one output.

    The activation is the model's own: the sigmoid of most models is monotone, so only the size of
    a score depends on it. Passages scored together may differ in the last bits of float32 from
    passages scored alone.

    Raises:
        ModelError: no such model here, or it has more than one output.
    """
    try:
        model = CrossEncoder(name_or_path, device=device)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"no cross-encoder {name_or_path!r}: {reason}; give a folder or a hub id") from error
    if model.num_labels != 1:
        raise ModelError(
            f"expected a cross-encoder with 1 output per pair, {name_or_path!r} has {model.num_labels}; "
            "choose one trained to rank"
        )

    def score(query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        if not passages:
            return np.empty(0, np.float64)
        pairs = [(query, passage) for passage in passages]
        return np.asarray(model.predict(pairs, show_progress_bar=False), np.float64)

    return score
