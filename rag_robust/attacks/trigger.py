"""Trigger: a few words in front of a passage that a language model would write and that raise its score.

A beam search over a language model's next tokens, given the query, keeps at each step the `beams` triggers z
of greatest

    v(z) = s(q, z d) + naturalness · (1/m) Σ_i log P(z_i | q, z_<i),

s the victim's score of passage d with z in front of its text, the second term in nats per token. The best
trigger of all steps is proposed if it raises the score.

*Source*: Liu et al., Order-Disorder (PAT), CCS 2022. We differ: the victim's scores are asked, where PAT has
gradients of an imitation; candidates come from the language model, whose probability is the only fluency;
there is no next-sentence term. PAT keeps the best of all triggers by the victim's score, and so do we.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from numpy.random import Generator

from rag_robust.attacks._drafts import nexts
from rag_robust.attacks._view import View
from rag_robust.errors import SuiteError
from rag_robust.text import changed_tokens
from rag_robust.types import Budget, Change, Passage, Query, ThreatModel

__all__ = ["Trigger"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A trigger, the log-probability of its tokens and their number, the victim's score and its value."""

    text: str = ""
    log_prob: float = 0.0
    n_tokens: int = 0
    score: float = 0.0
    value: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Edits the target that scores highest; the trigger stands before its text, behind its title.

    Parameters:
        tokens: tokens of the trigger at most, and words and marks put into the passage (PAT: 5 to 6)
        beams: triggers that are kept at each step (PAT: 10)
        n_next: most likely tokens that each of them goes on with (ours)
        top_p: no more tokens than make up this share of the probability of those looked at (ours)
        naturalness: what one nat per token is worth in the victim's score (PAT: 0.1 to 0.6 of its own)
    """

    tools: ClassVar[frozenset[str]] = frozenset({"language_model"})

    tokens: int = 6
    beams: int = 10
    n_next: int = 10
    top_p: float = 0.95
    naturalness: float = 0.02

    def __post_init__(self) -> None:
        if not (self.tokens and self.beams and self.n_next and 0 < self.top_p <= 1):
            got = f"tokens={self.tokens}, beams={self.beams}, n_next={self.n_next}, top_p={self.top_p:g}"
            raise SuiteError(f"attack trigger: expected whole numbers >= 1 and 0 < top_p <= 1, got {got}")

    @property
    def threat(self) -> ThreatModel:
        """Reads the query and the victim's scores."""
        budget = Budget(passages=1, edits=self.tokens)
        return ThreatModel(frozenset({"queries", "scores"}), "edit", budget)

    def __call__(self, view: View, rng: Generator) -> Change:  # noqa: ARG002
        """The passage behind its trigger, or no change where none raises its score."""
        query = view.queries[0]
        clean = view.scores(query, [target.full for target in view.targets])
        if not len(clean):
            return Change()
        target, before = view.targets[int(clean.argmax())], float(clean.max())
        best, trace = self._write(view, query, target, before)
        view.notes.update(target=target.id, trigger=best.text, trace=trace, calls=view.calls)
        view.notes.update(score_before=before, score_after=best.score)
        return Change(edited={target.id: _behind(best.text, target)} if best.text else {})

    def _write(self, view: View, query: Query, target: Passage, before: float) -> tuple[Draft, list[float]]:
        """The best trigger that raises the score (none: empty), and the best score after each step."""
        beams, best = [Draft(score=before)], Draft(score=before, value=before)
        trace = [before]
        for step in range(self.tokens):
            drafts = [d for d in self._longer(view, query, beams) if self._fits(d, target)]
            if not drafts:
                break
            beams = self._scored(view, query, target, drafts)[: self.beams]
            raising = [draft for draft in beams if draft.score > before]
            best = max([best, *raising], key=lambda draft: (bool(draft.text), draft.value))
            trace.append(best.score)
            view.tick(step + 1, self.tokens)
        return best, trace

    def _fits(self, draft: Draft, target: Passage) -> bool:
        return changed_tokens(target.full, _behind(draft.text, target).full) <= self.tokens

    def _longer(self, view: View, query: Query, beams: Sequence[Draft]) -> list[Draft]:
        """Every beam with one token more, each different text once."""
        lead = f"{query.text}\n"
        options = nexts(view.language_model, [lead + beam.text for beam in beams], self.n_next, self.top_p)
        found = {}
        for beam, longer in zip(beams, options, strict=True):
            for text, log in longer:
                trigger = text.removeprefix(lead)
                found[trigger.strip()] = Draft(trigger, beam.log_prob + log, beam.n_tokens + 1)
        return list(found.values())

    def _scored(self, view: View, query: Query, target: Passage, drafts: Sequence[Draft]) -> list[Draft]:
        """The drafts with their score and value, the best first; one call for all."""
        scores = view.scores(query, [_behind(draft.text, target).full for draft in drafts])
        scored = [
            replace(d, score=float(s), value=float(s) + self.naturalness * d.log_prob / d.n_tokens)
            for d, s in zip(drafts, scores, strict=True)
        ]
        return sorted(scored, key=lambda draft: (-draft.value, draft.text))


def _behind(trigger: str, target: Passage) -> Passage:
    return replace(target, text=f"{trigger.strip()} {target.text}".strip())


SMOKE = {"tokens": 3, "beams": 2, "n_next": 2}
