"""Several encoders with one tokenizer, attacked as one: what is near for all of them may be near for another.

With f_m(x) (dim_m,) the vector of passage x under encoder m of M, q_m that of a query, and W_m
(V, h_m) the embedding tables, side by side along their last axis,

    F(x) = (f_1(x), …, f_M(x)) / √M,   Q = (q_1, …, q_M) / √M,   W = (W_1 | … | W_M).

*Similarity.* ⟨F(x), Q⟩ = (1/M) Σ_m ⟨f_m(x), q_m⟩, the mean of the single similarities; being linear in
Q, it is so for centroids too. If all f_m are unit vectors, so is F, since ‖F‖² = (1/M) Σ_m ‖f_m‖². A
centroid C of unit length is one number away from the concatenated one: it changes no order.

*Gradient.* Writing token v for u at position i moves the input e_m of encoder m by w_{m,v} − w_{m,u}, for all
m at once. With g_m (h_m,) = ∂⟨F, T⟩/∂e_m, which is ∂⟨f_m, T_m⟩/∂e_m / √M because no other block of F sees
e_m, the first-order gain is Σ_m g_m · (w_{m,v} − w_{m,u}) = g · (w_v − w_u) for g = (g_1, …, g_M). So
g Wᵀ = Σ_m g_m W_mᵀ exactly, and ‖W g‖² = gᵀ WᵀW g, with the blocks of WᵀW off the diagonal too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from rag_robust.encode.sentence_transformers import SentenceEncoder
from rag_robust.encode.tokens import Embed, TokenModel
from rag_robust.errors import ModelError
from rag_robust.types import Kind, Work

__all__ = ["Ensemble", "SideBySide"]

PROBES = (
    "House in",
    "Zürich",
    "naïve  co",
    "op's",
    "3,520.5",
    "%\tit",
    "東京",
    "don't_",
    "#1 <b>",
    "[SEP] x",
    "ﬁ",
)
"""Texts that tokenizers of one vocabulary may still cut up in two ways; short, lest a model cut them off."""


@dataclass(frozen=True)
class SideBySide:
    """The vectors of several encoders, one behind the other, over √M; `model` is the first one's."""

    encoders: tuple[SentenceEncoder, ...]

    @property
    def model(self) -> Any:
        """The first one's module, for its device and tokenizer."""
        return self.encoders[0].model

    @property
    def name(self) -> str:
        """All names."""
        return " + ".join(encoder.name for encoder in self.encoders)

    @property
    def fingerprint(self) -> str:
        """All fingerprints."""
        return " + ".join(encoder.fingerprint for encoder in self.encoders)

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        """The one that all of them have."""
        return self.encoders[0].similarity

    @property
    def dim(self) -> int:
        """The sum of their lengths."""
        return sum(encoder.dim for encoder in self.encoders)

    def encode(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
        """Vectors of shape (n, dim), each encoder with its own prompt."""
        parts = [encoder.encode(texts, kind) for encoder in self.encoders]
        return np.concatenate(parts, axis=1) / np.float32(len(parts) ** 0.5)


@dataclass(frozen=True)
class Ensemble:
    """White-box access to several encoders as if they were one; the surface is that of `TokenModel`.

    All of them see the same ids, so they have to share tokenizer and passage prompt; a passage may be as
    long as the model that reads least can read. Dot products are averaged as they are: the encoder with the
    longest vectors has the most to say.

    Raises:
        ModelError: none, two tokenizers or passage prompts, or both cosine and dot product among them.
    """

    models: tuple[TokenModel, ...]

    def __post_init__(self) -> None:
        """Refuse encoders that cannot be attacked by the same ids."""
        if not self.models:
            raise ModelError("an ensemble needs an encoder; name a surrogate")
        for a, b in pairwise(self.models):
            for what, same in (("tokenizer", _alike(a, b)), ("similarity", a.cosine == b.cosine)):
                if not same:
                    raise ModelError(
                        f"an ensemble shares one {what}, those of {a.encoder.name} and {b.encoder.name} "
                        "differ; name surrogates of one family, or one at a time"
                    )

    @cached_property
    def encoder(self) -> SideBySide:
        """The encoders side by side."""
        return SideBySide(tuple(model.encoder for model in self.models))

    @cached_property
    def low(self) -> Ensemble:
        """The same models in bfloat16, for screening."""
        return Ensemble(tuple(model.low for model in self.models))

    @property
    def work(self) -> Work:
        """What the models computed up to now, added up."""
        works = {id(model.work): model.work for model in self.models}.values()
        return Work(**{f.name: sum(getattr(work, f.name) for work in works) for f in fields(Work)})

    def counted(self, embed: Embed) -> Embed:
        """`embed`, with every text counted as a pass of each model."""
        for model in self.models:
            embed = model.counted(embed)
        return embed

    @property
    def n_weights(self) -> int:
        """Weights that every token passes, in all models."""
        return sum(model.n_weights for model in self.models)

    @property
    def cosine(self) -> bool:
        """True if the similarities are cosine: vectors are then unit length."""
        return self.models[0].cosine

    @cached_property
    def matrix(self) -> torch.Tensor:
        """The embedding tables side by side, (V, Σ h_m); V is that of the smallest."""
        tables = [model.matrix for model in self.models]
        return torch.cat([table[: min(map(len, tables))] for table in tables], dim=1)

    @cached_property
    def gram(self) -> torch.Tensor:
        """WᵀW of the tables side by side."""
        table = self.matrix.float()
        return table.T @ table

    @cached_property
    def allowed(self) -> torch.Tensor:
        """Tokens that may be written for every model, shape (V,)."""
        each = [model.allowed[: len(self.matrix)] for model in self.models]
        return torch.stack(each).all(dim=0)

    def words(self) -> tuple[list[str], NDArray[np.float32]]:
        """Alphabetic words that are one token for all, with their rows of the tables side by side."""
        found = [dict(zip(*model.words(), strict=True)) for model in self.models]
        shared = [word for word in found[0] if all(word in each for each in found)]
        return shared, np.array([np.concatenate([each[word] for each in found]) for word in shared])

    @cached_property
    def _first(self) -> TokenModel:
        """The model that reads least: what it takes in whole, all others do."""
        return min(self.models, key=lambda model: model.max_tokens)

    def ids(self, text: str) -> list[int]:
        """The ids of a passage as each model will see it, cut where the first of them cuts it."""
        return self._first.ids(text)

    def ids_many(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of several passages in one call of the tokenizer."""
        return self._first.ids_many(texts)

    @property
    def max_tokens(self) -> int:
        """Tokens of a passage that every model reads, prompt and special tokens apart."""
        return self._first.max_tokens

    def n_tokens(self, text: str) -> int:
        """Tokens of a text standing as a passage, prompt and special tokens left out."""
        return self._first.n_tokens(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids, special tokens left out."""
        return self._first.decode(ids)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The characters of `text` that each of its `ids` stands for; empty for prompt and special tokens."""
        return self._first.spans(text)

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Query vectors (n, dim)."""
        return self.encoder.encode(texts, "query")

    def similarity(self, ids: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Similarity of each row of `ids` (n, length) to its target, shape (n,); no gradient."""
        return (self.vectors(ids) * target).sum(dim=-1)

    def vectors(self, ids: torch.Tensor) -> torch.Tensor:
        """The vectors (n, dim) of each row of `ids` (n, length); no gradient."""
        return torch.cat([model.vectors(ids) for model in self.models], dim=-1) / self._root

    def gradient(self, ids: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """∂ similarity / ∂ input embeddings, side by side: (n, length) -> (n, length, Σ h_m)."""
        parts = torch.split(target / self._root, [e.dim for e in self.encoder.encoders], dim=-1)
        pairs = zip(self.models, parts, strict=True)
        return torch.cat([model.gradient(ids, part) for model, part in pairs], dim=-1)

    @property
    def _root(self) -> float:
        return float(len(self.models) ** 0.5)


def _alike(a: TokenModel, b: TokenModel) -> bool:
    """Whether two models make the same ids of any passage: one vocabulary, and the probes come out alike."""
    pieces = [json.loads(m.encoder.model.tokenizer.backend_tokenizer.to_str())["model"] for m in (a, b)]
    return pieces[0] == pieces[1] and a.ids_many(PROBES) == b.ids_many(PROBES)
