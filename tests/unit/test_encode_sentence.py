"""Encoding: the same vectors as sentence-transformers, bit-stable, cached, refused when not a number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rag_robust import encode
from rag_robust.encode.cache import Cached
from rag_robust.encode.tokens import token_model
from rag_robust.errors import ModelError

TEXTS = ["coffee", "roasted coffee beans from the hills", "a bridge", "steel bridge over the cold water " * 9]


def test_vectors_equal_those_of_sentence_transformers(encoder):
    theirs = encoder.model.encode(TEXTS, show_progress_bar=False)
    assert np.abs(encoder.encode(TEXTS, "passage") - theirs).max() < 1e-6


def test_a_row_depends_on_its_text_alone_bit_for_bit(encoder):
    together = encoder.encode(TEXTS, "passage")
    alone = np.concatenate([encoder.encode([text], "passage") for text in TEXTS])
    backwards = encoder.encode(TEXTS[::-1], "passage")[::-1]
    assert np.array_equal(together, alone)
    assert np.array_equal(together, backwards)


def test_no_texts_give_no_rows(encoder):
    assert encoder.encode([], "query").shape == (0, encoder.dim)


def test_prompts_come_from_the_model(encoder):
    encoder.model.prompts = {"query": "query: ", "document": "passage: "}
    try:
        plain = encoder.tokenize(["query: coffee"], "passage")[0]
        assert encoder.prompt("passage") == "passage: "
        assert encoder.tokenize(["coffee"], "query")[0] != encoder.tokenize(["coffee"], "passage")[0]
        assert plain != encoder.tokenize(["coffee"], "query")[0]
    finally:
        encoder.model.prompts = {"query": "", "document": ""}


def test_weights_that_are_not_numbers_are_reported_with_the_text(encoder_folder):
    broken = encode.load(str(encoder_folder))
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN or infinity for 1 texts, the first is 'coffee'"):
        broken.encode(["coffee"], "query")


def test_the_cache_computes_each_text_once_and_survives_a_torn_tail(encoder, tmp_path):
    first = Cached(encoder, tmp_path)
    expected = first.encode(TEXTS, "passage")
    keys = next(tmp_path.glob("*/keys.bin"))
    vectors = keys.with_name("vectors.f32")
    vectors.write_bytes(vectors.read_bytes() + b"torn")
    again = Cached(encoder, tmp_path)
    assert np.array_equal(again.encode(TEXTS, "passage"), expected)
    assert np.array_equal(again.encode(["new", *TEXTS], "passage")[1:], expected)
    assert len(keys.read_bytes()) == 16 * (len(TEXTS) + 1)


def test_queries_and_passages_are_kept_apart_in_the_cache(encoder, tmp_path):
    cached = Cached(encoder, tmp_path)
    cached.encode(["coffee"], "query")
    cached.encode(["coffee"], "passage")
    assert len(next(tmp_path.glob("*/keys.bin")).read_bytes()) == 32


def test_two_models_of_one_name_have_two_fingerprints(encoder, encoder_folder):
    other = encode.load(str(encoder_folder))
    assert other.fingerprint == encoder.fingerprint
    with torch.no_grad():
        next(other.model.parameters()).add_(1.0)
    from rag_robust.encode.sentence_transformers import _weight_hash

    assert _weight_hash(other.model) not in encoder.fingerprint


def test_a_missing_model_names_what_was_expected():
    with pytest.raises(ModelError, match="expected a folder, a hub id or all-MiniLM-L6-v2"):
        encode.load("no/such-model-anywhere")


def test_gradients_of_an_encoder_without_tokens_are_refused():
    with pytest.raises(ModelError, match="gradients need a sentence-transformers model"):
        token_model(encode.load("hashed"))
