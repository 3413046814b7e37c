"""Connection: a sentence that leads from the query to the passage is written into it where it fits best.

A language model that has read the passage and the query goes on by up to `words` words, `n_candidates` times
(nucleus sampling), which gives connection sentences c. Each is tried before every sentence of the passage
and at its end; the place and sentence of greatest

    ½ · relevance + ½ · coherence

are proposed: relevance is the victim's score, coherence the mean log-probability per token of the whole
passage, both brought to [0, 1] over all that was tried. Only versions that score no lower than the passage
as it is are proposed.

*Source*: Chen et al., IDEM, Findings of ACL 2023. We differ: a causal language model that reads passage and
query, in that order, and goes on, instead of BART filling a gap between them; coherence is likelihood, not
next-sentence prediction; fewer candidates (IDEM: 100); the score is the victim's, not a surrogate's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.attacks._drafts import nexts
from rag_robust.attacks._view import View
from rag_robust.errors import SuiteError
from rag_robust.text import changed_tokens, sentences, word_spans
from rag_robust.types import Budget, Change, Passage, Query, ThreatModel

__all__ = ["Connection"]

READ = 40
"""Words of the passage that the language model has read when it writes."""

PER_WORD = 3
"""Tokens that a word may take before a candidate is cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Edits the target that scores highest: one sentence more, nothing else touched.

    Parameters:
        words: words and marks of the sentence at most (IDEM: 12)
        n_candidates: sentences that are written (IDEM: 100)
        n_next: tokens that each is drawn from (ours)
        top_p: no more of them than make up this share of the probability of those looked at (ours)
    """

    tools: ClassVar[frozenset[str]] = frozenset({"language_model"})

    words: int = 12
    n_candidates: int = 8
    n_next: int = 20
    top_p: float = 0.9

    def __post_init__(self) -> None:
        if not (self.words and self.n_candidates and self.n_next and 0 < self.top_p <= 1):
            got = f"words={self.words}, n_candidates={self.n_candidates}, n_next={self.n_next}"
            raise SuiteError(f"attack connection: expected whole numbers >= 1 and 0 < top_p <= 1, got {got}")

    @property
    def threat(self) -> ThreatModel:
        """Reads the query and the victim's scores."""
        budget = Budget(passages=1, edits=self.words)
        return ThreatModel(frozenset({"queries", "scores"}), "edit", budget)

    def __call__(self, view: View, rng: Generator) -> Change:
        """The passage with its connection sentence, or no change where every one does harm."""
        query = view.queries[0]
        clean = view.scores(query, [target.full for target in view.targets])
        if not len(clean):
            return Change()
        target, before = view.targets[int(clean.argmax())], float(clean.max())
        written = self._written(view, query, target, rng)
        versions = list(dict.fromkeys(v for said in written for v in _placed(said, target)))
        fitting = [v for v in versions if changed_tokens(target.full, v.full) <= self.words]
        scores = view.scores(query, [v.full for v in fitting]) if fitting else np.empty(0)
        kept = [(v, float(s)) for v, s in zip(fitting, scores, strict=True) if s >= before]
        view.notes.update(target=target.id, candidates=written, calls=view.calls, score_before=before)
        if not kept:
            return Change()
        best, after = self._best(view, kept)
        view.notes.update(score_after=after)
        return Change(edited={target.id: best})

    def _best(self, view: View, kept: Sequence[tuple[Passage, float]]) -> tuple[Passage, float]:
        """Half relevance, half coherence."""
        coherence = -view.language_model.surprise([version.full for version, _ in kept])
        value = _unit(np.array([score for _, score in kept])) / 2 + _unit(coherence) / 2
        return kept[int(value.argmax())]

    def _written(self, view: View, query: Query, target: Passage, rng: Generator) -> list[str]:
        """Different sentences of at most `words` words and marks, in the order they were begun."""
        lead = f"{' '.join(target.text.split()[:READ])}\n{query.text}\n"
        said = [""] * self.n_candidates
        for step in range(PER_WORD * self.words):
            going = [i for i, text in enumerate(said) if not self._ended(text)]
            if not going:
                break
            distinct = list(dict.fromkeys(lead + said[i] for i in going))
            found = nexts(view.language_model, distinct, self.n_next, self.top_p)
            options = dict(zip(distinct, found, strict=True))
            for i in going:
                said[i] = _drawn(options[lead + said[i]], rng).removeprefix(lead) or f"{said[i]}."
            view.tick(step + 1, PER_WORD * self.words)
        return list(dict.fromkeys(cut for text in said if (cut := self._cut(text))))

    def _ended(self, text: str) -> bool:
        return text.rstrip().endswith((".", "!", "?")) or changed_tokens("", text) > self.words

    def _cut(self, text: str) -> str:
        """The first sentence as far as there is room, with a capital and a full stop; "" without words."""
        first = next(iter(sentences(text.strip())), "")
        for _, end in reversed(word_spans(first)):
            if changed_tokens("", short := f"{first[:end]}.") <= self.words:
                return short[:1].upper() + short[1:]
        return ""


def _drawn(options: Sequence[tuple[str, float]], rng: Generator) -> str:
    """One of the texts by its probability; "" of none."""
    if not options:
        return ""
    shares = np.exp([log for _, log in options])
    return options[int(rng.choice(len(options), p=shares / shares.sum()))][0]


def _placed(said: str, target: Passage) -> list[Passage]:
    """The passage with the sentence before each of its own, and at the end."""
    text, starts, place = target.text, [], 0
    for sentence in sentences(text):
        place = text.index(sentence, place)
        starts.append(place)
        place += len(sentence)
    whole = [f"{text[:start]}{said} {text[start:]}" for start in starts]
    return [replace(target, text=new) for new in [*whole, f"{text} {said}".lstrip()]]


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brought to [0, 1]; all 0 where all are equal."""
    spread = float(np.ptp(values))
    brought: NDArray[np.float64] = (values - values.min()) / (spread or 1.0)
    return brought


SMOKE = {"words": 4, "n_candidates": 3, "n_next": 3}
