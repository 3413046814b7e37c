"""A passage being written around a trigger: its goal, its start, its text and the tokens of that text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Literal

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import ModelError

__all__ = [
    "Chain",
    "Goal",
    "Place",
    "around",
    "joined",
    "opened",
    "random_draft",
    "scored",
    "starts",
    "texts",
]

Place = Literal["suffix", "prefix", "middle"]

Price = Callable[[Sequence[str]], NDArray[np.float64]]
"""What each of n texts costs, in units of the similarity: (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Goal:
    """What a chain climbs: f(x)·target − norm_weight·‖f(x)‖ − Σ price(text).

    `target` (dim,) is the mean query vector, of unit length for cosine models. Each of the `prices` is what
    a text costs: for how it surprises a language model, or for what filters would see in it.
    """

    target: torch.Tensor
    norm_weight: float = 0.0
    prices: tuple[Price, ...] = ()

    @property
    def plain(self) -> bool:
        """True if similarity is all there is."""
        return not (self.norm_weight or self.prices)


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A passage being written: the text before its trigger, the trigger, the text after it.

    `ids` is the whole sequence and always the true tokenisation of `text`; `trigger` is a slice of
    it; `value` is the goal in full precision.
    """

    before: str
    after: str
    goal: Goal
    ids: tuple[int, ...]
    trigger: slice
    text: str
    value: float = -np.inf

    def __len__(self) -> int:
        """Tokens of the trigger."""
        return len(range(self.trigger.start, self.trigger.stop))


def around(information: str, place: Place) -> tuple[str, str]:
    """The text before and after the trigger."""
    words = information.split()
    cut = {"suffix": len(words), "prefix": 0, "middle": len(words) // 2}[place]
    return " ".join(words[:cut]), " ".join(words[cut:])


def opened(
    model: TokenModel, goal: Goal, surroundings: tuple[str, str], draft: str, *, room: int, tokens: int
) -> Chain | None:
    """A chain whose trigger is the first `room` tokens of a draft repeated, or a few less; not yet scored.

    The whole has at most `tokens` tokens, and no more than the model reads. None if no cut of the
    draft tokenises back to itself.
    """
    before, after = surroundings
    limit = min(tokens, model.max_tokens)
    room = min(room, limit - model.n_tokens(" ".join(filter(None, surroundings))))
    text = _fitting(model, surroundings, _filling(model, draft, room))
    whole = model.ids(text)
    first, last = len(before), len(text) - len(after) - bool(after)
    own = [(i, end) for i, (start, end) in enumerate(model.spans(text)) if end > start]
    inside = [i for i, end in own if first < end <= last]
    n_most = min(room, len(inside), limit - len(own) + len(inside))
    for n_trigger in range(n_most, 0, -1):
        trigger = slice(inside[0], inside[0] + n_trigger)
        ids = (*whole[: trigger.stop], *whole[inside[-1] + 1 :])
        chain = Chain(before, after, goal, ids, trigger, "")
        if (found := texts(model, chain, [ids])[0]) is not None:
            return replace(chain, text=found)
    return None


def _fitting(model: TokenModel, surroundings: tuple[str, str], filling: str) -> str:
    """The text with the filling, less its last words where the text behind it would be cut off."""
    before, after = surroundings
    text = " ".join(filter(None, (before, filling, after)))
    while after and " " in filling and model.n_tokens(text) > model.max_tokens:
        filling = filling.rpartition(" ")[0]
        text = " ".join(filter(None, (before, filling, after)))
    return text


def _filling(model: TokenModel, draft: str, n_tokens: int) -> str:
    """Words of the draft, over and over, until they have `n_tokens` tokens."""
    words: list[str] = []
    n = 0
    for word in cycle(draft.split()):
        if n >= n_tokens:
            break
        words.append(word)
        n += max(1, model.n_tokens(word))
    return " ".join(words)


def starts(model: TokenModel, chains: Sequence[Chain | None]) -> list[Chain]:
    """The chains that there are, scored, best first; of those with the same tokens one.

    Raises:
        ModelError: there is none.
    """
    there = [*{c.ids: c for c in chains if c is not None}.values()]
    if not there:
        raise ModelError("no start of the trigger tokenises back to itself; give other queries")
    return sorted(scored(model, there), key=lambda c: -c.value)


def random_draft(model: TokenModel, n_tokens: int, rng: Generator) -> str:
    """`n_tokens` random writable tokens as text."""
    allowed = torch.nonzero(model.allowed).squeeze(1).tolist()
    return model.decode([allowed[i] for i in rng.integers(0, len(allowed), n_tokens)]).strip()


def scored(model: TokenModel, chains: Sequence[Chain]) -> list[Chain]:
    """The chains with their goal in full precision; those of one length share a forward pass."""
    values = np.zeros(len(chains))
    for length in dict.fromkeys(len(c.ids) for c in chains):
        own = [i for i, c in enumerate(chains) if len(c.ids) == length]
        vectors = model.vectors(torch.tensor([chains[i].ids for i in own], device=model.matrix.device))
        goals = [chains[i].goal for i in own]
        # a product for each: one for all of them would round otherwise
        values[own] = torch.stack([v @ g.target for v, g in zip(vectors, goals, strict=True)]).tolist()
        if any(g.norm_weight for g in goals):
            values[own] -= np.multiply([g.norm_weight for g in goals], vectors.norm(dim=1).tolist())
    for price in dict.fromkeys(p for c in chains for p in c.goal.prices):
        own = [i for i, c in enumerate(chains) if price in c.goal.prices]
        values[own] -= price([chains[i].text for i in own])
    return [replace(c, value=float(v)) for c, v in zip(chains, values, strict=True)]


def joined(model: TokenModel, chain: Chain, ids: Sequence[int]) -> str:
    """The text of a row of ids with the chain's own text around its trigger."""
    return " ".join(filter(None, (chain.before, model.decode(ids[chain.trigger]).strip(), chain.after)))


def texts(model: TokenModel, chain: Chain, rows: Sequence[tuple[int, ...]]) -> list[str | None]:
    """The text of each row of ids, if tokenising the whole of it gives these very ids."""
    told = [joined(model, chain, ids) for ids in rows]
    again = model.ids_many(told)
    return [t if tuple(a) == tuple(r) else None for t, a, r in zip(told, again, rows, strict=True)]
