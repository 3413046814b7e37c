"""Training against substitutions: what a model is shown, and that the same seed makes the same model."""

from __future__ import annotations

import random
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from rag_robust import encode, train
from rag_robust.corpus import load
from rag_robust.errors import CorpusError, MissingExtra, ModelError, UsageError
from rag_robust.retrieve.cross_encoder import cross_encoder
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Corpus, Passage, Query

needs_trainer = pytest.mark.skipif(not find_spec("accelerate"), reason="needs accelerate, the extra [train]")

SHORT = replace(train.CPU, steps=3, batch=4, learning_rate=1e-3, max_tokens=16)
THREAT = Substitutions(source=Source("s", {"red": ("blue", "green"), "tall": ("high",)}))
ONE = train.Example(
    Query("q", "red things"),
    Passage("a", "A red, tall tree.", "Red"),
    Passage("b", "Red red red red red red red.", "Tall"),
)


def test_each_word_is_drawn_from_its_set_and_all_else_stays():
    (made,) = train.noisy([ONE], THREAT)
    words = made.negative.text.rstrip(".").lower().split()
    assert set(words) <= {"red", "blue", "green"}
    assert len(set(words)) > 1
    assert made.passage.text.startswith("A ")
    assert made.passage.text.split()[-1] == "tree."
    assert (made.query, made.passage.title, made.negative.title) == (ONE.query, "Red", "Tall")


def test_one_passage_has_one_version_wherever_it_stands_and_another_seed_another():
    other = replace(ONE, query=Query("r", "else"), passage=ONE.negative, negative=ONE.passage)
    first, second = train.noisy([ONE, other], THREAT)
    assert (first.negative, first.passage) == (second.passage, second.negative)
    assert train.noisy([ONE], THREAT) == [first]
    assert train.noisy([ONE], THREAT, seed=1) != [first]


def test_words_of_the_query_stay_where_the_threat_freezes_them():
    (made,) = train.noisy([ONE], replace(THREAT, freeze_query=True))
    assert made.negative == ONE.negative
    assert "red" in made.passage.text


def test_a_negative_is_a_passage_that_bm25_finds_and_nobody_judged():
    passages = {
        i: Passage(i, t) for i, t in {"a": "red tree", "b": "red house", "c": "grey", "d": "red"}.items()
    }
    corpus = Corpus(passages, {"q": Query("q", "red tree")}, {"q": {"a": 2, "d": 0}}, "")
    (made,) = train.examples(corpus)
    assert (made.passage.id, made.negative.id) == ("a", "b")
    with pytest.raises(CorpusError, match="others like it"):
        train.examples(replace(corpus, qrels={"q": {"d": 0}}))


@pytest.fixture(scope="module")
def rows() -> list[train.Example]:
    return train.examples(load("tiny"))


@needs_trainer
def test_equal_seeds_make_equal_bi_encoders_that_read_as_much_as_before(rows, encoder_folder, tmp_path):
    before = encode.load(str(encoder_folder))
    made = [
        train.bi_encoder(str(encoder_folder), rows, tmp_path / str(i), size=SHORT, seed=seed)
        for i, seed in enumerate((1, 1, 2))
    ]
    one, same, other = (encode.load(str(folder)) for folder in made)
    assert one.fingerprint.split()[1:] == same.fingerprint.split()[1:]
    assert len({e.fingerprint.split()[1] for e in (before, one, other)}) == 3
    assert one.model.max_seq_length == before.model.max_seq_length


@needs_trainer
def test_a_trained_bi_encoder_finds_more_of_what_it_was_shown(rows, encoder_folder, tmp_path):
    longer = replace(SHORT, steps=40, batch=16, max_tokens=48)
    folder = train.bi_encoder(str(encoder_folder), rows, tmp_path / "trained", size=longer)

    def margin(name: Path) -> float:
        model = encode.load(str(name))
        asked, good, bad = (
            model.encode([text(e) for e in rows], kind)
            for text, kind in (
                (lambda e: e.query.text, "query"),
                (lambda e: e.passage.full, "passage"),
                (lambda e: e.negative.full, "passage"),
            )
        )
        return float(((asked * good).sum(1) > (asked * bad).sum(1)).mean())

    assert margin(folder) > margin(encoder_folder)


@needs_trainer
def test_a_cross_encoder_is_made_of_an_encoder_and_global_generators_are_left_alone(
    rows, encoder_folder, tmp_path
):
    states = random.getstate(), np.random.get_state()[2], torch.get_rng_state()
    made = [
        train.cross_encoder(str(encoder_folder), rows, tmp_path / str(i), size=SHORT, seed=seed)
        for i, seed in enumerate((1, 1, 2))
    ]
    assert random.getstate() == states[0]
    assert np.random.get_state()[2] == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])
    one, same, other = (cross_encoder(str(f))("red", ["a tree", "a red tree"]).tolist() for f in made)
    assert one == same != other


@needs_trainer
@pytest.mark.parametrize("learn", [train.bi_encoder, train.cross_encoder])
def test_what_cannot_be_trained_is_refused_by_name(learn, tmp_path):
    with pytest.raises(UsageError, match="examples to train on"):
        learn("any", [], tmp_path)
    with pytest.raises(ModelError, match="nowhere"):
        learn(str(tmp_path / "nowhere"), [ONE], tmp_path)


def test_the_trainers_library_is_asked_for_by_name(monkeypatch, tmp_path):
    monkeypatch.setattr("rag_robust.train.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"rag-robust\[train\]"):
        train.bi_encoder("any", [ONE], tmp_path)
