"""White-box access to an encoder: token ids, vectors of ids, gradients at chosen positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rag_robust.encode.sentence_transformers import MIN_ROWS, TOKENS_PER_BATCH, SentenceEncoder
from rag_robust.errors import ModelError
from rag_robust.types import Encoder

__all__ = ["TokenModel", "token_model"]


def token_model(encoder: Encoder) -> TokenModel:
    """The white-box side of an encoder.

    Raises:
        ModelError: this encoder has no tokens and gradients to offer.
    """
    inner = getattr(encoder, "encoder", encoder)
    if not isinstance(inner, SentenceEncoder):
        raise ModelError(
            f"gradients need a sentence-transformers model, got {type(inner).__name__}; "
            "use a black-box attack, or name a surrogate encoder"
        )
    return TokenModel(inner)


@dataclass(frozen=True)
class TokenModel:
    """Token ids in, vectors and gradients out; V tokens, vectors of length dim, embeddings of length h."""

    encoder: SentenceEncoder

    @property
    def cosine(self) -> bool:
        """True if the similarity is cosine and vectors are unit length."""
        return self.encoder.similarity == "cosine"

    @property
    def matrix(self) -> torch.Tensor:
        """The input embedding table W, shape (V, h)."""
        weight = self._layer.weight
        if not isinstance(weight, torch.Tensor):
            raise ModelError(f"{self.encoder.name} has no input embedding table")
        return weight.detach()

    @cached_property
    def gram(self) -> torch.Tensor:
        """WᵀW, shape (h, h): ‖W g‖² = gᵀ WᵀW g, so a gradient over V tokens is normed without forming it."""
        table = self.matrix.float()
        return table.T @ table

    @cached_property
    def allowed(self) -> torch.Tensor:
        """Which tokens an attacker may write, shape (V,): printable ASCII, no special or unused token.

        A token also has to survive decode and encode by itself or as the continuation of a word.
        """
        tokenizer = self.encoder.model.tokenizer
        special = set(tokenizer.all_special_ids)
        texts = tokenizer.batch_decode([[i] for i in range(len(self.matrix))])
        ok = [
            i not in special and bool(t.strip()) and t.isascii() and t.isprintable() and not _reserved(t)
            for i, t in enumerate(texts)
        ]
        return torch.tensor(ok, device=self.encoder.model.device)

    def words(self) -> tuple[list[str], NDArray[np.float32]]:
        """Whole alphabetic words that are one token, with their input embeddings (n, h)."""
        tokenizer = self.encoder.model.tokenizer
        texts = tokenizer.batch_decode([[i] for i in range(len(self.matrix))])
        found = {t.strip().lower(): i for i, t in enumerate(texts) if self.allowed[i] and t.strip().isalpha()}
        whole = {w: i for w, i in found.items() if len(w) > 2 and self.n_tokens(w) == 1}
        return list(whole), self.matrix[list(whole.values())].float().cpu().numpy()

    @property
    def _layer(self) -> Any:  # torch types `get_input_embeddings` as a plain Module
        transformer: Any = self.encoder.model[0]
        return transformer.auto_model.get_input_embeddings()

    def ids(self, text: str) -> list[int]:
        """The ids of a passage as the victim will see it: prompt, special tokens, truncation and all."""
        return self.encoder.tokenize([text], "passage")[0]

    def ids_many(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of several passages in one call of the tokenizer."""
        return self.encoder.tokenize(texts, "passage")

    def n_tokens(self, text: str) -> int:
        """Tokens of a text by itself, without special tokens: the unit of a token budget."""
        return len(self.encoder.model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids, special tokens left out."""
        return str(self.encoder.model.tokenizer.decode(list(ids), skip_special_tokens=True))

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Query vectors, shape (n, dim)."""
        return self.encoder.encode(texts, "query")

    def similarity(self, ids: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Similarity of each row of `ids` (n, length) to `target` (dim,): shape (n,), no gradient."""
        step = max(MIN_ROWS, TOKENS_PER_BATCH // ids.shape[1])
        with torch.inference_mode():
            return torch.cat(
                [
                    self.encoder.forward(self.encoder.filled(b))[: len(b)] @ target
                    for b in torch.split(ids, step)
                ]
            )

    def gradient(self, ids: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """∂ similarity / ∂ input embedding, one row's similarity at a time: (n, length) -> (n, length, h).

        The embedding layer's output is replaced by a leaf, so the gradient is exact for any
        architecture; batches keep memory bounded.
        """
        step = max(1, TOKENS_PER_BATCH // ids.shape[1] // 4)
        return torch.cat([self._gradient(batch, target) for batch in torch.split(ids, step)])

    def _gradient(self, ids: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            leaf = self._layer(ids).detach().clone().requires_grad_()
            with _output_replaced(self._layer, leaf):
                total = (self.encoder.forward(ids) @ target).sum()
            gradient: torch.Tensor = torch.autograd.grad(total, leaf)[0]
        return gradient.float()


def _reserved(text: str) -> bool:
    bare = text.strip()
    return bare.startswith(("[unused", "<unused", "<extra_id", "<|reserved"))


@contextmanager
def _output_replaced(layer: torch.nn.Module, output: torch.Tensor) -> Iterator[None]:
    handle = layer.register_forward_hook(lambda *_: output)
    try:
        yield
    finally:
        handle.remove()
