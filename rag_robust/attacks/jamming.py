"""Jamming: one blocker passage that makes a system refuse a question it could answer.

The passage is the query, ". " and `length` words. What is minimised is the distance between the
system's answer a(x), with the passage x inserted, and a refusal r,

    max_x cos(e(a(x)), e(r)),

by a hill climb that sees answers only: each step draws one position and `n_cand` words by their
frequency in the corpus, asks the system once per candidate, and keeps the best if it is better.

*Source*: Shafran, Schuster and Shmatikov, Machine Against the RAG: Jamming RAG with Blocker
Documents, USENIX Security 2025. We differ: words of the corpus instead of a model's tokens, so the
text is what it says whatever reads it; the climb starts from drawn words instead of "[MASK]", which
an encoder's tokenizer would not read as text; an empty answer is no refusal and counts as the worst.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.attacks._view import View
from rag_robust.errors import TargetError
from rag_robust.seeds import generator
from rag_robust.text import words
from rag_robust.types import Budget, Change, Passage, Query, ThreatModel

__all__ = ["Jamming"]

NEAREST = 1.0 - 1e-6
"""A cosine from which no answer can be nearer to the refusal."""


@dataclass(frozen=True, slots=True)
class Climb:
    """Where the climb is: the words, the answer they got, the cosine after each step, idle steps."""

    text: tuple[str, ...]
    answer: str
    trace: tuple[float, ...]
    idle: int = 0

    @property
    def value(self) -> float:
        """The cosine of the answer to the refusal."""
        return self.trace[-1]

    @property
    def step(self) -> int:
        """How many steps were made."""
        return len(self.trace) - 1


@dataclass(frozen=True, slots=True)
class Victim:
    """The system as it is climbed: a passage's text to (cosine to the refusal, answer)."""

    view: View
    query: Query
    refusal: NDArray[np.float64]
    known: dict[str, float] = field(default_factory=dict)

    def __call__(self, text: str) -> tuple[float, str]:
        """One question to the system, and one embedding unless the answer was seen before."""
        answer = self.view.ask(self.query, [Passage("jamming-0", text)]).text
        if answer is None:
            raise TargetError("the system gives passages and no answers: nothing to jam", "not_applicable")
        if answer not in self.known:
            near = _embedded(self.view, answer) @ self.refusal if answer.strip() else -1.0
            self.known[answer] = float(near)
        return self.known[answer], answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Jamming:
    """One passage of at most `tokens` tokens; the defaults are the paper's sizes.

    Parameters:
        length: words after the query (paper: 50 tokens)
        n_cand: words tried per step, one question to the system each (paper: 32)
        n_steps: steps, one position each (paper: 1000)
        patience: steps without a gain that end the climb, 0 for never (paper: 100)
        n_frequent: most frequent words, at most half of all, that are never drawn (paper: 100)
        tokens: the most tokens of the passage, query included (ours)
        refusal: the answer that the system's is brought near to (wording ours)
    """

    tools: ClassVar[frozenset[str]] = frozenset()

    length: int = 50
    n_cand: int = 32
    n_steps: int = 1000
    patience: int = 100
    n_frequent: int = 100
    tokens: int = 192
    refusal: str = "I don't know. The context does not provide enough information to answer."

    @property
    def threat(self) -> ThreatModel:
        """Reads the query, the corpus' words, the system's answers and an encoder's embeddings."""
        calls = 1 + 2 * (1 + self.n_steps * self.n_cand)  # an answer and its embedding each
        budget = Budget(passages=1, tokens=self.tokens, oracle_calls=calls)
        return ThreatModel(frozenset({"queries", "corpus", "answers", "embeddings"}), "insert", budget)

    def __call__(self, view: View, rng: Generator) -> Change:
        """The passage whose answer came nearest to the refusal."""
        query, pool = view.queries[0], Pool.of(view.passages.values(), self.n_frequent)
        victim = Victim(view, query, _embedded(view, self.refusal))
        seed = int(rng.integers(2**63))
        climb = _resumed(view.load()) or self._start(victim, pool.draw(self.length, generator(seed, "start")))
        while not self._over(climb):
            climb = self._step(victim, climb, pool, generator(seed, "step", climb.step))
            view.save(asdict(climb))
            view.tick(climb.step, self.n_steps)
        view.notes["passages"] = [_note(climb)]
        return Change(inserted=(Passage(id="jamming-0", text=_text(query, climb.text)),))

    def _start(self, victim: Victim, drawn: list[str]) -> Climb:
        """As many of the drawn words as the token budget takes."""
        while drawn and not self._fits(victim, drawn):
            drawn = drawn[:-1]
        value, answer = victim(_text(victim.query, drawn))
        return Climb(tuple(drawn), answer, (value,))

    def _step(self, victim: Victim, climb: Climb, pool: Pool, rng: Generator) -> Climb:
        """One position, n_cand words drawn for it; the best passage if it is better, else the same."""
        position = int(rng.integers(len(climb.text)))
        head, tail = climb.text[:position], climb.text[position + 1 :]
        drawn = [(*head, word, *tail) for word in dict.fromkeys(pool.draw(self.n_cand, rng))]
        tried = [t for t in drawn if t != climb.text and self._fits(victim, t)]
        text, best, answer = climb.text, climb.value, climb.answer
        for candidate in tried:
            value, said = victim(_text(victim.query, candidate))
            if value > best:
                text, best, answer = candidate, value, said
        idle = 0 if best > climb.value else climb.idle + 1
        return Climb(text, answer, (*climb.trace, best), idle)

    def _fits(self, victim: Victim, text: Iterable[str]) -> bool:
        return victim.view.n_tokens(_text(victim.query, text)) <= self.tokens

    def _over(self, climb: Climb) -> bool:
        stuck = not climb.text or (self.patience and climb.idle >= self.patience)
        return bool(stuck) or climb.step >= self.n_steps or climb.value >= NEAREST


@dataclass(frozen=True, slots=True)
class Pool:
    """Words to draw from and their shares, which sum to one."""

    words: tuple[str, ...]
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, passages: Iterable[Passage], n_frequent: int) -> Pool:
        """The words of some passages, case-folded, but for the most frequent (at most half of them)."""
        counts = Counter(word.casefold() for passage in passages for word in words(passage.full))
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        kept = tuple(ranked[min(n_frequent, len(ranked) // 2) :])
        shares = np.array([counts[word] for word in kept], dtype=np.float64)
        return cls(kept, shares / shares.sum() if kept else shares)

    def draw(self, n: int, rng: Generator) -> list[str]:
        """`n` words by frequency, with repetition; none from a corpus without words."""
        if not self.words:
            return []
        return [self.words[i] for i in rng.choice(len(self.words), size=n, p=self.shares)]


def _text(query: Query, drawn: Iterable[str]) -> str:
    return f"{query.text}. {' '.join(drawn)}".strip()


def _embedded(view: View, text: str) -> NDArray[np.float64]:
    """The unit vector of a text, shape (dim,); zeros stay zeros."""
    vector: NDArray[np.float64] = view.embed([text], "passage")[0].astype(np.float64)
    return vector / (float(np.linalg.norm(vector)) or 1.0)


def _note(climb: Climb) -> dict[str, object]:
    trigger = " ".join(climb.text)
    return {"trigger": trigger, "answer": climb.answer, "steps": climb.step, "trace": list(climb.trace)}


def _resumed(state: Any) -> Climb | None:  # Any: what was saved comes back from JSON
    if state is None:
        return None
    return Climb(tuple(state["text"]), state["answer"], tuple(state["trace"]), state["idle"])


SMOKE = {"length": 4, "n_cand": 2, "n_steps": 2, "tokens": 60}
