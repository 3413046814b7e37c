"""SPLADE: a masked language model says which words a text is about, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rag_robust.batches import of_one_shape
from rag_robust.errors import ModelError
from rag_robust.generate.masked import MaskedModel, masked_model
from rag_robust.types import Score

__all__ = ["Splade", "splade"]

TOKENS_PER_BATCH = 512
"""Weights of that many tokens are held at once: 62 MB for a vocabulary of 30,522."""

MIN_TOKENS = 64
"""A batch is filled to this many tokens: from there on, a row's bits do not depend on its neighbours."""

_LIMIT = 1_000_000  # tokenizers without a limit say 1e30


@dataclass(frozen=True, slots=True)
class Splade:
    """Weights of a text's words by a masked language model; what it says of one depends on that text alone.

    Texts are batched by their exact length in tokens, so nothing is ever padded, and small batches are
    filled up with copies.

    *Source*: Formal et al. 2021, "SPLADE v2", eq. 6 (maximum over positions, special tokens among them).
    """

    model: MaskedModel

    @property
    def fingerprint(self) -> str:
        """What a score depends on, in one line."""
        return f"splade {self.model.fingerprint}"

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Inner products (n,) of the query's weights with each text's.

        Raises:
            ModelError: the model gave something that is not a number.
        """
        (asked,) = self.weights([query])
        kept = np.flatnonzero(asked)
        products: NDArray[np.float64] = np.multiply(self.weights(texts, kept), asked[kept], order="C")
        return np.asarray(products.sum(axis=1))

    def weights(self, texts: Sequence[str], columns: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """`max over positions of ln(1 + max(0, logit))` for each word, (n, V) or the chosen columns of it.

        A text too long for the model loses its end.

        Raises:
            ModelError: the model gave something that is not a number.
        """
        rows = self._tokens(texts)
        width = self.model.model.config.vocab_size if columns is None else len(columns)
        out = np.empty((len(rows), width), np.float64)
        chosen = slice(None) if columns is None else torch.from_numpy(columns)
        for group in of_one_shape([len(row) for row in rows], lambda n: max(1, TOKENS_PER_BATCH // n)):
            out[group] = self._read([rows[i] for i in group])[:, chosen].double().cpu().numpy()
        return out

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        tokenizer, config = self.model.tokenizer, self.model.model.config
        room = min(_LIMIT, tokenizer.model_max_length, getattr(config, "max_position_embeddings", _LIMIT))
        return [list(tokenizer(t, truncation=True, max_length=room)["input_ids"]) for t in texts]

    @torch.inference_mode()
    def _read(self, rows: Sequence[list[int]]) -> torch.Tensor:
        """Weights (n, V) of rows of one length."""
        missing = -(-MIN_TOKENS // len(rows[0])) - len(rows)
        model = self.model.model
        ids = torch.tensor([*rows, *[rows[0]] * max(0, missing)], device=model.device)
        highest: torch.Tensor = model(input_ids=ids).logits[: len(rows)].amax(dim=1)  # the rest is monotone
        if not torch.isfinite(highest).all():
            raise ModelError(f"{self.model.fingerprint} gave a NaN or infinite weight; try another device")
        return highest.float().relu().log1p()


def splade(name: str = "SPLADE-tiny", *, device: str = "cpu") -> Score:
    """Score texts by the SPLADE model of that name: a folder, a hub id, or an installed weight package.

    Raises:
        ModelError: it cannot be found, or it has no head that predicts masked tokens.
    """
    found = masked_model(name, device=device)
    if torch.device(device).type == "cpu":
        # the fused attention of a CPU gives a row other last bits at another place in the batch
        found.model.set_attn_implementation("eager")
    return Splade(found).score
