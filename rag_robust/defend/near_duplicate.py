"""Near duplicates: a passage that shares most of its phrases with another one is suspicious.

Whoever needs many passages writes them from one mould. Two passages are compared by the Jaccard
similarity of their sets of shingles (word n-grams with the text's end marked): |A ∩ B| / |A ∪ B|.

*Source*: Broder, On the Resemblance and Containment of Documents, 1997. It estimates the
resemblance by min-wise hashing; here shingles are 64-bit hashes and all pairs of passages that share
one are counted, by a sparse product, which at tens of thousands of passages costs milliseconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from rag_robust.defend._tools import Tools
from rag_robust.errors import TargetError, UsageError
from rag_robust.text import normalise, words
from rag_robust.types import Passage

__all__ = ["suspicion"]

USES: tuple[str, ...] = ()

ROWS = 256
"""Passages compared at once: what bounds the memory."""

_PRIME = np.uint64(0x9E3779B97F4A7C15)

Shingles = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _Index:
    """`codes` (S,) sorted, `held` (S, c): which passage holds which; `sizes` (c,), `place`: id to column."""

    codes: Shingles
    held: csr_array
    sizes: NDArray[np.int64]
    place: Mapping[str, int]


def suspicion(passages: Sequence[Passage], tools: Tools, *, n: int = 3) -> NDArray[np.float64]:
    """The greatest Jaccard similarity to a passage of the corpus with another id, shape (n,).

    1 is the same words in the same order, 0 no shared shingle (or no words). A flood of copies
    is seen only in the corpus that holds the flood: `suspicion(inserted, tools.seeing(inserted))`.

    Raises:
        TargetError: there is no corpus to compare with (not applicable).
    """
    if not tools.passages and not tools.inserted:
        raise TargetError("the defence needs the corpus and was given none", "not_applicable")
    if n < 1:
        raise UsageError(f"expected shingles of n >= 1 words, got n = {n}")
    sets = [_shingles(p.full, n) for p in passages]
    ids = [p.id for p in passages]
    old = tools.once(f"shingles of {n}", tools.passages, lambda: _index(tools.passages.values(), n))
    new = _index(tools.inserted, n)
    return np.maximum(_greatest(sets, ids, old, new.place), _greatest(sets, ids, new, ()))


def _index(passages: Iterable[Passage], n: int) -> _Index:
    listed = list(passages)
    sets = [_shingles(p.full, n) for p in listed]
    flat = np.concatenate([np.empty(0, np.uint64), *sets])
    codes, rows = np.unique(flat, return_inverse=True)
    sizes = np.array([len(s) for s in sets], np.int64)
    columns = np.repeat(np.arange(len(sets)), sizes)
    held = csr_array((np.ones(len(flat), np.int64), (rows, columns)), shape=(len(codes), len(sets)))
    return _Index(codes, held, sizes, {p.id: column for column, p in enumerate(listed)})


def _greatest(
    sets: Sequence[Shingles], ids: Sequence[str], index: _Index, gone: Collection[str]
) -> NDArray[np.float64]:
    """For each set the greatest Jaccard similarity to the index, but for its own id and those `gone`."""
    out = np.zeros(len(sets), np.float64)
    away = np.array([index.place[i] for i in gone if i in index.place], np.int64)
    own = np.array([index.place.get(i, -1) for i in ids], np.int64)
    for start in range(0, len(sets), ROWS):
        rows = slice(start, start + ROWS)
        row, column, jaccard = _pairs(sets[rows], index)
        jaccard[(own[rows][row] == column) | np.isin(column, away)] = 0
        np.maximum.at(out[rows], row, jaccard)
    return out


def _pairs(
    sets: Sequence[Shingles], index: _Index
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Every pair of a set (row) and a passage of the index (column) that share a shingle, with its value."""
    flat = np.concatenate([np.empty(0, np.uint64), *sets])
    sizes = np.array([len(s) for s in sets], np.int64)
    at = np.searchsorted(index.codes, flat)
    known = at < len(index.codes)
    known[known] = index.codes[at[known]] == flat[known]
    rows = np.repeat(np.arange(len(sets)), sizes)[known]
    shape = (len(sets), len(index.codes))
    mine = csr_array((np.ones(len(rows), np.int64), (rows, at[known])), shape=shape)
    shared = (mine @ index.held).tocoo()
    row, column = shared.coords
    return row, column, shared.data / (sizes[row] + index.sizes[column] - shared.data)


def _shingles(text: str, n: int) -> Shingles:
    """The distinct shingles of a text, sorted: one starts at each word, the last n − 1 meet the end."""
    found = words(normalise(text))
    line = np.array([*map(_number, found), *[0] * (n - 1)], np.uint64)
    code = line[: len(found)]
    for step in range(1, n):
        code = code * _PRIME + line[step : step + len(found)]
    return np.unique(code)


@lru_cache(maxsize=1 << 17)
def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
