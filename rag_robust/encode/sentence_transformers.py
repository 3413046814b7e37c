"""Any sentence-transformers model, with its own prompts, pooling and similarity."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from rag_robust.batches import of_one_shape
from rag_robust.encode import Dtype
from rag_robust.encode.packaged import WEIGHT_PACKAGES, located
from rag_robust.errors import ModelError
from rag_robust.types import Kind

__all__ = ["SentenceEncoder", "cast", "load"]

MIN_TOKENS = 64
"""A batch is filled to this many tokens: from there on, a row's bits do not depend on its neighbours."""

MIN_ROWS = 8
"""The same in rows, for models with weights behind the pooling, which see one vector per row."""

TOKENS_PER_BATCH = 8192

TASKS = {"query": "query", "passage": "document"}
"""What sentence-transformers calls the two kinds of text."""


@dataclass(frozen=True, slots=True)
class SentenceEncoder:
    """A loaded model; row i of `encode` depends on `texts[i]` alone, bit for bit.

    Texts are grouped by their exact token length, so nothing is ever padded, and small batches are
    filled up with copies: matrix products choose another kernel for a handful of rows, whose last
    bits differ. Measured on CPUs with 1 and 2 threads for lengths 3 to 256.
    """

    model: SentenceTransformer
    name: str
    fingerprint: str
    similarity: Literal["cosine", "dot"]
    dim: int

    def prompt(self, kind: Kind) -> str:
        """The text the model wants before a query or a passage, from its own configuration.

        As `encode_query` and `encode_document` have it, where a default prompt plays no part; but an
        empty "document" does not hide a "passage".
        """
        prompts = self.model.prompts or {}
        names = ("query",) if kind == "query" else ("document", "passage", "corpus")
        return next((found for n in names if (found := prompts.get(n))), "")

    def tokenize(self, texts: Sequence[str], kind: Kind) -> list[list[int]]:
        """Token ids per text, special tokens and the model's prompt included, cut to its maximum."""
        return [list(ids) for ids in self.features(texts, kind)["input_ids"]] if texts else []

    def features(self, texts: Sequence[str], kind: Kind, **text_options: bool) -> dict[str, Any]:
        """All that sentence-transformers makes of texts before its modules see them, unpadded."""
        options = {"text": {"padding": False, **text_options}, "common": {"return_tensors": None}}
        found: dict[str, Any] = self.model.preprocess(
            list(texts), prompt=self.prompt(kind), task=TASKS[kind], processing_kwargs=options
        )
        return found

    def forward(self, ids: torch.Tensor, kind: Kind = "passage") -> torch.Tensor:
        """Vectors (n, dim) of token ids (n, length), unit length for cosine models; keeps gradients."""
        features: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        shared = self.features(["a"], kind)  # a pooling may leave out the prompt, a router wants the modality
        features |= {k: shared[k] for k in ("modality", "prompt_length") if k in shared}
        vectors = self.model(features, task=TASKS[kind])["sentence_embedding"].float()
        return torch.nn.functional.normalize(vectors, dim=-1) if self.similarity == "cosine" else vectors

    def filled(self, batch: torch.Tensor) -> torch.Tensor:
        """Token ids (n, length) with copies of the first row below, as many as bit-stability takes."""
        weighty = any(True for module in list(self.model)[1:] for _ in module.parameters())
        needed = max(-(-MIN_TOKENS // batch.shape[1]), MIN_ROWS if weighty else 1)
        missing = needed - len(batch)
        return torch.cat([batch, batch[:1].expand(missing, -1)]) if missing > 0 else batch

    def encode(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
        """Vectors of shape (n, dim).

        Raises:
            ModelError: a text has no tokens, or the model returned something that is not a number.
        """
        out = np.empty((len(texts), self.dim), np.float32)
        ids = self.tokenize(texts, kind)
        if empty := [t for t, i in zip(texts, ids, strict=True) if not i]:
            raise ModelError(f"{self.name} makes no tokens of {empty[0]!r}; leave out texts without words")
        with torch.inference_mode():
            for rows in of_one_shape([len(i) for i in ids], _most):
                batch = torch.tensor([ids[r] for r in rows], device=self.model.device)
                out[rows] = self.forward(self.filled(batch), kind)[: len(rows)].cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(out).all(axis=1))
        if len(bad):
            first = texts[bad[0]][:80]
            raise ModelError(f"{self.name} gave NaN or infinity for {len(bad)} texts, the first is {first!r}")
        return out


def _most(length: int) -> int:
    """How many rows of a length are read together: at most `TOKENS_PER_BATCH` tokens."""
    return max(MIN_ROWS, TOKENS_PER_BATCH // max(1, length))


def load(name: str, *, dtype: Dtype = "float32", device: str = "cpu") -> SentenceEncoder:
    """Load a hub id, a folder or a weight package.

    Raises:
        ModelError: it cannot be found, is no transformer, or compares neither by cosine nor dot product.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(f"device {device}: torch {torch.__version__} sees no GPU; use --device cpu")
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    hub = logging.getLogger("huggingface_hub")
    level = hub.level
    hub.setLevel(logging.ERROR)  # its warnings say less than the error below
    try:
        with located(name) as where:
            model = SentenceTransformer(where, device=device)
    except (OSError, ValueError) as error:
        known = ", ".join(WEIGHT_PACKAGES)
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"no sentence-transformers model {name!r} (expected a folder, a hub id or {known}): {reason}"
        ) from error
    finally:
        hub.setLevel(level)
    if not isinstance(getattr(model[0], "tokenizer", None), PreTrainedTokenizerFast):
        raise ModelError(
            f"{name} has no tokenizer of transformers; expected a transformer model, not a static one"
        )
    similarity = str(model.similarity_fn_name)
    if similarity not in {"cosine", "dot"}:
        raise ModelError(f"{name} compares by {similarity}; expected cosine or dot product")
    weights = _weight_hash(model)
    model = cast(model, getattr(torch, dtype)).eval().requires_grad_(requires_grad=False)
    prompts = {k: v for k, v in sorted((model.prompts or {}).items()) if v}
    return SentenceEncoder(
        model=model,
        name=name,
        fingerprint=f"{name.split('/')[-1]} {weights} prompts={prompts} {similarity} {dtype}",
        similarity="cosine" if similarity == "cosine" else "dot",
        dim=int(model.get_embedding_dimension() or 0),
    )


def cast(model: SentenceTransformer, dtype: torch.dtype) -> SentenceTransformer:
    """The same model, its weights in another precision; rotary frequencies keep theirs.

    In bfloat16 a frequency is off by up to 1 in 256, and so is a token's place in the text.
    """
    kept = {n: b.clone() for n, b in model.named_buffers() if n.endswith("inv_freq")}
    model.to(dtype)
    for name, buffer in model.named_buffers():
        buffer.data = kept.get(name, buffer.data)
    return model


def _weight_hash(model: SentenceTransformer) -> str:
    """A hash of weights, modules and tokenizer: two models of one name differ, one in two places does not."""
    state = hashlib.blake2b(digest_size=8)
    for module in model:
        state.update(f"{type(module).__name__} {module}".encode())
    state.update(f"{model.max_seq_length} {getattr(model[0], 'do_lower_case', False)}".encode())
    state.update(model.tokenizer.backend_tokenizer.to_str().encode())
    for name, tensor in sorted(model.state_dict().items()):
        state.update(name.encode())
        state.update(tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().data)
    return state.hexdigest()
