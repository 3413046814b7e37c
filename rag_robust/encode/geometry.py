"""The shape of an embedding space, measured: what makes a retriever easy or hard to poison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust.errors import UsageError
from rag_robust.text import order_key
from rag_robust.types import Encoder, Passage, Query

__all__ = ["Geometry", "Spread", "geometry", "mean_cosine", "mean_pair_cosine", "occurrences"]

ROWS = 256
"""Queries compared at once: what bounds the memory."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and quantiles (linear interpolation) of one number per query."""

    mean: float
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float


@dataclass(frozen=True, slots=True)
class Geometry:
    """Anisotropy, hubness and margins of one encoder on one sample.

    `query_cosine`, `passage_cosine` and `cross_cosine` are the mean cosines of two different texts:
    near 0 for an isotropic space, and the higher, the nearer everything is to everything. With N_k(p)
    the number of queries that have p among their k nearest: `skewness` is that of N_k over the
    passages, `antihubs` the share with N_k = 0, `hub` = max N_k / k, `reach` = max N_k / n_queries,
    what the best untouched passage attains of an attack's appeared@k. `margin` is the similarity of
    the nearest passage less that of the k-th, `entry` that of the k-th: what an attack has to beat,
    both in the model's own similarity.
    """

    similarity: Literal["cosine", "dot"]
    n_queries: int
    n_passages: int
    n_texts: int
    k: int
    query_cosine: float
    passage_cosine: float
    cross_cosine: float
    skewness: float
    antihubs: float
    hub: float
    reach: float
    margin: Spread
    entry: Spread


def geometry(
    encoder: Encoder,
    queries: Sequence[Query],
    passages: Sequence[Passage],
    *,
    k: int = 10,
    n_texts: int = 1500,
    rng: Generator,
) -> Geometry:
    """Measure an encoder on these queries and passages; nothing is optimised or attacked.

    The cosines are means over *all* pairs of at most `n_texts` queries and passages, drawn by `rng`
    if there are more; neighbours are found among all passages, exactly, equal similarities in
    the order of `text.order_key`. `k` is cut to the number of passages.

    *Source*: Ethayarajh, How Contextual are Contextualized Word Representations?, EMNLP 2019
    (anisotropy); Radovanović et al., Hubs in Space, JMLR 2010 (N_k and its skewness); Ben-Tov and
    Sharif, GASLITEing the Retrieval, CCS 2025 (both against attack success; 1,500 texts). There
    pairs are sampled in blocks of 100 x 100; a closed form gives all pairs for less work.

    Raises:
        UsageError: fewer than 2 queries or passages, or k < 1.
    """
    if min(len(queries), len(passages)) < 2 or k < 1 or n_texts < 2:
        got = f"{len(queries)} queries, {len(passages)} passages, k = {k}, n_texts = {n_texts}"
        raise UsageError(f"expected 2 or more queries, passages and texts, and k >= 1, got {got}")
    ordered = sorted(passages, key=lambda p: order_key(p.id))  # so that a stable sort settles ties
    q = encoder.encode([query.text for query in queries], "query").astype(np.float64)
    p = encoder.encode([passage.full for passage in ordered], "passage").astype(np.float64)
    counts, first, last = occurrences(q, p, k)
    k = min(k, len(p))
    some_q, some_p = _some(q, n_texts, rng), _some(p, n_texts, rng)
    return Geometry(
        similarity=encoder.similarity,
        n_queries=len(q),
        n_passages=len(p),
        n_texts=n_texts,
        k=k,
        query_cosine=mean_pair_cosine(some_q),
        passage_cosine=mean_pair_cosine(some_p),
        cross_cosine=mean_cosine(some_q, some_p),
        skewness=_skewness(counts),
        antihubs=float((counts == 0).mean()),
        hub=float(counts.max() / k),
        reach=float(counts.max() / len(q)),
        margin=_spread(first - last),
        entry=_spread(last),
    )


def mean_pair_cosine(vectors: NDArray[np.float64]) -> float:
    """The mean cosine of two different rows of `vectors` (n, dim), over all n(n − 1) ordered pairs.

    With u_i the unit rows, Σ_{i≠j} ⟨u_i, u_j⟩ = ‖Σ u_i‖² − n, so n additions replace n² products.
    """
    unit = _unit(vectors)
    n = len(unit)
    total = unit.sum(axis=0)
    return float((total @ total - (unit * unit).sum()) / (n * (n - 1)))


def mean_cosine(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """The mean cosine of a row of `left` (n, dim) and one of `right` (m, dim): ⟨mean u, mean v⟩."""
    return float(_unit(left).mean(axis=0) @ _unit(right).mean(axis=0))


def occurrences(
    queries: NDArray[np.float64], passages: NDArray[np.float64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """N_k per passage (n_passages,), and each query's best and k-th best inner product (n_queries,).

    Of equal products the earlier row comes first; `k` is cut to the number of passages.
    """
    k = min(k, len(passages))
    counts = np.zeros(len(passages), np.int64)
    ends = np.empty((len(queries), 2))
    for start in range(0, len(queries), ROWS):
        scores = queries[start : start + ROWS] @ passages.T
        top = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        counts += np.bincount(top.ravel(), minlength=len(passages))
        ends[start : start + ROWS] = np.take_along_axis(scores, top[:, [0, -1]], axis=1)
    return counts, ends[:, 0], ends[:, 1]


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def _some(vectors: NDArray[np.float64], n: int, rng: Generator) -> NDArray[np.float64]:
    return vectors if len(vectors) <= n else vectors[np.sort(rng.choice(len(vectors), n, replace=False))]


def _skewness(counts: NDArray[np.int64]) -> float:
    """E[(N − μ)³] / σ³; 0 if all counts are equal."""
    away = counts - counts.mean()
    deviation = float(np.sqrt((away**2).mean()))
    return float((away**3).mean() / deviation**3) if deviation > 0 else 0.0


def _spread(values: NDArray[np.float64]) -> Spread:
    return Spread(float(values.mean()), *map(float, np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])))
