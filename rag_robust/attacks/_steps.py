"""One optimisation step of GASLITE: rounds of single edits that are then added up, or as published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf, isfinite
from typing import NamedTuple

import torch
from numpy.random import Generator

from rag_robust.attacks._chain import Chain, texts
from rag_robust.attacks._edits import Edit, edited, moves
from rag_robust.attacks._flip import flips, judged, retold, saliency, scores
from rag_robust.attacks._search import Search
from rag_robust.encode.tokens import TokenModel

__all__ = ["QUIRKS", "STEPS", "Engine", "is_paper", "step_of"]

QUIRKS = ("ranks", "length", "loses", "anything")
"""What the released code does and ours does not, for the profile "paper" to do as well."""

TOKENS = 32
"""A round tries one in so many of the n_cand tokens at a position."""

NEIGHBOURS = 8
"""A round takes its gradient over one in so many of the n_grad neighbours."""


class Engine(NamedTuple):
    """The model, the same one for screening, and how much one step tries; the names are the paper's."""

    model: TokenModel
    screen: TokenModel
    n_grad: int
    n_flip: int
    n_cand: int


Step = Callable[[Engine, Sequence[Search], Sequence[Generator]], list[Chain]]
"""Where each search goes from here, with a generator for each."""


def rounds(
    engine: Engine, searches: Sequence[Search], rngs: Sequence[Generator], *, n_rounds: int
) -> list[Chain]:
    """So many rounds one after the other; searches that still race share them.

    A round scores single edits in one batch: the n_cand / 32 most salient tokens that were not yet
    tried at each of 2·n_flip random positions, and 2·n_flip moves of a token to another place. Then it
    scores what the best edits known of this passage make together (`Pool.sums`), and as many stay as
    help. A gradient, over n_grad / 8 neighbours, is taken where the passage changed or its tokens run out.
    """
    for turn in range(n_rounds):
        now = [i for i, s in enumerate(searches) if turn < max(1, n_rounds // s.rivals)]
        own = [searches[i] for i in now]
        for search, chain in zip(own, _round(engine, own, [rngs[i] for i in now]), strict=True):
            search.stand(chain)
    return [s.chain for s in searches]


def paper(
    engine: Engine,
    searches: Sequence[Search],
    rngs: Sequence[Generator],
    *,
    quirks: Sequence[str] = QUIRKS,
) -> list[Chain]:
    """Position by position with one gradient, in full precision, for comparison with published figures.

    The released code's quirks: "ranks", half of the candidates are drawn, with replacement, from ranks
    n_cand/2 to 2·n_cand; "length", any flip whose text keeps its number of tokens is taken with whatever
    tokens it has become; "loses", the passage itself is no candidate until it has changed; "anything",
    the random tokens of the gradient's neighbours are of the whole vocabulary.
    """
    wild, exact = "anything" in quirks, "length" not in quirks
    out = []
    for search, rng in zip(searches, rngs, strict=True):
        chain, before = search.chain, search.chain.text if "loses" in quirks else None
        gain = saliency(engine.model, [chain], n_grad=engine.n_grad, rngs=[rng], anything=wild)[0]
        top = gain.topk(min(2 * engine.n_cand, gain.shape[1]), dim=1).indices
        half = engine.n_cand // 2 if "ranks" in quirks else engine.n_cand
        for position in _positions(len(chain), engine.n_flip, rng):
            drawn = torch.as_tensor(rng.integers(half, top.shape[1], engine.n_cand - half))
            tokens = torch.cat([top[position, :half], top[position, drawn.to(top.device)]])
            where = torch.full_like(tokens, position)
            rows = flips(chain, where, tokens)
            chain = retold(engine.model, chain, rows, unless=before, exact=exact)
        out.append(chain)
    return out


STEPS: dict[str, Step] = {
    "default": partial(rounds, n_rounds=3),
    "fast": partial(rounds, n_rounds=1),
    "paper": paper,
}


def is_paper(profile: str) -> bool:
    """Whether a profile steps as the released code does, with or without its quirks."""
    return profile.partition(":")[0] == "paper"


def step_of(profile: str) -> Step:
    """The step of a profile: one of `STEPS`, or "paper:" and those of its quirks, with commas, that stay.

    Raises:
        ValueError: there is no such profile, or no such quirk.
    """
    name, named, told = profile.partition(":")
    if name not in STEPS or (named and not is_paper(profile)):
        raise ValueError(f"profile is one of {', '.join(STEPS)}, got {profile!r}")
    quirks = [quirk for quirk in told.split(",") if quirk]
    if wrong := sorted({*quirks} - {*QUIRKS}):
        raise ValueError(f"profile paper has the quirks {', '.join(QUIRKS)}, got {', '.join(wrong)}")
    return partial(paper, quirks=quirks) if named else STEPS[name]


def _round(engine: Engine, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[Chain]:
    """Where each search goes from here; what single edits bring is noted in its pool."""
    chains = [s.chain for s in searches]
    edits = _singles(engine, searches, rngs)
    rows = [_rows(engine, c, [(), *((e,) for e in own)]) for c, own in zip(chains, edits, strict=True)]
    base = []
    for search, own, row, value in zip(
        searches, edits, rows, scores(engine.screen, chains, rows), strict=True
    ):
        told = texts(engine.model, search.chain, [tuple(r) for r in row[1:].tolist()])
        brought = [
            g if t is not None else -inf for g, t in zip((value[1:] - value[0]).tolist(), told, strict=True)
        ]
        search.pool.gains.update(zip(own, brought, strict=True))
        base.append(value[:1])
    return _best(engine, searches, base)


def _best(engine: Engine, searches: Sequence[Search], base: Sequence[torch.Tensor]) -> list[Chain]:
    """The best of each passage, its best edits one by one, whose screened values are known, and together."""
    chains, known, joint = [s.chain for s in searches], [], []
    for search in searches:
        known.append([(), *((e,) for e in _alone(search))])
        joint.append([own for own in search.pool.sums(engine.n_flip) if len(own) > 1])
    more = [_rows(engine, *pair) for pair in zip(chains, joint, strict=True)]
    rows, values = [], []
    found = scores(engine.screen, chains, more)
    for search, own, ids, first, value in zip(searches, known, more, base, found, strict=True):
        gains = first.new_tensor([search.pool.gains[e] for (e,) in own[1:]])
        rows.append(torch.cat([_rows(engine, search.chain, own), ids]))
        values.append(torch.cat([first, first + gains, value]))
    return judged(engine.model, chains, rows, values, exact=engine.screen is engine.model)


def _singles(engine: Engine, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[list[Edit]]:
    """Single edits of each passage that were not tried yet: flips at random positions, and moves.

    A search whose passage is new, or has no token left to try at one of the positions, takes a gradient.
    """
    n = 2 * engine.n_flip
    places = [
        _positions(len(s.chain), min(n, len(s.chain)), rng) for s, rng in zip(searches, rngs, strict=True)
    ]
    due = [i for i, s in enumerate(searches) if not all(s.pool.flips(at, 1) for at in places[i])]
    if due:
        _list(engine, [searches[i] for i in due], [rngs[i] for i in due])
    n_tokens = max(1, engine.n_cand // TOKENS)
    return [
        [e for at in own for e in s.pool.flips(at, n_tokens)] + moves(len(s.chain), n, rng, known=s.pool)
        for s, own, rng in zip(searches, places, rngs, strict=True)
    ]


def _list(engine: Engine, searches: Sequence[Search], rngs: Sequence[Generator]) -> None:
    """Note the n_cand most salient tokens at each position of each passage, less what was tried there."""
    chains, n_grad = [s.chain for s in searches], max(1, engine.n_grad // NEIGHBOURS)
    gains = saliency(engine.model, chains, n_grad=n_grad, rngs=rngs, screen=engine.screen)
    for search, gain in zip(searches, gains, strict=True):
        out = [Edit(at, token) for at, token in enumerate(search.chain.ids[search.chain.trigger])]
        out += [e for e in search.pool.gains if e.token is not None]
        where, what = zip(*((e.at, e.token) for e in out), strict=True)
        gain[where, what] = -torch.inf
        best = gain.topk(min(engine.n_cand, gain.shape[1]), dim=1)
        search.pool.tokens = [
            [t for t, value in zip(*row, strict=True) if isfinite(value)]
            for row in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]


def _alone(search: Search) -> list[Edit]:
    """The best edit, if it helps; where similarity is not all that counts, the best ones in any case."""
    best = search.pool.best()
    return [e for e in best[:1] if search.pool.gains[e] > 0] if search.chain.goal.plain else best


def _rows(engine: Engine, chain: Chain, edits: Sequence[Sequence[Edit]]) -> torch.Tensor:
    """The ids after each of some sets of edits: (n, length)."""
    rows = [edited(chain, own) for own in edits]
    ids = torch.tensor(rows, dtype=torch.long, device=engine.model.matrix.device)
    return ids.reshape(-1, len(chain.ids))


def _positions(length: int, n_flip: int, rng: Generator) -> list[int]:
    """`n_flip` distinct positions in rising order; two thirds of a trigger that has no more than that."""
    n = n_flip if n_flip <= length else max(1, int(0.67 * length))
    return sorted(rng.choice(length, n, replace=False).tolist())
