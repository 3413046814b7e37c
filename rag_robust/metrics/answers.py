"""Whether an answer is right, wrong, a refusal or empty: a strict and deterministic judge.

The stages that lead to it, and further ones that a person may add, are in `judging`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._chosen import asserted, chosen
from rag_robust.metrics._records import failed_attack, mean, query_ids
from rag_robust.metrics._refusals import refused
from rag_robust.said import states
from rag_robust.tokens import Number, tokens
from rag_robust.types import CLEAN, Corpus, Query, Record

__all__ = ["Outcome", "correct", "judge", "listed", "outcome", "refusals", "refused", "states", "truths"]

Outcome = Literal["correct", "refusal", "wrong", "empty"]


def outcome(query: Query, prediction: str) -> Outcome:
    """What an answer is: "empty", else "refusal", else "correct" or "wrong".

    A refusal that quotes an answer is a refusal: the user was told not to rely on it. Without any
    answer that counts as right, everything but a refusal is wrong. Where a list is asked for
    (`listed`), all its members must be said, in any order. Where the question names its answer there is
    something to choose from: what the prediction asks is no answer, and it must choose (`_chosen.chosen`).
    """
    return _outcome(query.text, query.answers, query.rejected, prediction)


@lru_cache(maxsize=65_536)
def _outcome(question: str, answers: tuple[str, ...], rejected: tuple[str, ...], prediction: str) -> Outcome:
    if not prediction.strip():
        return "empty"
    if refused(prediction):
        return "refusal"
    told = asserted(question, (*answers, *rejected), prediction)
    said = any(states(told, truth, rejected) for truth in truths(answers))
    members = listed(answers)
    said = said or bool(members and all(states(told, member) for member in members))
    return "correct" if said and (not rejected or chosen(question, answers, rejected, told)) else "wrong"


def listed(answers: Sequence[str]) -> tuple[str, ...]:
    """The members of a list that is asked for as a whole; () if each answer is right by itself.

    Questions over a set of things have two answers, which list it: "A, B and C" and "A, B, C".
    """
    if len(answers) != 2:
        return ()
    members = tuple(answers[1].split(", "))
    whole = f"{', '.join(members[:-1])} and {members[-1]}"
    return members if len(members) > 1 and answers[0] == whole else ()


def truths(answers: Sequence[str]) -> tuple[str, ...]:
    """The answers without bare numbers that stand there with a unit as well: "14" beside "14 days".

    "14" says "14 days" anyway (`tokens.same`), and "14 weeks", which says a bare 14, does not.
    """
    read = {answer: tokens(answer) for answer in answers}
    numbers = {answer: found[0].value for answer, found in read.items() if len(found) == 1}
    whole = {v.value for v in numbers.values() if isinstance(v, Number) and v.unit}
    bare = {a for a, v in numbers.items() if isinstance(v, Number) and not v.unit and v.value in whole}
    return tuple(answer for answer in answers if answer not in bare)


def judge(query: Query, prediction: str) -> bool | None:
    """Whether the prediction says one of the query's answers; None if the query has none.

    An answer is said if its tokens stand in the prediction next to each other and are not denied
    there. Tokens are whole words (case, accents, articles and punctuation do not matter),
    numbers with unit and scale ("$3,818.1 million" is "3,818,100,000") and dates. Only the truth is
    looked for in the prediction, never the other way round: an empty answer, "a" or "no" is not
    "Norway". "It is not 2.9%, it is 4%" denies 2.9%. Empty answers and refusals are never right.

    *Where we differ from RARE*: its judge takes containment either way after dropping all but
    ASCII, or embedding similarity 0.9, so the empty string is always right. Ours knows no
    paraphrase: synonyms belong into `Query.answers`.
    """
    return outcome(query, prediction) == "correct" if query.answers else None


def correct(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Whether the judged answers are right: the share of them, per query.

    Judged are the records of all conditions but the clean one, else the clean ones; closed-book
    probes are left out. NaN: no usable answer, or the query has no answers to compare with.
    """
    return _share(records, corpus, "correct")


def refusals(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Whether the judged answers are refusals: the share of them, per query; NaN as in `correct`."""
    return _share(records, corpus, "refusal")


def _share(records: Sequence[Record], corpus: Corpus, wanted: Outcome) -> NDArray[np.float64]:
    changed = any(r.condition != CLEAN for r in records)
    clean = {r.query_id: r for r in records if r.condition == CLEAN}
    values: dict[str, list[float]] = {query_id: [] for query_id in query_ids(records)}
    for record in records:
        if (record.condition != CLEAN) == changed and not record.condition.endswith("/none"):
            # an attack over its budget changed nothing
            seen = clean.get(record.query_id, record) if failed_attack(record) else record
            values[record.query_id].append(_scored(seen, corpus, wanted))
    return np.array([mean(v) for v in values.values()], dtype=np.float64)


def _scored(record: Record, corpus: Corpus, wanted: Outcome) -> float:
    query = corpus.queries.get(record.query_id)
    if record.failure is not None or record.answer is None or query is None or not query.answers:
        return math.nan
    return float(outcome(query, record.answer) == wanted)
