"""Rankers that read query and passage together: cross-encoders of sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder

from rag_robust.batches import of_one_shape
from rag_robust.errors import ModelError
from rag_robust.types import Score

__all__ = ["cross_encoder"]

MIN_ROWS = 8
"""A batch is filled to so many pairs: from there on, a score's bits do not depend on its neighbours."""

TOKENS_PER_BATCH = 8192


def cross_encoder(name_or_path: str, *, device: str = "cpu") -> Score:
    """Score passages with a cross-encoder that has one output.

    The activation is the model's own: the sigmoid of most models is monotone, so only the size of
    a score depends on it. Pairs of one length in tokens are read together and nothing is padded: a
    score depends on its own pair alone, bit for bit.

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
        scores = np.empty(len(passages), np.float64)
        for rows in _batches(model, query, passages):
            filled = [*rows, *rows[:1] * (MIN_ROWS - len(rows))]
            pairs = [(query, passages[i]) for i in filled]
            found = model.predict(pairs, batch_size=len(pairs), show_progress_bar=False)
            scores[rows] = np.asarray(found, np.float64)[: len(rows)]
        return scores

    return score


def _batches(model: CrossEncoder, query: str, passages: Sequence[str]) -> Iterator[list[int]]:
    """Passages whose pairs have one length, longest first, at most `TOKENS_PER_BATCH` tokens together."""
    if not passages:
        return iter(())
    longest = model.max_seq_length or TOKENS_PER_BATCH
    ids = model.tokenizer([query] * len(passages), list(passages), verbose=False)["input_ids"]
    lengths = [min(len(own), longest) for own in ids]
    return of_one_shape(lengths, lambda n: max(MIN_ROWS, TOKENS_PER_BATCH // max(1, n)))
