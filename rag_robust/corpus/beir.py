"""Read and write the folder layout of BEIR: corpus.jsonl, queries.jsonl and qrels/<split>.tsv."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import starmap
from pathlib import Path
from typing import Any

from rag_robust.corpus.build import build
from rag_robust.corpus.rows import grade, json_rows, judge, numbered, passage, query, unique
from rag_robust.errors import CorpusError, nearest
from rag_robust.types import Corpus, Query

__all__ = ["read", "write"]

_SPLITS = ("test", "dev", "train")
_SCORE_HEADERS = frozenset({"grade", "label", "rel", "relevance", "score"})


def read(folder: Path, *, split: str | None = None) -> Corpus:
    """A corpus from a BEIR folder.

    `corpus` and `queries` may be .jsonl, .jsonl.gz or .parquet; a split's judgements may have a
    header or not; numeric ids become strings; a query's `metadata.answers` become its answers.
    Without `split` it is test, else dev, else train. As BEIR's own loader does, only queries
    that the split judges are kept; a folder without qrels keeps all of its queries.

    Raises:
        CorpusError: no such folder or split, or `path:line: expected ..., got ...`.
    """
    if not folder.is_dir():
        raise CorpusError(f"expected a BEIR folder with corpus.jsonl, got {folder}, which is no folder")
    judged = _read_qrels(_qrels_file(folder, split))
    return build(
        unique(starmap(passage, _rows(_data_file(folder, "corpus")))),
        _queries(folder, judged),
        judged,
        where=str(folder),
    )


def write(corpus: Corpus, folder: Path, *, split: str = "test") -> None:
    """Write a corpus as a BEIR folder, all of it or nothing.

    The files are written beside the folder and renamed into place. Reading the folder gives the
    same corpus and digest if every query is judged, or none is.

    Raises:
        CorpusError: the folder is there and not empty, or an id holds a tab or line break.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CorpusError(f"expected a new or empty folder, got {folder}; name another one or empty it")
    if Path(split).name != split or split in {"", ".", ".."}:
        raise CorpusError(f'expected a split name such as "test", got "{split}"')
    judgements = list(_tsv(corpus.qrels))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        partial = Path(beside) / "new"
        partial.mkdir()
        _dump(partial / "corpus.jsonl", map(_passage_row, corpus.passages.values()))
        if corpus.queries:
            _dump(partial / "queries.jsonl", map(_query_row, corpus.queries.values()))
        if corpus.qrels:
            (partial / "qrels").mkdir()
            (partial / "qrels" / f"{split}.tsv").write_bytes("".join(judgements).encode())
        if folder.exists():
            folder.rmdir()  # renaming onto an empty folder works on some systems only
        partial.rename(folder)


def _data_file(folder: Path, stem: str) -> Path:
    names = [f"{stem}.jsonl", f"{stem}.jsonl.gz", f"{stem}.parquet"]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise CorpusError(f"{folder}: expected {', '.join(names[:-1])} or {names[-1]}, got none of them")


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix != ".parquet":
        return json_rows(path)
    from rag_robust.corpus import parquet  # loads pyarrow

    return parquet.rows(path)


def _queries(folder: Path, judged: Mapping[str, Any]) -> Iterator[Query]:
    if not judged and not any(folder.glob("queries.*")):
        return
    for found in unique(starmap(query, _rows(_data_file(folder, "queries")))):
        if not judged or found.id in judged:
            yield found


def _qrels_file(folder: Path, split: str | None) -> Path | None:
    splits = sorted(path.stem for path in (folder / "qrels").glob("*.tsv"))
    if split is None and splits:
        split = next((name for name in _SPLITS if name in splits), None)
        if split is None:
            raise CorpusError(
                f"{folder}/qrels: expected test.tsv, dev.tsv or train.tsv, got {', '.join(splits)}; "
                "name the split"
            )
    elif split is not None and split not in splits:
        raise CorpusError(f'{folder}/qrels: expected a split, got "{split}"; {nearest(split, splits)}')
    return folder / "qrels" / f"{split}.tsv" if split else None


def _read_qrels(path: Path | None) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for i, (where, line) in enumerate(numbered(path) if path else ()):
        fields = _fields(line, where)
        if i == 0 and fields[2].strip().lower() in _SCORE_HEADERS:
            continue
        if not fields[0] or not fields[1]:
            raise CorpusError(f"{where}: expected a query id and a passage id, got an empty one")
        judge(qrels, (fields[0], fields[1]), grade=grade(fields[2], where), where=where)
    return qrels


def _fields(line: bytes, where: str) -> list[str]:
    try:
        fields = line.decode("utf-8-sig").split("\t")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{where}: expected UTF-8, got {error}") from error
    if len(fields) != 3:
        raise CorpusError(
            f"{where}: expected query id, passage id and grade between tabs, got {len(fields)} fields"
        )
    return fields


def _tsv(qrels: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    yield "query-id\tcorpus-id\tscore\n"
    for query_id, row in qrels.items():
        for passage_id, value in row.items():
            if any(c in f"{query_id}{passage_id}" for c in "\t\r\n"):
                raise CorpusError(
                    f"expected ids without tabs and line breaks, got {query_id!r} and {passage_id!r}; "
                    "rename them"
                )
            yield f"{query_id}\t{passage_id}\t{value}\n"


def _passage_row(item: Any) -> dict[str, Any]:
    return {"_id": item.id, "title": item.title, "text": item.text}


def _query_row(item: Query) -> dict[str, Any]:
    answers = {"metadata": {"answers": list(item.answers)}} if item.answers else {}
    return {"_id": item.id, "text": item.text, **answers}


def _dump(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
