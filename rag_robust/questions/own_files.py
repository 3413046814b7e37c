"""A person's own files as passages: markdown, HTML and text, and CSV and JSON records beside them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag_robust.corpus import files
from rag_robust.corpus.build import build
from rag_robust.errors import CorpusError
from rag_robust.types import Corpus, Passage

__all__ = ["read_files"]

_ROWS = 20
"""Rows of one passage; the header is repeated in each."""

_SHEETS = {".csv": ",", ".tsv": "\t"}


def read_files(pattern: str) -> Corpus:
    """The passages of `corpus.files.read`, and those of .csv, .tsv, .json and .jsonl files beside them.

    A sheet becomes markdown tables of 20 rows, a list of JSON objects a block of lines "Field:
    value" for each; the title is the file's name without its ending. The result is the corpus that
    a system has to index for the questions.

    Raises:
        CorpusError: nothing matches, or a file is not UTF-8, CSV or JSON.
    """
    found = [*_sheets(pattern)]
    try:
        texts = [*files.read(pattern).passages.values()]
    except CorpusError:
        if not found:
            raise
        texts = []
    return build([*texts, *found], where=pattern)


def _sheets(pattern: str) -> Iterator[Passage]:
    path = Path(pattern)
    base, wild = (path, "**/*") if path.is_dir() else (path.parent, path.name)
    for file in sorted(p for p in base.glob(wild) if p.is_file()):
        name = file.relative_to(base).as_posix()
        if file.suffix.lower() in _SHEETS:
            yield from _tables(name, file, _SHEETS[file.suffix.lower()])
        elif file.suffix.lower() in {".json", ".jsonl"}:
            yield from _records(name, file)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{file}: expected UTF-8 text, got {error}; save it as UTF-8") from error


def _tables(name: str, file: Path, mark: str) -> Iterator[Passage]:
    try:
        rows = [row for row in csv.reader(io.StringIO(_text(file)), delimiter=mark, strict=True) if any(row)]
    except csv.Error as error:
        raise CorpusError(f"{file}: expected rows parted by {mark!r}, got {error}") from error
    if len(rows) < 2:
        return
    head = [_line(rows[0]), _line(["---"] * len(rows[0]))]
    for i in range(1, len(rows), _ROWS):
        text = "\n".join([*head, *map(_line, rows[i : i + _ROWS])])
        yield Passage(f"{name}#{i // _ROWS:04d}", text, _title(file))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |"


def _records(name: str, file: Path) -> Iterator[Passage]:
    text = _text(file)
    try:
        held = json.loads(text) if file.suffix.lower() == ".json" else _lines(text)
    except ValueError as error:
        raise CorpusError(f"{file}: expected JSON, got {error}") from error
    rows = held if isinstance(held, list) else [held]
    for i, row in enumerate(r for r in rows if isinstance(r, dict)):
        fields = [f"{key}: {_told(value)}" for key, value in row.items() if _told(value)]
        if fields:
            yield Passage(f"{name}#{i:04d}", "\n".join(fields), _title(file))


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _told(value: Any) -> str:
    """A plain value, or several between semicolons; what is nested is left out."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(filter(None, map(_told, value)))
    return "" if value is None or isinstance(value, dict) else " ".join(str(value).split())


def _title(file: Path) -> str:
    return file.stem.replace("_", " ").replace("-", " ")
