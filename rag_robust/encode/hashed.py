"""An encoder without a model: hashed words and letter trigrams, for tests and continuous integration."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import ModelError
from rag_robust.text import STOP_WORDS, normalise, words
from rag_robust.types import Kind

__all__ = ["HashedEncoder"]

_VERSION = 1
_TRIGRAM_WEIGHT = 0.5


def _features(text: str) -> Counter[str]:
    """Words (without stop words, unless nothing else is left) and trigrams of `#word#`."""
    every = words(normalise(text))
    kept = [w for w in every if w not in STOP_WORDS] or every or [""]
    found: Counter[str] = Counter()
    for word in kept:
        found[f"w:{word}"] += 1
        marked = f"#{word}#"
        found.update(f"t:{marked[i : i + 3]}" for i in range(len(marked) - 2))
    return found


@dataclass(frozen=True, slots=True)
class HashedEncoder:
    """Turns texts into vectors by signed feature hashing; texts that share words are near.

    With tf(f) the count of feature f in the text and (slot, sign) taken from BLAKE2b of f,
    `v[slot] += sign * w * (1 + log tf)`, w = 1 for words and 1/2 for trigrams; no idf, so that a
    vector depends on its text alone. Queries and passages are treated alike. "cosine" gives unit
    vectors, "dot" leaves the length, which grows with the text.

    *Source*: Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning", the
    signed hash of section 2; the weights are ours.
    """

    dim: int = 256
    similarity: Literal["cosine", "dot"] = "cosine"

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ModelError(f"a hashed encoder needs dim >= 1, got {self.dim}")

    @property
    def fingerprint(self) -> str:
        """Name, version, size and similarity: all that a vector depends on besides its text."""
        return f"hashed v{_VERSION} dim={self.dim} similarity={self.similarity} dtype=float32"

    def encode(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:  # noqa: ARG002
        """Vectors of shape (n, dim); both kinds are encoded alike."""
        vectors = np.zeros((len(texts), self.dim), np.float64)
        slots: dict[str, tuple[int, float]] = {}
        for row, text in zip(vectors, texts, strict=True):
            self._fill(row, text, slots)
        return vectors.astype(np.float32)

    def _fill(self, row: NDArray[np.float64], text: str, slots: dict[str, tuple[int, float]]) -> None:
        for feature, count in _features(text).items():
            if feature not in slots:
                slots[feature] = self._slot(feature)
            slot, weight = slots[feature]
            row[slot] += weight * (1 + math.log(count))
        length = math.sqrt(math.fsum(x * x for x in row.tolist()))
        if length == 0:  # every feature met its opposite: as if the text were one unknown word
            row[0] = length = 1.0
        if self.similarity == "cosine":
            row /= length

    def _slot(self, feature: str) -> tuple[int, float]:
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
        weight = 1.0 if feature.startswith("w:") else _TRIGRAM_WEIGHT
        return (number >> 1) % self.dim, weight if number & 1 else -weight
