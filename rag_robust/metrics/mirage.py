"""MIRAGE's four labels: what reading does to an answer, from three ways to ask for it.

With b, o and m = 1 if the answer is right in the closed book, over the gold passages (oracle) and over what
was retrieved (mixed), in the original form:

    noise vulnerability         m = 0, o = 1    the evidence would do, the retrieved passages mislead
    context acceptability       m = 1, o = 1    the evidence is used
    context insensitivity       b = 0, o = 0    not even the evidence helps
    context misinterpretation   b = 1, o = 0    known by heart, lost over the evidence

Every question with all three answers has exactly one of them, so the four shares add up to 1. An empty
answer is not right.

*Source*: Park et al., MIRAGE (arXiv 2504.17137), the shares of its code; judged by our judge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import query_ids
from rag_robust.metrics.cells import ORIGINAL, cells
from rag_robust.types import Corpus, Record

__all__ = [
    "context_acceptability",
    "context_insensitivity",
    "context_misinterpretation",
    "noise_vulnerability",
]

Values = NDArray[np.float64]


def noise_vulnerability(records: Sequence[Record], corpus: Corpus) -> Values:
    """MIRAGE's NV: right over the evidence, wrong over what was retrieved."""
    return _labels(records, corpus, lambda b, o, m: o and not m)  # noqa: ARG005


def context_acceptability(records: Sequence[Record], corpus: Corpus) -> Values:
    """MIRAGE's CA: right over the evidence and over what was retrieved."""
    return _labels(records, corpus, lambda b, o, m: o and m)  # noqa: ARG005


def context_insensitivity(records: Sequence[Record], corpus: Corpus) -> Values:
    """MIRAGE's CI: wrong in the closed book and over the evidence as well."""
    return _labels(records, corpus, lambda b, o, m: not b and not o)  # noqa: ARG005


def context_misinterpretation(records: Sequence[Record], corpus: Corpus) -> Values:
    """MIRAGE's CM: right in the closed book, wrong over the evidence."""
    return _labels(records, corpus, lambda b, o, m: b and not o)  # noqa: ARG005


def _labels(records: Sequence[Record], corpus: Corpus, label: Callable[[bool, bool, bool], bool]) -> Values:
    right: dict[str, dict[str, bool]] = {}
    for cell in cells(records, corpus):
        if cell.form == ORIGINAL and cell.answerable and not cell.found_for:
            right.setdefault(cell.record.query_id, {}).setdefault(cell.shown, cell.right)
    values = []
    for query_id in query_ids(records):
        own = right.get(query_id, {})
        if {"none", "gold", "retrieved"} <= own.keys():
            values.append(float(label(own["none"], own["gold"], own["retrieved"])))
        else:
            values.append(math.nan)
    return np.array(values, dtype=np.float64)
