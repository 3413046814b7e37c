"""A text's surprise is its own: the plain sum, whatever is judged beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from rag_robust.errors import ModelError
from rag_robust.generate.language_model import LanguageModel, language_model, mean_log_likelihood

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
TEXTS = ["coffee is a drink", "tea", "", "the largest ocean", "x", "coffee as a drink", "東京 is a city"]


def tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte, and two that end and start a text."""
    split = Tokenizer(models.BPE({c: i for i, c in enumerate(["<end>", "<start>", *BYTES])}, []))
    split.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=split, bos_token="<start>", eos_token="<end>")


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        if request.param == "llama":
            model = LlamaForCausalLM(
                LlamaConfig(
                    vocab_size=258, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
                    bos_token_id=1, eos_token_id=0, initializer_range=0.4,
                )
            )  # fmt: skip
        else:
            size = {"n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4, "initializer_range": 0.4}
            model = GPT2LMHeadModel(GPT2Config(vocab_size=258, bos_token_id=1, eos_token_id=0, **size))
    place = tmp_path_factory.mktemp("language")
    model.save_pretrained(place)
    tokenizer().save_pretrained(place)
    return place


@pytest.fixture
def judge(folder: Path) -> LanguageModel:
    return language_model(str(folder), cache=folder)


def log_probs(judge: LanguageModel, ids: list[int]) -> torch.Tensor:
    """One forward pass of one row: log-probabilities (length, V)."""
    with torch.inference_mode():
        return judge.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)


def test_surprise_is_the_cross_entropy_of_one_pass_per_text(judge: LanguageModel) -> None:
    got = judge.surprise(TEXTS)
    assert (got.shape, got.dtype, got[2]) == ((7,), np.float64, 0.0)
    for text, value in zip(TEXTS, got, strict=True):
        ids = [1, *judge.tokenizer(text)["input_ids"]]
        if len(ids) > 1:
            logs = log_probs(judge, ids)
            plain = -np.mean([float(logs[i, token]) for i, token in enumerate(ids[1:])])
            assert value == pytest.approx(plain, abs=1e-5)


def test_no_bit_of_a_text_depends_on_the_texts_beside_it(judge: LanguageModel) -> None:
    texts = [*TEXTS, *(f"coffee is {c} drink" for c in "abcdefghijk")]
    together, nexts = judge.surprise(texts), judge.next_log_probs(texts)
    assert together.tolist() == judge.surprise(texts[::-1])[::-1].tolist()
    for i, text in enumerate(texts):
        assert judge.surprise([text])[0] == together[i]
        assert torch.equal(judge.next_log_probs([text])[0], nexts[i])


def test_next_log_probs_are_those_of_the_last_position(judge: LanguageModel) -> None:
    got = judge.next_log_probs(TEXTS)
    assert got.shape == (7, 258)
    for text, row in zip(TEXTS, got, strict=True):
        plain = log_probs(judge, [1, *judge.tokenizer(text)["input_ids"]])[-1]
        assert torch.allclose(row.double(), plain, atol=1e-5)


def test_surprise_of_a_longer_text_is_its_parts_weighed_by_their_tokens(judge: LanguageModel) -> None:
    step = float(judge.next_log_probs(["te"])[0, judge.tokenizer("a")["input_ids"][0]])
    short, long = judge.surprise(["te", "tea"])
    assert 3 * long == pytest.approx(2 * short - step, abs=1e-5)


def test_a_tail_is_judged_after_a_head_that_is_not(judge: LanguageModel) -> None:
    rows = [[1, 40, 41, 42, 43], [1, 50, 51, 42, 43], [9, 40]]
    got = mean_log_likelihood(judge.model, rows, [2, 2, 1])
    for row, n, value in zip(rows, [2, 2, 1], got, strict=True):
        logs = log_probs(judge, row)
        plain = np.mean([float(logs[i - 1, row[i]]) for i in range(len(row) - n, len(row))])
        assert value == pytest.approx(plain, abs=1e-5)


def test_a_long_text_loses_its_end_and_nothing_gives_nothing(judge: LanguageModel) -> None:
    cut, fits = judge.surprise(["ab" * 200, ("ab" * 200)[:63]])
    assert cut == fits
    assert judge.surprise([]).shape == (0,)
    assert judge.next_log_probs([]).shape == (0, 258)


def test_special_tokens_in_a_text_are_read_as_characters(judge: LanguageModel) -> None:
    assert judge.n_tokens("<end>") == 5
    assert judge.next_log_probs(["<end>"]).shape == (1, 258)


def test_a_text_is_continued_by_what_can_be_read(judge: LanguageModel) -> None:
    [letter], [space, *_], [part, *_] = (judge.tokenizer(t)["input_ids"] for t in ("s", " ", "東"))
    assert judge.continued("Tea", [letter, space, part, 0]) == ["Teas", "Tea", "Tea", "Tea"]


def test_a_model_of_other_weights_has_another_fingerprint(folder: Path, judge: LanguageModel) -> None:
    assert language_model(str(folder), cache=folder).fingerprint == judge.fingerprint
    with torch.no_grad():
        judge.model.get_input_embeddings().weight[7, 7] += 1
    judge.model.save_pretrained(folder / "other")
    tokenizer().save_pretrained(folder / "other")
    assert language_model(str(folder / "other"), cache=folder).fingerprint != judge.fingerprint


def test_what_is_read_is_counted_and_nothing_else(judge: LanguageModel) -> None:
    judge.surprise(["tea", "", "tea is hot"])
    first = judge.model.get_input_embeddings().weight.numel()
    n = 4 + 11  # a start token each; a text without tokens is not read
    assert (judge.work.forwards, judge.work.backwards, judge.work.tokens) == (2, 0, n)
    body = (judge.work.flops / 2 - first * (n - 2)) / n
    layers = judge.model.get_decoder().parameters()
    assert 0 < body <= sum(p.numel() for p in layers) - first
    before = judge.work.flops
    judge.next_log_probs(["tea"])
    assert judge.work.flops - before == 2 * (4 * body + first)


def test_a_model_without_a_start_token_is_refused(judge: LanguageModel) -> None:
    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizer().backend_tokenizer)
    judge.model.config.bos_token_id = None
    with pytest.raises(ModelError, match="no start and no end token"):
        LanguageModel(judge.model, bare, "x").surprise(["tea"])
    with pytest.raises(ModelError, match="no causal language model"):
        language_model("/nowhere/at/all", cache=Path("/nowhere"))
