"""What a question must hold to be asked; every question that is dropped has a reason that is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rag_robust.questions.question import Question
from rag_robust.text import normalise, words

__all__ = ["CHECKS", "LONGEST", "Check", "phrase_in", "reason"]

Check = tuple[str, Callable[[Question], bool]]
"""The reason for dropping a question, and what holds for the questions that stay."""

LONGEST = 40
"""Words in a question."""


def reason(question: Question, checks: Sequence[Check]) -> str | None:
    """Why the question is dropped: the first check that does not hold, or None."""
    return next((why for why, holds in checks if not holds(question)), None)


def phrase_in(text: str, phrase: str) -> bool:
    """True if the words of the phrase stand in the text in a row, in any case and accent."""
    return f" {' '.join(words(normalise(phrase)))} " in f" {' '.join(words(normalise(text)))} "


def _answer_is_not_given_away(question: Question) -> bool:
    return not any(phrase_in(question.query.text, answer) for answer in question.query.answers)


def _subject_is_named(question: Question) -> bool:
    return phrase_in(question.query.text, question.fact.subject)


def _date_is_named(question: Question) -> bool:
    return phrase_in(question.query.text, question.fact.valid) if question.fact.valid else True


def _is_short(question: Question) -> bool:
    return len(words(question.query.text)) <= LONGEST


CHECKS: tuple[Check, ...] = (
    ("answer in question", _answer_is_not_given_away),
    ("subject missing from question", _subject_is_named),
    ("date missing from question", _date_is_named),
    ("too long", _is_short),
)
"""What one question must hold by itself; uniqueness and duplicates need the others (`single`)."""
