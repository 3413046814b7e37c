"""How surprising a text is to a language model, and how it may go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rag_robust.batches import of_one_shape
from rag_robust.errors import ModelError
from rag_robust.generate.huggingface import weight_hash, weights
from rag_robust.types import Work

__all__ = ["LanguageModel", "language_model", "mean_log_likelihood"]

MIN_TOKENS = 64
"""A batch is filled to this many tokens: from there on, a row's bits do not depend on its neighbours."""

TOKENS_PER_BATCH = 1024
"""Scores of that many tokens are held at once: 200 MB for a vocabulary of 49,152."""

_LIMIT = 1_000_000  # tokenizers without a limit say 1e30


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A causal language model that judges texts; what it says of one depends on that text alone.

    Texts are batched by their exact length in tokens, so nothing is ever padded, and small batches
    are filled up with copies. Measured on a CPU with 1 thread and "eager" attention: no bit of any
    score differs from 15 tokens per batch on. Special tokens written in a text are data: they are
    read as the characters they are made of. `work` counts what was asked, not the copies.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    fingerprint: str
    work: Work = field(default_factory=Work, compare=False)

    def surprise(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Mean negative log-likelihood per token in nats, shape (n,): `-1/m Σ_i log P(t_i | start, t_<i)`.

        The first token is judged after the model's start token (its end token, where it has no
        other). A text too long for the model loses its end; one without tokens surprises by 0.
        `exp` of it is the perplexity.

        Raises:
            ModelError: the model gave something that is not a number.
        """
        rows = [self._ids(text) for text in texts]
        judged = [i for i, row in enumerate(rows) if len(row) > 1]
        out = np.zeros(len(rows), np.float64)
        lengths = [len(rows[i]) - 1 for i in judged]
        self._count([rows[i] for i in judged], sum(lengths))
        out[judged] = -mean_log_likelihood(self.model, [rows[i] for i in judged], lengths)
        return out

    def next_log_probs(self, texts: Sequence[str]) -> torch.Tensor:
        """Log-probabilities of the token after each text, shape (n, V), on the model's device."""
        rows = [self._ids(text) for text in texts]
        self._count(rows, len(rows))
        out = torch.empty((len(rows), self.model.config.vocab_size), device=self.model.device)
        for group in of_one_shape([len(row) for row in rows], _most):
            out[group] = _logits(self.model, [rows[i] for i in group], 1)[:, 0].log_softmax(dim=-1)
        return out

    def continued(self, text: str, tokens: Sequence[int]) -> list[str]:
        """The text with one of `tokens` more, for each; the text itself where a token adds nothing to read.

        Nothing to read is: a special token, a part of a character, a line break or another control
        character, or a token beyond the tokenizer's vocabulary.
        """
        ids = self._plain(text)
        before = str(self.tokenizer.decode(ids))
        special = set(self.tokenizer.all_special_ids)
        whole = self.tokenizer.batch_decode([[*ids, token] for token in tokens])
        return [
            text + w.removeprefix(before) if t not in special and _readable(w, before) else text
            for t, w in zip(tokens, whole, strict=True)
        ]

    def n_tokens(self, text: str) -> int:
        """Tokens of a text by itself, as this model reads it."""
        return len(self._plain(text))

    def _count(self, rows: Sequence[Sequence[int]], n_judged: int) -> None:
        """A pass of each row; the scores of the vocabulary are taken at `n_judged` of all tokens alone."""
        last = self.model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
        tables = {id(m.weight) for m in self.model.modules() if isinstance(m, torch.nn.Embedding)}
        weights = sum(p.numel() for p in self.model.parameters() if id(p) not in {*tables, id(last)})
        self.work.forward(len(rows), sum(map(len, rows)), weights)
        self.work.flops += 2.0 * last.numel() * n_judged

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(
            text, add_special_tokens=False, split_special_tokens=True, verbose=False
        )["input_ids"]
        return ids

    def _ids(self, text: str) -> list[int]:
        """A start token and the text as far as there is room."""
        tokenizer, config = self.tokenizer, self.model.config
        starts = (tokenizer.bos_token_id, tokenizer.eos_token_id, getattr(config, "bos_token_id", None))
        start = next((i for i in starts if isinstance(i, int)), None)
        if start is None:
            raise ModelError("the tokenizer has no start and no end token; choose another language model")
        own = getattr(config, "max_position_embeddings", None) or _LIMIT
        return [start, *self._plain(text)][: min(_LIMIT, tokenizer.model_max_length, own)]


def language_model(name: str = "SmolLM2-135M-Instruct", *, cache: Path, device: str = "cpu") -> LanguageModel:
    """Load a hub id, a folder or a weight package, in float32.

    `cache` is where unpacked weights are kept, as in `huggingface.weights`.

    Raises:
        ModelError: it cannot be found or loaded.
    """
    # the fused attention of a CPU gives a row other last bits at another place in the batch
    attention = "eager" if torch.device(device).type == "cpu" else None
    model, tokenizer = weights(name, cache=cache, attention=attention)
    fingerprint = f"{name.split('/')[-1]} {weight_hash(model)} float32 language model"
    model = model.to(device=device, dtype=torch.float32)  # type: ignore[call-arg]
    return LanguageModel(model, tokenizer, fingerprint)


def mean_log_likelihood(
    model: PreTrainedModel, rows: Sequence[Sequence[int]], n_judged: Sequence[int]
) -> NDArray[np.float64]:
    """Mean log-probability, in nats, of the last `n_judged[i]` tokens of row i, each given all before it.

    Args:
        model: a causal language model.
        rows: n lists of token ids, none longer than the model's context.
        n_judged: for each row at least 1 and less than its length, for the first token has no context.

    Raises:
        ModelError: the model gave something that is not a number.
    """
    out = np.empty(len(rows), np.float64)
    shapes = [(len(row), n) for row, n in zip(rows, n_judged, strict=True)]
    for group in of_one_shape(shapes, lambda shape: _most(shape[0])):
        n = n_judged[group[0]]
        logits = _logits(model, [rows[i] for i in group], n + 1)[:, :-1].flatten(0, 1)
        wanted = torch.tensor([list(rows[i][-n:]) for i in group], device=model.device)
        losses = torch.nn.functional.cross_entropy(logits, wanted.flatten(), reduction="none")
        out[group] = -losses.view(len(group), n).double().mean(dim=1).cpu().numpy()
    return out


def _most(length: int) -> int:
    """How many rows of a length are read together: at most `TOKENS_PER_BATCH` tokens."""
    return max(1, TOKENS_PER_BATCH // length)


@torch.inference_mode()
def _logits(model: PreTrainedModel, rows: Sequence[Sequence[int]], keep: int) -> torch.Tensor:
    """Scores after the last `keep` tokens of rows of one length, shape (n, keep, V), in float32."""
    missing = -(-MIN_TOKENS // len(rows[0])) - len(rows)
    filled = [list(row) for row in (*rows, *[rows[0]] * max(0, missing))]
    ids = torch.tensor(filled, device=model.device)
    logits: torch.Tensor = model(input_ids=ids, use_cache=False, logits_to_keep=keep).logits[: len(rows)]
    if not torch.isfinite(logits).all():
        raise ModelError(f"{model.config.model_type} model gave a NaN or infinite score; try another device")
    return logits.float()


def _readable(whole: str, before: str) -> bool:
    added = whole.removeprefix(before)
    return whole.startswith(before) and bool(added.strip()) and added.isprintable() and "\ufffd" not in added
