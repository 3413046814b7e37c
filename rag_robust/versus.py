"""Systems that were asked the same questions, side by side and pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from rag_robust import stats
from rag_robust.findings import Versus
from rag_robust.metrics.cells import ORIGINAL, cells, place
from rag_robust.suite import Suite
from rag_robust.types import Corpus, Record

__all__ = ["versus"]


def versus(
    suite: Suite, records: Mapping[str, Sequence[Record]], corpora: Mapping[str, Corpus]
) -> tuple[Versus, ...]:
    """Every two question tasks that share questions, by right answers over what each system retrieved.

    McNemar's exact test on the shared questions, as they are written; `decided` after Holm over all pairs of
    the suite, at its level.
    """
    tasks = [task.name for task in suite.task if task.kind == "questions"]
    right = {name: _right(records[name], corpora[name]) for name in tasks}
    found = []
    for first, second in combinations(tasks, 2):
        shared = [i for i in right[first] if i in right[second]]
        if shared:
            columns = [np.array([float(right[name][i]) for i in shared]) for name in (first, second)]
            rates = (float(columns[0].mean()), float(columns[1].mean()))
            found.append((first, second, rates, stats.mcnemar(*columns)))
    decided = stats.holm([pairs.p for *_, pairs in found], 1 - suite.level) if found else []
    return tuple(Versus(*one, falls) for one, falls in zip(found, decided, strict=True))


def _right(records: Sequence[Record], corpus: Corpus) -> dict[str, bool]:
    asked = [r for r in records if place(r.condition) == (ORIGINAL, "retrieved", "")]
    return {c.record.query_id: c.right for c in cells(asked, corpus) if c.answerable}
