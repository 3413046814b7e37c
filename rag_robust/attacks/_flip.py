"""Token proposals that gradient attacks share: saliency, candidates, and the round trip through text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import ModelError

__all__ = ["State", "clusters", "improve_position", "saliency", "start"]


@dataclass(frozen=True, slots=True)
class State:
    """A passage being written: ids of the whole sequence, where its trigger lies, its similarity.

    `ids` is always the true tokenisation of `text`; `trigger` is a slice of it.
    """

    ids: tuple[int, ...]
    trigger: slice
    information: str
    text: str
    value: float


def saliency(
    model: TokenModel, state: State, target: torch.Tensor, *, n_grad: int, rng: Generator
) -> torch.Tensor:
    """First-order gain of writing token v at trigger position i, averaged over random neighbours.

    For n_grad copies of the passage, all but the first with one random trigger position set to a
    random allowed token, the gradient g_b (l, h) of the similarity at the input embeddings gives
    G_b = g_b Wᵀ (l, V). Each row of G_b is divided by its norm, ‖g W‖ = √(g WᵀW gᵀ), and the copies
    are averaged: S = mean_b G_b / ‖G_b‖, shape (l, V). Tokens that may not be written get −∞.

    *Source*: Ben-Tov and Sharif 2025, Algorithm 1. The norms come from the h × h Gram matrix
    instead of the l × V gradient (exact), and random tokens are drawn from the allowed ones.
    """
    length = state.trigger.stop - state.trigger.start
    batch = torch.tensor(state.ids, device=target.device).repeat(n_grad, 1)
    allowed = torch.nonzero(model.allowed).squeeze(1)
    where = torch.as_tensor(rng.integers(0, length, n_grad - 1), device=target.device)
    what = allowed[torch.as_tensor(rng.integers(0, len(allowed), n_grad - 1), device=target.device)]
    batch[torch.arange(1, n_grad, device=target.device), state.trigger.start + where] = what
    gradient = model.gradient(batch, target)[:, state.trigger]
    norm = torch.einsum("bih,hk,bik->bi", gradient, model.gram, gradient).clamp_min(1e-24).sqrt()
    mean = (gradient / norm.unsqueeze(-1)).mean(dim=0)
    return (mean @ model.matrix.float().T).masked_fill(~model.allowed, -torch.inf)


def improve_position(
    model: TokenModel, state: State, target: torch.Tensor, *, position: int, tokens: torch.Tensor
) -> State:
    """The best passage with one of `tokens` at a trigger position, or the same one if none is better.

    All candidates are scored in one batch of exact length; from the best down, the first whose
    text tokenises back to the very same ids is taken. Monotone: the value never falls.
    """
    where = state.trigger.start + position
    tokens = tokens[tokens != state.ids[where]]
    batch = torch.tensor(state.ids, device=target.device).repeat(len(tokens), 1)
    batch[:, where] = tokens
    values = model.similarity(batch, target)
    for row in torch.argsort(values, descending=True, stable=True).tolist():
        value = float(values[row])
        if value <= state.value:
            return state
        ids = tuple(batch[row].tolist())
        if (text := _round_trip(model, state, ids)) is not None:
            return replace(state, ids=ids, text=text, value=value)
    return state


def start(
    model: TokenModel, information: str, drafts: Sequence[str], target: torch.Tensor, *, tokens: int
) -> State:
    """The best draft of a passage: `information`, then a draft's words repeated up to `tokens` tokens.

    Raises:
        ModelError: the information leaves no room, or no draft survives the tokenizer.
    """
    room = tokens - model.n_tokens(information)
    if room < 1:
        raise ModelError(f"the information alone has {tokens - room} tokens of {tokens}; raise tokens")
    states = [s for draft in drafts if (s := _draft(model, information, draft, room)) is not None]
    if not states:
        raise ModelError("no start of the trigger tokenises back to itself; give other queries")
    values = [float(model.similarity(torch.tensor([s.ids], device=target.device), target)[0]) for s in states]
    best = int(np.argmax(values))
    return replace(states[best], value=values[best])


def clusters(vectors: NDArray[np.float32], k: int, rng: Generator) -> list[NDArray[np.int64]]:
    """Rows of each of `k` k-means clusters (fewer if there are fewer rows), the best of ten starts."""
    k = min(k, len(vectors))
    points = vectors.astype(np.float64)
    best, least = np.zeros(len(points), np.int64), np.inf
    for _ in range(10):
        centres, labels = kmeans2(points, k, minit="++", rng=rng)
        if (cost := float(((points - centres[labels]) ** 2).sum())) < least:
            best, least = labels.astype(np.int64), cost
    return [rows for c in range(k) if len(rows := np.flatnonzero(best == c))]


def _draft(model: TokenModel, information: str, draft: str, room: int) -> State | None:
    """A state whose trigger is the first `room` tokens of the repeated draft, or a few less."""
    special = set(model.encoder.model.tokenizer.all_special_ids)
    plain = model.ids(information)
    n_tail = next((n for n, i in enumerate(reversed(plain)) if i not in special), 0)
    n_head = len(plain) - n_tail
    body = model.ids(f"{information} {' '.join([draft] * room)}")
    for stop in range(min(n_head + room, len(body) - n_tail), n_head, -1):
        state = State((*body[:stop], *plain[n_head:]), slice(n_head, stop), information, "", -np.inf)
        if (text := _round_trip(model, state, state.ids)) is not None:
            return replace(state, text=text)
    return None


def _round_trip(model: TokenModel, state: State, ids: Sequence[int]) -> str | None:
    """The text of the ids, if tokenising the whole of it gives these very ids; else None."""
    text = f"{state.information} {model.decode(ids[state.trigger]).strip()}"
    return text if tuple(model.ids(text)) == tuple(ids) else None
