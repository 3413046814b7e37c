"""A corpus from an `ir_datasets` id such as `beir/scifact/test`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from rag_robust.corpus.build import build
from rag_robust.corpus.rows import judge
from rag_robust.errors import CorpusError, MissingExtra
from rag_robust.types import Corpus, Passage, Query

__all__ = ["read"]


def read(dataset_id: str) -> Corpus:
    """A corpus through `ir_datasets`, which downloads and caches by its own rules.

    A document's text is its field `text`, else the library's `default_text()`; only judged
    queries are kept, all of them if nothing is judged.

    Raises:
        MissingExtra: `ir_datasets` is not installed.
        CorpusError: the id is unknown or has no documents.
    """
    try:
        library = importlib.import_module("ir_datasets")
    except ImportError as error:
        raise MissingExtra("ir_datasets", '"rag-robust[irds]"', f'the corpus "irds:{dataset_id}"') from error
    try:
        source = library.load(dataset_id)
    except KeyError as error:
        raise CorpusError(
            f'expected an ir_datasets id such as beir/scifact/test, got "{dataset_id}"'
        ) from error
    if not source.has_docs():
        raise CorpusError(f"{dataset_id}: expected a data set with documents, got one without")
    qrels: dict[str, dict[str, int]] = {}
    for item in source.qrels_iter() if source.has_qrels() else ():
        judge(qrels, (item.query_id, item.doc_id), grade=int(item.relevance), where=dataset_id)
    queries = source.queries_iter() if source.has_queries() else ()
    kept = (Query(q.query_id, _text(q)) for q in queries if not qrels or q.query_id in qrels)
    return build(_passages(source), kept, qrels, where=dataset_id)


def _passages(source: Any) -> Iterator[Passage]:
    for document in source.docs_iter():
        yield Passage(document.doc_id, _text(document), getattr(document, "title", None) or "")


def _text(item: Any) -> str:
    text = getattr(item, "text", None)
    return text if isinstance(text, str) else str(item.default_text())
