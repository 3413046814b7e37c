"""Any factory string with inner product, refused in plain words where FAISS cannot."""

from __future__ import annotations

import json
import logging

import faiss
import numpy as np
import pytest

from rag_robust.errors import ModelError
from rag_robust.index import build as build_any
from rag_robust.index.faiss import build, load, save

DIM = 32


def vectors(n: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def message(*args, **kwargs) -> str:
    with pytest.raises(ModelError) as caught:
        build(*args, **{"similarity": "dot", **kwargs})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("factory", ["Nonsense", "", "LSH", "PQ7", "IMI2x4,Flat", "IVF16,Nope"])
def test_a_refused_factory_names_it_and_carries_the_reason(factory: str) -> None:
    text = message(vectors(300), factory)
    assert text.startswith(f"FAISS refuses the index {factory!r} for 32 dimensions: ")
    assert ".cpp" not in text


def test_an_index_that_would_fall_back_to_l2_is_refused() -> None:
    assert faiss.index_factory(DIM, "HNSW16,PQ8x4", faiss.METRIC_INNER_PRODUCT).metric_type == faiss.METRIC_L2
    assert "by L2 distance" in message(vectors(300), "HNSW16,PQ8x4")


@pytest.mark.parametrize("factory", ["NSG16", "PCA16,NSG16", "IVF16_NSG8,Flat"])
def test_a_graph_that_can_hang_and_cannot_grow_is_refused(factory: str) -> None:
    assert "choose HNSW32" in message(vectors(300), factory)


@pytest.mark.parametrize(
    ("factory", "n", "needed"),
    [
        ("IVF64,Flat", 63, 64),
        ("PQ8", 255, 256),
        ("PQ8x4", 15, 16),
        ("IVF16,PQ8", 100, 256),
        ("OPQ8,PQ8x4", 255, 256),
        ("PCA16,Flat", 15, 16),
        ("IVF16_HNSW8,Flat", 15, 16),
        ("IVF16,PQ8x4,RFlat", 15, 16),
    ],
)
def test_too_few_vectors_says_how_many_are_needed(factory: str, n: int, needed: int, capfd) -> None:
    assert f"needs at least {needed} vectors to train" in message(vectors(n), factory)
    assert build(vectors(needed), factory, similarity="dot").n == needed
    assert capfd.readouterr().err == ""


def test_few_vectors_are_warned_about_here_and_not_by_c(caplog, capfd) -> None:
    with caplog.at_level(logging.WARNING, logger="rag_robust"):
        build(vectors(300), "OPQ8,IVF16,PQ8x4", similarity="dot")
    assert "trained on 300 vectors; FAISS advises 9984" in caplog.text
    assert "WARNING clustering" not in capfd.readouterr().err


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_named(bad: float) -> None:
    rows = vectors(20)
    rows[[7, 11], 3] = bad
    assert "vector 7 is not finite" in message(rows, "Flat")


def test_a_cosine_vector_of_another_length_is_named() -> None:
    rows = vectors(20)
    rows[5] *= 2
    rows[6] = 0
    assert "vector 5 has length 2" in message(rows, "Flat", similarity="cosine")
    assert build(rows, "Flat", similarity="dot").bound == pytest.approx(2)


def test_queries_of_another_length_are_refused() -> None:
    index = build(vectors(20), "Flat", similarity="dot")
    with pytest.raises(ModelError, match=r"shape \(n, 32\), got \(1, 31\)"):
        index.search(np.ones((1, 31), np.float32), 3)


@pytest.mark.parametrize(
    ("factory", "search"), [("Flat", "nprobe=4"), ("IVF4,Flat", "nprobes=4"), ("HNSW8", "x")]
)
def test_refused_search_parameters_are_named(factory: str, search: str) -> None:
    assert f"refuses the search parameters {search!r} for {factory!r}" in message(
        vectors(200), factory, search=search
    )


def test_search_parameters_reach_the_index_and_its_twin() -> None:
    index = build(vectors(200), "PCA16,IVF8,Flat", similarity="dot", search="nprobe=3")
    assert [faiss.extract_index_ivf(part).nprobe for part in (index.whole, index.twin)] == [3, 3]


def test_more_hits_than_vectors_are_padded() -> None:
    index = build(vectors(3), "Flat", similarity="dot")
    scores, positions = index.search(vectors(2, seed=1), 5)
    assert sorted(positions[0, :3].tolist()) == [0, 1, 2]
    assert positions[:, 3:].tolist() == [[-1, -1], [-1, -1]]
    assert np.isneginf(scores[:, 3:]).all()


@pytest.mark.parametrize("factory", ["IVF16,Flat", "OPQ4,PQ4x4", "HNSW16", "RQ2x4", "PCA16,IVF16,SQ8"])
def test_the_number_of_threads_changes_nothing(factory: str) -> None:
    before = faiss.omp_get_max_threads()
    made = []
    for threads in (1, 3):
        faiss.omp_set_num_threads(threads)
        made.append(faiss.serialize_index(build(vectors(800), factory, similarity="dot").whole))
        assert faiss.omp_get_max_threads() == threads
    faiss.omp_set_num_threads(before)
    assert (made[0] == made[1]).all()


@pytest.mark.parametrize("factory", ["OPQ8,PQ8x4", "IVF16,SQ8", "HNSW16", "RQ2x4"])
def test_a_lossy_score_does_not_depend_on_the_other_queries(factory: str) -> None:
    index, queries = build(vectors(500), factory, similarity="dot"), vectors(64, seed=1)
    together = index.search(queries, 10)
    alone = [index.search(query[None], 10) for query in queries]
    assert (together[0] == np.concatenate([s for s, _ in alone])).all()
    assert (together[1] == np.concatenate([p for _, p in alone])).all()


@pytest.mark.parametrize("factory", ["Flat", "IVF16,PQ8x4", "HNSW16", "L2norm,Flat"])
def test_save_then_load_finds_the_same(factory: str, tmp_path) -> None:
    search = "nprobe=3" if "IVF" in factory else ""
    index, queries = build(vectors(300), factory, similarity="dot", search=search), vectors(5, seed=1)
    save(index, tmp_path / "index")
    save(index, tmp_path / "index")
    again = load(tmp_path / "index")
    assert all(
        (a == b).all() for a, b in zip(index.search(queries, 9), again.search(queries, 9), strict=True)
    )
    assert (again.fingerprint, again.bound, again.twin.ntotal) == (index.fingerprint, index.bound, 0)
    assert sorted(p.name for p in (tmp_path / "index").iterdir()) == [
        "index.faiss",
        "meta.json",
        "twin.faiss",
    ]


@pytest.mark.parametrize(
    ("key", "value"), [("n", 301), ("dim", 31), ("faiss", "1.0.0"), ("metric", "L2"), ("factory", None)]
)
def test_a_saved_index_that_is_not_what_it_says_is_refused(key: str, value: object, tmp_path) -> None:
    save(build(vectors(300), "IVF4,Flat", similarity="dot"), tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text())
    changed = {**meta, key: value} if value is not None else {k: v for k, v in meta.items() if k != key}
    (tmp_path / "meta.json").write_text(json.dumps(changed))
    with pytest.raises(ModelError, match=rf"{key}.*delete .* and build the index again"):
        load(tmp_path)


def test_a_broken_or_half_written_index_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="no readable index"):
        load(tmp_path)
    save(build(vectors(300), "IVF4,Flat", similarity="dot"), tmp_path)
    (tmp_path / "twin.faiss").write_bytes(b"no index")
    with pytest.raises(ModelError, match="no readable index"):
        load(tmp_path)


def test_the_twins_of_two_indexes_are_not_interchangeable(tmp_path) -> None:
    index = build(vectors(300), "IVF4,Flat", similarity="dot")
    save(index, tmp_path)
    faiss.write_index(index.whole, str(tmp_path / "twin.faiss"))
    with pytest.raises(ModelError, match=r"twin \[300, 32\] instead of \[0, 32\]"):
        load(tmp_path)


@pytest.mark.skipif(hasattr(faiss, "StandardGpuResources"), reason="this FAISS has GPU support")
def test_a_gpu_without_gpu_faiss_says_what_to_install() -> None:
    assert "rag-robust[gpu]" in message(vectors(20), "IVF4,Flat", device="cuda")
    assert 'expected device "cpu" or "cuda' in message(vectors(20), "Flat", device="tpu")


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("factory", "search"), [("Flat", ""), ("IVF16,Flat", "nprobe=4"), ("IVF16,PQ8", "nprobe=4")]
)
def test_the_gpu_finds_what_the_cpu_finds(factory: str, search: str) -> None:
    rows, queries = vectors(2000), vectors(20, seed=1)
    cpu = build(rows, factory, similarity="dot", search=search)
    gpu = build(rows, factory, similarity="dot", search=search, device="cuda")
    assert np.allclose(cpu.search(queries, 10)[0], gpu.search(queries, 10)[0], atol=1e-4)
    added = gpu.with_added(rows[:5] * 2).search(rows[:5], 1)[1]
    assert (added[:, 0] >= 2000).all()


def test_no_vector_is_refused() -> None:
    assert "at least one vector" in message(vectors(0), "Flat")


def test_flat_needs_no_faiss_on_another_device() -> None:
    assert type(build_any(vectors(5), "Flat", similarity="dot", device="meta")).__name__ == "TorchIndex"
    assert type(build_any(vectors(5), "Flat", similarity="dot")).__name__ == "Index"
