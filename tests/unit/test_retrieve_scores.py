"""Rankers made of models: encoders, cross-encoders, language models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import ModelError
from rag_robust.retrieve.cross_encoder import cross_encoder
from rag_robust.retrieve.query_likelihood import query_likelihood
from rag_robust.retrieve.scores import bi_encoder

SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
ALPHABET = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
PASSAGES = ["coffee is a drink", "", "the largest of the oceans is the Pacific", "tea", "coffee is a drink"]


def tokenizer(**special: str) -> PreTrainedTokenizerFast:
    """One token per byte."""
    bytewise = Tokenizer(models.BPE({c: i for i, c in enumerate(ALPHABET)}, []))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if "bos_token" in special:
        bytewise.post_processor = processors.TemplateProcessing("[CLS] $A", special_tokens=[("[CLS]", 1)])
    if "sep_token" in special:
        bytewise.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return PreTrainedTokenizerFast(tokenizer_object=bytewise, pad_token="[PAD]", unk_token="[UNK]", **special)


def language_model() -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(ALPHABET), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64, initializer_range=0.5,
        attn_implementation="eager",
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(config).eval()


def plain(model: LlamaForCausalLM, head: list[int], tail: list[int]) -> float:
    """One forward pass per passage, no padding."""
    with torch.no_grad():
        logs = model(torch.tensor([head + tail])).logits[0].double().log_softmax(-1)
    return float(np.mean([logs[len(head) + i - 1, token] for i, token in enumerate(tail)]))


@pytest.mark.parametrize("special", [{}, {"bos_token": "[CLS]"}])
def test_query_likelihood_is_that_of_one_pass_per_passage(special: dict[str, str]) -> None:
    model, split = language_model(), tokenizer(**special)
    start = [1] if special else []
    newline, tail = (split(text, add_special_tokens=False)["input_ids"] for text in ("\n", "hot drink"))
    expected = [
        plain(model, [*start, *split(text, add_special_tokens=False)["input_ids"], *newline], tail)
        for text in PASSAGES
    ]
    got = query_likelihood(model, split)("hot drink", PASSAGES)
    assert got.dtype == np.float64
    assert np.allclose(got, expected, atol=1e-5)
    assert np.ptp(got) > 0.01


def test_a_long_passage_loses_its_end_and_the_query_nothing() -> None:
    score = query_likelihood(language_model(), tokenizer())
    long = "x" * 500
    assert np.allclose(score("drink", [long, "x" * 58]), score("drink", ["x" * 58, long]), atol=1e-6)
    assert score("drink", [long])[0] == pytest.approx(score("drink", ["x" * 58])[0], abs=1e-6)


def test_a_query_without_tokens_or_without_room_is_refused() -> None:
    score = query_likelihood(language_model(), tokenizer())
    for query in ("", "x" * 64):
        with pytest.raises(ModelError, match=f"query of 1 to 61 tokens, got {len(query)}"):
            score(query, PASSAGES)


def test_a_query_likelihood_depends_on_its_own_passage_alone() -> None:
    score = query_likelihood(language_model(), tokenizer())
    got = score("hot drink", PASSAGES)
    assert np.array_equal(got, score("hot drink", PASSAGES[::-1])[::-1])
    assert np.array_equal(got, np.concatenate([score("hot drink", [text]) for text in PASSAGES]))
    assert score("hot drink", []).shape == (0,)


def saved_cross_encoder(folder, labels: int = 1) -> str:
    config = BertConfig(
        vocab_size=len(ALPHABET), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=labels, initializer_range=0.5,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertForSequenceClassification(config).eval().save_pretrained(folder)
    tokenizer(cls_token="[CLS]", sep_token="[SEP]").save_pretrained(folder)
    return str(folder)


def test_a_cross_encoder_scores_each_pair_and_not_its_place(tmp_path) -> None:
    score = cross_encoder(saved_cross_encoder(tmp_path))
    got = score("hot drink", PASSAGES)
    assert (got.shape, got.dtype) == ((5,), np.float64)
    assert got.tolist() == score("hot drink", PASSAGES[::-1])[::-1].tolist()
    assert got.tolist() == [score("hot drink", [text])[0] for text in PASSAGES]
    assert got.tolist() * 9 == score("hot drink", PASSAGES * 9).tolist()
    assert np.ptp(got) > 1e-4
    assert score("hot drink", []).shape == (0,)


def test_a_model_that_is_no_ranker_is_refused(tmp_path) -> None:
    with pytest.raises(ModelError, match="has 3; choose one trained to rank"):
        cross_encoder(saved_cross_encoder(tmp_path, labels=3))
    with pytest.raises(ModelError, match="no cross-encoder"):
        cross_encoder(str(tmp_path / "nothing"))


def test_a_bi_encoder_scores_by_its_own_similarity() -> None:
    encoder = HashedEncoder(similarity="dot")
    got = bi_encoder(encoder)("hot drink", PASSAGES)
    expected = (
        encoder.encode(PASSAGES, "passage").astype(np.float64) @ encoder.encode(["hot drink"], "query")[0]
    )
    assert got.dtype == np.float64
    assert np.allclose(got, expected)
    assert [bi_encoder(encoder)("hot drink", [text])[0] for text in PASSAGES] == got.tolist()
