"""One name for the relations that mean the same, whatever order the documents come in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["THRESHOLD", "Embed", "is_participle", "merged", "ngrams"]

THRESHOLD = 0.9
"""Cosine that every pair of relations of one name must have (RARE's own threshold)."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors of shape (n, dim), each depending on its own text alone."""

_DIM = 2048
_PARTICIPLE = re.compile(r"\w+ed|begun|born|built|held|known|left|lost|made|sold|won|written")
_WORD = re.compile(r"[^\W_]+")
_OPPOSED = (
    frozenset({"highest", "lowest", "maximum", "minimum", "most", "least", "average", "median"}),
    frozenset({"first", "last", "opening", "closing", "final", "initial", "previous", "next"}),
    frozenset({"import", "imports", "export", "exports"}),
    frozenset({"buyer", "seller", "parent", "subsidiary", "father", "mother", "birth", "death"}),
    frozenset({"gross", "net"}),
    frozenset({"male", "female", "men", "women"}),
    frozenset({"start", "end", "founded", "dissolved"}),
)


def is_participle(relation: str) -> bool:
    """True for "founded" and "built": fields that say what was done, whose numbers are no amounts."""
    return bool(_PARTICIPLE.fullmatch(relation.casefold()))


def merged(
    counts: Mapping[str, int], *, embed: Embed | None = None, threshold: float = THRESHOLD
) -> dict[str, str]:
    """Relation to the name of its group, by complete linkage of cosines.

    Groups are joined while **every** pair between them has cosine at least `threshold`, the
    closest groups first, ties by name: the result depends on the set of relations and on nothing
    else. Relations with opposed words ("highest", "lowest") or different numbers are never joined.
    A group is named after its most frequent relation, the first in the alphabet among equals.
    `embed` defaults to `ngrams`, which joins spellings and not synonyms; an encoder joins both.

    *Differs from RARE*, where a relation takes the nearest one seen before it above 0.9: there
    the names depend on the order of documents, and chains of neighbours can drift.
    """
    relations = sorted(counts)
    vectors = (embed or ngrams)(relations)
    groups = [[i] for i in range(len(relations))]
    if len(relations) > 1:
        near = vectors.astype(np.float64) @ vectors.astype(np.float64).T
        groups = _linked(_forbidden(near, relations), threshold)
    named: dict[str, str] = {}
    for group in groups:
        name = min((relations[i] for i in group), key=lambda r: (-counts[r], r))
        named |= {relations[i]: name for i in group}
    return named


def ngrams(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors of hashed character 3-grams inside word edges, (n, 2048)."""
    vectors = np.zeros((len(texts), _DIM), dtype=np.float32)
    for row, text in enumerate(texts):
        padded = " ".join(["", *_WORD.findall(text.casefold()), ""])
        for i in range(len(padded) - 2):
            vectors[row, _slot(padded[i : i + 3])] += 1
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return unit


def _slot(gram: str) -> int:
    slot = 0
    for character in gram:
        slot = (slot * 1_000_003 + ord(character)) % 2_147_483_647
    return slot % _DIM


def _forbidden(near: NDArray[np.float64], relations: Sequence[str]) -> NDArray[np.float64]:
    """The cosines, with -1 where two relations say different things on purpose."""
    words = [set(re.findall(r"\w+", relation.casefold())) for relation in relations]
    numbers = [{w for w in found if any(c.isdigit() for c in w)} for found in words]
    for i in range(len(relations)):
        for j in range(i):
            opposed = any((words[i] & o) != (words[j] & o) for o in _OPPOSED)
            if opposed or numbers[i] != numbers[j]:
                near[i, j] = near[j, i] = -1
    return near


def _linked(near: NDArray[np.float64], threshold: float) -> list[list[int]]:
    """Complete linkage: the similarity of two groups is that of their farthest pair."""
    groups = [[i] for i in range(len(near))]
    np.fill_diagonal(near, -2)
    while len(groups) > 1:
        i, j = divmod(int(np.argmax(np.round(near, 6))), len(near))  # the first of equals, by name
        if near[i, j] < threshold:
            break
        i, j = min(i, j), max(i, j)
        both = np.minimum(near[i], near[j])
        near[i, :], near[:, i] = both, both
        near[i, i] = -2
        near = np.delete(np.delete(near, j, axis=0), j, axis=1)
        groups[i] += groups.pop(j)
    return groups
