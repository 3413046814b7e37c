"""Encoders: texts to vectors, with the model's own prompts and similarity."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rag_robust.types import Encoder

__all__ = ["Dtype", "load"]

Dtype = Literal["float32", "bfloat16", "float16"]


def load(name: str, *, dtype: Dtype = "float32", device: str = "cpu", cache: Path | None = None) -> Encoder:
    """The encoder of that name: "hashed" (numpy, no weights), a folder, a weight package or a hub id.

    `cache` is a folder for embeddings already computed; None computes every time.

    Raises:
        ModelError: no such model here.
    """
    if name == "hashed":
        from rag_robust.encode.hashed import HashedEncoder

        return HashedEncoder()
    from rag_robust.encode import sentence_transformers

    encoder = sentence_transformers.load(name, dtype=dtype, device=device)
    if cache is None:
        return encoder
    from rag_robust.encode.cache import Cached

    return Cached(encoder, cache)
