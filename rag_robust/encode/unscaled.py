"""An encoder as it is before its vectors are scaled to unit length."""

from __future__ import annotations

from dataclasses import replace

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize

from rag_robust.encode.sentence_transformers import SentenceEncoder
from rag_robust.types import Encoder

__all__ = ["unscaled"]


def unscaled(encoder: Encoder) -> Encoder:
    """The same encoder without its last scaling, compared by dot product; shares the weights.

    A dot-product encoder without a Normalize module, and one that is no sentence-transformers
    model, come back as they are: what is still cosine then has unit vectors only.
    """
    inner = getattr(encoder, "encoder", encoder)
    if not isinstance(inner, SentenceEncoder):
        return encoder
    kept = [module for module in inner.model if not isinstance(module, Normalize)]
    if inner.similarity == "dot" and len(kept) == len(inner.model):
        return encoder
    model = SentenceTransformer(
        modules=kept,
        device=str(inner.model.device),
        prompts={name: text for name, text in (inner.model.prompts or {}).items() if text},
        default_prompt_name=inner.model.default_prompt_name,
        similarity_fn_name="dot",
    )
    return replace(inner, model=model, similarity="dot", fingerprint=f"{inner.fingerprint} unscaled")
