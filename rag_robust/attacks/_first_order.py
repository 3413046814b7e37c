"""What replacing a word would do to an encoder's similarity, to first order: HotFlip over a space of words.

With E (l, h) the input embeddings of a passage, g = ∂⟨f(E), t⟩/∂E and W the embedding table, a word of
pieces P that becomes a word of pieces P' gains Σ_i g_i · (W_{p'_i} − W_{p_i}) where both have as many
pieces, else Σ_i g_i · (mean W_{P'} − W_{p_i}): every place of the old word gets the mean of the new one.
*Source*: Ebrahimi et al., HotFlip, ACL 2018, over single tokens; the mean of pieces is PRADA's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
import torch

from rag_robust.attacks._swaps import Choice, Search, Trail
from rag_robust.attacks._view import View
from rag_robust.types import Passage

if TYPE_CHECKING:
    from rag_robust.encode.tokens import TokenModel

__all__ = ["Way", "White", "aimed", "first_order", "ways"]


@dataclass(frozen=True, slots=True)
class Way:
    """A word that may come into a slot: its pieces, and the places of the pieces it replaces."""

    slot: int
    word: str
    places: tuple[int, ...]
    pieces: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class White:
    """An encoder in the attacker's hands and the vector (dim,) its passage is to come near."""

    model: TokenModel
    pull: torch.Tensor

    def slopes(self, ids: Sequence[int]) -> torch.Tensor:
        """∂ similarity / ∂ input embedding of each id, shape (l, h)."""
        return self.model.gradient(torch.tensor([ids], device=self.pull.device), self.pull)[0]

    def similarities(self, passages: Sequence[Passage]) -> list[float]:
        """⟨f(x), t⟩ of each, by the attacker's own computation."""
        vectors = self.model.encoder.encode([p.full for p in passages], "passage")
        return list((vectors.astype(np.float64) @ self.pull.double().cpu().numpy()).tolist())

    def rows(self, ids: Sequence[int]) -> torch.Tensor:
        """Their input embeddings (l, h)."""
        return self.model.matrix[list(ids)].float()


def aimed(view: View) -> White:
    """The encoder the attacker has in hand, pulled to its first query."""
    model = view.model
    pull = model.queries([view.queries[0].text])[0]
    return White(model, torch.tensor(pull, dtype=torch.float32, device=model.matrix.device))


def ways(model: TokenModel, trail: Trail) -> tuple[list[int], list[Way]]:
    """The ids of the passage as it stands, and every word that may come into a slot that is still free.

    A new word is cut into pieces behind the text that comes before it. Words beyond what the model reads
    have no places and are left out.
    """
    now = trail.write(trail.choice)
    spans, lead = model.spans(now.full), _lead(now)
    ends = len(list(takewhile(lambda span: span == (0, 0), reversed(spans))))
    drafts: list[tuple[int, str, tuple[int, ...], str]] = []
    for i in trail.free:
        slot = trail.space.slots[i]
        grown = sum(len(word) - len(trail.space.slots[j].word) for j, word in trail.choice.items() if j < i)
        start, end = slot.start + grown + lead, slot.end + grown + lead
        places = tuple(p for p, (a, b) in enumerate(spans) if a < end and b > start)
        drafts += [(i, word, places, now.full[:start] + word) for word in slot.options if places]
    rows = model.ids_many([text for *_, text in drafts]) if drafts else []
    found = [
        Way(i, word, places, tuple(row[places[0] : len(row) - ends]))
        for (i, word, places, _), row in zip(drafts, rows, strict=True)
    ]
    return model.ids(now.full), [way for way in found if way.pieces]


def first_order(trail: Trail, white: White, n_tried: int) -> Search:
    """The `n_tried` words of greatest first-order gain are tried, the best stays; again until R stay.

    The gradient is taken anew at every version that stays.
    """
    trail.trace += yield [trail.target]
    while not trail.full:
        ids, found = ways(white.model, trail)
        gains = _gains(white, ids, found)
        best = sorted(range(len(found)), key=lambda j: -gains[j])[:n_tried]
        tried: list[Choice] = [trail.choice | {found[j].slot: found[j].word} for j in best]
        values = yield [trail.write(choice) for choice in tried]
        if not trail.take(tried, values):
            break


def _gains(white: White, ids: Sequence[int], found: Sequence[Way]) -> list[float]:
    slopes, now = white.slopes(ids), white.rows(ids)
    return [_gain(slopes, now, white.rows(way.pieces), list(way.places)) for way in found]


def _gain(slopes: torch.Tensor, now: torch.Tensor, new: torch.Tensor, places: list[int]) -> float:
    after = new if len(new) == len(places) else new.mean(dim=0, keepdim=True)
    return float((slopes[places] * (after - now[places])).sum())


def _lead(passage: Passage) -> int:
    """Characters that the whole passage has before its text."""
    whole = f"{passage.title} {passage.text}"
    return len(passage.title) + 1 - (len(whole) - len(whole.lstrip()))
