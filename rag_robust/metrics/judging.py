"""The stages of the judge one by one, further opinions by a model, and how often they disagree.

1. typed: numbers with unit and scale, percentages, dates, yes and no, compared as what they are. It has no
   verdict on a truth that is none of them.
2. alias: the truth, or one of its other spellings, stands in the prediction as it is written, as whole words
   in any case and accent, and is not denied.

Where a question offers several (`Query.rejected`), both want the right one to be chosen. The typed verdict
decides where there is one, else the second; of a name both read the same tokens. The truth is looked for in
the prediction alone. Refusals and empty answers are never right. Further stages are callables that a person
brings (`nli`, `model`): their verdicts are kept and compared, and change no score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import UsageError
from rag_robust.metrics._chosen import asserted
from rag_robust.metrics._records import mean, query_ids
from rag_robust.metrics.answers import listed, outcome, states, truths
from rag_robust.text import normalise
from rag_robust.tokens import Date, Number, tokens
from rag_robust.types import Corpus, Generate, Judge, Query, Record

__all__ = ["NOTED", "Verdicts", "disagreement", "further", "model", "nli", "verdicts", "with_opinion"]

NOTED = "judge "
"""Before the name of a further stage, in the notes of a record."""

Entails = Callable[[str, str], float]
"""(premise, hypothesis) to the probability that the first entails the second."""

_TRUTH_VALUES = frozenset({"yes", "no", "true", "false"})
_PROMPT = (
    "Question: {question}\nCorrect answer: {truth}\nAnswer to judge: {prediction}\n\n"
    "Does the answer to judge give the correct answer to the question? Reply with yes or no."
)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What each stage said of an answer; None: it has no verdict. `final` is what scores are made of."""

    final: bool
    typed: bool | None
    alias: bool | None
    further: Mapping[str, bool] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, bool]:
        """The stages that had a verdict."""
        own = {"typed": self.typed, "alias": self.alias}
        return {name: verdict for name, verdict in own.items() if verdict is not None} | dict(self.further)

    @property
    def agreed(self) -> bool:
        """Whether all of them said the same."""
        return len(set(self.told.values())) <= 1


def verdicts(query: Query, prediction: str, *, stages: Mapping[str, Judge] | None = None) -> Verdicts:
    """What each stage of the judge says of an answer, further `stages` included.

    Raises:
        UsageError: the query has no answers, so there is nothing to judge by.
    """
    if not query.answers:
        raise UsageError(f'query "{query.id}" has no answers to judge by')
    asked = {name: judge(query, prediction) for name, judge in (stages or {}).items()}
    opinions = {name: verdict for name, verdict in asked.items() if verdict is not None}
    got = outcome(query, prediction)
    if got in ("empty", "refusal"):
        return Verdicts(False, None, False, opinions)
    typed = any(_typed(a) for a in query.answers)
    told = asserted(query.text, (*query.answers, *query.rejected), prediction)
    members = listed(query.answers)
    alias = any(_written(told, a) for a in truths(query.answers)) or (
        bool(members) and all(_written(told, m) for m in members)
    )
    alias = alias and (got == "correct" or not query.rejected)
    return Verdicts(got == "correct", (got == "correct") if typed else None, alias, opinions)


def nli(entails: Entails, *, threshold: float = 0.5) -> Judge:
    """A stage that holds an answer right if, with the question, it entails one of the true answers.

    `entails` is any model of natural language inference, such as a cross-encoder's probability.
    """

    def judge(query: Query, prediction: str) -> bool | None:
        if not query.answers or not prediction.strip():
            return False if query.answers else None
        premise = f"{query.text} {prediction}"
        return any(entails(premise, f"{query.text} {truth}") >= threshold for truth in query.answers)

    return judge


def model(generate: Generate) -> Judge:
    """A stage that asks a language model, local or behind an endpoint, whether an answer is right.

    `generate` takes prompts to completions, as `generate.load({"kind": "openai", ...})` does. A reply that
    is neither yes nor no is no verdict.
    """

    def judge(query: Query, prediction: str) -> bool | None:
        if not query.answers or not prediction.strip():
            return False if query.answers else None
        truth = " or ".join(query.answers)
        (reply,) = generate([_PROMPT.format(question=query.text, truth=truth, prediction=prediction)])
        said = re.match(r"\W*(yes|no)\b", reply.casefold())
        return None if said is None else said[1] == "yes"

    return judge


def with_opinion(record: Record, query: Query, name: str, judge: Judge) -> Record:
    """The record with one more stage's verdict among its notes, where the stage has one."""
    if record.answer is None or record.failure is not None:
        return record
    verdict = judge(query, record.answer)
    notes = {} if verdict is None else {f"{NOTED}{name}": verdict}
    return replace(record, notes={**record.notes, **notes})


def further(record: Record) -> dict[str, bool]:
    """The verdicts of further stages that were noted on a record."""
    return {name.removeprefix(NOTED): bool(v) for name, v in record.notes.items() if name.startswith(NOTED)}


def disagreement(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """How often the stages of the judge disagree on an answer, further ones that were noted included."""
    found: dict[str, list[float]] = {query_id: [] for query_id in query_ids(records)}
    for record in records:
        query = corpus.queries.get(record.query_id)
        usable = record.failure is None and record.answer is not None
        if query is None or not query.answers or not usable:
            found[record.query_id].append(math.nan)
            continue
        told = replace(verdicts(query, record.answer or ""), further=further(record))
        found[record.query_id].append(float(not told.agreed))
    return np.array([mean(own) for own in found.values()], dtype=np.float64)


def _typed(truth: str) -> bool:
    values = [token.value for token in tokens(truth)]
    return any(isinstance(v, Number | Date) for v in values) or (
        len(values) == 1 and values[0] in _TRUTH_VALUES
    )


def _written(prediction: str, truth: str) -> bool:
    """Whether the truth stands there by its letters, and is not denied."""
    if not _typed(truth):
        return states(prediction, truth)
    bare = normalise(truth)
    left = r"(?<!\w)(?<!\d[.,])" if bare[:1].isalnum() else ""
    right = r"(?!\w)(?![.,]\d)" if bare[-1:].isalnum() else ""
    stands = re.search(f"{left}{re.escape(bare)}{right}", normalise(prediction)) is not None
    return stands and states(prediction, truth)
