"""What coordinate searches by gradient share: first-order gains of all flips, and the first that passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from rag_robust.attacks._chain import Chain, scored
from rag_robust.attacks._flip import scores
from rag_robust.encode.tokens import TokenModel

__all__ = ["first_passing", "gains", "top"]


def gains(
    model: TokenModel, chains: Sequence[Chain], rows: Sequence[torch.Tensor] | None = None
) -> list[torch.Tensor]:
    """First-order gain of token v at trigger position i over the token there: (l, V) per chain.

    G[i, v] = g_i · (w_v − w_i), with g_i (h,) the gradient of the similarity at the input embedding
    of position i, w the rows of the embedding table and w_i that of the token there. The gradient
    is that of the chains as they stand, or its mean over each chain's `rows` (n, length), as many
    for each. A token that may not be written, or is there already, has −∞. Chains are of one length.
    """
    device = model.matrix.device
    rows = rows or [torch.tensor([c.ids], device=device) for c in chains]
    targets = torch.cat([c.goal.target.expand(len(r), -1) for c, r in zip(chains, rows, strict=True)])
    gradients = torch.split(model.gradient(torch.cat(list(rows)), targets), [len(r) for r in rows])
    table = model.matrix.float()
    found = []
    for chain, gradient in zip(chains, gradients, strict=True):
        gain = gradient[:, chain.trigger].mean(dim=0) @ table.T
        there = torch.tensor(chain.ids[chain.trigger], device=device).unsqueeze(1)
        gain = (gain - gain.gather(1, there)).masked_fill(~model.allowed, -torch.inf)
        found.append(gain.scatter(1, there, -torch.inf))
    return found


def top(gain: torch.Tensor, n: int) -> torch.Tensor:
    """Where a gain (V,) is greatest, best first: n places, or as many as there are above −∞."""
    return gain.topk(min(n, int(gain.isfinite().sum()))).indices


def first_passing(
    model: TokenModel,
    chains: Sequence[Chain],
    rows: Sequence[torch.Tensor],
    text_of: Callable[[Chain, tuple[int, ...]], str | None],
) -> list[Chain]:
    """The candidate (n, length) of greatest similarity that has a text, better or not; else the chain."""
    found = []
    for chain, ids, values in zip(chains, rows, scores(model, chains, rows), strict=True):
        order = (tuple(ids[i].tolist()) for i in values.argsort(descending=True, stable=True))
        told = ((row, text_of(chain, row)) for row in order)
        passing = (replace(chain, ids=row, text=text) for row, text in told if text is not None)
        found.append(next(passing, chain))
    return scored(model, found)
