"""ARCA: position after position in turn, its gradient averaged over random tokens at that position.

The gain of a token is linear only near the token that stands there. So at position i, the gradient
g_b (h,) at its input embedding is taken for `n_grad` copies of the passage **as it stands**, each
with another random token at i, and token v is ranked by mean_b g_b · w_v, w the embedding table.
The `n_cand` first are scored exactly and the best is taken; the token that stands there is one of
the candidates. The next step is the next position; after the last comes the first again.

*Source*: Jones, Dragan, Raghunathan and Steinhardt, Automatically Auditing Large Language Models
via Discrete Optimization, ICML 2023 (there the gain has a second, exact term for outputs of a
language model), with the retriever's similarity for its objective and the sizes GASLITE compares
itself with. We differ: a flip must survive the tokenizer, and random tokens are writable ones.
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

__all__ = ["Arca"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arca:
    """`passages` passages of at most `tokens` tokens, one per k-means cluster of the known queries.

    Parameters:
        information: text of each passage that stays (as in GASLITE)
        passages: how many (ours)
        tokens: the most tokens of a passage, information included (ours)
        trigger_tokens: tokens of the trigger, 0 fills the passage (ours)
        place: trigger as "suffix", "prefix" or in the "middle" of the information (ours)
        n_steps: steps, one position each (GASLITE's comparison: 5000)
        n_grad: random tokens at the position that gradients are averaged over (the same: 32)
        n_cand: tokens scored exactly per step (the same: 32)
        seconds: wall time after which no step begins, 0 for no limit (ours)
        screening: precision in which candidates are screened, "bfloat16" (ours) or "float32" (paper)
    """

    tools: ClassVar[frozenset[str]] = frozenset()

    information: str
    passages: int = 1
    tokens: int = 128
    trigger_tokens: int = 0
    place: str = "suffix"
    n_steps: int = 5000
    n_grad: int = 32
    n_cand: int = 32
    seconds: float = 0.0
    screening: str = "bfloat16"

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        checked(self, "n_cand", "n_grad")
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
        chains = [s.chain for s in searches]
        turns = [len(s.trace) % len(s.chain) for s in searches]
        pool = torch.nonzero(model.allowed).squeeze(1)
        drawn = [torch.as_tensor(rng.integers(0, len(pool), self.n_grad), device=pool.device) for rng in rngs]
        copies = [_at(c, i, pool[d]) for c, i, d in zip(chains, turns, drawn, strict=True)]
        low = screen(model, self.screening)
        found = gains(low, chains, copies)
        tokens = [top(gain[i], self.n_cand) for gain, i in zip(found, turns, strict=True)]
        rows = [_at(c, i, t) for c, i, t in zip(chains, turns, tokens, strict=True)]
        return best_of(model, chains, rows, screen=low)


def _at(chain: Chain, position: int, tokens: torch.Tensor) -> torch.Tensor:
    return flips(chain, torch.full_like(tokens, position), tokens)


SMOKE = {"information": "Buy now.", "tokens": 12, "n_steps": 2, "n_grad": 2, "n_cand": 4}
