"""Markdown tables in a text, every cell with the place where it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag_robust.questions.sections import is_prose

__all__ = ["Cell", "Table", "tables"]

_RULE = re.compile(r"\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?$")
_LABEL = re.compile(r"\s*(?:[*_#]|(?:table|figure|exhibit) \w+[.:] )", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell; `text == passage_text[start:end]`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Table:
    """A header row, body rows of the same length, and the first sentence of the line above.

    A sentence of the running text above is no caption. `top` is the span from the caption's line to
    the end of the header row, `start` where that row begins, `end` where the last row ends.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    top: tuple[int, int] = (0, 0)
    end: int = 0
    start: int = 0


def tables(text: str) -> Iterator[Table]:
    """The tables of a text, in order.

    A table is a line with pipes, a line of dashes and pipes, and further lines that begin with a
    pipe. Without the line of dashes, as HTML tables without `<th>` come, at least three lines with
    pipes are one if every cell of the first is words and a column below it holds digits only. Rows of another
    length than the header are left out: their cells have no column for sure.
    """
    lines = list(_lines(text))
    i = 0
    while i < len(lines):
        n = next((j for j in range(i, len(lines)) if not _is_row(lines[j][0])), len(lines)) - i
        if n == 0:
            i += 1
            continue
        found = _table(lines, i, i + n)
        if found is not None:
            yield found
        i += n


def _table(lines: list[tuple[str, int]], first: int, last: int) -> Table | None:
    """The table in the run of rows `first` to `last`, if it is one."""
    ruled = [i for i in range(first + 1, last) if _RULE.match(lines[i][0].strip())]
    at = ruled[0] - 1 if ruled else first
    line, start = lines[at]
    header = _cells(line, start)
    body = [_cells(*row) for row in lines[at + (2 if ruled else 1) : last]]
    rows = tuple(row for row in body if len(row) == len(header))
    if not ruled and not _has_header(header, rows):
        return None
    caption, begin = _caption(lines[:at])
    top = (start if begin is None else begin, start + len(line))
    end = lines[last - 1][1] + len(lines[last - 1][0])
    return Table(caption, tuple(cell.text for cell in header), rows, top, end, start)


def _has_header(header: tuple[Cell, ...], rows: tuple[tuple[Cell, ...], ...]) -> bool:
    if len(rows) < 2 or len(header) < 2 or any(c.isdigit() for cell in header for c in cell.text):
        return False
    columns = list(zip(*rows, strict=True))
    return any(all(any(c.isdigit() for c in cell.text) for cell in column) for column in columns)


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


def _caption(above: list[tuple[str, int]]) -> tuple[str, int | None]:
    """The first sentence of the nearest line above that is not blank, if it is a caption; its start."""
    held = next((i for i in reversed(range(len(above))) if above[i][0].strip()), None)
    if held is None or _is_row(above[held][0]):
        return "", None
    line, at = above[held]
    plain = line.replace("*", "").strip("#: ")
    beside = held == len(above) - 1
    wrapped = (
        held > 0 and bool(above[held - 1][0].strip()) and not above[held - 1][0].lstrip().startswith("#")
    )
    running = (wrapped or not beside) and plain.endswith((".", "!", "?")) and not _LABEL.match(line)
    caption = _SENTENCE_END.split(plain, maxsplit=1)[0].strip(": ")
    return ("", None) if running or is_prose(caption) else (caption, at)
