"""Cut a text into passages of at most so many words, without losing a character."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise

from rag_robust.errors import CorpusError
from rag_robust.text import sentences

__all__ = ["chunk"]

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_WORD = re.compile(r"\S+")


def chunk(text: str, *, max_words: int = 120) -> list[str]:
    """Consecutive pieces of the text, each of at most `max_words` words.

    `"".join(chunk(text)) == text`, exactly; a word is a run without white space. Whole paragraphs
    are packed greedily. A paragraph above the limit is cut between its markdown tables and the
    rest, these between table rows or sentences, these between words. So a table stays in one
    piece, with its caption if no blank line parts them, unless it is itself above the limit. No
    piece is blank unless the text is; an empty text has no pieces.

    Raises:
        CorpusError: `max_words` is below 1.
    """
    if max_words < 1:
        raise CorpusError(f"expected at least 1 word per passage, got {max_words}")
    packed: list[list[str]] = []
    size = 0
    for piece in _pieces(text, max_words) if text else ():
        n = len(piece.split())
        if packed and size + n <= max_words:
            packed[-1].append(piece)
            size += n
        else:
            packed.append([piece])
            size = n
    return ["".join(pieces) for pieces in packed]


def _pieces(text: str, max_words: int) -> Iterator[str]:
    """The largest paragraphs, tables, rows, sentences or words within the limit, in order."""
    for paragraph in _cut(text, (m.end() for m in _PARAGRAPH.finditer(text))):
        if _fits(paragraph, max_words):
            yield paragraph
            continue
        for is_table, block in _blocks(paragraph):
            if _fits(block, max_words):
                yield block
                continue
            for part in block.splitlines(keepends=True) if is_table else _sentences(block):
                yield from [part] if _fits(part, max_words) else _words(part)


def _fits(text: str, max_words: int) -> bool:
    return len(text.split()) <= max_words


def _cut(text: str, places: Iterable[int]) -> list[str]:
    """The text cut at these offsets; blank ends go with their neighbour, so no piece is empty."""
    bounds = [0, *(place for place in places if 0 < place < len(text)), len(text)]
    return [text[a:b] for a, b in pairwise(bounds)]


def _blocks(paragraph: str) -> list[tuple[bool, str]]:
    """Runs of table lines (True) and of other lines."""
    runs = groupby(paragraph.splitlines(keepends=True), lambda line: line.lstrip().startswith("|"))
    return [(is_table, "".join(lines)) for is_table, lines in runs]


def _sentences(text: str) -> list[str]:
    starts, end = [], 0
    for sentence in sentences(text):
        starts.append(text.index(sentence, end))
        end = starts[-1] + len(sentence)
    return _cut(text, starts[1:])


def _words(text: str) -> list[str]:
    return _cut(text, [m.start() for m in _WORD.finditer(text)][1:])
