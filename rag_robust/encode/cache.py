"""Embeddings already computed, kept in two memory-mapped files per model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from rag_robust.seeds import digest
from rag_robust.types import Encoder, Kind

__all__ = ["Cached"]

_KEY_BYTES = 16


def _key(text: str, kind: Kind) -> bytes:
    return hashlib.blake2b(f"{kind}\0{text}".encode(), digest_size=_KEY_BYTES).digest()


class Cached:
    """An encoder that never computes the same vector twice, in this process or any other.

    Row i of `vectors.f32` belongs to the i-th key of `keys.bin`; a key is a hash of the text and
    its side, the folder's name a hash of the encoder's fingerprint. Vectors are written before
    their keys and under a lock, so a crash leaves at most a tail without keys, which the next
    writer cuts off.
    """

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self.encoder = encoder
        self._folder = folder / digest(encoder.fingerprint)[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rows: dict[bytes, int] = {}
        self._vectors: NDArray[np.float32] = np.empty((0, encoder.dim), np.float32)
        self._lock = FileLock(self._folder / "lock")
        self._read()

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.encoder.dim

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        """The model's own."""
        return self.encoder.similarity

    @property
    def fingerprint(self) -> str:
        """The encoder's: a cache cannot change a result."""
        return self.encoder.fingerprint

    def encode(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
        """Vectors of shape (n, dim), computed only for texts never seen before."""
        keys = [_key(text, kind) for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
        if fresh:
            self._write(list(fresh), self.encoder.encode(list(fresh.values()), kind))
        if not keys:
            return np.empty((0, self.dim), np.float32)
        return np.ascontiguousarray(self._vectors[[self._rows[key] for key in keys]])

    def _read(self) -> None:
        keys, vectors = self._folder / "keys.bin", self._folder / "vectors.f32"
        if not keys.exists() or not vectors.exists():
            return
        raw = keys.read_bytes()
        n = min(len(raw) // _KEY_BYTES, vectors.stat().st_size // (4 * self.dim))
        self._rows = {raw[i * _KEY_BYTES : (i + 1) * _KEY_BYTES]: i for i in range(n)}
        if n:
            self._vectors = np.memmap(vectors, np.float32, "r", shape=(n, self.dim))

    def _write(self, keys: list[bytes], vectors: NDArray[np.float32]) -> None:
        with self._lock:
            self._read()  # another process may have written meanwhile
            n = len(self._vectors)
            new = [i for i, key in enumerate(keys) if key not in self._rows]
            for name, width, data in (
                ("vectors.f32", 4 * self.dim, np.ascontiguousarray(vectors[new]).tobytes()),
                ("keys.bin", _KEY_BYTES, b"".join(keys[i] for i in new)),
            ):
                with (self._folder / name).open("ab") as file:
                    file.truncate(n * width)
                    file.write(data)
            self._read()
