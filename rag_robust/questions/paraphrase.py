"""A language model may word a question anew; the graph query stays the answer key and judges the words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rag_robust.generate import TextGenerator
from rag_robust.questions.ask import Solved
from rag_robust.questions.compose import text_fault
from rag_robust.questions.ledger import Budget, Ledger, asked
from rag_robust.questions.mentions import spelled
from rag_robust.questions.question import Question
from rag_robust.questions.world import World
from rag_robust.text import normalise
from rag_robust.types import Failure

__all__ = ["PROMPT", "Reworded", "reworded"]

PROMPT = """\
Word this question differently. Keep its meaning, every name, every number and every date exactly as
written, add nothing, and do not answer it. Give the question and nothing else.

Question: """

_NAMES = re.compile(r"(?<![.?!] )(?<!^)\b[A-Z][\w'’-]+")
_NUMBERS = re.compile(r"\d[\d,.]*")
_TURNS = frozenset(
    "not no never without except least most highest lowest higher lower larger smaller".split()
)


@dataclass(frozen=True, slots=True)
class Reworded:
    """The questions, new wordings where they stand, and how many were kept as they were and why."""

    questions: tuple[Question, ...]
    kept: Mapping[str, int]


def reworded(
    world: World, questions: Sequence[Question], model: TextGenerator, *, ledger: Ledger, budget: Budget
) -> Reworded:
    """The questions in the model's words, where these pass the checks of a written question.

    The paraphrase must name all that the query names, neither answer nor what is only described,
    have the same numbers, no further name, the same words that turn a meaning ("lower", "not"),
    and be short. Else the first wording stays and the reason is counted. Ids, answers, evidence
    and queries never change.
    """
    found: list[Question] = []
    kept: Counter[str] = Counter()
    taken = {normalise(q.query.text) for q in questions}
    replies = asked([f"{PROMPT}{q.query.text}" for q in questions], model, ledger, budget)
    for question, reply in zip(questions, replies, strict=True):
        fault = reply.kind if isinstance(reply, Failure) else _fault(world, question, _first(reply))
        if fault is None and normalise(_first(str(reply))) in taken:
            fault = "duplicate question"
        if fault is None:
            text = _first(str(reply))
            taken.add(normalise(text))
            found.append(replace(question, query=replace(question.query, text=text)))
        else:
            kept[fault] += 1
            found.append(question)
    return Reworded(tuple(found), dict(sorted(kept.items())))


def _first(reply: str) -> str:
    """The first line, without a label or quotes around it."""
    line = next((line for line in reply.splitlines() if line.strip()), "")
    return line.strip().removeprefix("Question:").strip().strip('"“”').strip()


def _fault(world: World, question: Question, text: str) -> str | None:
    if not text or question.asks is None:
        return "empty paraphrase"
    fault = text_fault(world, question.asks, text, _solved(question))
    if fault:
        return fault
    before = question.query.text
    if Counter(_bare(text)) != Counter(_bare(before)):
        return "numbers changed"
    if not set(_NAMES.findall(text)) <= {*re.findall(r"[A-Z][\w'’-]+", before)}:
        return "a name was added"
    turned = [_TURNS & set(spelled(told).split()) for told in (text, before)]
    return "the meaning turned" if turned[0] != turned[1] else None


def _bare(text: str) -> list[str]:
    return [number.rstrip(".,") for number in _NUMBERS.findall(text)]


def _solved(question: Question) -> Solved:
    answers = {names[0]: None for names in question.answer_sets}
    return Solved(tuple(answers), question.ways)
