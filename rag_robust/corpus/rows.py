"""Rows of retrieval data checked one at a time, with errors that say where the row is."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rag_robust.errors import CorpusError
from rag_robust.types import Passage, Query

__all__ = ["grade", "identifier", "json_rows", "judge", "numbered", "passage", "query", "unique"]

Item = TypeVar("Item", Passage, Query)


def numbered(path: Path) -> Iterator[tuple[str, bytes]]:
    """`path:line` and the bytes of each line that is not blank, of a plain or .gz file.

    Only a line feed ends a line, so that an odd character inside a text cannot.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}:{number}", line.rstrip(b"\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: expected a readable file, got {error}") from error


def json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """`path:line` and the JSON object of each line.

    Raises:
        CorpusError: a line is not UTF-8, not JSON, or not an object.
    """
    for where, line in numbered(path):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{where}: expected one JSON object, got {error}") from error
        if not isinstance(row, dict):
            raise CorpusError(f"{where}: expected one JSON object, got {type(row).__name__}")
        yield where, row


def identifier(row: Mapping[str, Any], key: str, *, where: str) -> str:
    """The id under `key` as a string; whole numbers are accepted, since many data sets use them."""
    if key not in row:
        raise CorpusError(f'{where}: expected the key "{key}", got {", ".join(row) or "no keys"}')
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise CorpusError(f'{where}: expected a non-empty string or whole number as "{key}", got {value!r}')
    return str(value)


def passage(where: str, row: Mapping[str, Any]) -> tuple[str, Passage]:
    """The passage of a row `{"_id", "text", "title"}`; the title may be missing or null."""
    title = "" if row.get("title") is None else _string(row, "title", where=where)
    return where, Passage(identifier(row, "_id", where=where), _string(row, "text", where=where), title)


def query(where: str, row: Mapping[str, Any]) -> tuple[str, Query]:
    """The query of a row `{"_id", "text", "metadata"}`; its answers are `metadata.answers`, if any."""
    metadata = row.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise CorpusError(f'{where}: expected an object as "metadata", got {type(metadata).__name__}')
    answers = metadata.get("answers") or []
    if not isinstance(answers, list) or not all(isinstance(a, str) for a in answers):
        raise CorpusError(f'{where}: expected a list of strings as "metadata.answers", got {answers!r}')
    return where, Query(
        identifier(row, "_id", where=where), _string(row, "text", where=where), tuple(answers)
    )


def unique(items: Iterable[tuple[str, Item]]) -> Iterator[Item]:
    """The items without their places.

    Raises:
        CorpusError: an id came before.
    """
    seen: set[str] = set()
    for where, item in items:
        if item.id in seen:
            raise CorpusError(f'{where}: expected unique ids, got "{item.id}" a second time')
        seen.add(item.id)
        yield item


def grade(value: object, where: str) -> int:
    """A relevance grade; "2" and 2.0 are 2, since data sets write it all three ways."""
    try:
        number = float(value) if isinstance(value, str | int | float) else float("nan")
    except (ValueError, OverflowError):
        number = float("nan")
    if not number.is_integer():
        raise CorpusError(f"{where}: expected a whole number as the grade, got {value!r}")
    return int(number)


def judge(qrels: dict[str, dict[str, int]], pair: tuple[str, str], *, grade: int, where: str) -> None:
    """Put one judgement of `pair` (query id, passage id) into `qrels`; the same one twice is harmless.

    Raises:
        CorpusError: the pair has another grade already.
    """
    query_id, passage_id = pair
    known = qrels.setdefault(query_id, {}).setdefault(passage_id, grade)
    if known != grade:
        raise CorpusError(
            f'{where}: expected one grade for query "{query_id}" and passage "{passage_id}", '
            f"got {known} and {grade}"
        )


def _string(row: Mapping[str, Any], key: str, *, where: str) -> str:
    if key not in row:
        raise CorpusError(f'{where}: expected the key "{key}", got {", ".join(row) or "no keys"}')
    if not isinstance(row[key], str):
        raise CorpusError(f'{where}: expected a string as "{key}", got {type(row[key]).__name__}')
    return str(row[key])
