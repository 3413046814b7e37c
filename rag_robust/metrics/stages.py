"""Where an answer is lost when a query is reworded: by the retriever, or by the generator.

For a question q, its reworded form q', what is retrieved for each, R(q) and R(q'), and acc(q, D) = 1 if the
answer to q over the documents D is right:

    acc(q, R(q)) - acc(q', R(q'))  =  [acc(q, R(q)) - acc(q, R(q'))]  +  [acc(q, R(q')) - acc(q', R(q'))]
            loss                              retriever                           generator

Values lie in [-1, 1] and are means over a question's forms; below 0 the rewording helped. Only forms of which
all three answers can be judged count, so that the parts always add up. The answer in the middle is
one more generation per form ("original/retrieved?for=FORM"; `split = true` in a suite).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import mean, query_ids
from rag_robust.metrics.cells import halves
from rag_robust.types import Corpus, Record

__all__ = ["BOUNDS", "generator_loss", "retriever_loss", "wording_loss"]

BOUNDS = dict.fromkeys(("generator_loss", "retriever_loss", "wording_loss"), (-1.0, 1.0))

Values = NDArray[np.float64]


def wording_loss(records: Sequence[Record], corpus: Corpus) -> Values:
    """How many answers of the whole system a rewording costs: acc(q, R(q)) - acc(q', R(q'))."""
    return _losses(records, corpus, "before", "after")


def retriever_loss(records: Sequence[Record], corpus: Corpus) -> Values:
    """The part of `wording_loss` that other passages cost: acc(q, R(q)) - acc(q, R(q'))."""
    return _losses(records, corpus, "before", "between")


def generator_loss(records: Sequence[Record], corpus: Corpus) -> Values:
    """The part of `wording_loss` that the wording itself costs a reader: acc(q, R(q')) - acc(q', R(q'))."""
    return _losses(records, corpus, "between", "after")


def _losses(records: Sequence[Record], corpus: Corpus, first: str, second: str) -> Values:
    found: dict[str, list[float]] = {query_id: [] for query_id in query_ids(records)}
    for (query_id, _), answers in halves(records, corpus).items():
        if {"before", "between", "after"} <= answers.keys():
            found[query_id].append(float(answers[first].right) - float(answers[second].right))
    return np.array([mean(own) for own in found.values()], dtype=np.float64)
