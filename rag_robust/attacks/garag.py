"""GARAG: typing errors in a relevant passage, bred so that it is found no more or not understood.

A genetic search over sets of at most `edits` misspelt words of one passage d. An individual d' is
better if the generator, given d' alone, no longer says a right answer (where answers may be asked),
and among equals if the victim's score s(q, d') is lower. The `n_parents` best of a generation stay
and breed the others: a child draws its errors from both parents and gets one new. No word of an
answer is touched, so what a reader can find in d stands in d' too.

*Source*: Cho et al., Typos that Broke the RAG's Back, Findings of EMNLP 2024. We differ: answers
instead of the probability of the right one, which a black box does not tell; therefore an order of
the two aims instead of non-dominated sorting; errors are misspelt words only, their number is a
budget and not a rate, and no table of natural misspellings is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar

from numpy.random import Generator

from rag_robust.attacks._view import View
from rag_robust.errors import SuiteError, TargetError
from rag_robust.text import normalise, word_spans, words
from rag_robust.types import Budget, Change, Passage, Query, ThreatModel

__all__ = ["Garag"]

LEAST_LETTERS = 3
"""Shorter words are left alone: hardly anything of them would remain."""

Errors = dict[int, str]
"""An individual: number of a word in the passage -> how it is misspelt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Garag:
    """Edits at most `edits` words in each of the `passages` targets that score highest.

    Parameters:
        edits: misspelt words per passage at most (ours; the paper has a rate)
        passages: how many relevant passages are edited (ours)
        population: individuals per generation (paper: 100)
        n_parents: individuals that stay and breed the others (paper: 10)
        generations: how often they breed (paper: 5)
        n_asked: lowest scored individuals per generation shown to the generator, 0 for no answers (ours)
    """

    tools: ClassVar[frozenset[str]] = frozenset()
    goal: ClassVar[str] = "demote"

    edits: int = 5
    passages: int = 1
    population: int = 25
    n_parents: int = 10
    generations: int = 10
    n_asked: int = 0

    def __post_init__(self) -> None:
        if not (self.edits and 0 < self.n_parents <= self.population):
            got = f"edits={self.edits}, n_parents={self.n_parents}, population={self.population}"
            raise SuiteError(f"attack garag: expected edits >= 1 and 1 <= n_parents <= population, got {got}")

    @property
    def threat(self) -> ThreatModel:
        """Reads the query, the victim's scores and, if it may ask, answers to one passage."""
        reads = {"queries", "scores"} | ({"answers"} if self.n_asked else set())
        return ThreatModel(frozenset(reads), "edit", Budget(passages=self.passages, edits=self.edits))

    def __call__(self, view: View, rng: Generator) -> Change:
        """The targets with their errors; one that no errors harm stays as it is."""
        query = view.queries[0]
        if self.n_asked and not query.answers:
            raise TargetError("the query has no known answers, so none can be lost", "not_applicable")
        clean = view.scores(query, [target.full for target in view.targets])
        best_first = sorted(range(len(clean)), key=lambda i: (-clean[i], view.targets[i].id))
        bred = [
            self._breed(_victim(view, query, view.targets[i], float(clean[i])), rng, n)
            for n, i in enumerate(best_first[: self.passages])
        ]
        view.notes["passages"] = [_note(victim, errors, trace) for victim, errors, trace in bred]
        harmed = [victim.passage(errors) for victim, errors, _ in bred if errors]
        return Change(edited={passage.id: passage for passage in harmed})

    def _breed(self, victim: Victim, rng: Generator, n: int) -> tuple[Victim, Errors, list[float]]:
        """The victim, the errors that harm it most (none if all help it), the lowest score per generation."""
        if not victim.spans:
            return victim, {}, []
        crowd = [self._more(victim, {}, self.edits, rng) for _ in range(self.population)]
        trace = []
        for generation in range(self.generations):
            parents = victim.ranked(crowd, self.n_asked)[: self.n_parents]
            trace.append(victim.score(parents[0]))
            children = [self._child(victim, parents, rng) for _ in range(self.population - len(parents))]
            crowd = [*parents, *children]
            victim.view.tick(n * self.generations + generation + 1, self.passages * self.generations)
        best = victim.ranked(crowd, self.n_asked)[0]
        harmful = victim.misled(best) or victim.score(best) <= victim.clean
        return victim, best if harmful else {}, [*trace, victim.score(best)]

    def _child(self, victim: Victim, parents: Sequence[Errors], rng: Generator) -> Errors:
        """Errors of two parents, as many as allowed less one, and a new one."""
        a, b = (parents[i] for i in rng.integers(len(parents), size=2))
        pool = a | b if rng.random() < 0.5 else b | a
        drawn = rng.permutation(sorted(pool))[: self.edits - 1]
        return self._more(victim, {int(i): pool[int(i)] for i in drawn}, 1, rng)

    def _more(self, victim: Victim, errors: Errors, n: int, rng: Generator) -> Errors:
        """The errors with up to `n` more, in words that have none yet."""
        free = [i for i in range(len(victim.spans)) if i not in errors]
        drawn = [int(i) for i in rng.permutation(free)[:n]]
        return errors | {i: _misspelt(victim.word(i), rng) for i in drawn}


@dataclass(frozen=True, slots=True)
class Victim:
    """The passage under attack and where it may be misspelt; no text of it is sent twice."""

    view: View
    query: Query
    target: Passage
    clean: float
    spans: tuple[tuple[int, int], ...]
    scores: dict[str, float] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    def word(self, i: int) -> str:
        """The i-th word that may be misspelt."""
        return self.target.text[slice(*self.spans[i])]

    def passage(self, errors: Errors) -> Passage:
        """The passage with these errors."""
        text = self.target.text
        for i in sorted(errors, reverse=True):
            start, end = self.spans[i]
            text = text[:start] + errors[i] + text[end:]
        return replace(self.target, text=text)

    def score(self, errors: Errors) -> float:
        """The victim's score of an individual that was ranked before."""
        return self.scores[self.passage(errors).full]

    def misled(self, errors: Errors) -> bool:
        """Whether the generator was asked and said none of the right answers."""
        return self._misled(self.passage(errors).full)

    def ranked(self, crowd: Sequence[Errors], n_asked: int) -> list[Errors]:
        """Different individuals, the most harmful first; the `n_asked` lowest scored meet the generator."""
        unlike = {self.passage(errors).full: errors for errors in crowd}
        if new := [text for text in unlike if text not in self.scores]:
            scores = self.view.scores(self.query, new)
            self.scores.update(zip(new, map(float, scores), strict=True))
        lowest = sorted(unlike, key=lambda text: (self.scores[text], text))
        for text in lowest[:n_asked]:
            if text not in self.answers:
                self.answers[text] = self.view.answer(self.query, [text])
        return [unlike[text] for text in sorted(lowest, key=lambda text: not self._misled(text))]

    def _misled(self, text: str) -> bool:
        if text not in self.answers:
            return False
        said = _plain(self.answers[text])
        return not any(_plain(answer) in said for answer in self.query.answers)


def _victim(view: View, query: Query, target: Passage, clean: float) -> Victim:
    """The passage, with the words of letters that stand in no answer."""
    kept = {normalise(word) for answer in query.answers for word in words(answer)}
    spans = []
    for start, end in word_spans(target.text):
        word = target.text[start:end]
        if word.isalpha() and len(word) >= LEAST_LETTERS and normalise(word) not in kept:
            spans.append((start, end))
    return Victim(view, query, target, clean, tuple(spans))


def _plain(text: str) -> str:
    """Normalised words between spaces, so that "in" shows whether whole words are there."""
    return f" {' '.join(words(normalise(text)))} "


def _misspelt(word: str, rng: Generator) -> str:
    """The word with one error, each kind that changes it equally likely: never empty, never two words."""
    kinds = [changed for kind in _kinds(word, rng) if (changed := [w for w in kind if w != word])]
    kind = kinds[int(rng.integers(len(kinds)))]
    return kind[int(rng.integers(len(kind)))]


def _kinds(word: str, rng: Generator) -> list[list[str]]:
    """Letters swapped, left out, typed twice, missed by a key; inner letters shuffled."""
    n = len(word)
    shuffled = "".join(word[1 + int(i)] for i in rng.permutation(n - 2))
    keys = [(i, key) for i, letter in enumerate(word) for key in _BESIDE.get(letter.lower(), "")]
    return [
        [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(n - 1)],
        [word[:i] + word[i + 1 :] for i in range(n)],
        [word[:i] + word[i] + word[i:] for i in range(n)],
        [word[:i] + (key.upper() if word[i].isupper() else key) + word[i + 1 :] for i, key in keys],
        [word[0] + shuffled + word[-1]],
    ]


_PAIRS = [pair for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for pair in pairwise(row)]
_BESIDE = {
    key: "".join(b if a == key else a for a, b in _PAIRS if key in (a, b))
    for key in "".join(map("".join, _PAIRS))
}


def _note(victim: Victim, errors: Errors, trace: Sequence[float]) -> dict[str, object]:
    text = victim.passage(errors).full
    return {
        "passage": victim.target.id,
        "before": victim.clean,
        "after": victim.scores.get(text, victim.clean),
        "answer": victim.answers.get(text),
        "trigger": " ".join(errors[i] for i in sorted(errors)),
        "steps": max(0, len(trace) - 1),
        "trace": list(trace),
    }


SMOKE = {"edits": 2, "population": 6, "n_parents": 2, "generations": 2}
