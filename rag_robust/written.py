"""What a suite writes by itself: questions from its corpus, and the synonyms that edits may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rag_robust.errors import SuiteError, nearest
from rag_robust.perturb.document import evidence_removed, lexically_different
from rag_robust.perturb.stated import states
from rag_robust.questions import Question, QuestionSet, synthesise
from rag_robust.seeds import generator
from rag_robust.synonyms.neighbours import neighbours
from rag_robust.synonyms.pairs import pairs
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.wordnet import wordnet
from rag_robust.task import Task
from rag_robust.types import Corpus, Passage

if TYPE_CHECKING:
    from rag_robust.encode.tokens import TokenModel

__all__ = ["questions", "synonyms"]

NEIGHBOUR_COSINE = 0.6
NEIGHBOURS = 8
"""Synonyms "neighbours": at most so many words, at least this near in the encoder's own embeddings."""


def questions(corpus: Corpus, task: Task, seed: int) -> QuestionSet:
    """Questions written from the corpus that every document condition of the task applies to."""

    def gold(question: Question) -> Passage:
        return corpus.passages[question.fact.passage_id]

    def quiet_title(question: Question) -> bool:
        return not any(states(gold(question).title, answer) for answer in question.query.answers)

    def removable(question: Question) -> bool:
        return evidence_removed(gold(question).text, question.query.answers) is not None

    def rewordable(question: Question) -> bool:
        rng = generator(seed, "rewordable", question.query.id)
        return lexically_different(gold(question).text, question.query.answers, rng) is not None

    return synthesise(
        corpus,
        task.limit or 20,
        rng=generator(seed, "questions", task.name),
        extra_checks=(
            ("title states the answer", quiet_title),
            ("evidence cannot be removed", removable),
            ("passage cannot be worded differently", rewordable),
        ),
    )


def synonyms(name: str, token_model: Callable[[], TokenModel | None]) -> Source:
    """The substitutions of a name: "neighbours" of the encoder's words, "pairs:FILE" or "wordnet"."""
    kind, _, rest = name.partition(":")
    if kind == "pairs":
        return pairs(Path(rest))
    if kind == "wordnet":
        return wordnet(Path(rest) if rest else None)
    if kind != "neighbours":
        raise SuiteError(f'no synonym source "{name}"; {nearest(name, ["neighbours", "pairs:", "wordnet"])}')
    model = token_model()
    if model is None:
        raise SuiteError(
            'synonyms = "neighbours" needs an encoder with tokens; use "wordnet" or "pairs:FILE"'
        )
    words, vectors = model.words()
    return neighbours(words, vectors, threshold=NEIGHBOUR_COSINE, top=NEIGHBOURS)
