"""Random tokens: the attacker's sentence and a trigger that nobody chose, as long as an optimised one.

What a gradient attack has over this row is what its optimisation brings; what this row has over the
bare sentence, or falls short of it, is what any trigger of that length does.
*Source*: the random start of Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from numpy.random import Generator

from rag_robust.attacks._chain import Chain, Goal, Place, around, opened, random_draft
from rag_robust.attacks._search import checked, room_for
from rag_robust.attacks._view import View
from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import ModelError
from rag_robust.types import Budget, Change, Passage, ThreatModel

__all__ = ["RandomTokens"]

DRAFTS = 20
"""So many triggers are drawn at most, until one has exactly as many tokens as it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomTokens:
    """`passages` passages of at most `tokens` tokens; sizes are GASLITE's.

    The text tokenises to the very tokens that were drawn: writable ones, seam with the information
    included. Only the encoder's tokenizer is used.

    Parameters:
        information: the attacker's sentence, which stays in each passage (as in GASLITE)
        passages: how many (GASLITE: 1, 5, 10, 100)
        tokens: the most tokens of a passage, information included (as in our GASLITE)
        trigger_tokens: the most tokens of the trigger; 0: all that the information leaves of `tokens`
            (GASLITE: 100)
        place: trigger as "suffix", "prefix" or in the "middle" of the information (GASLITE: suffix)
    """

    information: str
    passages: int = 1
    tokens: int = 128
    trigger_tokens: int = 0
    place: str = "suffix"

    def __post_init__(self) -> None:
        """Refuse what is not on the list, before any model is loaded."""
        checked(self)

    @property
    def threat(self) -> ThreatModel:
        """Has the encoder in hand like a gradient attack, and uses its vocabulary alone; no query is read."""
        budget = Budget(passages=self.passages, tokens=self.tokens)
        return ThreatModel(frozenset({"gradients"}), "insert", budget)

    def __call__(self, view: View, rng: Generator) -> Change:
        """As many random triggers as passages."""
        chains = [self._drawn(view.model, rng) for _ in range(self.passages)]
        return Change(
            inserted=tuple(Passage(id=f"random-tokens-{i}", text=c.text) for i, c in enumerate(chains))
        )

    def _drawn(self, model: TokenModel, rng: Generator) -> Chain:
        """The first draft that fills its room, else the longest."""
        room, longest = room_for(model, self), None
        surroundings = around(self.information, cast(Place, self.place))
        aimless = Goal(torch.zeros(0))
        for _ in range(DRAFTS):
            draft = random_draft(model, 2 * room, rng)
            chain = opened(model, aimless, surroundings, draft, room=room, tokens=self.tokens)
            longest = max(filter(None, (longest, chain)), key=len, default=None)
            if longest is not None and len(longest) == room:
                break
        if longest is None:
            raise ModelError("no random trigger tokenises back to itself; give other information")
        return longest


SMOKE = {"information": "Buy now.", "tokens": 12}
