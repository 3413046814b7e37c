"""A score depends on the pair alone, and a tie on the key alone."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust.errors import ModelError
from rag_robust.index.faiss import build
from rag_robust.index.order import pair_scores, top
from rag_robust.index.torch import build_torch

BUILDERS = [
    lambda rows: build(rows, "Flat", similarity="dot"),
    lambda rows: build_torch(rows, similarity="dot"),
]


def rows_of(n: int, dim: int = 48, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def ranked(index, queries, rows, k, keys=None):
    keys = np.arange(len(rows), dtype=np.uint64) if keys is None else keys
    return top(index, queries, k, rows=lambda positions: rows[positions], keys=keys)


@pytest.mark.parametrize("dim", [1, 3, 48, 384, 1000])
def test_a_pair_score_is_the_same_alone_and_among_others(dim: int) -> None:
    rows, query = rows_of(200, dim), rows_of(1, dim, seed=1)[0]
    together = pair_scores(rows, query)
    assert together.tolist() == [pair_scores(row[None], query)[0] for row in rows]
    assert np.allclose(together, rows @ query, atol=1e-3)


@pytest.mark.parametrize("build_index", BUILDERS)
def test_one_query_and_many_together_give_the_same_bits(build_index) -> None:
    rows, queries = rows_of(500), rows_of(64, seed=1)
    index = build_index(rows)
    together = ranked(index, queries, rows, 10)
    alone = [ranked(index, query[None], rows, 10)[0] for query in queries]
    for (p, s), (q, t) in zip(together, alone, strict=True):
        assert (p.tolist(), s.tolist()) == (q.tolist(), t.tolist())


@pytest.mark.parametrize("build_index", BUILDERS)
def test_exact_search_is_numpy_argsort(build_index) -> None:
    rows, queries = rows_of(500), rows_of(30, seed=1)
    for query, (positions, scores) in zip(queries, ranked(build_index(rows), queries, rows, 20), strict=True):
        exact = rows.astype(np.float64) @ query.astype(np.float64)
        assert positions.tolist() == np.argsort(-exact)[:20].tolist()
        assert scores.tolist() == exact[positions].astype(np.float32).tolist()


@pytest.mark.parametrize("factory", ["Flat", "PQ8x4", "SQ8"])
def test_a_tie_wider_than_the_list_is_decided_by_the_key(factory: str) -> None:
    """300 copies of one vector: whichever the index finds first, the smallest keys win."""
    rows = np.repeat(rows_of(2), [300, 100], axis=0)
    keys = np.random.default_rng(2).permutation(400).astype(np.uint64)
    [(positions, scores)] = ranked(build(rows, factory, similarity="dot"), rows[:1], rows, 5, keys)
    assert positions.tolist() == np.argsort(keys[:300])[:5].tolist()
    assert len(set(scores.tolist())) == 1


def test_two_blocks_of_torch_are_one_index(monkeypatch) -> None:
    monkeypatch.setattr("rag_robust.index.torch._ROWS", 64)
    rows, queries = rows_of(300), rows_of(5, seed=1)
    scores, positions = build_torch(rows, similarity="dot").search(queries, 100)
    expected = np.sort(queries @ rows.T, axis=1)[:, ::-1][:, :100]
    assert np.allclose(scores, expected, atol=1e-4)
    assert all(len(set(row)) == 100 for row in positions.tolist())


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="no device 'nowhere' for torch"):
        build_torch(rows_of(3), similarity="dot", device="nowhere")
    with pytest.raises(ModelError, match="vector 1 is not finite"):
        build_torch(np.array([[1.0], [np.nan]], np.float32), similarity="dot")


@pytest.mark.gpu
def test_a_gpu_gives_the_same_bits_as_a_cpu() -> None:
    rows, queries = rows_of(500), rows_of(64, seed=1)
    cpu, gpu = (
        ranked(build_torch(rows, similarity="dot", device=d), queries, rows, 10) for d in ("cpu", "cuda")
    )
    for (p, s), (q, t) in zip(cpu, gpu, strict=True):
        assert (p.tolist(), s.tolist()) == (q.tolist(), t.tolist())
