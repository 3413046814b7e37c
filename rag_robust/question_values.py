"""From cells to a value per question, and from these to an estimate whose interval goes by document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rag_robust import metrics, stats
from rag_robust.metrics.cells import Cell, expected
from rag_robust.seeds import generator
from rag_robust.suite import Suite, Task
from rag_robust.types import Corpus, Estimate, Record

__all__ = ["Tally", "handled", "means", "right"]


@dataclass(frozen=True, slots=True)
class Tally:
    """The records of one task, and how a number becomes an estimate."""

    suite: Suite
    task: Task
    corpus: Corpus
    records: Sequence[Record]
    sources: Mapping[str, str]

    def score(self, metric: str, records: Sequence[Record] | None = None) -> Estimate:
        """A metric by name; with its interval over the documents the questions come from."""
        own = self.records if records is None else records
        values = metrics.load(metric)(own, self.corpus)
        ids = list(dict.fromkeys(r.query_id for r in own))
        return self.estimate(metric, dict(zip(ids, values.tolist(), strict=True)), metrics.bounds(metric))

    def estimate(
        self, name: str, values: Mapping[str, float], bounds: tuple[float, float] = (0.0, 1.0)
    ) -> Estimate:
        """The mean of a value per question."""
        rng = generator(self.suite.seed, "findings", self.task.name, name)
        own = [self.sources[i] for i in values]
        column = np.array(list(values.values()), dtype=np.float64)
        return stats.estimate(column, own, level=self.suite.level, rng=rng, bounds=bounds)


def right(some: Sequence[Cell], shown: str) -> dict[str, float]:
    """Per question the share of right answers over what was shown, of those that can be answered."""
    return means((c.record.query_id, float(c.right)) for c in some if c.shown == shown and c.answerable)


def handled(some: Iterable[Cell]) -> dict[str, float]:
    """Per question the share of its cells that is as expected; NaN where nothing is expected."""
    return means((c.record.query_id, math.nan if (v := expected(c)) is None else float(v)) for c in some)


def means(told: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Per question the mean of its values that are not NaN; NaN if none is left."""
    found: dict[str, list[float]] = {}
    for query_id, value in told:
        found.setdefault(query_id, []).append(value)
    means = {}
    for query_id, values in found.items():
        scored = [v for v in values if not math.isnan(v)]
        means[query_id] = math.fsum(scored) / len(scored) if scored else math.nan
    return means
