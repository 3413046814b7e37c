"""Indexes: vectors in, positions of the nearest out, and the same in a changed world."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust.index.changed import Fillable
from rag_robust.index.installed import has_faiss

__all__ = ["build"]


def build(
    vectors: NDArray[np.float32],
    factory: str,
    *,
    similarity: Literal["cosine", "dot"],
    search: str = "",
    device: str = "cpu",
) -> Fillable:
    """An index over vectors (n, dim): FAISS for every factory string, torch for "Flat" without it.

    "Flat" needs no FAISS: on a GPU, or where FAISS is missing, torch searches instead, with the
    same results.

    Raises:
        ModelError: as `index.faiss.build` and `index.torch.build_torch`.
        MissingExtra: another factory than "Flat", and no FAISS.
    """
    if factory == "Flat" and not search and (device != "cpu" or not has_faiss()):
        from rag_robust.index.torch import build_torch

        return build_torch(vectors, similarity=similarity, device=device)
    from rag_robust.index import faiss

    return faiss.build(vectors, factory, similarity=similarity, search=search, device=device)
