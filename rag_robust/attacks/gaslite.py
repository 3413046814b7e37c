"""GASLITE: passages whose trigger is crafted by gradients to rank high for a whole query distribution.

A passage is `information` and a trigger. Its mean similarity to a sample of queries equals its
similarity to one vector c, the mean of the (unit, for cosine) query vectors, so the objective
costs one target whatever the sample's size:

    mean_q cos(e_q, f(x)) = ‖c‖ · cos(c, f(x)),   c = mean_q e_q / ‖e_q‖,

and ‖c‖ is the ceiling for any single passage. A step takes gradients of the objective at the input
embeddings, averaged over random neighbours (`_flip.saliency`), and tries the most salient tokens at
many trigger positions by their true objective, one by one and together (`_steps`).

*Source*: Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, Algorithm 1. We differ where the
released code is known to lose (profile "paper" follows it): the unchanged passage stays a
candidate, so the objective is monotone; a flip must survive the tokenizer in the whole passage,
not by the trigger's length; random tokens are writable ones; nothing is tried twice from the same
passage; tokens may move; candidates are screened in bfloat16 and judged in float32; the trigger
starts from the known queries instead of a language model, and several starts race. The paper's
attackers who know a filter charge its own statistic; `evade` charges any filter, and only above the
threshold that the attacker expects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust import defend
from rag_robust.attacks._chain import Chain, Goal, Price
from rag_robust.attacks._evade import Evasion, evaded, evasion
from rag_robust.attacks._search import Limits, Search, begun, centroid, checked, climb, told, white_box
from rag_robust.attacks._steps import Engine, is_paper, step_of
from rag_robust.attacks._view import View
from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import ModelError
from rag_robust.types import Change, ThreatModel

__all__ = ["Gaslite", "together"]

VERSION = 2
"""Raised when the same parameters come to write another passage."""

RIVALS = 6
"""So many of the best drafts start to race for a passage; the profile "paper" goes on from the best one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaslite:
    """`passages` passages of at most `tokens` tokens; sizes are the paper's, but for the trigger's.

    With more than one passage the known queries are split by k-means and each cluster gets one; all
    are written in the same batches. With a limit in `seconds` a run no longer repeats exactly.

    Parameters:
        information: the attacker's sentence, which stays in each passage (the paper writes one per concept)
        passages: how many (paper: 1, 5, 10, 100)
        tokens: the most tokens of a passage, information included (ours)
        trigger_tokens: the most tokens of the trigger; 0, ours: all that the information leaves of `tokens`
            (paper: 100)
        place: trigger as "suffix", "prefix" or in the "middle" of the information (paper: suffix)
        profile: "default", "fast" (both ours) or "paper", as the released code steps; "paper:" and a list
            of ranks, length, loses, anything keeps these of its quirks and no other, "paper:" none
        n_steps: steps: three rounds each in "default", one in "fast" (paper: 100)
        n_grad: neighbours that the gradient is averaged over, ours takes 1/8 of them (paper: 50)
        n_flip: positions per step; a round tries twice as many and keeps at most so many (paper: 20)
        n_cand: most salient tokens per position; a round tries the next 1/32 of them, rounded down, at least
            one: up to 63 all are one (paper: 128, all tried in each step)
        starts: drafts that a trigger may start from (ours; paper: one, by a language model)
        patience: steps without a gain that end a passage, 0 for never (paper: never)
        seconds: wall time after which no step begins, 0 for no limit (paper: 7200 per passage)
        flops: operations after which no step begins, 0 for no limit (ours)
        fluency_weight: what a nat of surprise per token costs under the attacker's model, which chooses
            among 16 candidates a round that similarity alone has screened (paper: 0.025)
        norm_weight: what the length of the vector costs, for dot-product models (the code's l2_alpha: 0)
        screening: precision in which candidates are screened, "bfloat16" (ours) or "float32" (paper)
        evade: filters that the attacker knows, with commas between them: perplexity, repetition, ... (ours)
        evade_rate: share of honest passages that it expects each of them to drop (ours)
        evade_weight: what a standard deviation of honest passages above the threshold costs (ours)
    """

    information: str
    passages: int = 1
    tokens: int = 128
    trigger_tokens: int = 0
    place: str = "suffix"
    profile: str = "default"
    n_steps: int = 100
    n_grad: int = 50
    n_flip: int = 20
    n_cand: int = 128
    starts: int = 10
    patience: int = 0
    seconds: float = 0.0
    flops: float = 0.0
    fluency_weight: float = 0.0
    norm_weight: float = 0.0
    screening: str = "bfloat16"
    evade: str = ""
    evade_rate: float = 0.05
    evade_weight: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what is not on the list, before any model is loaded."""
        step_of(self.profile)
        if self.screening not in ("bfloat16", "float32"):
            raise ValueError(f"screening is one of bfloat16, float32, got {self.screening!r}")
        checked(self, "n_grad", "n_flip", "n_cand", "starts")
        if evaded(self.evade) and not (0 < self.evade_rate < 1 and self.evade_weight > 0):
            got = f"got {self.evade_rate:g} and {self.evade_weight:g}"
            raise ValueError(f"evade needs an evade_rate within (0, 1) and an evade_weight above 0, {got}")

    @property
    def threat(self) -> ThreatModel:
        """Reads the queries and the encoder's gradients; to evade filters, these and the corpus."""
        threat = white_box(self)
        more = {"filters", "corpus"} if evaded(self.evade) else set()
        return replace(threat, reads=threat.reads | more)

    @property
    def tools(self) -> frozenset[str]:
        """A language model to write fluently, and what the filters to be evaded look with."""
        writer = {"language_model"} if self.fluency_weight else set()
        return frozenset(writer.union(*map(defend.uses, evaded(self.evade))))

    def __call__(self, view: View, rng: Generator) -> Change:
        """One optimised passage per cluster of the known queries."""
        return together([self], [view], [rng])[0]

    def _begun(self, view: View, rng: Generator) -> tuple[list[Search], Evasion | None]:
        """Where each of its searches starts, and what filters that it knows charge."""
        model = view.model
        if self.norm_weight and model.cosine:
            raise ModelError("norm_weight is for dot-product models; this one compares by cosine")
        prices: list[Price] = []
        if self.fluency_weight:
            surprise = view.language_model.surprise
            prices.append(lambda texts: self.fluency_weight * surprise(texts))
        if charge := self._charge(view, rng):
            prices.append(charge)

        def goal(vectors: NDArray[np.float32]) -> Goal:
            return Goal(centroid(model, vectors), self.norm_weight, tuple(prices))

        rivals = 1 if is_paper(self.profile) else RIVALS
        return begun(view, rng, self, goal, n_starts=self.starts, n_rivals=rivals), charge

    def _charge(self, view: View, rng: Generator) -> Evasion | None:
        if not (names := evaded(self.evade)):
            return None
        own = rng.spawn(1)[0]  # what else is drawn is drawn alike by an attacker who knows no filter
        return evasion(view, names, weight=self.evade_weight, rate=self.evade_rate, rng=own)

    def _step(self, model: TokenModel, searches: Sequence[Search], rngs: Sequence[Generator]) -> list[Chain]:
        low = self.screening == "bfloat16" and not is_paper(self.profile)
        engine = Engine(model, model.low if low else model, self.n_grad, self.n_flip, self.n_cand)
        return step_of(self.profile)(engine, searches, rngs)


def together(attacks: Sequence[Gaslite], views: Sequence[View], rngs: Sequence[Generator]) -> list[Change]:
    """What several attacks on one encoder propose, of other concepts or other seeds, in the same batches.

    They may differ in information and place; passages of one length share their forward passes, and each
    change is what its attack alone proposes. Limits are for all of them together; the first view keeps
    their state and is told how far they are, and what is spent is counted together.

    Raises:
        ValueError: they differ in more than that, look at different encoders, or two share a view.
    """
    first, encoders = attacks[0], [*map(id, views[0].models)]
    if any(replace(a, information=first.information, place=first.place) != first for a in attacks):
        raise ValueError("attacks that are crafted together differ in information and place alone")
    if any([*map(id, view.models)] != encoders for view in views):
        raise ValueError("attacks that are crafted together look at the same encoders")
    if len({*map(id, views)}) < len(views):
        raise ValueError("attacks that are crafted together have a view each")
    searches, charges = [], []
    for i, (attack, view, rng) in enumerate(zip(attacks, views, rngs, strict=True)):
        view.model = views[0].model  # an ensemble is made once
        own, charge = attack._begun(view, rng)
        searches += [replace(search, attack=i) for search in own]
        charges.append(charge)
    limits = Limits(first.n_steps, first.seconds, first.flops, first.patience)
    climb(views[0], searches, first._step, limits, also=views[1:])
    changes = []
    for i, (view, charge) in enumerate(zip(views, charges, strict=True)):
        changes.append(told(view, [s for s in searches if s.attack == i], "gaslite"))
        if charge is not None:
            view.notes["filters"] = charge.note([p.text for p in changes[-1].inserted])
    return changes


SMOKE = {"information": "Buy now.", "tokens": 12, "n_steps": 1, "n_grad": 2, "n_flip": 2, "n_cand": 4}
