"""PRADA's parts: a surrogate that learns the victim's order, and a climb that stays in its ball.

*Surrogate.* The encoder f is frozen; what is learnt is a weight per dimension, s(q, d) = Σ_k (1 + w_k) q_k
f(d)_k, by hinge loss over all pairs of the lists shown, the higher ranked first:
L(w) = mean max(0, 1 − (s_i − s_j) / m) + λ ‖w‖² / dim, m the mean |s_i − s_j| at w = 0. For one query this
is the encoder with another query vector t = (1 + w) ∘ q.

*Climb.* With E (l, h) the input embeddings of the target, each step adds a · g_i / ‖g_i‖ to the shift δ_i of
token i, g = ∂⟨f(E + δ), t⟩/∂E, and puts δ_i back into the ball ‖δ_i‖ <= r. It ends early when the ranking
loss Σ_j max(0, m − s_t + s_j) over the list is 0: its gradient is that of s_t times the terms that are not.

*Source*: Wu et al., PRADA, TOIS 2022, section 4, and its released code, where the projection is written but
never called, so that its radius is only the length of a step; there a whole BERT is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rag_robust.attacks._first_order import Way, White, ways
from rag_robust.attacks._swaps import Search, Trail
from rag_robust.attacks._view import View
from rag_robust.errors import TargetError

__all__ = ["Climb", "Imitation", "climbed", "imitated", "prada", "reweighted", "slope_at"]

ROUNDS = 200
"""Steps of descent for the weights of the surrogate."""

DECAY = 0.1
"""What a weight of 1 in every dimension costs, in margins."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Climb:
    """How far the embeddings of a target are moved: `radius` in mean lengths of the table's rows."""

    radius: float
    steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Imitation:
    """A surrogate for one query: the encoder pulled to t, the list's scores s_j by id, the margin m."""

    white: White
    others: dict[str, float]
    margin: float

    def goal(self, passage_id: str) -> float:
        """From where on the ranking loss of this target is 0."""
        return max((s for i, s in self.others.items() if i != passage_id), default=-np.inf) + self.margin


def imitated(view: View) -> Imitation:
    """The surrogate, trained on the victim's lists of all queries the attacker knows.

    Raises:
        TargetError: a list of fewer than two passages has no order (not applicable).
    """
    model = view.models[0]
    listed = [view.listed(query) for query in view.queries]
    if all(len(passages) < 2 for passages in listed):
        raise TargetError("the victim's list is too short to learn an order from", "not_applicable")
    asked = model.queries([query.text for query in view.queries]).astype(np.float64)
    products = [
        q * model.encoder.encode([p.full for p in passages], "passage").astype(np.float64)
        for q, passages in zip(asked, listed, strict=True)
        if passages
    ]
    pull = (1 + reweighted(products)) * asked[0]
    white = White(model, torch.tensor(pull, dtype=torch.float32, device=model.matrix.device))
    own = (
        dict(zip([p.id for p in listed[0]], white.similarities(listed[0]), strict=True)) if listed[0] else {}
    )
    return Imitation(white, own, _margin([np.array(list(own.values()))]))


def reweighted(products: Sequence[Array]) -> Array:
    """Weights (dim,) from one matrix q ∘ f(d) (n, dim) per list, best first; never worse than w = 0.

    The least loss met in a descent by steps of length √dim / (20 √(1 + t)), all pairs at once.
    """
    dim = products[0].shape[1]
    w = best = np.zeros(dim)
    least = np.inf
    margin = _margin([rows.sum(axis=1) for rows in products])
    for t in range(ROUNDS):
        loss, slope = _ranking_loss(w, products, margin)
        if loss < least:
            best, least = w, loss
        w = w - np.sqrt(dim / (1 + t)) / 20 * slope / (np.linalg.norm(slope) or 1.0)
    return best


def _ranking_loss(w: Array, products: Sequence[Array], margin: float) -> tuple[float, Array]:
    """The loss and its gradient (dim,)."""
    n_pairs = sum(len(rows) * (len(rows) - 1) / 2 for rows in products) or 1.0
    loss, slope = DECAY * float(w @ w) / len(w), 2 * DECAY * w / len(w)
    for rows in products:
        scores = rows @ (1 + w)
        short = np.triu(1 - (scores[:, None] - scores[None, :]) / margin, 1)
        active = np.triu(short > 0, 1).astype(np.float64)
        loss += float((short * active).sum()) / n_pairs
        slope = slope - (active.sum(axis=1) - active.sum(axis=0)) @ rows / (margin * n_pairs)
    return loss, slope


def _margin(lists: Sequence[Array]) -> float:
    gaps = np.concatenate([np.abs(s[:, None] - s[None, :])[np.triu_indices(len(s), 1)] for s in lists])
    return max(float(gaps.mean()) if len(gaps) else 0.0, 1e-9)


def climbed(white: White, ids: Sequence[int], climb: Climb, goal: float = np.inf) -> torch.Tensor:
    """The embeddings (l, h) of `ids` after the climb, each within `radius` of where it was."""
    start = white.rows(ids)
    radius = climb.radius * float(white.model.matrix.float().norm(dim=1).mean())
    shift = torch.zeros_like(start)
    for _ in range(climb.steps):
        value, slope = slope_at(white, ids, shift)
        if value >= goal:
            break
        shift = shift + radius / max(1, climb.steps // 2) * torch.nn.functional.normalize(slope, dim=1)
        shift = shift * (radius / shift.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1.0)
    return start + shift


def slope_at(white: White, ids: Sequence[int], shift: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Similarity and its gradient (l, h) with the input embeddings moved by `shift`."""
    model, leaves = white.model, []
    table = model.matrix.data_ptr()
    layers = (m for m in model.encoder.model.modules() if isinstance(m, torch.nn.Embedding))
    layer = next(m for m in layers if m.weight.data_ptr() == table)

    def moved(_: object, __: object, output: torch.Tensor) -> torch.Tensor:
        leaves.append((output.detach() + shift.to(output.dtype)).requires_grad_())
        return leaves[-1]

    handle = layer.register_forward_hook(moved)
    try:
        with torch.enable_grad():
            row = torch.tensor([list(ids)], device=white.pull.device)
            value = (model.encoder.forward(row) * white.pull).sum()
    finally:
        handle.remove()
    model.work.gradient(1, len(ids), model.n_weights)
    return float(value.detach()), torch.autograd.grad(value, leaves[0])[0][0].float()


def prada(trail: Trail, imitation: Imitation, climb: Climb, n_words: int) -> Search:
    """The `n_words` words of greatest gradient, one after the other, each by the word the climb points to.

    A word stays if the victim's value, its rank, gets better. `n_words` 0 is all.
    """
    trail.trace += yield [trail.target]
    white = imitation.white
    ids, found = ways(white.model, trail)
    moved = climbed(white, ids, climb, imitation.goal(trail.target.id)) if found else torch.empty(0)
    for way in _pointed(white, white.slopes(ids), moved, found)[: n_words or None] if found else ():
        if trail.full:
            break
        tried = trail.choice | {way.slot: way.word}
        trail.take([tried], (yield [trail.write(tried)]))


def _pointed(white: White, slopes: torch.Tensor, moved: torch.Tensor, found: Sequence[Way]) -> list[Way]:
    """For each slot the word nearest in direction to where it moved; slots of the greatest gradient first."""
    best: dict[int, tuple[float, Way]] = {}
    for way in found:
        places = list(way.places)
        new, wanted = white.rows(way.pieces).mean(dim=0), moved[places].mean(dim=0)
        near = float(torch.nn.functional.cosine_similarity(new, wanted, dim=0))
        if way.slot not in best or near > best[way.slot][0]:
            best[way.slot] = near, way
    words = [way for _, way in best.values()]
    return sorted(words, key=lambda way: -float(slopes[list(way.places)].norm()))
