"""Token flips that gradient attacks share: saliency, candidates, and the best that survives the tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from rag_robust.attacks._chain import Chain, Goal, joined, scored, texts
from rag_robust.encode.tokens import TokenModel

__all__ = ["best_of", "clusters", "flips", "judged", "retold", "saliency", "scores"]

KEEP = 2
"""So many of the best screened candidates are scored in full precision."""

WIDER = 8
"""So many times more where the goal is not similarity alone, which is all that screening sees."""

SLACK = 0.004
"""A candidate this far below the unflipped passage in bfloat16 may still be better in float32."""


class Proposal(NamedTuple):
    """A candidate that survived the tokenizer."""

    ids: tuple[int, ...]
    text: str


def saliency(
    model: TokenModel,
    chains: Sequence[Chain],
    *,
    n_grad: int,
    rngs: Sequence[Generator],
    screen: TokenModel | None = None,
    anything: bool = False,
) -> list[torch.Tensor]:
    """First-order gain of writing token v at trigger position i, averaged over random neighbours.

    For n_grad copies of the passage, all but the first with one random trigger position set to a
    random allowed token, the gradient g_b (l, h) of the goal at the input embeddings gives
    G_b = g_b Wᵀ (l, V). Each row of G_b is divided by its norm, ‖g W‖ = √(g WᵀW gᵀ), and the copies
    are averaged: S = mean_b G_b / ‖G_b‖, shape (l, V) per chain. Tokens that may not be written get −∞.

    `screen` is the model in low precision, for the gradient and its product with W. The language model
    of a fluent goal has another vocabulary and no part in it. With `anything`, random tokens are of
    the whole vocabulary, as the released code draws them.

    *Source*: Ben-Tov and Sharif 2025, Algorithm 1. The norms come from the h × h Gram matrix
    instead of the l × V gradient (exact), and random tokens are drawn from the allowed ones.
    """
    pool = torch.nonzero(torch.ones_like(model.allowed) if anything else model.allowed).squeeze(1)
    batches = [_neighbours(c, n_grad, pool, rng) for c, rng in zip(chains, rngs, strict=True)]
    targets = [_pull(model, c.goal, batch) for c, batch in zip(chains, batches, strict=True)]
    gradients = _together((screen or model).gradient, batches, targets)
    table = model.matrix.float() if screen is None or screen is model else screen.matrix
    found = []
    for chain, whole in zip(chains, gradients, strict=True):
        gradient = whole[:, chain.trigger]
        norm = torch.einsum("bih,hk,bik->bi", gradient, model.gram, gradient).clamp_min(1e-24).sqrt()
        mean = (gradient / norm.unsqueeze(-1)).mean(dim=0)
        gain = (mean.to(table.dtype) @ table.T).float()
        found.append(gain.masked_fill_(~model.allowed, -torch.inf))
    return found


def flips(chain: Chain, positions: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The chain's ids with token `tokens[j]` at trigger position `positions[j]`: (n, length)."""
    rows = torch.tensor(chain.ids, device=tokens.device).repeat(len(tokens), 1)
    rows[torch.arange(len(tokens), device=tokens.device), chain.trigger.start + positions] = tokens
    return rows


def best_of(
    model: TokenModel,
    chains: Sequence[Chain],
    candidates: Sequence[torch.Tensor],
    *,
    screen: TokenModel | None = None,
    keep: int = KEEP,
) -> list[Chain]:
    """Each chain, or the best of its candidates (n, length) if that is better: values never fall.

    All candidates of all chains of one length are scored in one batch by `screen` (the model in low
    precision, or itself). From the best down, those whose text tokenises back to the very same ids
    are kept, at most `keep`, and these alone are scored in full precision.
    """
    screen = screen or model
    rows = [
        torch.cat([torch.tensor([c.ids], device=r.device), r])
        for c, r in zip(chains, candidates, strict=True)
    ]
    return judged(model, chains, rows, scores(screen, chains, rows), exact=screen is model, keep=keep)


def judged(
    model: TokenModel,
    chains: Sequence[Chain],
    rows: Sequence[torch.Tensor],
    values: Sequence[torch.Tensor],
    *,
    exact: bool,
    keep: int = KEEP,
) -> list[Chain]:
    """`best_of` rows (1 + n, length) with known screened values; the first of each is the chain itself.

    `exact`: they were screened in full precision.
    """
    slack = 0.0 if exact else SLACK
    kept = []
    for chain, ids, value in zip(chains, rows, values, strict=True):
        plain = chain.goal.plain
        floor = float(value[0]) - slack if plain else -np.inf
        n = keep if plain else keep * WIDER
        kept.append(_survivors(model, chain, ids[1:], value[1:], keep=n, floor=floor))
    return _winners(model, chains, kept)


def scores(model: TokenModel, chains: Sequence[Chain], rows: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Similarity of each chain's rows (n, length) to its target: (n,) per chain."""
    return _together(model.similarity, rows, [c.goal.target for c in chains])


def retold(
    model: TokenModel, chain: Chain, rows: torch.Tensor, *, unless: str | None, exact: bool = False
) -> Chain:
    """The best candidate as its text tokenises again, if the number of tokens is the same; else the chain.

    The published rule: the chain itself is a candidate too, but candidates whose text is `unless`
    are left out, and so the first flip of a step may lose. `exact`: the tokens have to be the same.
    """
    rows = torch.cat([torch.tensor([chain.ids], device=rows.device), rows])
    told = [joined(model, chain, row.tolist()) for row in rows]
    kept = [
        replace(chain, ids=tuple(ids), text=text)
        for row, ids, text in zip(rows.tolist(), model.ids_many(told), told, strict=True)
        if (list(ids) == row if exact else len(ids) == len(row)) and text != unless
    ]
    return max(scored(model, kept), key=lambda c: c.value) if kept else chain


def clusters(vectors: NDArray[np.float32], k: int, rng: Generator) -> list[NDArray[np.int64]]:
    """Rows of each of `k` k-means clusters (fewer if there are fewer rows), the best of ten starts."""
    k = min(k, len(np.unique(vectors, axis=0)))
    points = vectors.astype(np.float64)
    best, least = np.zeros(len(points), np.int64), np.inf
    for _ in range(10):
        centres, labels = kmeans2(points, k, minit="++", rng=rng)
        if (cost := float(((points - centres[labels]) ** 2).sum())) < least:
            best, least = labels.astype(np.int64), cost
    return [rows for c in range(k) if len(rows := np.flatnonzero(best == c))]


def _neighbours(chain: Chain, n: int, pool: torch.Tensor, rng: Generator) -> torch.Tensor:
    """The chain's ids and n − 1 copies with one random token of the pool at one random trigger position."""
    where = torch.as_tensor(rng.integers(0, len(chain), n - 1), device=pool.device)
    what = pool[torch.as_tensor(rng.integers(0, len(pool), n - 1), device=pool.device)]
    return torch.cat([torch.tensor([chain.ids], device=pool.device), flips(chain, where, what)])


def _pull(model: TokenModel, goal: Goal, rows: torch.Tensor) -> torch.Tensor:
    """What each row's vector is to move along: the target, less the norm's own direction (n, dim)."""
    if not goal.norm_weight:
        return goal.target.expand(len(rows), -1)
    vectors = model.vectors(rows)
    return goal.target - goal.norm_weight * torch.nn.functional.normalize(vectors, dim=-1)


def _together(
    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    batches: Sequence[torch.Tensor],
    targets: Sequence[torch.Tensor],
) -> list[torch.Tensor]:
    """`function` of every batch, those of equal length in one call."""
    out: dict[int, torch.Tensor] = {}
    for length in dict.fromkeys(b.shape[1] for b in batches):
        own = [i for i, b in enumerate(batches) if b.shape[1] == length]
        rows = torch.cat([batches[i] for i in own])
        wanted = torch.cat([targets[i].expand(len(batches[i]), -1) for i in own])
        result = function(rows, wanted) if len(rows) else wanted.new_zeros(0)
        out |= zip(own, torch.split(result, [len(batches[i]) for i in own]), strict=True)
    return [out[i] for i in range(len(batches))]


def _survivors(
    model: TokenModel, chain: Chain, rows: torch.Tensor, values: torch.Tensor, *, keep: int, floor: float
) -> list[Proposal]:
    """The best rows above `floor` that are what their own text tokenises to, at most `keep`."""
    best_first = torch.argsort(values, descending=True, stable=True)
    order = best_first[: int((values > floor).sum())].tolist()
    found: list[Proposal] = []
    for start in range(0, len(order), 2 * keep):
        ids = [tuple(rows[i].tolist()) for i in order[start : start + 2 * keep]]
        told = texts(model, chain, ids)
        found += [Proposal(i, t) for i, t in zip(ids, told, strict=True) if t is not None]
        if len(found) >= keep:
            break
    return found[:keep]


def _winners(model: TokenModel, chains: Sequence[Chain], kept: Sequence[Sequence[Proposal]]) -> list[Chain]:
    proposed = [
        replace(chain, ids=ids, text=text, value=-np.inf)
        for chain, proposals in zip(chains, kept, strict=True)
        for ids, text in proposals
    ]
    found = iter(scored(model, proposed))
    out = []
    for chain, proposals in zip(chains, kept, strict=True):
        rivals = [next(found) for _ in proposals]
        out.append(max([chain, *rivals], key=lambda c: c.value))
    return out
