"""Insertion is exact for the index in use: the same hits and scores as with real insertion."""

from __future__ import annotations

import functools

import faiss
import numpy as np
import pytest

from rag_robust.index.changed import changed
from rag_robust.index.faiss import Index, build, load, save
from rag_robust.index.order import top
from rag_robust.index.torch import build_torch

DIM, N, M, K = 32, 600, 15, 10
NONE = np.empty(0, np.int64)
MERGED = [
    ("Flat", ""),
    ("IDMap,Flat", ""),
    ("IVF16,Flat", "nprobe=1"),
    ("IVF16,Flat", "nprobe=4"),
    ("IVF16_HNSW8,Flat", "nprobe=2"),
    ("IVF16,PQ8x4", "nprobe=4"),
    ("IVF16,PQ8x4fs", "nprobe=4"),
    ("IVF16,SQ8", "nprobe=4"),
    ("PQ8x4", ""),
    ("PQ8x4fs", ""),
    ("PQ16", ""),
    ("SQ8", ""),
    ("OPQ8,PQ8x4", ""),
    ("PCA16,IVF16,Flat", "nprobe=4"),
    ("L2norm,Flat", ""),
    ("RQ2x4", ""),
    ("IVF16,RQ2x4", "nprobe=4"),
]
CLONED = [
    ("HNSW16", "efSearch=32"),
    ("HNSW16,SQ8", ""),
    ("PQ8x4,RFlat", "k_factor_rf=3"),
    ("IVF16,PQ8x4,RFlat", "nprobe=4"),
    ("IVF16,Flat", "nprobe=4,max_codes=100"),
    ("IVF16,RaBitQ", "nprobe=4"),
]


def unit(rng: np.random.Generator, n: int) -> np.ndarray:
    vectors = rng.standard_normal((n, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base vectors, inserted ones of larger norm (some of them twins of base vectors), queries."""
    rng = np.random.default_rng(seed)
    base, inserted, queries = unit(rng, N), unit(rng, M), unit(rng, 25)
    inserted[:3] = base[:3]
    inserted[3:] *= 1.2
    return base, inserted, queries


@functools.cache
def base_index(factory: str, search: str, seed: int) -> Index:
    return build(world(seed)[0], factory, similarity="dot", search=search)


def really_added(index: Index, vectors: np.ndarray) -> Index:
    """Another index, built alike, into which FAISS itself adds; nothing of ours in between."""
    whole = faiss.deserialize_index(faiss.serialize_index(index.whole))
    if isinstance(whole, faiss.IndexIDMap):
        whole.add_with_ids(vectors, np.arange(index.n, index.n + len(vectors)))
    else:
        faiss.omp_set_num_threads(1)
        whole.add(vectors)
    return Index(whole, index.twin, index.factory, "dot", "", 2.0, "cpu")


def ranked(index, queries, rows, k=K):
    keys = np.arange(len(rows), dtype=np.uint64)[::-1].copy()
    return top(index, queries, k, rows=lambda positions: rows[positions], keys=keys)


def same(left, right) -> None:
    for (positions, scores), (other_positions, other_scores) in zip(left, right, strict=True):
        assert positions.tolist() == other_positions.tolist()
        assert scores.tolist() == other_scores.tolist()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("factory", "search"), MERGED + CLONED)
def test_insertion_gives_the_hits_and_scores_of_real_insertion(factory: str, search: str, seed: int) -> None:
    base, inserted, queries = world(seed)
    index = base_index(factory, search, seed)

    ours = changed(index, inserted=inserted, removed=NONE)

    real, rows = really_added(index, inserted), np.concatenate([base, inserted])
    assert ours.n == real.n == N + M
    same(ranked(ours, queries, rows), ranked(real, queries, rows))
    assert any((positions >= N).any() for positions, _ in ranked(ours, queries, rows))


@pytest.mark.parametrize(("factory", "search"), MERGED + CLONED)
def test_the_index_is_not_modified_and_says_which_rule_it_used(factory: str, search: str) -> None:
    _, inserted, queries = world(0)
    index = base_index(factory, search, 0)
    before = index.search(queries, K)

    ours = changed(index, inserted=inserted, removed=NONE)

    assert (index.n, index.twin.ntotal) == (N, 0)
    assert all((a == b).all() for a, b in zip(before, index.search(queries, K), strict=True))
    assert ours.rule == ("merged empty twin" if (factory, search) in MERGED else "cloned and added")


# not id maps, which FAISS fills otherwise, nor PCA, whose last bits depend on how many are added together
@pytest.mark.parametrize(("factory", "search"), [m for m in MERGED if m[0][:3] not in {"IDM", "PCA"}])
def test_removed_positions_are_gone_as_if_faiss_had_removed_them(factory: str, search: str) -> None:
    base, _, queries = world(1)
    index = base_index(factory, search, 1)
    best = ranked(index, queries, base, k=40)  # the first query loses more than any spare
    removed = np.unique(np.concatenate([best[0][0], *(positions[:3] for positions, _ in best)]))

    ours = ranked(changed(index, inserted=base[:0], removed=removed), queries, base)

    kept = np.setdiff1d(np.arange(N), removed)
    real = faiss.deserialize_index(faiss.serialize_index(index.twin))
    real.add(base[kept])
    fewer = Index(real, index.twin, factory, "dot", "", 2.0, "cpu")
    keys = np.arange(N, dtype=np.uint64)[::-1][kept].copy()
    expected = top(fewer, queries, K, rows=lambda positions: base[kept][positions], keys=keys)
    same(ours, [(kept[positions], scores) for positions, scores in expected])


@pytest.mark.parametrize(
    ("factory", "search"), [("Flat", ""), ("IVF16,PQ8x4", "nprobe=4"), ("PQ8x4,RFlat", "")]
)
def test_changing_twice_is_changing_once(factory: str, search: str) -> None:
    base, inserted, queries = world(4)
    index = build(base, factory, similarity="dot", search=search)
    rows = np.concatenate([base, inserted])

    twice = changed(
        changed(index, inserted=inserted[:5], removed=np.array([7])),
        inserted=inserted[5:],
        removed=np.array([N + 1]),
    )

    same(
        ranked(twice, queries, rows),
        ranked(changed(index, inserted=inserted, removed=np.array([7, N + 1])), queries, rows),
    )


def test_merging_exactly_scored_passages_is_wrong_for_ivf() -> None:
    """The negative control: what the rule is there to prevent."""
    base, inserted, queries = world(0)
    index = build(base, "IVF16,Flat", similarity="dot", search="nprobe=1")
    scores, _ = index.search(queries, K)

    naive = ((queries @ inserted.T).max(axis=1) > scores[:, -1]).mean()
    ours = (changed(index, inserted=inserted, removed=NONE).search(queries, K)[1] >= N).any(axis=1).mean()

    assert naive >= 2 * ours > 0


def test_torch_finds_what_flat_finds_in_a_changed_world() -> None:
    base, inserted, queries = world(5)
    rows, removed = np.concatenate([base, inserted]), np.array([1, 2, 3])
    both = [build(base, "Flat", similarity="dot"), build_torch(base, similarity="dot")]

    flat, torch = (
        ranked(changed(index, inserted=inserted, removed=removed), queries, rows, k=30) for index in both
    )

    same(flat, torch)


def test_a_loaded_graph_grows_like_the_one_that_was_saved(tmp_path) -> None:
    base, inserted, queries = world(6)
    index = build(base, "HNSW16", similarity="dot")
    save(index, tmp_path)

    fresh, loaded = (
        changed(i, inserted=inserted, removed=NONE).search(queries, K) for i in (index, load(tmp_path))
    )

    assert (fresh[0] == loaded[0]).all()
    assert (fresh[1] == loaded[1]).all()
