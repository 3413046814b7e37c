"""AGGD: the flips of greatest gradient gain over all positions at once, best first, nothing drawn.

With g_i (h,) the gradient of the similarity at the input embedding of position i, and w the
embedding table, writing token v at position i gains g_i · (w_v − w_i) to first order. The
subtracted term makes positions comparable. Each step takes the gradient **at the passage as it
stands**, ranks all l × V pairs (position, token), scores the next `n_cand` of them exactly, and
takes the best if it is better than the passage. Where none is, the next step goes on down the
list; where one is, a new list begins: a best-first search in which nothing is drawn after the start.

*Source*: Su, Nakov and Cardie, Corpus Poisoning via Approximate Greedy Gradient Descent, arXiv
2406.05087. We differ: the centroid stands for all known queries at once; the start is the known
queries; tokens are writable ones and a flip must survive the tokenizer. No code of it was
released that we know of; what we follow is the published description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from numpy.random import Generator

from rag_robust.attacks._chain import Chain
from rag_robust.attacks._flip import best_of, flips
from rag_robust.attacks._gains import gains, top
from rag_robust.attacks._screen import check_precision, screen
from rag_robust.attacks._search import Search, checked, poisoned, white_box
from rag_robust.attacks._view import View
from rag_robust.encode.tokens import TokenModel
from rag_robust.types import Change, ThreatModel

__all__ = ["Aggd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggd:
    """`passages` passages of at most `tokens` tokens, one per k-means cluster of the known queries.

    Parameters:
        information: text of each passage that stays (paper: "")
        passages: how many (ours)
        tokens: the most tokens of a passage, information included (ours)
        trigger_tokens: tokens of the trigger, 0 fills the passage (as HotFlip: 50)
        place: trigger as "suffix", "prefix" or in the "middle" of the information (ours)
        n_steps: steps, each with a fresh gradient (as HotFlip: 5000)
        n_cand: flips scored exactly per step (as HotFlip: 100)
        seconds: wall time after which no step begins, 0 for no limit (ours)
        screening: precision in which candidates are screened, "bfloat16" (ours) or "float32" (paper)
    """

    tools: ClassVar[frozenset[str]] = frozenset()

    information: str = ""
    passages: int = 1
    tokens: int = 128
    trigger_tokens: int = 50
    place: str = "suffix"
    n_steps: int = 5000
    n_cand: int = 100
    seconds: float = 0.0
    screening: str = "bfloat16"

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        checked(self, "n_cand")
        check_precision(self.screening)

    @property
    def threat(self) -> ThreatModel:
        """Reads the queries it is given and the encoder's gradients."""
        return white_box(self)

    def __call__(self, view: View, rng: Generator) -> Change:
        """One passage per cluster of the known queries."""
        return poisoned(view, rng, self, self.step)

    def step(self, model: TokenModel, searches: Sequence[Search], _: Sequence[Generator]) -> list[Chain]:
        """Where each of some searches of one length goes from here."""
        chains, rows, pairs = [s.chain for s in searches], [], []
        for search, gain in zip(searches, gains(model, chains), strict=True):
            if search.tried:
                where, what = torch.tensor(search.tried, device=gain.device).T
                gain[where, what] = -torch.inf
            best = top(gain.flatten(), self.n_cand)
            where, what = best // gain.shape[1], best % gain.shape[1]
            rows.append(flips(search.chain, where, what))
            pairs.append(list(zip(where.tolist(), what.tolist(), strict=True)))
        after = best_of(model, chains, rows, screen=screen(model, self.screening))
        for search, tried, chain in zip(searches, pairs, after, strict=True):
            if chain is search.chain:
                search.tried += tried
        return after


SMOKE = {"information": "Buy now.", "tokens": 12, "n_steps": 2, "n_cand": 4}
