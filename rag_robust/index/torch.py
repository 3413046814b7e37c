"""Exact search by matrix products in blocks: a GPU without FAISS, or no FAISS at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from rag_robust.errors import ModelError
from rag_robust.index.vectors import largest_norm, padded, usable

__all__ = ["TorchIndex", "build_torch"]

_ROWS = 65_536
_QUERIES = 256


@dataclass(frozen=True, slots=True, eq=False)
class TorchIndex:
    """Vectors of shape (n, dim) in the memory of one device, all compared with every query."""

    vectors: torch.Tensor
    similarity: Literal["cosine", "dot"]
    bound: float

    @property
    def n(self) -> int:
        """How many vectors it holds."""
        return self.vectors.shape[0]

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.vectors.shape[1]

    @property
    def exact(self) -> bool:
        """True: every pair is scored from the vectors themselves."""
        return True

    @property
    def mergeable(self) -> bool:
        """True: the k best of two halves hold the k best of the whole."""
        return True

    @property
    def fingerprint(self) -> str:
        """Exact search is the same everywhere."""
        return "exact inner product"

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and positions of shape (n, k), best first, padded with -inf and -1."""
        queries = usable(queries, self.dim, "query")
        ask = min(k, self.n)
        batches = [queries[i : i + _QUERIES] for i in range(0, max(1, len(queries)), _QUERIES)]
        found = [self._batch(torch.tensor(batch, device=self.vectors.device), ask) for batch in batches]
        return padded(
            np.concatenate([s.cpu().numpy() for s, _ in found]),
            np.concatenate([p.cpu().numpy() for _, p in found]),
            k,
        )

    def _batch(self, queries: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        # a user may have allowed TF32 for their model; float64 is not rounded to it
        dtype = torch.float32 if torch.get_float32_matmul_precision() == "highest" else torch.float64
        scores = torch.empty((len(queries), 0), dtype=torch.float32, device=queries.device)
        positions = torch.empty((len(queries), 0), dtype=torch.int64, device=queries.device)
        for start in range(0, self.n, _ROWS):
            block = self.vectors[start : start + _ROWS]
            fresh = (queries.to(dtype) @ block.to(dtype).T).to(torch.float32)
            top = fresh.topk(min(k, len(block)), dim=1)
            scores, best = torch.cat([scores, top.values], dim=1).sort(dim=1, descending=True, stable=True)
            positions = torch.cat([positions, top.indices + start], dim=1).gather(1, best)
            scores, positions = scores[:, :k], positions[:, :k]
        return scores, positions

    def with_added(self, vectors: NDArray[np.float32]) -> TorchIndex:
        """A copy that holds the vectors (m, dim) as well."""
        fresh = self.beside(vectors)
        bound = max(self.bound, fresh.bound)
        return replace(self, vectors=torch.cat([self.vectors, fresh.vectors]), bound=bound)

    def beside(self, vectors: NDArray[np.float32]) -> TorchIndex:
        """An index that holds the vectors (m, dim) alone."""
        vectors = usable(vectors, self.dim, "vector", similarity=self.similarity)
        tensor = torch.tensor(vectors, device=self.vectors.device)
        return replace(self, vectors=tensor, bound=largest_norm(vectors))


def build_torch(
    vectors: NDArray[np.float32], *, similarity: Literal["cosine", "dot"], device: str = "cpu"
) -> TorchIndex:
    """Put vectors (n, dim) on a device.

    Raises:
        ModelError: a vector is not finite, there is none, or the device is not there.
    """
    vectors = usable(vectors, None, "vector", similarity=similarity)
    if not vectors.size:
        raise ModelError(f"an index needs at least one vector, got shape {vectors.shape}")
    try:
        tensor = torch.tensor(vectors, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).splitlines()[0]
        raise ModelError(f'no device {device!r} for torch: {reason}; use device "cpu"') from error
    return TorchIndex(tensor, similarity, largest_norm(vectors))
