"""HotFlip corpus poisoning: one random position of a passage at a time, flipped by the gradient.

The similarity of the passage x to c, the mean of the known queries' vectors, is linear in one
token to first order: writing v at position i gains about g_i · (w_v − w_i), with g_i the gradient
at the input embedding and w the embedding table. Each step takes the gradient **at the passage as
it stands**, draws one position, scores the `n_cand` tokens of greatest gain exactly, and takes the
best if it is better than what is there.

*Source*: Zhong, Huang, Wettig and Chen, Poisoning Retrieval Corpora by Injecting Adversarial
Passages, EMNLP 2023; HotFlip is Ebrahimi et al., ACL 2018. We differ: the centroid stands for all
known queries at once, where the paper has a batch of 64 for the gradient and the next batch for
the choice; the start is the known queries, not `[MASK]`s; tokens are writable ones. GASLITE's
released code runs this baseline with gradients taken at the initial passage throughout; here they
are fresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from numpy.random import Generator

from rag_robust.attacks._chain import Chain, joined
from rag_robust.attacks._flip import best_of, flips
from rag_robust.attacks._gains import first_passing, gains, top
from rag_robust.attacks._screen import check_precision, screen
from rag_robust.attacks._search import Search, checked, poisoned, white_box
from rag_robust.attacks._view import View
from rag_robust.encode.tokens import TokenModel
from rag_robust.types import Change, ThreatModel

__all__ = ["HotFlip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HotFlip:
    """`passages` passages of at most `tokens` tokens, one per k-means cluster of the known queries.

    Without `retokenise` the search is over ids alone, as published, and only the length of the text
    is watched: what the text is worth is for the harness to say.

    Parameters:
        information: text of each passage that stays (paper: "")
        passages: how many (ours)
        tokens: the most tokens of a passage, information included (ours)
        trigger_tokens: tokens of the trigger, 0 fills the passage (paper: 50)
        place: trigger as "suffix", "prefix" or in the "middle" of the information (ours)
        n_steps: steps, one position each (paper: 5000)
        n_cand: tokens scored exactly per step (paper: 100)
        retokenise: whether a flip must survive the tokenizer (paper: no)
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
    retokenise: bool = True
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

    def step(self, model: TokenModel, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[Chain]:
        """Where each of some searches of one length goes from here."""
        chains, rows = [s.chain for s in searches], []
        for chain, gain, rng in zip(chains, gains(model, chains), rngs, strict=True):
            position = int(rng.integers(len(chain)))
            tokens = top(gain[position], self.n_cand)
            rows.append(flips(chain, torch.full_like(tokens, position), tokens))
        if self.retokenise:
            return best_of(model, chains, rows, screen=screen(model, self.screening))

        def text_of(chain: Chain, ids: tuple[int, ...]) -> str | None:
            text = joined(model, chain, ids)
            return text if model.n_tokens(text) <= self.tokens else None

        after = first_passing(model, chains, rows, text_of)
        return [max(pair, key=lambda c: c.value) for pair in zip(chains, after, strict=True)]


SMOKE = {"information": "Buy now.", "tokens": 12, "n_steps": 2, "n_cand": 4}
