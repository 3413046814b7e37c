"""Geometry: closed forms against every pair, neighbours against sorting, and its extremes."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust import encode
from rag_robust.encode.geometry import geometry, mean_cosine, mean_pair_cosine, occurrences
from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import UsageError
from rag_robust.seeds import generator
from rag_robust.types import Passage, Query


@pytest.fixture(scope="module")
def sample(tiny):
    return list(tiny.queries.values()), list(tiny.passages.values())


def cosine(u, v):
    return u @ v / np.linalg.norm(u) / np.linalg.norm(v)


def test_the_closed_form_is_the_mean_over_all_pairs():
    x = np.random.default_rng(0).normal(1.0, 1.0, (30, 5))
    every = [cosine(x[i], x[j]) for i in range(30) for j in range(30) if i != j]
    assert mean_pair_cosine(x) == pytest.approx(np.mean(every), abs=1e-12)
    assert mean_cosine(x[:9], x[9:]) == pytest.approx(np.mean([cosine(u, v) for u in x[:9] for v in x[9:]]))


def test_all_in_one_direction_is_one_and_random_directions_are_none():
    rng = np.random.default_rng(1)
    assert mean_pair_cosine(rng.uniform(1, 2, (20, 1)) * np.ones((20, 8))) == pytest.approx(1.0)
    assert abs(mean_pair_cosine(rng.normal(size=(2000, 64)))) < 0.001


def test_neighbours_are_those_of_a_full_sort_in_row_order_among_equals():
    rng = np.random.default_rng(2)
    q, p = rng.integers(-2, 3, (300, 3)).astype(float), rng.integers(-2, 3, (40, 3)).astype(float)
    counts, first, last = occurrences(q, p, 7)
    expected = np.zeros(40, int)
    for row, query in enumerate(q):
        order = sorted(range(40), key=lambda j: (-(p[j] @ query), j))[:7]
        expected[order] += 1
        assert (first[row], last[row]) == (p[order[0]] @ query, p[order[-1]] @ query)
    assert counts.tolist() == expected.tolist()


def test_every_number_is_what_its_name_says(sample):
    queries, passages = sample
    encoder = encode.load("hashed")
    found = geometry(encoder, queries, passages, k=5, rng=generator(0))
    q = encoder.encode([x.text for x in queries], "query").astype(float)
    p = encoder.encode([x.full for x in passages], "passage").astype(float)
    scores = -np.sort(-(q @ p.T), axis=1)
    counts = np.zeros(len(p))
    np.add.at(counts, np.argsort(-(q @ p.T), axis=1)[:, :5].ravel(), 1)
    assert found.margin.mean == pytest.approx((scores[:, 0] - scores[:, 4]).mean())
    assert found.entry.q50 == pytest.approx(np.median(scores[:, 4]))
    assert found.antihubs == pytest.approx((counts == 0).mean())
    assert (found.hub, found.reach) == (counts.max() / 5, counts.max() / len(q))
    z = (counts - counts.mean()) / counts.std()
    assert found.skewness == pytest.approx((z**3).mean())
    assert (found.similarity, found.n_queries, found.n_passages, found.k) == ("cosine", 20, 60, 5)


def test_the_order_of_the_passages_does_not_matter(sample):
    queries, passages = sample
    encoder = encode.load("hashed")
    twins = [*passages, Passage("twin", passages[0].full)]
    there = geometry(encoder, queries, twins, k=3, rng=generator(0))
    back = geometry(encoder, queries, twins[::-1], k=3, rng=generator(0))
    assert there == back


def test_one_passage_near_everything_is_a_hub():
    queries = [Query(str(i), f"word{i} common") for i in range(30)]
    passages = [Passage("hub", "common"), *(Passage(str(i), f"other{i} text{i}") for i in range(30))]
    found = geometry(encode.load("hashed"), queries, passages, k=1, rng=generator(0))
    assert found.reach == 1.0
    assert found.antihubs == pytest.approx(30 / 31)
    assert found.skewness > 4


def test_the_cosines_of_a_sample_are_near_those_of_all(sample):
    queries, passages = sample
    encoder = encode.load("hashed")
    whole = geometry(encoder, queries, passages, rng=generator(0))
    part = geometry(encoder, queries, passages, n_texts=40, rng=generator(0))
    assert part.passage_cosine != whole.passage_cosine
    assert part.passage_cosine == pytest.approx(whole.passage_cosine, abs=0.03)
    assert part.entry == whole.entry


def test_more_neighbours_than_passages_are_all_of_them(sample):
    queries, passages = sample
    found = geometry(encode.load("hashed"), queries, passages[:4], k=10, rng=generator(0))
    assert (found.k, found.antihubs, found.skewness, found.reach) == (4, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(("n_queries", "n_passages", "k"), [(1, 5, 3), (5, 1, 3), (5, 5, 0)])
def test_what_cannot_be_measured_is_refused(sample, n_queries, n_passages, k):
    with pytest.raises(UsageError, match="2 or more queries"):
        geometry(encode.load("hashed"), sample[0][:n_queries], sample[1][:n_passages], k=k, rng=generator(0))


def test_a_dot_product_keeps_its_lengths(sample):
    queries, passages = sample
    dot = HashedEncoder(similarity="dot")
    found = geometry(dot, queries, passages, rng=generator(0))
    unit = geometry(encode.load("hashed"), queries, passages, rng=generator(0))
    assert found.entry.mean > 2 * unit.entry.mean
    assert found.passage_cosine == pytest.approx(unit.passage_cosine, abs=1e-6)


def test_the_ceiling_of_one_passage_follows_from_the_anisotropy_of_the_queries():
    x = np.random.default_rng(5).normal(0.5, 1.0, (12, 6))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    mean, a = unit.mean(axis=0), mean_pair_cosine(x)
    assert np.linalg.norm(mean) ** 2 == pytest.approx(a + (1 - a) / 12)
    assert (unit @ (mean / np.linalg.norm(mean))).mean() == pytest.approx(np.linalg.norm(mean))


def test_a_query_moved_by_less_than_half_its_margin_keeps_its_nearest_among_the_k():
    rng = np.random.default_rng(6)
    passages, queries, moves = (
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in rng.normal(size=(3, 300, 4))
    )
    _, first, last = occurrences(queries, passages, 5)
    nearest = (queries @ passages.T).argmax(axis=1)
    moved = (queries + moves * ((first - last) * 0.499)[:, None]) @ passages.T
    assert ((moved > moved[np.arange(300), nearest][:, None]).sum(axis=1) < 5).all()
