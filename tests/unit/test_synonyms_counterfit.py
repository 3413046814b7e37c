"""Counter-fitting: synonyms come closer, antonyms move apart, the rest stays."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust.errors import ModelError
from rag_robust.synonyms.counterfit import Settings, counterfit


def world(n: int = 40, dim: int = 8, seed: int = 0):
    """Two groups of near words and others; the first words of each group are what links are made of."""
    rng = np.random.default_rng(seed)
    groups = [rng.normal(size=dim) + rng.normal(scale=0.25, size=(n // 4, dim)) for _ in range(2)]
    vectors = np.concatenate([*groups, rng.normal(size=(n // 2, dim))]).astype(np.float32)
    return [f"w{i}" for i in range(n)], vectors


def distance(vectors, i: int, j: int) -> float:
    a, b = vectors[i].astype(float), vectors[j].astype(float)
    return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_synonyms_come_closer_and_antonyms_move_apart():
    words, vectors = world()
    after = counterfit(words, vectors, synonyms=[("w0", "w10")], antonyms=[("w1", "w2")])
    assert distance(after, 0, 10) < distance(vectors, 0, 10) / 2
    assert distance(after, 1, 2) > 1.5 * distance(vectors, 1, 2)


def test_without_near_words_links_reach_their_goals():
    vectors = np.array([[1, 0.4], [1, -0.6], [-1, 0.1], [-1, -0.1]], np.float32)
    options = Settings(radius=0.0, epochs=200)
    after = counterfit(list("abcd"), vectors, synonyms=[("a", "b")], antonyms=[("c", "d")], settings=options)
    assert distance(after, 0, 1) == pytest.approx(0, abs=1e-6)
    assert distance(after, 2, 3) >= 0.99


def test_words_without_links_or_moving_neighbours_keep_their_direction():
    words, vectors = world()
    options = Settings(radius=0.0)
    after = counterfit(words, vectors, synonyms=[("w0", "w10")], antonyms=[("w1", "w2")], settings=options)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rest = [i for i in range(40) if i not in (0, 1, 2, 10)]
    np.testing.assert_allclose(after[rest], unit[rest], atol=1e-6)


def test_neighbourhoods_are_kept_within_a_tenth():
    """No pair within the radius, links apart, drifts by more than 0.1; without that term some do."""
    words, vectors = world()
    links = {"synonyms": [("w0", "w10")], "antonyms": [("w1", "w2")]}

    def drift(settings):
        after = counterfit(words, vectors, **links, settings=settings)
        near = [
            (i, j) for i in range(40) for j in range(i) if distance(vectors, i, j) <= 0.2 and (i, j) != (2, 1)
        ]
        return max(distance(after, i, j) - distance(vectors, i, j) for i, j in near)

    assert drift(Settings()) <= 0.1 < drift(Settings(radius=0.0, epochs=200))


def test_the_order_of_links_and_their_direction_do_not_matter():
    words, vectors = world()
    pairs = [("w0", "w10"), ("w3", "w20"), ("w0", "w30")]
    one = counterfit(words, vectors, synonyms=pairs)
    other = counterfit(words, vectors, synonyms=[(b, a) for a, b in reversed(pairs)] + pairs)
    assert np.array_equal(one, other)


def test_a_pair_that_is_both_is_an_antonym_and_unknown_words_are_passed_over():
    words, vectors = world()
    both = counterfit(words, vectors, synonyms=[("w0", "w1"), ("w0", "nowhere")], antonyms=[("w1", "w0")])
    assert np.array_equal(both, counterfit(words, vectors, synonyms=[], antonyms=[("w0", "w1")]))


def test_rows_are_unit_vectors():
    words, vectors = world()
    after = counterfit(words, 3 * vectors, synonyms=[("w0", "w10")])
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, atol=1e-6)


def test_vectors_that_do_not_fit_the_words_are_refused():
    with pytest.raises(ModelError, match="one per word"):
        counterfit(["a"], np.ones((2, 2), np.float32), synonyms=[])
