"""GASLITE: passages whose trigger is crafted by gradients to rank high for a whole query distribution.

A passage is `information` and a trigger. Its mean similarity to a sample of queries equals its
similarity to one vector c, the mean of the (unit, for cosine) query vectors, so the objective
costs one target whatever the sample's size:

    mean_q cos(e_q, f(x)) = ‖c‖ · cos(c, f(x)),   c = mean_q e_q / ‖e_q‖,

and ‖c‖ is the ceiling for any single passage. One step takes the gradient of the objective at the
input embeddings, averaged over n_grad random neighbours (`_flip.saliency`), draws n_flip trigger
positions, and for each in order tries the n_cand most salient tokens by their true objective.

*Source*: Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, Algorithm 1. We differ where the
released code is known to lose: the unchanged passage stays a candidate, so the objective is
monotone; a flip must survive the tokenizer in the whole passage, not by the trigger's length; all
candidates are the most salient ones, none drawn from the tail; random tokens are writable ones;
the trigger starts from the known queries instead of a language model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.attacks._flip import State, clusters, improve_position, saliency, start
from rag_robust.attacks._view import View
from rag_robust.encode.tokens import TokenModel
from rag_robust.types import Budget, Change, Passage, ThreatModel

__all__ = ["Gaslite"]

MIN_GAIN = 1e-4
"""A step that gains less in similarity counts as idle."""

Step = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaslite:
    """`passages` passages of `tokens` tokens each; the defaults are the paper's sizes.

    With more than one passage the known queries are split by k-means and each cluster gets one.
    `patience` steps without a gain end a passage early (0: never).
    """

    information: str
    passages: int = 1
    tokens: int = 128
    n_steps: int = 100
    n_grad: int = 50
    n_flip: int = 20
    n_cand: int = 128
    patience: int = 0

    @property
    def threat(self) -> ThreatModel:
        """Reads the queries it is given and the encoder's gradients."""
        budget = Budget(passages=self.passages, tokens=self.tokens)
        return ThreatModel(frozenset({"queries", "gradients"}), "insert", budget)

    def __call__(self, view: View, rng: Generator) -> Change:
        """One optimised passage per cluster of the known queries."""
        texts = [query.text for query in view.queries]
        vectors = view.model.queries(texts)
        groups = clusters(vectors, self.passages, rng)
        total = self.n_steps * len(groups)
        written = []
        for n, rows in enumerate(groups):
            tick = partial(_tick, view, n * self.n_steps, total)
            written.append(self._write(view, [texts[row] for row in rows], vectors[rows], rng, tick))
        return Change(inserted=tuple(Passage(id=f"gaslite-{i}", text=t) for i, t in enumerate(written)))

    def _write(
        self, view: View, texts: Sequence[str], vectors: NDArray[np.float32], rng: Generator, tick: Step
    ) -> str:
        """The text of one passage for queries `texts` with vectors (n, dim)."""
        target = _centroid(view.model, vectors)
        nearest = np.argsort(-(vectors @ target.cpu().numpy()), kind="stable")[:3]
        drafts = [*(texts[i] for i in nearest), " ".join(texts[i] for i in nearest)]
        state = start(view.model, self.information, drafts, target, tokens=self.tokens)
        idle = 0
        for step in range(self.n_steps):
            before = state.value
            state = self._step(view.model, state, target, rng)
            tick(step + 1)
            idle = 0 if state.value > before + MIN_GAIN else idle + 1
            if self.patience and idle >= self.patience:
                break
        return state.text

    def _step(self, model: TokenModel, state: State, target: torch.Tensor, rng: Generator) -> State:
        """One gradient, then n_flip positions improved one after the other."""
        gain = saliency(model, state, target, n_grad=self.n_grad, rng=rng)
        length = len(gain)
        n_flip = self.n_flip if self.n_flip <= length else max(1, int(0.67 * length))
        tokens = gain.topk(self.n_cand, dim=1).indices
        for position in sorted(rng.choice(length, n_flip, replace=False).tolist()):
            state = improve_position(model, state, target, position=position, tokens=tokens[position])
        return state


def _tick(view: View, before: int, total: int, step: int) -> None:
    view.tick(before + step, total)


def _centroid(model: TokenModel, vectors: NDArray[np.float32]) -> torch.Tensor:
    """The mean query vector, of unit length for cosine models (its direction is all that counts)."""
    mean = torch.as_tensor(vectors.mean(axis=0), device=model.encoder.model.device)
    return torch.nn.functional.normalize(mean, dim=0) if model.cosine else mean


SMOKE = {"information": "Buy now.", "tokens": 12, "n_steps": 1, "n_grad": 2, "n_flip": 2, "n_cand": 4}
