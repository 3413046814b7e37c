"""A ranker without a ranking model: how likely a language model finds the query after the passage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rag_robust.errors import ModelError
from rag_robust.types import Score

__all__ = ["query_likelihood"]

_LIMIT = 1_000_000  # tokenizers without a limit say 1e30


def query_likelihood(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, batch: int = 8) -> Score:
    """Score a passage p for a query of m tokens by `1/m * sum_i log P(q_i | p, newline, q_<i)`.

    Passage and query are turned into tokens apart, so that no token spans both, and a passage too
    long for the model loses its end. Passages are batched by length and padded on the right, where
    a causal model cannot look; logits (batch, positions, vocabulary) are kept for the query's
    positions alone. Batching changes scores by float32 rounding only (about 1e-6).

    Raises:
        ModelError: batch below 1, an empty query, or a query that leaves no room for a passage.

    *Source*: Sachan et al. 2022, "Improving Passage Retrieval with Zero-Shot Question
    Generation", eq. 2. Unlike them we add no instruction, which would belong to one model family.
    """
    if batch < 1:
        raise ModelError(f"expected a batch of at least 1 passage, got {batch}")
    room = min(_LIMIT, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", _LIMIT))

    def score(query: str, passages: Sequence[str]) -> NDArray[np.float64]:
        tail = _tokens(tokenizer, query)
        if not tail or len(tail) >= room - 2:
            raise ModelError(f"expected a query of 1 to {room - 3} tokens, got {len(tail)}: {query[:40]!r}")
        heads = [_head(tokenizer, passage, room - len(tail)) for passage in passages]
        scores = np.empty(len(heads), np.float64)
        by_length = sorted(range(len(heads)), key=lambda i: (len(heads[i]), heads[i]))
        for start in range(0, len(heads), batch):
            some = by_length[start : start + batch]
            scores[some] = _mean_log_likelihood(model, [heads[i] for i in some], tail)
        return scores

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


@torch.inference_mode()
def _mean_log_likelihood(
    model: PreTrainedModel, heads: list[list[int]], tail: list[int]
) -> NDArray[np.float64]:
    longest = max(map(len, heads)) + len(tail)
    ids = torch.zeros((len(heads), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, head in enumerate(heads):
        ids[row, : len(head) + len(tail)] = torch.tensor([*head, *tail])
        mask[row, : len(head) + len(tail)] = 1
    first = min(map(len, heads)) - 1  # the position that predicts the query's first token
    kept = torch.arange(first, longest - 1, device=model.device)
    logits = model(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        logits_to_keep=kept,
        use_cache=False,
    ).logits
    target = torch.tensor(tail, device=model.device)[:, None]
    means = []
    for row, head in enumerate(heads):
        start = len(head) - 1 - first
        logs = logits[row, start : start + len(tail)].double().log_softmax(dim=-1)
        means.append(logs.gather(1, target).mean().item())
    return np.array(means, np.float64)
