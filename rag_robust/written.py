"""What a suite writes by itself: questions from its corpus."""

from __future__ import annotations

from rag_robust.perturb.document import evidence_removed, lexically_different
from rag_robust.perturb.stated import states
from rag_robust.questions import Question, QuestionSet, synthesise
from rag_robust.seeds import generator
from rag_robust.task import Task
from rag_robust.types import Corpus, Passage

__all__ = ["questions"]


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
