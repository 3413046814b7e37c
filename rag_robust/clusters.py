"""Which values of a metric depend on each other: those that share a query, a document or a change."""

from __future__ import annotations

from collections.abc import Sequence

from rag_robust import metrics
from rag_robust.task import Task
from rag_robust.types import Corpus, Record

__all__ = ["clusters"]


def clusters(
    task: Task, metric: str, condition: str, records: Sequence[Record], corpus: Corpus
) -> tuple[str, ...]:
    """The cluster of each value of a metric: one per query, in order of first appearance.

    It is the query itself; for questions the document it was written from, which the records' note
    `source` names (without it, passages of one document share its title); for a metric that measures the
    change the changes the query went through.
    """
    ids = list(dict.fromkeys(r.query_id for r in records))
    if metrics.of_change(metric):
        return tuple(" ".join(_changes(records, condition, i)) or i for i in ids)
    if task.kind != "questions":
        return tuple(ids)
    noted = {r.query_id: str(r.notes["source"]) for r in records if r.notes.get("source")}
    return tuple(noted.get(i) or _document(corpus, i) for i in ids)


def _changes(records: Sequence[Record], condition: str, query_id: str) -> list[str]:
    return sorted({r.change for r in records if r.query_id == query_id and r.condition == condition})


def _document(corpus: Corpus, query_id: str) -> str:
    evidence = min(corpus.qrels.get(query_id, {}), default=query_id)
    passage = corpus.passages.get(evidence)
    return (passage.title if passage else "") or evidence
