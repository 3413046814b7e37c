"""What every index asks of vectors: rows of finite float32 of one length."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import ModelError

__all__ = ["largest_norm", "padded", "usable"]

_BLOCK = 65_536
_UNIT_TOLERANCE = 0.01  # float16 encoders are off by less than 0.001


def usable(
    vectors: NDArray[np.float32],
    dim: int | None,
    what: str,
    *,
    similarity: Literal["cosine", "dot"] = "dot",
) -> NDArray[np.float32]:
    """The vectors as a contiguous float32 array of shape (n, dim).

    Raises:
        ModelError: another shape, a row that is not finite, or for cosine a row that is neither
            zero nor of length 1; the message names the first such row.
    """
    array = np.ascontiguousarray(vectors, np.float32)
    if array.ndim != 2 or (dim is not None and array.shape[1] != dim):
        raise ModelError(f"expected {what} vectors of shape (n, {dim or 'dim'}), got {array.shape}")
    for start in range(0, len(array), _BLOCK):
        block = array[start : start + _BLOCK]
        bad = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if bad.size:
            raise ModelError(f"{what} {start + bad[0]} is not finite; check the encoder for this text")
        norms = np.linalg.norm(block, axis=1)
        long = np.flatnonzero((np.abs(norms - 1) > _UNIT_TOLERANCE) & (norms > 0))
        if similarity == "cosine" and long.size:
            raise ModelError(
                f"{what} {start + long[0]} has length {norms[long[0]]:.4g}; a cosine encoder must return "
                'unit vectors: normalise them, or declare similarity="dot"'
            )
    return array


def largest_norm(vectors: NDArray[np.float32]) -> float:
    """The greatest Euclidean length of a row, 0 without rows."""
    blocks = range(0, len(vectors), _BLOCK)
    return max((float(np.linalg.norm(vectors[i : i + _BLOCK], axis=1).max()) for i in blocks), default=0.0)


def padded(
    scores: NDArray[np.float32], positions: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Both cut or filled up to k columns; where nothing was found stand -inf and -1."""
    missing = max(0, k - scores.shape[1])
    scores = np.pad(scores[:, :k], ((0, 0), (0, missing)), constant_values=-np.inf)
    positions = np.pad(positions[:, :k], ((0, 0), (0, missing)), constant_values=-1)
    return np.where(positions < 0, np.float32(-np.inf), scores), positions
