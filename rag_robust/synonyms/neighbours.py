"""An encoder's own nearest words as substitutions: an attack set, for antonyms are near too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust import text
from rag_robust.errors import ModelError
from rag_robust.synonyms.source import Source, grouped

__all__ = ["nearest", "neighbours", "unit_rows", "whole_words"]

_BLOCK = 512
_CELLS = 1 << 25
_DIGITS = 9
"""Cosines are told apart to so many digits: less than another processor's order of summing may change."""
_SLACK = np.float32(1e-4)


def neighbours(
    words: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    threshold: float,
    top: int,
    name: str = "neighbours",
) -> Source:
    """A source from an encoder's own token embeddings: its `top` nearest words with cosine >= `threshold`.

    `words[i]` is the token of row i of `vectors`, shape (n, h); only whole alphabetic words take part
    (the first of several spellings that differ in case). Nearest first; the symmetric closure may give
    a word more than `top`. Candidates come from float32 products and are judged by a float64 cosine per
    pair, so that no pair's fate depends on the block it was computed in.

    Raises:
        ModelError: shapes that do not fit, vectors that are not finite, an impossible threshold or top.
    """
    if vectors.ndim != 2 or len(words) != len(vectors) or not np.isfinite(vectors).all():
        raise ModelError(f"expected {len(words)} finite vectors, one per word, got shape {vectors.shape}")
    if not -1 <= threshold <= 1 or top < 1:
        raise ModelError(f"expected -1 <= threshold <= 1 and top >= 1, got {threshold} and {top}")
    rows = whole_words(words)
    vocabulary = list(rows)
    unit = unit_rows(vectors[list(rows.values())])
    near = nearest(unit, threshold=threshold, top=top) if len(rows) > 1 else ()
    return Source(name, grouped((vocabulary[i], vocabulary[j]) for i, j in near))


def whole_words(words: Iterable[str]) -> dict[str, int]:
    """Lower-cased alphabetic words to their first place among `words`."""
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        if word.isalpha() and text.words(word.lower()) == [word.lower()]:
            rows.setdefault(word.lower(), row)
    return rows


def unit_rows(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """The rows of `vectors`, shape (n, h), scaled to length 1; a row of zeros stays."""
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit: NDArray[np.float64] = exact / np.maximum(lengths, np.finfo(np.float64).tiny)
    return unit


def nearest(unit: NDArray[np.float64], *, threshold: float, top: int) -> Iterator[tuple[int, int]]:
    """Pairs (i, j), j among the `top` nearest of i by cosine, nearest first; `unit` is (n, h), unit rows.

    Cosines are rounded to 9 digits and equal ones go by row, so that the pairs are the same everywhere.
    """
    n, rough = len(unit), unit.astype(np.float32)
    top, rows = min(top, n - 1), min(_BLOCK, max(1, _CELLS // n))
    for start in range(0, n, rows):
        block = np.arange(start, min(start + rows, n))
        close = rough[block] @ rough.T  # (block, n)
        close[np.arange(len(block)), block] = -np.inf
        floor = np.full(len(block), threshold, np.float32) - _SLACK
        crowded = (close >= floor[:, None]).sum(axis=1) > top
        if crowded.any():
            floor[crowded] = np.partition(close[crowded], -top, axis=1)[:, -top] - _SLACK
        i, j = np.nonzero(close >= floor[:, None])
        exact = np.round(np.einsum("ph,ph->p", unit[block[i]], unit[j]), _DIGITS)
        order = np.lexsort((j, -exact, i))
        i, j, exact = i[order], j[order], exact[order]
        place = np.arange(len(i)) - np.searchsorted(i, i)  # position of the pair within its row
        keep = (exact >= threshold) & (place < top)
        yield from zip(block[i[keep]].tolist(), j[keep].tolist(), strict=True)
