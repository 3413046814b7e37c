"""A wrong answer of the right kind: what an attacker would have a system say instead of the truth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import log

from numpy.random import Generator

from rag_robust.errors import UsageError
from rag_robust.metrics.answers import refused, states
from rag_robust.text import STOP_WORDS, words
from rag_robust.tokens import Date, Number, tokens
from rag_robust.types import Query

__all__ = ["wrong_answer"]

Kind = tuple[str, str]
"""What sort of thing an answer is, and its unit or precision."""

_SMALL = frozenset("of the and de la le van von der al bin in on for to du da di y".split())
_NAME = 6  # words; what is longer is a phrase


def wrong_answer(query: Query, others: Sequence[Query], rng: Generator) -> str:
    """An answer of other queries that is wrong for this one, and of the kind of its first answer.

    A year for a year, a number for a number (of the same unit if there is one), a date for a
    date, a name for a name, "no" for "yes"; of these, what answers the question worded most like this
    one, so that a capital is asked for a capital. Where no other query has such an answer, a value is
    made from the true one by changing its longest run of digits; after that any wrong answer will
    do. The draw does not hang on the order of `others`, and `query` may be one of them.

    Never given: what states one of the query's answers, what one of them states ("2007" for
    "1 March 2007": the right answer would then count as the attacker's), what stands in the question
    (it is there to be quoted), refusals, and blanks.

    Raises:
        UsageError: the query has no answers, or nothing is left to draw from.
    """
    if not query.answers:
        raise UsageError(f'query "{query.id}" has no answer to be wrong about; give it one, or leave it out')
    found = {answer: 0.0 for other in others for answer in other.answers if _wrong(query, answer)}
    for other, weight in zip(others, _worded_alike(query, others), strict=True):
        found |= {answer: max(found[answer], weight) for answer in other.answers if answer in found}
    wanted = _kind(query.answers[0])
    alike = {answer: near for answer, near in found.items() if _kind(answer)[0] == wanted[0]}
    same = {answer: near for answer, near in alike.items() if _kind(answer) == wanted}
    for tier in (same, alike, dict.fromkeys(_made(query, rng), 0.0), found):
        if tier:
            nearest = sorted(answer for answer, near in tier.items() if near == max(tier.values()))
            return nearest[int(rng.integers(len(nearest)))]
    raise UsageError(f'no wrong answer for query "{query.id}" among {len(others)} queries; give it more')


def _worded_alike(query: Query, others: Sequence[Query]) -> list[float]:
    """Per query: the words it shares with this one but for stop words, each by how rare it is among them.

    The sum of log(n / queries with the word), after Sparck Jones 1972.
    """
    worded = [{word.casefold() for word in words(other.text)} - STOP_WORDS for other in others]
    spread = Counter(word for one in worded for word in one)
    asked = {word.casefold() for word in words(query.text)} - STOP_WORDS
    return [sum(log(len(others) / spread[word]) for word in sorted(one & asked)) for one in worded]


def _wrong(query: Query, answer: str) -> bool:
    """Whether neither side says the other, whatever the wording."""
    if not tokens(answer) or refused(answer) or states(query.text, answer):
        return False
    return not any(states(answer, truth) or states(truth, answer) for truth in query.answers)


def _kind(answer: str) -> Kind:
    values = [token.value for token in tokens(answer)]
    if len(values) == 1 and not isinstance(values[0], str):
        return _value_kind(values[0])
    if any(not isinstance(value, str) for value in values):
        return "measure", ""
    if values in (["yes"], ["no"], ["true"], ["false"]):
        return "truth", ""
    named = [word for word in answer.split() if word.casefold() not in _SMALL]
    is_name = bool(named) and len(named) <= _NAME and all(word[:1].isupper() for word in named)
    return ("name" if is_name else "phrase"), ""


def _value_kind(value: Number | Date) -> Kind:
    if isinstance(value, Date):
        return "date", "day" if value.day else "month"
    is_year = not value.unit and 1000 <= value.value < 3000 and value.value.denominator == 1
    return ("year", "") if is_year else ("number", value.unit)


def _made(query: Query, rng: Generator) -> list[str]:
    """The one wrong value made from the truth, or the other truth value; empty if it has neither."""
    truth = query.answers[0]
    opposite = {"yes": "no", "no": "yes", "true": "false", "false": "true"}.get(truth.strip(" .").casefold())
    made = [opposite] if opposite else _shifted(truth, rng)
    return next(([answer] for answer in made if _wrong(query, answer)), [])


def _shifted(truth: str, rng: Generator) -> Iterator[str]:
    """The answer with its longest run of digits (the last of equals) moved by 1 to 9, in random order."""
    runs = list(re.finditer(r"[0-9]+", truth))
    if not runs:
        return
    run = max(runs, key=lambda match: (len(match[0]), match.start()))
    for step in rng.permutation(range(1, 10)).tolist():
        moved = (int(run[0]) + step) % 10 ** len(run[0])
        yield f"{truth[: run.start()]}{moved:0{len(run[0])}d}{truth[run.end() :]}"
