"""A corpus from a Hugging Face data set in BEIR's hub layout, by name or from a local folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import starmap
from pathlib import Path
from typing import Any

import datasets
from datasets.exceptions import DatasetsError

from rag_robust.corpus.build import build
from rag_robust.corpus.rows import grade, identifier, judge, passage, query, unique
from rag_robust.errors import CorpusError
from rag_robust.types import Corpus

__all__ = ["read"]

_ERRORS = (OSError, RuntimeError, ValueError, DatasetsError)
_SPLITS = ("test", "dev", "validation", "train")


def read(name: str, *, revision: str | None = None) -> Corpus:
    """A corpus from the configurations `corpus`, `queries` and `default` (or `qrels`).

    Columns: `_id, title, text`; `_id, text`; `query-id, corpus-id, score`. Judgements come from
    the split test, else dev or validation, else train, and only judged queries are kept. A local
    folder is streamed, so it leaves nothing in a cache and needs no network; a hub name goes
    through the cache of `datasets` and its offline settings. Pin `revision` to make a hub
    corpus repeatable.

    Raises:
        CorpusError: the data set cannot be loaded or has another layout.
    """
    names = _configurations(name, revision)
    for needed in ("corpus", "queries"):
        if needed not in names:
            raise CorpusError(f'{name}: expected a configuration "{needed}", got {", ".join(names)}')
    judgements = next((n for n in ("default", "qrels") if n in names), None)
    if judgements is None:
        raise CorpusError(
            f'{name}: expected judgements in a configuration "default" or "qrels", got {", ".join(names)}; '
            "name a copy that has them"
        )
    qrels = _qrels(name, _split(name, judgements, revision=revision, wanted=_SPLITS))
    asked = _split(name, "queries", revision=revision, wanted=("queries", *_SPLITS))
    held = _split(name, "corpus", revision=revision, wanted=("corpus", *_SPLITS))
    queries = (q for q in unique(starmap(query, _rows(name, asked))) if q.id in qrels)
    return build(unique(starmap(passage, _rows(name, held))), queries, qrels, where=name)


def _configurations(name: str, revision: str | None) -> list[str]:
    try:
        return list(datasets.get_dataset_config_names(name, revision=revision))
    except _ERRORS as error:
        raise CorpusError(
            f"{name}: expected a data set on the hub or a local folder, got: {error}"
        ) from error


def _split(name: str, configuration: str, *, revision: str | None, wanted: tuple[str, ...]) -> Any:
    try:
        splits = datasets.load_dataset(name, configuration, revision=revision, streaming=Path(name).is_dir())
    except _ERRORS as error:
        raise CorpusError(
            f'{name}: expected a loadable configuration "{configuration}", got: {error}'
        ) from error
    found = next((split for split in wanted if split in splits), None)
    if found is None:
        raise CorpusError(
            f'{name}: expected "{configuration}" to have a split {", ".join(wanted)}, got {", ".join(splits)}'
        )
    return splits[found]


def _rows(name: str, split: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    place = f"{name}:{split.info.config_name}"
    try:
        for i, row in enumerate(split, 1):
            yield f"{place}:{i}", row
    except _ERRORS as error:
        raise CorpusError(f"{place}: expected readable rows, got: {error}") from error


def _qrels(name: str, split: Any) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for where, row in _rows(name, split):
        pair = identifier(row, "query-id", where=where), identifier(row, "corpus-id", where=where)
        judge(qrels, pair, grade=grade(row.get("score"), where), where=where)
    return qrels
