"""A ranker without a ranking model: how likely a language model finds the query after the passage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rag_robust.errors import ModelError
from rag_robust.generate.language_model import mean_log_likelihood
from rag_robust.types import Score

__all__ = ["query_likelihood"]

_LIMIT = 1_000_000  # tokenizers without a limit say 1e30


def query_likelihood(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Score:
    """Score a passage p for a query of m tokens by `1/m * sum_i log P(q_i | p, newline, q_<i)`.

    Passage and query are turned into tokens apart, so that no token spans both, and a passage too
    long for the model loses its end. Passages of one length are read together and nothing is
    padded: a score depends on its own pair alone.

    Raises:
        ModelError: an empty query, one that leaves no room for a passage, or a score that is no number.

    *Source*: Sachan et al. 2022, "Improving Passage Retrieval with Zero-Shot Question
    Generation", eq. 2. Unlike them we add no instruction, which would belong to one model family.
    """
    room = min(_LIMIT, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", _LIMIT))

    def score(query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        tail = _tokens(tokenizer, query)
        if not tail or len(tail) >= room - 2:
            raise ModelError(f"expected a query of 1 to {room - 3} tokens, got {len(tail)}: {query[:40]!r}")
        rows = [[*_head(tokenizer, passage, room - len(tail)), *tail] for passage in passages]
        return mean_log_likelihood(model, rows, [len(tail)] * len(rows))

    return score


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids


def _head(tokenizer: PreTrainedTokenizerBase, passage: str, room: int) -> list[int]:
    """What the tokenizer itself puts first, the passage as far as there is room, a newline."""
    own: list[int] = tokenizer("", verbose=False)["input_ids"]
    start = [i for i in own if i != tokenizer.eos_token_id or i == tokenizer.bos_token_id]
    end = _tokens(tokenizer, "\n")
    head = [*start, *_tokens(tokenizer, passage)[: room - len(start) - len(end)], *end]
    if not head:
        raise ModelError("the tokenizer has no start token and no newline; choose another language model")
    return head
