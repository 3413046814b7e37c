"""The climb that gradient attacks share: one passage per cluster of queries, all in the same batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.attacks._chain import Chain, Goal, Place, around, joined, opened, random_draft, scored, starts
from rag_robust.attacks._edits import Pool, restored
from rag_robust.attacks._flip import clusters
from rag_robust.attacks._view import View
from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import ModelError
from rag_robust.types import Budget, Change, Passage, ThreatModel

__all__ = [
    "Limits",
    "Search",
    "Settings",
    "Sizes",
    "Step",
    "begun",
    "centroid",
    "checked",
    "climb",
    "poisoned",
    "room_for",
    "told",
    "white_box",
]

MIN_GAIN = 1e-4
"""A step that gains less counts as idle."""

SAVE_EVERY = 5
"""Steps between two checkpoints."""

STARTS = 10
"""Drafts a trigger may start from."""

RACE = {1: 3, 3: 2, 6: 1}
"""After so many steps so many of the searches that began with one cluster are left."""


@dataclass(slots=True, eq=False)
class Search:
    """One passage's search: where it stands, the best so far, and what was tried from here.

    `seed` is the attack's and the number of the cluster, of which `rivals` searches are in the race;
    `attack` is the attack's place among those that climb together.
    """

    chain: Chain
    best: Chain
    seed: tuple[int, int]
    rivals: int = 1
    attack: int = 0
    tried: list[tuple[int, int]] = field(default_factory=list)
    pool: Pool = field(default_factory=Pool)
    trace: list[float] = field(default_factory=list)
    idle: int = 0

    def stand(self, chain: Chain) -> None:
        """Go on from `chain`; what was tried from another passage is forgotten."""
        if chain.ids != self.chain.ids:
            self.tried.clear()
            self.pool = Pool()
        self.chain = chain

    def move(self, chain: Chain, min_gain: float) -> None:
        """End a step at `chain`; one that does not raise the best by `min_gain` is idle."""
        self.stand(chain)
        self.idle = 0 if chain.value > self.best.value + min_gain else self.idle + 1
        self.best = max(self.best, chain, key=lambda c: c.value)
        self.trace.append(self.best.value)


Step = Callable[[TokenModel, Sequence[Search], Sequence[Generator]], list[Chain]]
"""Where each of some searches of one length goes from here, with a generator for each."""


class Limits(NamedTuple):
    """When a climb ends; 0 is no limit, but for the steps. `patience` idle steps end one passage's search."""

    n_steps: int
    seconds: float = 0.0
    flops: float = 0.0
    patience: int = 0


class Sizes(Protocol):
    """What a passage with a trigger is made of; an attack's own frozen dataclass qualifies."""

    @property
    def information(self) -> str:
        """The text of each passage that stays; may be empty."""

    @property
    def passages(self) -> int:
        """How many."""

    @property
    def tokens(self) -> int:
        """The most tokens of a passage, information included."""

    @property
    def trigger_tokens(self) -> int:
        """Tokens of the trigger; 0 fills the passage."""

    @property
    def place(self) -> str:
        """Where the trigger stands: "suffix", "prefix" or "middle" of the information."""


class Settings(Sizes, Protocol):
    """What every attack that climbs is told beside them."""

    @property
    def n_steps(self) -> int:
        """Steps."""

    @property
    def seconds(self) -> float:
        """Wall time after which no step begins; 0 is no limit."""


def checked(settings: Sizes, *positive: str) -> None:
    """Refuse a place that there is not, and numbers below 1, before any model is loaded.

    Raises:
        ValueError: there is one.
    """
    if settings.place not in (known := ("suffix", "prefix", "middle")):
        raise ValueError(f"place is one of {', '.join(known)}, got {settings.place!r}")
    for name in ("passages", *positive):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name} is at least 1, got {getattr(settings, name)}")


def white_box(settings: Sizes) -> ThreatModel:
    """Reads the queries it is given and the encoder's gradients, inserts passages."""
    budget = Budget(passages=settings.passages, tokens=settings.tokens)
    return ThreatModel(frozenset({"queries", "gradients"}), "insert", budget)


def poisoned(view: View, rng: Generator, settings: Settings, step: Step) -> Change:
    """What a climb by similarity alone inserts: begin, climb, tell."""
    model = view.model
    searches = begun(view, rng, settings, lambda vectors: Goal(centroid(model, vectors)))
    climb(view, searches, step, Limits(settings.n_steps, settings.seconds))
    return told(view, searches, type(settings).__name__.lower())


def centroid(model: TokenModel, vectors: NDArray[np.float32]) -> torch.Tensor:
    """The mean query vector, of unit length for cosine models (its direction is all that counts)."""
    mean = torch.as_tensor(vectors.mean(axis=0), device=model.encoder.model.device)
    return torch.nn.functional.normalize(mean, dim=0) if model.cosine else mean


def begun(
    view: View,
    rng: Generator,
    settings: Settings,
    goal: Callable[[NDArray[np.float32]], Goal],
    *,
    n_starts: int = STARTS,
    n_rivals: int = 1,
) -> list[Search]:
    """Searches for each cluster of the known queries.

    `goal` is what the passage for queries of vectors (n, dim) climbs. Of `n_starts` drafts the best
    `n_rivals` by that goal are starts: the nearest queries, several together, random tokens.

    Raises:
        ModelError: the information leaves no room, or no draft tokenises back to itself.
    """
    model, queries = view.model, [query.text for query in view.queries]
    vectors = model.queries(queries)
    groups = clusters(vectors, settings.passages, rng)
    seed, room = int(rng.integers(2**62)), room_for(model, settings)
    surroundings = around(settings.information, cast(Place, settings.place))
    searches = []
    for n, rows in enumerate(groups):
        wanted = goal(vectors[rows])
        near = rows[np.argsort(-(vectors[rows] @ wanted.target.cpu().numpy()), kind="stable")]
        nearest, words = [queries[i] for i in near[:3]], " ".join(queries[i] for i in rows).split()
        own = np.random.default_rng((seed, n))
        drafts = islice(_drafts(model, nearest, words, room=room, rng=own), n_starts)
        there = [opened(model, wanted, surroundings, d, room=room, tokens=settings.tokens) for d in drafts]
        best = starts(model, there)[:n_rivals]
        searches += [Search(c, c, (seed, n), len(best)) for c in best]
    return searches


def climb(
    view: View, searches: list[Search], step: Step, limits: Limits, *, also: Sequence[View] = ()
) -> None:
    """Step, all searches of one length at once, to the first limit; a trace tells how far its search is.

    Searches of one cluster race: those that fall behind leave the list, and one is left at the end. Where
    `view` has kept a state of these searches, they go on from there. What the views of `also` spend
    counts towards the limits.
    """
    model, kept = view.model, cast(Any, view.load() or {})
    if {tuple(s.get("of", ())) for s in kept.get("searches", ())} == {_of(s) for s in searches}:
        searches[:] = [_restored(model, searches, saved) for saved in kept["searches"]]
    else:
        kept = {}

    def computed() -> float:
        return model.work.flops + sum(v.work.flops for v in (view, *also))

    began = time.monotonic() - kept.get("seconds", 0.0)
    spent = computed() - kept.get("flops", 0.0)
    for n in range(_n_steps(searches), limits.n_steps):
        live = [s for s in searches if not limits.patience or s.idle < limits.patience]
        seconds, flops = time.monotonic() - began, computed() - spent
        if not live or 0 < limits.seconds < seconds or 0 < limits.flops < flops:
            break
        if n and n % SAVE_EVERY == 0:
            state = [_saved(s) for s in searches]
            view.save({"searches": state, "seconds": seconds, "flops": flops})
        for length in dict.fromkeys(len(s.chain.ids) for s in live):
            own = [s for s in live if len(s.chain.ids) == length]
            after = step(model, own, [np.random.default_rng([*s.seed, n]) for s in own])
            for search, chain in zip(own, after, strict=True):
                search.move(chain, MIN_GAIN)
        _drop(searches, RACE.get(n + 1, len(searches)))
        view.tick(n + 1, limits.n_steps)
    _drop(searches, 1)


def told(view: View, searches: Sequence[Search], name: str) -> Change:
    """The best passage of each search; what is worth knowing of it is noted."""
    view.notes |= {"passages": [_note(view.model, s) for s in searches], "steps": _n_steps(searches)}
    return Change(inserted=tuple(Passage(id=f"{name}-{i}", text=s.best.text) for i, s in enumerate(searches)))


def _drop(searches: list[Search], n: int) -> None:
    """Leave the best `n` searches of each cluster; of equal ones, those that began better."""
    for cluster in dict.fromkeys(map(_of, searches)):
        own = sorted((s for s in searches if _of(s) == cluster), key=lambda s: -s.best.value)
        for rank, search in enumerate(own):
            search.rivals = min(n, len(own))
            if rank >= n:
                searches.remove(search)


def _n_steps(searches: Sequence[Search]) -> int:
    return max(len(s.trace) for s in searches)


def room_for(model: TokenModel, settings: Sizes) -> int:
    """The most tokens that a trigger may have beside the information.

    Raises:
        ModelError: there is no room for one.
    """
    room = settings.tokens - model.n_tokens(settings.information)
    if room < 1:
        raise ModelError(
            f"the information alone has {settings.tokens - room} tokens of {settings.tokens}; raise tokens"
        )
    if settings.tokens - room >= model.max_tokens:
        raise ModelError(f"the model reads {model.max_tokens} tokens, the information alone has more")
    return min(settings.trigger_tokens or room, room)


def _drafts(
    model: TokenModel, nearest: Sequence[str], words: Sequence[str], *, room: int, rng: Generator
) -> Iterator[str]:
    """Texts that a trigger may start from: the nearest queries, all words in any order, random tokens."""
    yield from [*nearest, " ".join(nearest)]
    for n in count(len(nearest) + 1):
        mixed = " ".join(rng.permutation(words)[:room])
        yield random_draft(model, room, rng) if n % 2 else mixed


def _of(search: Search) -> tuple[object, ...]:
    """Which attack's cluster a search is of, and between which texts it writes."""
    return search.attack, *search.seed, search.chain.before, search.chain.after


def _saved(search: Search) -> dict[str, object]:
    """A search as JSON values; the ids are enough, since they tell text and value."""
    return {
        "of": _of(search),
        "rivals": search.rivals,
        "ids": search.chain.ids,
        "best": search.best.ids,
        "trigger": [len(search.chain), len(search.best)],
        "tried": search.tried,
        "pool": search.pool.saved(),
        "trace": search.trace,
        "idle": search.idle,
    }


def _restored(model: TokenModel, begun: Sequence[Search], saved: dict[str, Any]) -> Search:
    """A search where it stood; one that has begun for the same cluster has the same surroundings."""
    first = next(s for s in begun if _of(s) == tuple(saved["of"]))
    start = first.chain.trigger.start
    there = []
    for ids, n in zip((saved["ids"], saved["best"]), saved["trigger"], strict=True):
        chain = replace(first.chain, ids=tuple(ids), trigger=slice(start, start + n))
        there.append(replace(chain, text=joined(model, chain, ids)))
    chain, best = scored(model, there)
    found = Search(chain, best, first.seed, saved["rivals"], first.attack, idle=saved["idle"])
    found.tried = [(where, what) for where, what in saved["tried"]]
    found.trace, found.pool = list(saved["trace"]), restored(saved["pool"])
    return found


def _note(model: TokenModel, search: Search) -> dict[str, object]:
    best = search.best
    near = best if best.goal.plain else scored(model, [replace(best, goal=Goal(best.goal.target))])[0]
    return {
        "trigger": model.decode(best.ids[best.trigger]).strip(),
        "objective_ids": best.value,
        "similarity_ids": near.value,
        "trace": search.trace,
    }
