"""Markdown tables in a text, every cell with the place where it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Cell", "Table", "tables"]

_RULE = re.compile(r"\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?$")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell; `text == passage_text[start:end]`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Table:
    """A header row, body rows of the same length, and the first sentence of the line above."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(text: str) -> Iterator[Table]:
    """The tables of a text, in order.

    A table is a line with pipes, a line of dashes and pipes, and further lines that begin with a
    pipe. Rows of another length than the header are left out: their cells have no column for sure.
    """
    lines = list(_lines(text))
    for i in range(len(lines) - 1):
        line, start = lines[i]
        if not (_is_row(line) and _RULE.match(lines[i + 1][0].strip())):
            continue
        header = _cells(line, start)
        body = []
        for row, at in lines[i + 2 :]:
            if not _is_row(row):
                break
            body.append(_cells(row, at))
        rows = tuple(row for row in body if len(row) == len(header))
        yield Table(_caption(lines[:i]), tuple(cell.text for cell in header), rows)


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """Lines and where they start."""
    at = 0
    for line in text.split("\n"):
        yield line, at
        at += len(line) + 1


def _is_row(line: str) -> bool:
    return line.lstrip().startswith("|")


def _cells(line: str, at: int) -> tuple[Cell, ...]:
    """Cells between pipes (an escaped pipe parts nothing), white space around them left out."""
    bare = line.rstrip()
    first = line.index("|") + 1
    closed = bare.endswith("|") and not bare.endswith("\\|") and len(bare) > first
    last = len(bare) - closed
    cells, start = [], first
    for end in [*(i for i in range(first, last) if line[i] == "|" and line[i - 1] != "\\"), last]:
        raw = line[start:end]
        left = start + len(raw) - len(raw.lstrip())
        text = raw.strip()
        cells.append(Cell(text, at + left, at + left + len(text)))
        start = end + 1
    return tuple(cells)


def _caption(above: list[tuple[str, int]]) -> str:
    """The first sentence of the nearest line above that is not blank, if it is no table."""
    for line, _ in reversed(above):
        if line.strip():
            plain = line.replace("*", "").strip("#: ")
            return "" if _is_row(line) else _SENTENCE_END.split(plain, maxsplit=1)[0].strip(": ")
    return ""
