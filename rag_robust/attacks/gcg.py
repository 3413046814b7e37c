"""GCG: many random single flips from each position's best tokens, of which the best one is taken.

With g_i (h,) the gradient of the similarity at the input embedding of position i, and w the
embedding table, writing token v at position i gains g_i · (w_v − w_i) to first order. Each step
takes the gradient **at the passage as it stands**, keeps the `top_k` tokens of greatest gain per
position, draws `n_cand` pairs of a position and one of its tokens, scores each flip exactly, and
goes on from the best one even where it is worse than the passage; the best passage of all steps
is the result.

*Source*: Zou et al., Universal and Transferable Adversarial Attacks on Aligned Language Models,
2023, Algorithm 1, with the retriever's similarity for its loss, as GASLITE compares itself with it
(512 flips of the top 256). GASLITE's released code takes this baseline's gradients at the initial
passage throughout; here they are fresh. We also start from the known queries, and a flip must
survive the tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from numpy.random import Generator

from rag_robust.attacks._chain import Chain, scored, texts
from rag_robust.attacks._flip import best_of, flips
from rag_robust.attacks._gains import first_passing, gains
from rag_robust.attacks._screen import check_precision, screen
from rag_robust.attacks._search import Search, checked, poisoned, white_box
from rag_robust.attacks._view import View
from rag_robust.encode.tokens import TokenModel
from rag_robust.types import Change, ThreatModel

__all__ = ["Gcg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcg:
    """`passages` passages of at most `tokens` tokens, one per k-means cluster of the known queries.

    Parameters:
        information: text of each passage that stays (as in GASLITE)
        passages: how many (ours)
        tokens: the most tokens of a passage, information included (ours)
        trigger_tokens: tokens of the trigger, 0 fills the passage (ours)
        place: trigger as "suffix", "prefix" or in the "middle" of the information (ours)
        n_steps: steps, one flip each (GASLITE's comparison: 1000)
        n_cand: flips scored exactly per step (GASLITE's comparison: 512)
        top_k: tokens per position that flips are drawn from (GASLITE's comparison: 256)
        only_better: whether a step that loses is refused (paper: no)
        seconds: wall time after which no step begins, 0 for no limit (ours)
        screening: precision in which candidates are screened, "bfloat16" (ours) or "float32" (paper)
    """

    tools: ClassVar[frozenset[str]] = frozenset()

    information: str
    passages: int = 1
    tokens: int = 128
    trigger_tokens: int = 0
    place: str = "suffix"
    n_steps: int = 1000
    n_cand: int = 512
    top_k: int = 256
    only_better: bool = False
    seconds: float = 0.0
    screening: str = "bfloat16"

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        checked(self, "n_cand", "top_k")
        check_precision(self.screening)

    @property
    def threat(self) -> ThreatModel:
        """Reads the queries it is given and the encoder's gradients."""
        return white_box(self)

    def __call__(self, view: View, rng: Generator) -> Change:
        """One passage per cluster of the known queries."""
        return poisoned(view, rng, self, self.step)

    def step(self, model: TokenModel, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[Chain]:
        """Where each of some searches of one length goes from here."""
        chains, rows = [s.chain for s in searches], []
        for chain, gain, rng in zip(chains, gains(model, chains), rngs, strict=True):
            where = rng.integers(0, len(chain), self.n_cand)
            sizes = gain.isfinite().sum(dim=1).clamp(max=self.top_k)
            ranks = torch.as_tensor(rng.integers(0, sizes.cpu().numpy()[where]), device=gain.device)
            places = torch.as_tensor(where, device=gain.device)
            best = gain.topk(int(sizes.max()), dim=1).indices
            rows.append(flips(chain, places, best[places, ranks]))
        low = screen(model, self.screening)
        if self.only_better:
            return best_of(model, chains, rows, screen=low)
        return scored(model, first_passing(low, chains, rows, lambda c, ids: texts(model, c, [ids])[0]))


SMOKE = {"information": "Buy now.", "tokens": 12, "n_steps": 2, "n_cand": 4, "top_k": 8}
