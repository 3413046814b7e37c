"""What a FAISS index is made of, and what follows: how it is trained, and how passages are inserted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss

from rag_robust.errors import ModelError

__all__ = ["check_kind", "is_exact", "is_mergeable", "parts", "prepare_training", "threads"]

_log = logging.getLogger(__name__)
_SEED = 1234
_PER_CENTROID = 39  # below this many vectors per centroid FAISS warns
_OPQ_BITS = 8  # of the codebooks a rotation is fitted with, whatever follows it
_EXACT = frozenset({"IndexFlat", "IndexFlatIP"})
_IDS = frozenset({"IndexIDMap", "IndexIDMap2"})
_THREAD_SAFE = _EXACT | _IDS | {
    "IndexPQ", "IndexScalarQuantizer", "IndexIVFFlat", "IndexIVFPQ", "IndexIVFScalarQuantizer",
}  # fmt: skip
_SCANS = _THREAD_SAFE | {
    "IndexPreTransform", "IndexPQFastScan", "IndexIVFPQFastScan", "IndexResidualQuantizer",
    "IndexIVFResidualQuantizer",
}  # fmt: skip


def parts(index: Any, *, quantisers: bool = False) -> Iterator[Any]:
    """The index and the indexes inside it, outermost first; coarse quantisers on demand."""
    part = faiss.downcast_index(index)
    yield part
    for name in ("index", "base_index", "refine_index", "storage", *(["quantizer"] * quantisers)):
        inner = getattr(part, name, None)
        if inner is not None:
            yield from parts(inner, quantisers=quantisers)


def check_kind(index: Any, factory: str) -> None:
    """Refuse what FAISS accepts but cannot do.

    Raises:
        ModelError: parts that would search by L2 distance all the same (`HNSW16,PQ8`), and NSG
            graphs: with FAISS 1.15 building one hangs on a few dozen equal vectors and aborts the
            process on fewer than about 200, and passages cannot be inserted.
    """
    if any(part.metric_type != faiss.METRIC_INNER_PRODUCT for part in parts(index)):
        raise ModelError(f"FAISS would search {factory!r} by L2 distance; choose one with inner product")
    if any(isinstance(part, faiss.IndexNSG) for part in parts(index, quantisers=True)):
        raise ModelError(
            f"{factory!r} builds an NSG graph, which cannot be added to and can hang on equal vectors; "
            "choose HNSW32"
        )


def _names(index: Any, *, quantisers: bool = False) -> list[str]:
    return [type(part).__name__ for part in parts(index, quantisers=quantisers)]


def is_exact(index: Any) -> bool:
    """Whether every pair is scored from the vectors themselves."""
    return _names(index)[-1] in _EXACT and set(_names(index)) <= _EXACT | _IDS


def is_mergeable(index: Any) -> bool:
    """Whether the k best of two halves always hold the k best of the whole.

    True for scans, whose scores depend on the pair alone. A walk through a graph depends on what
    else is in it; a refined list (`RFlat`) and `max_codes` on how many others came before. What
    is not known to be a scan is taken not to be one.
    """
    limited = any(getattr(part, "max_codes", 0) for part in parts(index))
    return not limited and set(_names(index)) <= _SCANS


@contextmanager
def threads(index: Any) -> Iterator[None]:
    """One thread while building what would depend on their number: rotations, graphs, residuals."""
    before = faiss.omp_get_max_threads()
    if not set(_names(index, quantisers=True)) <= _THREAD_SAFE:
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


@contextmanager
def prepare_training(index: Any, factory: str, n: int, *, polysemous: bool = False) -> Iterator[None]:
    """Check that n vectors are enough, fix the seeds, and warn here instead of from C++.

    `polysemous` says that codes will be filtered by Hamming distance. Otherwise the reordering of
    codebooks that serves it, 30 s for "PQ16" and without effect on any score, is left out.

    Raises:
        ModelError: too few vectors to train; the message says how many are needed.
    """
    needs = list(_needs(index))
    needed, why = max(needs, default=(1, ""))
    if n < needed:
        raise ModelError(
            f"index {factory!r} needs at least {needed} vectors to train ({why}), got {n}; "
            "use fewer centroids, or 'Flat'"
        )
    advised = max((_PER_CENTROID * count for count, why in needs if "centroids" in why), default=0)
    if n < advised:
        _log.warning(
            "index %r is trained on %d vectors; FAISS advises %d: expect lower recall", factory, n, advised
        )
    rotations = [t for t in _transforms(index) if isinstance(t, faiss.OPQMatrix)]
    # the default codebooks of a rotation, made here because FAISS gives no access to its own
    books: list[Any] = [faiss.ProductQuantizer(t.d_out, t.M, _OPQ_BITS) for t in rotations]
    for parameters in (*_clusterings(index), *(book.cp for book in books)):
        parameters.seed = _SEED
        parameters.min_points_per_centroid = 1
    for rotation, book in zip(rotations, books, strict=True):
        rotation.pq = book
    for part in parts(index):
        if hasattr(part, "do_polysemous_training"):
            part.do_polysemous_training &= polysemous
    try:
        yield
    finally:
        for rotation in rotations:
            rotation.pq = None


def _transforms(index: Any) -> Iterator[Any]:
    for part in parts(index):
        if isinstance(part, faiss.IndexPreTransform):
            chain: Any = part.chain
            yield from (faiss.downcast_VectorTransform(chain.at(i)) for i in range(chain.size()))


def _needs(index: Any) -> Iterator[tuple[int, str]]:
    for part in parts(index):
        if isinstance(part, faiss.IndexIVF):
            yield part.nlist, f"{part.nlist} centroids"
        if hasattr(part, "pq"):
            yield part.pq.ksub, f"{part.pq.ksub} centroids per codebook of {part.pq.nbits} bits"
    for transform in _transforms(index):
        if isinstance(transform, faiss.OPQMatrix):
            yield 2**_OPQ_BITS, f"OPQ is fitted with {2**_OPQ_BITS} centroids per codebook"
        if isinstance(transform, (faiss.PCAMatrix, faiss.ITQTransform)):
            yield transform.d_out, f"{transform.d_out} dimensions after the projection"


def _clusterings(index: Any) -> Iterator[Any]:
    for part in parts(index):
        for owner in (part, *(getattr(part, name, None) for name in ("pq", "rq"))):
            if hasattr(owner, "cp"):
                yield owner.cp
