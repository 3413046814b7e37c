"""Text by a language model, near the queries: its value is the stated sum, and more work is never worse."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from rag_robust import attacks
from rag_robust.attacks._view import Secrets, Tools, View, check_budget
from rag_robust.attacks.readable import Readable
from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import BudgetError, SuiteError, TargetError
from rag_robust.generate.language_model import LanguageModel
from rag_robust.seeds import generator
from rag_robust.text import words
from rag_robust.types import Query

WORDS = "coffee tea beans roasted green water is in the a hot cold".split()
QUERIES = tuple(Query(str(i), t) for i, t in enumerate(["roasted coffee beans", "green tea", "coffee beans"]))
ENCODER = HashedEncoder()


@pytest.fixture(scope="module")
def writer() -> LanguageModel:
    """A random model of twelve words, each with the space before it; no other token is ever written."""
    vocabulary = {f"Ġ{word}": i for i, word in enumerate(WORDS, 1)} | {"<end>": 0, "?": len(WORDS) + 1}
    split = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    split.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    split.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=split, eos_token="<end>", unk_token="?")
    size = {"n_positions": 32, "n_embd": 16, "n_layer": 1, "n_head": 2, "initializer_range": 0.5}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = GPT2LMHeadModel(GPT2Config(vocab_size=len(vocabulary), **size)).eval()
    return LanguageModel(model, tokenizer, "twelve words")


def attack(**given) -> Readable:
    return Readable(**{"information": "tea is cold", "tokens": 6, "n_beams": 3, "n_next": 4, **given})


def look(made: Readable, writer: LanguageModel | None, **given) -> View:
    tools = Tools(language_model=(lambda: writer) if writer else None)
    return View(made.threat, Secrets(QUERIES, embed=ENCODER.encode), tools=tools, **given)


def centre() -> np.ndarray:
    mean = ENCODER.encode([q.text for q in QUERIES], "query").mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_the_value_is_similarity_and_weighted_log_probability_of_the_text(writer):
    made = attack(naturalness=0.1)
    view = look(made, writer)
    [passage] = made(view, generator(1)).inserted
    [note] = view.notes["passages"]
    cosine = float(ENCODER.encode([passage.text], "passage")[0] @ centre())
    surprise = float(writer.surprise([passage.text])[0])
    assert note["similarity"] == pytest.approx(cosine, abs=1e-6)
    assert note["surprise"] == pytest.approx(surprise, abs=1e-5)
    assert note["trace"][-1] == pytest.approx(cosine - 0.1 * surprise, abs=1e-5)
    assert json.loads(json.dumps(view.notes)) == view.notes


def test_a_beam_wide_enough_finds_the_best_of_all_texts(writer):
    made = attack(tokens=5, n_beams=200, n_next=12, top_p=1.0, naturalness=0.05)
    [passage] = made(look(made, writer), generator(1)).inserted
    own = ["tea is cold", *(f"tea is cold {a}" for a in WORDS)]
    own += [f"tea is cold {a} {b}" for a in WORDS for b in WORDS]
    near = ENCODER.encode(own, "passage") @ centre()
    values = near - 0.05 * writer.surprise(own)
    assert passage.text == own[int(np.argmax(values))]


def test_a_step_never_lowers_the_value(writer):
    for seed in range(3):
        made = attack(tokens=9, n_beams=1, n_next=2, naturalness=0.2 * seed)
        view = look(made, writer)
        made(view, generator(seed))
        [note] = view.notes["passages"]
        assert note["trace"] == sorted(note["trace"])


def test_naturalness_buys_likelier_text(writer):
    texts = [
        attack(tokens=8, naturalness=w)(look(attack(), writer), generator(1)).inserted[0].text
        for w in (0.0, 1.0)
    ]
    near_only, natural = writer.surprise(texts)
    assert natural < near_only


def test_the_information_stays_and_the_budget_holds(writer):
    made = attack(tokens=7, passages=2)
    view = look(made, writer)
    change = made(view, generator(5))
    check_budget(change, made.threat, {}, view.n_tokens)
    assert len(change.inserted) == 2
    assert all(p.text.startswith("tea is cold") and set(words(p.text)) <= set(WORDS) for p in change.inserted)


def test_every_embedded_text_is_counted_and_progress_is_told(writer):
    asked: list[str] = []

    def embed(texts, kind):
        asked.extend(texts)
        return ENCODER.encode(texts, kind)

    made, ticks = attack(), []
    view = look(made, writer, tick=lambda done, total: ticks.append((done, total)))
    view.secrets = Secrets(QUERIES, embed=embed)
    made(view, generator(1))
    assert view.calls == len(asked) > len(QUERIES) + 3
    assert ticks == [(1, 6), (2, 6), (3, 6)]  # three words fit behind the information


def test_top_p_leaves_the_likeliest_token_alone(writer):
    made = attack(tokens=4, top_p=1e-9, naturalness=-1.0)  # the less likely, the better
    [passage] = made(look(made, writer), generator(1)).inserted
    likeliest = writer.next_log_probs(["tea is cold"])[0, 1:-1].argmax()
    assert passage.text in {"tea is cold", f"tea is cold {WORDS[int(likeliest)]}"}


def test_an_interrupted_attack_goes_on_where_it_stopped(writer):
    made = attack(passages=2)
    saved: list[str] = []
    asked: list[str] = []
    whole, resumed = look(made, writer), look(made, writer)
    whole.checkpoint = SimpleNamespace(save=lambda state: saved.append(json.dumps(state)), load=lambda: None)
    resumed.checkpoint = SimpleNamespace(save=lambda state: None, load=lambda: json.loads(saved[0]))
    resumed.secrets = Secrets(
        QUERIES, embed=lambda texts, kind: asked.extend(texts) or ENCODER.encode(texts, kind)
    )
    assert made(whole, generator(2)) == made(resumed, generator(2))
    assert whole.notes == resumed.notes
    assert len(saved) == 2
    assert len(QUERIES) < len(asked) < whole.calls


class Killed(Exception):
    pass


def test_an_attack_killed_between_two_passages_goes_on_with_its_beams(writer):
    made, saved = attack(tokens=15, passages=2), ["null"]
    whole = look(made, writer)
    expected = made(whole, generator(2))
    kept = SimpleNamespace(
        save=lambda state: saved.append(json.dumps(state)), load=lambda: json.loads(saved[-1])
    )

    def die(done: int, total: int) -> None:
        if done == 15 + 7:
            raise Killed

    with pytest.raises(Killed):
        made(look(made, writer, checkpoint=kept, tick=die), generator(2))
    ticks: list[int] = []
    again = look(made, writer, checkpoint=kept, tick=lambda done, total: ticks.append(done))
    assert made(again, generator(2)) == expected
    assert again.notes == whole.notes
    assert again.calls == whole.calls
    assert ticks[0] == 15 + 6


def test_what_the_language_model_reads_is_counted(writer):
    made, before = attack(), writer.work.forwards
    view = look(made, writer)
    made(view, generator(1))
    assert view.work.forwards > 3
    assert view.work.flops > view.work.tokens > view.work.forwards
    assert (view.work.backwards, writer.work.forwards) == (0, before), "the model itself is shared"


def test_what_cannot_be_is_refused(writer):
    with pytest.raises(BudgetError, match="allows 2 tokens per passage, the information has 3"):
        attack(tokens=2)(look(attack(), writer), generator(1))
    with pytest.raises(TargetError, match="no language model"):
        attack()(look(attack(), None), generator(1))
    with pytest.raises(SuiteError, match="information is empty"):
        attacks.load("readable", information=" ")
    with pytest.raises(SuiteError, match="top_p <= 1"):
        attacks.load("readable", information="x", top_p=1.5)
