"""Words and sentences put into a passage: what is proposed raises the score and stays in budget."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from rag_robust import attacks
from rag_robust.attacks._view import Secrets, Tools, View, check_budget
from rag_robust.attacks.connection import Connection
from rag_robust.attacks.query_plus import QueryPlus
from rag_robust.attacks.trigger import Trigger
from rag_robust.errors import SuiteError
from rag_robust.generate.language_model import LanguageModel
from rag_robust.seeds import generator
from rag_robust.text import changed_tokens, words
from rag_robust.types import Passage, Query

WORDS = "coffee tea beans roasted green water is in the a hot cold .".split()
QUERY = Query("q", "roasted coffee beans")
TARGETS = (
    Passage("far", "It is cold. The water is hot."),
    Passage("near", "Green beans.\nThe tea is hot.", "Roasted"),
)


@pytest.fixture(scope="module")
def writer() -> LanguageModel:
    """A random model of a dozen words and a full stop, each with the space before it."""
    vocabulary = {f"Ġ{word}": i for i, word in enumerate(WORDS, 1)} | {"<end>": 0, "?": len(WORDS) + 1}
    split = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    split.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    split.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=split, eos_token="<end>", unk_token="?")
    size = {"n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2, "initializer_range": 0.5}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = GPT2LMHeadModel(GPT2Config(vocab_size=len(vocabulary), **size)).eval()
    return LanguageModel(model, tokenizer, "twelve words")


def score(query, texts) -> np.ndarray:
    """The share of the query's words that a text has, less a little for its length."""
    asked = {w.lower() for w in words(query)}
    return np.array(
        [len(asked & {w.lower() for w in words(t)}) / len(asked) - len(words(t)) / 999 for t in texts]
    )


def attacked(made, writer, seed=1, targets=TARGETS, scorer=score):
    view = View(
        made.threat, Secrets((QUERY,), score=scorer), targets, tools=Tools(language_model=lambda: writer)
    )
    change = made(view, generator(seed))
    check_budget(change, made.threat, {p.id: p for p in targets}, len)
    assert json.loads(json.dumps(view.notes)) == view.notes
    return change, view


def test_a_trigger_raises_the_score_of_the_nearest_passage_and_stands_before_its_text(writer):
    change, view = attacked(Trigger(n_next=13, top_p=1.0), writer)
    [after] = change.edited.values()
    assert after.title == "Roasted"
    assert after.text == f"{view.notes['trigger'].strip()} {TARGETS[1].text}"
    assert "coffee" in words(view.notes["trigger"])
    assert view.notes["score_after"] == score(QUERY.text, [after.full])[0] > view.notes["score_before"]
    assert changed_tokens(TARGETS[1].full, after.full) <= 6


def test_a_wide_trigger_search_finds_the_best_of_all_triggers(writer):
    made = Trigger(tokens=2, beams=999, n_next=13, top_p=1.0, naturalness=0.05)
    change, _ = attacked(made, writer)
    lead = f"{QUERY.text}\n"
    ways = [[], *([a] for a in WORDS), *([a, b] for a in WORDS for b in WORDS)]
    likely = {(): 0.0}
    for way in ways[1:]:
        logs = writer.next_log_probs([lead + "".join(f" {w}" for w in way[:-1])])[0]
        likely[tuple(way)] = likely[tuple(way[:-1])] + float(logs[WORDS.index(way[-1]) + 1])
    texts = [" ".join(["Roasted", *way, TARGETS[1].text]) for way in ways[1:]]
    values = [
        s + 0.05 * likely[tuple(way)] / len(way)
        for way, s in zip(ways[1:], score(QUERY.text, texts), strict=True)
    ]
    raising = score(QUERY.text, texts) > score(QUERY.text, [TARGETS[1].full])[0]
    best = ways[1:][int(np.argmax(np.where(raising, values, -np.inf)))]
    assert words(change.edited["near"].text)[: len(best)] == best


def test_a_trigger_that_only_harms_is_not_proposed(writer):
    shorter = lambda query, texts: np.array([-float(len(t)) for t in texts])  # noqa: E731
    change, view = attacked(Trigger(tokens=2), writer, scorer=shorter)
    assert not change.edited
    assert len(set(view.notes["trace"])) == 1


@pytest.mark.parametrize("kind", [Trigger, Connection])
def test_the_same_seed_makes_the_same_edit_and_no_passage_none(writer, kind):
    first, second = (attacked(kind(), writer, seed=4) for _ in range(2))
    assert first[0] == second[0]
    assert first[1].notes == second[1].notes
    assert not attacked(kind(), writer, targets=())[0].edited


def test_a_connection_is_one_whole_sentence_between_sentences(writer):
    edited = 0
    for seed in range(4):
        change, view = attacked(Connection(n_candidates=12, n_next=13, top_p=1.0), writer, seed=seed)
        edited += len(change.edited)
        said = view.notes["candidates"]
        assert len(said) == len(set(said)) > 1
        assert all(s[0].isupper() and s.endswith(".") and changed_tokens("", s) <= 12 for s in said)
        for after in change.edited.values():
            [put] = [s for s in said if s in after.text]
            without = {after.text.replace(f"{put} ", "", 1), after.text.replace(f" {put}", "", 1)}
            assert TARGETS[1].text in without
            assert view.notes["score_after"] >= view.notes["score_before"]
    assert edited > 1


def test_the_connection_proposed_is_the_best_half_by_relevance_half_by_coherence(writer):
    change, view = attacked(Connection(n_candidates=12, n_next=13, top_p=1.0), writer, seed=2)
    versions = [
        f"{before}{said}{after}"
        for said in view.notes["candidates"]
        for before, after in (
            ("", f" {TARGETS[1].text}"),
            ("Green beans.\n", " The tea is hot."),
            (f"{TARGETS[1].text} ", ""),
        )
    ]
    full = [f"Roasted {v}" for v in versions]
    scores = score(QUERY.text, full)
    kept = [i for i, s in enumerate(scores) if s >= view.notes["score_before"]]
    unit = lambda v: (v - v.min()) / (np.ptp(v) or 1.0)  # noqa: E731
    value = unit(scores[kept]) / 2 + unit(-writer.surprise([full[i] for i in kept])) / 2
    assert change.edited["near"].text == versions[kept[int(value.argmax())]]


def test_query_plus_puts_the_query_before_the_text_of_its_first_target(writer):
    change, view = attacked(QueryPlus(), writer)
    assert change.edited == {"far": Passage("far", f"roasted coffee beans {TARGETS[0].text}")}
    assert view.notes == {"target": "far", "words": 3}
    assert view.calls == 0
    assert not attacked(QueryPlus(), writer, targets=())[0].edited


def test_impossible_parameters_are_refused():
    with pytest.raises(SuiteError, match="tokens=0"):
        attacks.load("trigger", tokens=0)
    with pytest.raises(SuiteError, match="top_p <= 1"):
        attacks.load("connection", top_p=2.0)
