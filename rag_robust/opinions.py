"""A further stage of the judge over a finished run: a model's verdict on each answer, beside the built-in."""

from __future__ import annotations

from rag_robust.gates import task_corpus
from rag_robust.metrics.judging import NOTED, with_opinion
from rag_robust.store import Store
from rag_robust.suite import parse
from rag_robust.types import Judge

__all__ = ["ask"]

_BATCH = 50


def ask(store: Store, name: str, judge: Judge) -> int:
    """Have every answer of the question tasks judged by one more stage; how many verdicts it gave.

    The verdicts are kept with the records under `name`: the report shows where they differ from the built-in
    stages, and no score changes. What has a verdict of that name is not asked again, so an interrupted call
    goes on where it stopped.
    """
    suite = parse(store.meta("suite"), where=str(store.folder))
    queries = {t.name: task_corpus(store, t).queries for t in suite.task if t.kind == "questions"}
    left = [r for r in store.records() if r.task in queries and f"{NOTED}{name}" not in r.notes]
    given = 0
    for start in range(0, len(left), _BATCH):
        batch = [r for r in left[start : start + _BATCH] if r.query_id in queries[r.task]]
        judged = [with_opinion(r, queries[r.task][r.query_id], name, judge) for r in batch]
        store.add(judged)
        given += sum(f"{NOTED}{name}" in r.notes for r in judged)
    return given
