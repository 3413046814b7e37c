"""What is left of a question's answers in the worst case: means hide it, and an attacker picks it.

f is whether a cell is as `cells.expected`; cells that expect nothing are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import mean, query_ids
from rag_robust.metrics._shares import least
from rag_robust.metrics.cells import ORIGINAL, Cell, expected, grid
from rag_robust.types import Corpus, Record

__all__ = ["consistency", "worst_case", "worst_documents"]

Values = NDArray[np.float64]


def worst_case(records: Sequence[Record], corpus: Corpus) -> Values:
    """Whether a question is handled as expected under every form and every document condition.

    W_i = min f over all its cells: one failure is enough.
    """
    return least(records, corpus, lambda _: True, expected)


def worst_documents(records: Sequence[Record], corpus: Corpus) -> Values:
    """Whether a question is handled as expected under every document condition, in its original form."""
    return least(records, corpus, lambda c: c.form == ORIGINAL, expected)


def consistency(records: Sequence[Record], corpus: Corpus) -> Values:
    """Whether all wordings get the same answer, and it is right, where an answer is due.

    The mean over document conditions in which k = 1 or the evidence is full of: every form is answered
    right. NaN: no such condition has two forms. *Where we differ from agreement of outcomes*, which is
    what is usually reported: that is 1 for who always refuses.
    """
    grouped = _documents(records, corpus)
    values = []
    for query_id in query_ids(records):
        due = [[c for c in own if c.known or c.evidence == "full"] for own in grouped.get(query_id, ())]
        values.append(mean([float(all(c.right for c in own)) for own in due if len(own) > 1]))
    return np.array(values, dtype=np.float64)


def _documents(records: Sequence[Record], corpus: Corpus) -> dict[str, list[list[Cell]]]:
    """Per question the cells of each document condition, one per form."""
    found: dict[str, list[list[Cell]]] = {}
    for query_id, own in grid(records, corpus).items():
        by: dict[str, list[Cell]] = {}
        for cell in own:
            by.setdefault(cell.shown, []).append(cell)
        found[query_id] = list(by.values())
    return found
