"""One optimisation step of GASLITE, three ways: as published, as we advise, and fast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from numpy.random import Generator

from rag_robust.attacks._chain import Chain, texts
from rag_robust.attacks._flip import best_of, flips, retold, saliency, scores
from rag_robust.attacks._search import Search
from rag_robust.encode.tokens import TokenModel

__all__ = ["STEPS", "Engine"]

SINGLES = 16
"""The fast step scores one in so many of the n_cand tokens at each position."""

WAVES = 2
"""A position is tried in so many waves of n_cand / 4 tokens; the next only if the last brought nothing."""


class Engine(NamedTuple):
    """The model, the same one for screening, and how much one step tries; the names are the paper's."""

    model: TokenModel
    screen: TokenModel
    n_grad: int
    n_flip: int
    n_cand: int


Step = Callable[[Engine, Sequence[Search], Sequence[Generator]], list[Chain]]
"""Where each search goes from here, with a generator for each."""


def default(engine: Engine, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[Chain]:
    """One gradient, then n_flip random positions one after the other.

    A position is tried with its n_cand / 4 most salient tokens, and with as many again if none of
    them is better. What was tried from this very passage is not tried again, so that the next
    steps reach the rest of the n_cand.
    """
    gains = _gains(engine, searches, rngs)
    lists = [_untried(s, gain, engine.n_cand) for s, gain in zip(searches, gains, strict=True)]
    drawn = [_positions(len(s.chain), engine.n_flip, rng) for s, rng in zip(searches, rngs, strict=True)]
    chains = [s.chain for s in searches]
    width = max(1, engine.n_cand // 4)
    for turn in range(max(len(d) for d in drawn)):
        waiting = [i for i, d in enumerate(drawn) if turn < len(d)]
        for wave in range(WAVES):
            tokens = [lists[i][drawn[i][turn], wave * width : (wave + 1) * width] for i in waiting]
            rows = [_at(chains[i], drawn[i][turn], t) for i, t in zip(waiting, tokens, strict=True)]
            after = best_of(engine.model, [chains[i] for i in waiting], rows, screen=engine.screen)
            for i, t, chain in zip(waiting, tokens, after, strict=True):
                if chain is searches[i].chain:
                    searches[i].tried += [(drawn[i][turn], token) for token in t.tolist()]
            moved = dict(zip(waiting, after, strict=True))
            waiting = [i for i in waiting if moved[i] is chains[i]]
            chains = [moved.get(i, chain) for i, chain in enumerate(chains)]
            if not waiting:
                break
    return chains


def fast(engine: Engine, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[Chain]:
    """One gradient; single flips at 2·n_flip positions in one batch; then the best ones added up.

    From each position the best token is taken, and the passage with the best one, the best two …
    of them is scored: as many flips stay as help together. Every batch has a gradient of its own, over
    n_grad / 2 neighbours.
    """
    chains = [s.chain for s in searches]
    gains = _gains(engine._replace(n_grad=max(1, engine.n_grad // 2)), searches, rngs)
    singles = []
    for search, gain, rng in zip(searches, gains, rngs, strict=True):
        where = _positions(len(search.chain), min(2 * engine.n_flip, len(search.chain)), rng)
        tokens = _untried(search, gain, max(2, engine.n_cand // SINGLES))[where]
        spread = torch.tensor(where, device=gain.device).unsqueeze(1).expand_as(tokens)
        single = flips(search.chain, spread.reshape(-1), tokens.reshape(-1))
        singles.append(single.reshape(*tokens.shape, -1))
        search.tried += zip(spread.reshape(-1).tolist(), tokens.reshape(-1).tolist(), strict=True)
    rows = [
        torch.cat([torch.tensor([c.ids], device=r.device), r.flatten(0, 1)])
        for c, r in zip(chains, singles, strict=True)
    ]
    values = scores(engine.screen, chains, rows)
    sums = [
        _sums(engine.model, chain, single, (value[1:] - value[0]).reshape(single.shape[:2]), engine.n_flip)
        for chain, single, value in zip(chains, singles, values, strict=True)
    ]
    return best_of(engine.model, chains, sums, screen=engine.screen)


def paper(engine: Engine, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[Chain]:
    """As the released code does it, in full precision, for comparison with published figures.

    Half of the candidates are drawn, with replacement, from ranks n_cand/2 to 2·n_cand; any flip
    whose text keeps its number of tokens is taken with whatever tokens it has become; the passage
    itself is no candidate until it has changed, so a step can lose.
    """
    out = []
    for search, rng in zip(searches, rngs, strict=True):
        chain = search.chain
        gain = saliency(engine.model, [chain], n_grad=engine.n_grad, rngs=[rng], anything=True)[0]
        top = _untried(search, gain, 2 * engine.n_cand)
        half = engine.n_cand // 2
        for position in _positions(len(chain), engine.n_flip, rng):
            drawn = torch.as_tensor(rng.integers(half, top.shape[1], engine.n_cand - half))
            tokens = torch.cat([top[position, :half], top[position, drawn.to(top.device)]])
            where = torch.full_like(tokens, position)
            chain = retold(engine.model, chain, flips(chain, where, tokens), unless=search.chain.text)
        out.append(chain)
    return out


STEPS: dict[str, Step] = {"default": default, "fast": fast, "paper": paper}


def _gains(engine: Engine, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[torch.Tensor]:
    chains = [s.chain for s in searches]
    return saliency(engine.model, chains, n_grad=engine.n_grad, rngs=rngs, screen=engine.screen)


def _positions(length: int, n_flip: int, rng: Generator) -> list[int]:
    """`n_flip` distinct positions in rising order; two thirds of a trigger that has no more than that."""
    n = n_flip if n_flip <= length else max(1, int(0.67 * length))
    return sorted(rng.choice(length, n, replace=False).tolist())


def _at(chain: Chain, position: int, tokens: torch.Tensor) -> torch.Tensor:
    tokens = tokens[tokens != chain.ids[chain.trigger.start + position]]
    return flips(chain, torch.full_like(tokens, position), tokens)


def _untried(search: Search, gain: torch.Tensor, n: int) -> torch.Tensor:
    """The n most salient tokens per position (l, V) that were not tried from this passage: (l, n).

    Where there are fewer, the token that stands there takes their place.
    """
    if search.tried:
        where, what = torch.tensor(search.tried, device=gain.device).T
        gain[where, what] = -torch.inf
    top = gain.topk(min(n, gain.shape[1]), dim=1)
    there = torch.tensor(search.chain.ids[search.chain.trigger], device=gain.device).unsqueeze(1)
    return torch.where(top.values.isfinite(), top.indices, there)


def _sums(model: TokenModel, chain: Chain, single: torch.Tensor, gains: torch.Tensor, n: int) -> torch.Tensor:
    """Of single flips (n_positions, n_tokens, length) the best two, and the best 1, 2 … n together.

    Only flips that survive the tokenizer by themselves are added up.
    """
    better = torch.nonzero(gains > 0)
    told = texts(model, chain, [tuple(single[i, j].tolist()) for i, j in better.tolist()])
    lost = better[[text is None for text in told]]
    gains[lost[:, 0], lost[:, 1]] = -torch.inf
    best = gains.max(dim=1)
    order = best.values.argsort(descending=True, stable=True)[:n]
    order = order[best.values[order] > 0] if bool((best.values > 0).any()) else order[:1]
    here = torch.tensor(chain.ids, device=single.device)
    rows = here.repeat(len(order), 1)
    for turn, i in enumerate(order.tolist()):
        flipped = single[i, best.indices[i]] != here
        rows[turn:, flipped] = single[i, best.indices[i], flipped]
    flat = gains.reshape(-1).argsort(descending=True, stable=True)[:2]
    return torch.cat([rows, single.flatten(0, 1)[flat]])
