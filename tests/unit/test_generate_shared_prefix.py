"""Prompts that begin alike: the beginning is read once, and no bit of what is remembered differs for it."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rag_robust.generate import _greedy
from rag_robust.generate._greedy import CHUNK, complete


@pytest.fixture(scope="module")
def model():
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, initializer_range=0.4,
        attn_implementation="eager",
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = LlamaForCausalLM(config)
    return made.requires_grad_(requires_grad=False).train(mode=False)


@pytest.fixture
def counted(model):
    """The model, and the lengths of what it is given to read."""
    read = []

    def note(_module, _args, given):
        read.append(given["input_ids"].shape[1])

    handle = model.register_forward_pre_hook(note, with_kwargs=True)
    yield model, read
    handle.remove()


def row(seed, n):
    return torch.randint(2, 97, (n,), generator=torch.Generator().manual_seed(seed)).tolist()


BEGIN = row(0, 2 * CHUNK + 7)
ROWS = [BEGIN + row(i, 10 + i) for i in range(1, 12)] + [row(50, 40), row(51, 2 * CHUNK), BEGIN[: 2 * CHUNK]]


def test_a_shared_beginning_is_read_once(counted):
    model, read = counted
    complete(model, ROWS[:11], 4, {1})
    prompts = [n for n in read if n > 1]
    assert prompts.count(CHUNK) == 2
    assert sum(prompts) == 2 * CHUNK + sum(len(r) - 2 * CHUNK for r in ROWS[:11])


def test_what_is_written_depends_on_the_prompt_alone(model):
    together = complete(model, ROWS, 6, {1})
    assert together == [complete(model, [r], 6, {1})[0] for r in ROWS]
    assert together[::-1] == complete(model, ROWS[::-1], 6, {1})
    assert len({tuple(one) for one in together}) > 5


def test_no_bit_of_what_is_remembered_differs(model):
    with torch.inference_mode():
        before = _greedy._read(model, ROWS[0])
        alone, after = _greedy._read(model, ROWS[1]), _greedy._read(model, ROWS[1], before)
        again = _greedy._read(model, ROWS[0])
    for one, other in ((alone, after), (before, again)):  # and what was lent is as it was
        assert one.token == other.token
        for mine, yours in zip(one.cache.layers, other.cache.layers, strict=True):
            assert torch.equal(mine.keys, yours.keys)
            assert torch.equal(mine.values, yours.values)


def test_written_in_chunks_is_what_the_model_writes(model):
    """Against the model itself, reading the whole row anew for every token."""
    for r in (ROWS[0], ROWS[-1]):
        ids = list(r)
        for _ in range(5):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        assert complete(model, [r], 5, set())[0] == ids[len(r) :]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ([], [5], 0),
        (BEGIN, BEGIN, 2 * CHUNK),
        (BEGIN[:CHUNK], BEGIN[:CHUNK], 0),  # the last token is always left to read
        (BEGIN[:CHUNK], BEGIN[: CHUNK + 1], CHUNK),
        (BEGIN, [*BEGIN[: CHUNK - 1], 0, *BEGIN[CHUNK:]], 0),
        (BEGIN, [*BEGIN[: CHUNK + 3], 0], CHUNK),
    ],
)
def test_only_whole_chunks_are_shared(one, other, shared):
    assert _greedy._shared(one, other) == shared
