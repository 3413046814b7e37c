"""Word vectors in text files, as GloVe, word2vec and counter-fitted vectors are given away."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import ModelError
from rag_robust.synonyms.neighbours import whole_words

__all__ = ["read_vectors", "write_vectors"]


def read_vectors(
    path: Path, *, first: int | None = None, vocabulary: Collection[str] | None = None
) -> tuple[list[str], NDArray[np.float32]]:
    """Words and their vectors, shape (n, h), from a file with a word and h numbers per line.

    A first line "n h" (word2vec) is skipped. Only whole alphabetic words are kept, lower-cased, the first
    line of each; of these only lines up to `first` (GloVe is sorted by frequency) and words of
    `vocabulary`, if they are given. The file is read line by line: only what is kept takes memory.

    Raises:
        ModelError: a file that is missing or keeps no word, or a line that is not a word and h numbers.
    """
    if not path.is_file():
        raise ModelError(
            f"no word vectors at {path}; expected a text file with a word and its numbers per line"
        )
    wanted = None if vocabulary is None else {word.lower() for word in vocabulary}
    rows: dict[str, None] = {}
    flat, width = array("f"), 0
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in islice(enumerate(lines, 1), first):
            fields = line.rstrip().rsplit(" ", width or -1)
            if not fields[0] or (number == 1 and len(fields) == 2 and fields[0].isdigit()):
                continue
            width = width or len(fields) - 1
            word = next(iter(whole_words(fields[:1])), "")
            _check(path, number, len(fields) - 1, width)
            if word and word not in rows and (wanted is None or word in wanted):
                rows[word] = None
                flat.extend(_numbers(path, number, fields[1:]))
    if not rows:
        raise ModelError(
            f"{path} holds vectors of no word that was asked for; is it sorted otherwise, or empty?"
        )
    return list(rows), np.array(flat, np.float32).reshape(-1, width)


def write_vectors(path: Path, words: Sequence[str], vectors: NDArray[np.floating]) -> None:
    """A file that `read_vectors` reads: six decimals, so that it is the same wherever it was computed.

    Raises:
        ModelError: not one vector per word.
    """
    if vectors.ndim != 2 or len(words) != len(vectors):
        raise ModelError(f"expected {len(words)} vectors, one per word, got shape {vectors.shape}")
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for word, row in zip(words, vectors.tolist(), strict=True):
            out.write(f"{word} {' '.join(f'{x:.6f}' for x in row)}\n")


def _check(path: Path, number: int, found: int, width: int) -> None:
    if found != width or not found:
        raise ModelError(
            f"{path}:{number}: expected a word and {width or 'its'} numbers, got {found} numbers"
        )


def _numbers(path: Path, number: int, fields: Sequence[str]) -> list[float]:
    try:
        found = [float(field) for field in fields]
    except ValueError as error:
        raise ModelError(f"{path}:{number}: expected a word and numbers: {error}") from error
    if not np.isfinite(found).all():
        raise ModelError(f"{path}:{number}: expected finite numbers; mend or delete the line")
    return found
