"""The encoder without a model: deterministic, and texts that share words are near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import ModelError

ENCODER = HashedEncoder()


def test_a_vector_is_the_same_on_every_machine() -> None:
    [vector] = HashedEncoder(dim=8).encode(["coffee"], "query")
    assert vector.tolist() == pytest.approx(
        [0.3162, 0.3162, 0.3162, 0.6325, -0.3162, 0, 0.3162, -0.3162], abs=1e-4
    )


@given(st.lists(st.text(max_size=40), max_size=8))
def test_rows_are_unit_vectors_that_depend_on_their_text_alone(texts: list[str]) -> None:
    vectors = ENCODER.encode(texts, "passage")
    assert vectors.shape == (len(texts), 256)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, row in zip(texts, vectors, strict=True):
        assert (ENCODER.encode([text], "query")[0] == row).all()


def test_shared_words_and_typos_are_nearer_than_other_texts() -> None:
    query, typo, other = ENCODER.encode(
        ["roasted coffee beans", "roasted cofee beans", "the largest ocean"], "query"
    )
    [passage] = ENCODER.encode(["Coffee is made from beans that were roasted."], "passage")
    assert query @ passage > typo @ passage > other @ passage + 0.2


def test_stop_words_count_only_where_nothing_else_is_said() -> None:
    plain, padded, only = ENCODER.encode(["coffee", "is it the coffee", "is it the"], "query")
    assert (plain == padded).all()
    assert np.linalg.norm(only) == pytest.approx(1)


def test_dot_keeps_the_length_and_the_direction() -> None:
    texts = ["coffee", "coffee and tea and milk and sugar"]
    cosine, dot = (HashedEncoder(similarity=s).encode(texts, "query") for s in ("cosine", "dot"))
    lengths = np.linalg.norm(dot, axis=1)
    assert lengths[1] > lengths[0] > 1
    assert np.allclose(dot / lengths[:, None], cosine, atol=1e-6)


def test_the_fingerprint_names_all_that_matters() -> None:
    encoders = [HashedEncoder(), HashedEncoder(dim=64), HashedEncoder(similarity="dot")]
    assert len({e.fingerprint for e in encoders}) == 3
    with pytest.raises(ModelError, match="dim >= 1, got 0"):
        HashedEncoder(dim=0)
