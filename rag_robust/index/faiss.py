"""Any index that a FAISS factory string names, with inner product, on CPU or GPU."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import MissingExtra, ModelError
from rag_robust.index.installed import check_faiss
from rag_robust.index.vectors import largest_norm, padded, usable

try:
    import faiss
except ImportError as error:
    raise MissingExtra("faiss", "'rag-robust[cpu]'", "an index other than an exact one") from error

from rag_robust.index.parts import check_kind, is_exact, is_mergeable, prepare_training, threads

__all__ = ["Index", "build", "load", "save"]

_GPU_MAX_K = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """A trained and filled FAISS index beside an empty copy of itself made before the first add.

    `whole` holds the vectors, `twin` the same quantisers and no vectors, `bound` is the largest
    norm of a stored vector, `gpu` a copy on the GPU with its resources. Never modified.
    """

    whole: Any
    twin: Any
    factory: str
    similarity: Literal["cosine", "dot"]
    parameters: str
    bound: float
    device: str
    gpu: tuple[Any, Any] | None = None

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.whole.d)

    @property
    def n(self) -> int:
        """How many vectors it holds."""
        return int(self.whole.ntotal)

    @property
    def exact(self) -> bool:
        """Whether every pair is scored from the vectors themselves."""
        return is_exact(self.whole)

    @property
    def mergeable(self) -> bool:
        """Whether the k best of two halves always hold the k best of the whole."""
        return is_mergeable(self.whole)

    @property
    def fingerprint(self) -> str:
        """What a ranking depends on besides the vectors; exact search is the same everywhere."""
        if self.exact:
            return "exact inner product"
        return f"faiss {faiss.__version__} {self.factory} {self.parameters}".strip()

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and positions of shape (n, k), best first, padded with -inf and -1.

        On the CPU lossy indexes are asked one query at a time, since rotations and BLAS round
        differently in a batch. Exact ones are asked together; `order.top` scores their hits again.
        """
        queries = usable(queries, self.dim, "query")
        ask = min(k, self.n)
        index = self.gpu[0] if self.gpu is not None and ask <= _GPU_MAX_K else self.whole
        together = self.exact or index is not self.whole
        batches = [queries] if together or len(queries) < 2 else list(queries[:, None])
        found = [index.search(batch, ask) for batch in batches]
        return padded(np.concatenate([s for s, _ in found]), np.concatenate([p for _, p in found]), k)

    def with_added(self, vectors: NDArray[np.float32]) -> Index:
        """A copy of the index to which the vectors (m, dim) were really added."""
        return self._filled(self.whole, vectors)

    def beside(self, vectors: NDArray[np.float32]) -> Index:
        """A copy of the empty twin that holds the vectors (m, dim) alone, at positions 0, 1, ..."""
        return self._filled(self.twin, vectors)

    def _filled(self, source: Any, vectors: NDArray[np.float32]) -> Index:
        vectors = usable(vectors, self.dim, "vector", similarity=self.similarity)
        copy = _copy(source)
        with _reasons(f"FAISS cannot add to {self.factory!r}, choose an index that can"), threads(copy):
            _add(copy, vectors)
        bound = max(self.bound, largest_norm(vectors))
        return replace(self, whole=copy, bound=bound, gpu=_to_gpu(copy, self.device))


def build(
    vectors: NDArray[np.float32],
    factory: str,
    *,
    similarity: Literal["cosine", "dot"],
    search: str = "",
    device: str = "cpu",
) -> Index:
    """Train and fill the index that `factory` names with vectors (n, dim).

    Both similarities are inner products; cosine encoders return unit vectors. `search` is a FAISS
    parameter string such as "nprobe=16" or "efSearch=64". The seed of k-means is fixed, and what
    would depend on the number of threads (rotations, graphs, residuals) is built on one.

    Raises:
        ModelError: FAISS refuses the factory or the parameters, has no inner product for them,
            needs more vectors to train, a vector is not finite, or there is no such device.
    """
    check_faiss()
    _check_device(device)
    vectors = usable(vectors, None, "vector", similarity=similarity)
    if not vectors.size:
        raise ModelError(f"an index needs at least one vector, got shape {vectors.shape}")
    n, dim = vectors.shape
    with _reasons(f"FAISS refuses the index {factory!r} for {dim} dimensions"):
        index: Any = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
    check_kind(index, factory)
    if search:
        with _reasons(f"FAISS refuses the search parameters {search!r} for {factory!r}"):
            space: Any = faiss.ParameterSpace()
            space.set_index_parameters(index, search)
    with _reasons(f"FAISS cannot build {factory!r} from {n} vectors"), threads(index):
        with prepare_training(index, factory, n, polysemous="ht=" in search):
            index.train(vectors)
        twin = _copy(index)
        _add(index, vectors)
    return Index(
        index, twin, factory, similarity, search, largest_norm(vectors), device, _to_gpu(index, device)
    )


def save(index: Index, folder: Path) -> None:
    """Write index, empty twin and `meta.json`, which comes last and makes the folder valid."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.json").unlink(missing_ok=True)
    faiss.write_index(index.whole, str(folder / "index.part"))
    faiss.write_index(index.twin, str(folder / "twin.part"))
    (folder / "meta.part").write_text(json.dumps(_meta(index), indent=2) + "\n", encoding="utf-8")
    for part, name in (("index", "index.faiss"), ("twin", "twin.faiss"), ("meta", "meta.json")):
        (folder / f"{part}.part").replace(folder / name)


def load(folder: Path, *, device: str = "cpu") -> Index:
    """Read what `save` wrote.

    Raises:
        ModelError: no complete index there, its files contradict each other, or another version
            of FAISS wrote it.
    """
    check_faiss()
    _check_device(device)
    again = f"delete {folder} and build the index again"
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        whole: Any = faiss.read_index(str(folder / "index.faiss"))
        twin: Any = faiss.read_index(str(folder / "twin.faiss"))
        fields = (meta["factory"], meta["similarity"], meta["search"], meta["bound"])
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelError(f"no readable index in {folder} ({_reason(error)}); {again}") from error
    index = Index(whole, twin, *fields, device, _to_gpu(whole, device))
    here = {**_meta(index), "twin": [0, index.dim]}
    there = {**meta, "twin": [twin.ntotal, twin.d]}
    wrong = [
        f"{key} {there.get(key)!r} instead of {value!r}"
        for key, value in here.items()
        if there.get(key) != value
    ]
    if wrong:
        raise ModelError(f"the index in {folder} has {', '.join(wrong)}; {again}")
    return index


def _meta(index: Index) -> dict[str, Any]:
    """What must be the same when the index is read back."""
    inner = index.whole.metric_type == faiss.METRIC_INNER_PRODUCT
    return {
        "factory": index.factory,
        "search": index.parameters,
        "similarity": index.similarity,
        "metric": "inner product" if inner else "another",
        "n": index.n,
        "dim": index.dim,
        "bound": index.bound,
        "faiss": faiss.__version__,
    }


def _reason(error: Exception) -> str:
    """FAISS's own words without the C++ signature and file, in one line."""
    text = re.sub(r"^Error in .*? at \S+:\d+: ", "", " ".join(str(error).split()))
    return re.sub(r"^Error: '.*?' failed: ", "", text)


@contextmanager
def _reasons(what: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ModelError(f"{what}: {_reason(error)}") from error


def _copy(index: Any) -> Any:
    # through bytes: FAISS cannot clone every transform, and a cloned graph keeps the state of its
    # random generator, so that a loaded index would grow otherwise than the one that was saved
    return faiss.deserialize_index(faiss.serialize_index(index))


def _add(index: Any, vectors: NDArray[np.float32]) -> None:
    if isinstance(faiss.downcast_index(index), faiss.IndexIDMap):
        index.add_with_ids(vectors, np.arange(index.ntotal, index.ntotal + len(vectors)))
    else:
        index.add(vectors)


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    if not device.startswith("cuda"):
        raise ModelError(f'expected device "cpu" or "cuda[:number]" for a FAISS index, got {device!r}')
    if not hasattr(faiss, "StandardGpuResources") or faiss.get_num_gpus() == 0:
        raise ModelError(
            f"this FAISS has no GPU for device {device!r}; run: pip uninstall -y faiss-cpu && pip install "
            "'rag-robust[gpu]' (CUDA 13: 'rag-robust[gpu13]'), or use device \"cpu\""
        )


def _to_gpu(index: Any, device: str) -> tuple[Any, Any] | None:
    """The index copied to the GPU and the resources that must outlive it."""
    if device == "cpu":
        return None
    resources = faiss.StandardGpuResources()
    number = int(device.partition(":")[2] or 0)
    with _reasons(f'FAISS cannot put this index on {device!r}, use device "cpu"'):
        return faiss.index_cpu_to_gpu(resources, number, index), resources
