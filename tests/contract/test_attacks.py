"""What every attack promises; a new file in `attacks/` is under test the day it appears."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from rag_robust import attacks
from rag_robust.attacks._space import check_space
from rag_robust.attacks._view import Secrets, Tools, View, check_budget
from rag_robust.attacks.substitution import READS
from rag_robust.errors import BudgetError, SuiteError, ThreatModelError
from rag_robust.generate.language_model import LanguageModel
from rag_robust.seeds import generator
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Answer, Budget, Change, Hit, Passage, Query, ThreatModel

SWAPS = Substitutions(source=Source("toy", {"coffee": ("tea",), "is": ("was",), "water": ("rain", "ice")}))
MORE = [
    *(("substitution", {"search": search}) for search in READS),
    ("substitution", {"search": "gradient", "check": False}),
]
QUERIES = (Query("a", "how is coffee roasted"), Query("b", "coffee beans from ethiopia"))


def make(name: str):
    return attacks.load(name, **importlib.import_module(f"rag_robust.attacks.{name}").SMOKE)


def make_writer() -> LanguageModel:
    """A language model of random weights that reads and writes bytes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    split = Tokenizer(models.BPE({c: i for i, c in enumerate(["<end>", "<start>", *letters])}, []))
    split.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=split, bos_token="<start>", eos_token="<end>")
    size = {"n_positions": 512, "n_embd": 16, "n_layer": 1, "n_head": 2, "initializer_range": 0.4}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = GPT2LMHeadModel(GPT2Config(vocab_size=258, bos_token_id=1, eos_token_id=0, **size))
    return LanguageModel(model.eval(), tokenizer, "bytes")


WRITER = cache(make_writer)


def look(attack, tiny, token_model, queries=QUERIES) -> View:
    passages = list(tiny.passages.values())
    # the longer text wins, asked about tea the shorter: there is always something to gain
    score = lambda query, texts: np.array([len(t) * (-1.0 if "tea" in query else 1.0) for t in texts])  # noqa: E731
    secrets = Secrets(
        queries,
        tiny.passages,
        token_model,
        embed=token_model.encoder.encode,
        score=score,
        ask=lambda query, poison: Answer(" ".join(p.full for p in poison), (Hit(passages[0].id, 1.0),)),
        answer=lambda query, texts: " ".join(texts),
        rank=lambda query, versions: np.array([9999 - len(p.full) for p in versions]),
        listed=lambda query: sorted(passages[2:8], key=lambda p: -len(p.full)),
    )
    return View(
        attack.threat,
        secrets,
        targets=passages[:2],
        space=lambda p: SWAPS.space(p.text),
        n_tokens=token_model.n_tokens,
        tools=Tools(language_model=WRITER, encoder=lambda: token_model.encoder),
        target="three days",
    )


@pytest.mark.parametrize("name", attacks.names())
def test_an_attack_stays_within_its_own_budget(name, tiny, token_model):
    attack = make(name)
    view = look(attack, tiny, token_model)
    change = attack(view, generator(1))
    check_budget(change, attack.threat, tiny.passages, view.n_tokens)
    assert change.inserted or change.edited or change.reworded


@pytest.mark.parametrize(("name", "more"), MORE)
def test_every_search_keeps_its_promises(name, more, tiny, token_model):
    attack = attacks.load(name, **more)
    views = [look(attack, tiny, token_model) for _ in range(2)]
    first, second = (attack(view, generator(3)) for view in views)
    assert first == second
    assert views[0].notes == views[1].notes
    check_budget(first, attack.threat, tiny.passages, len)
    check_space(first, tiny.passages, views[0].space)
    for what in attack.threat.reads:
        view = look(attack, tiny, token_model)
        view.threat = ThreatModel(attack.threat.reads - {what}, "edit", attack.threat.budget)
        with pytest.raises(ThreatModelError, match=what):
            attack(view, generator(1))


@pytest.mark.parametrize("name", attacks.names())
def test_the_same_seed_makes_the_same_change(name, tiny, token_model):
    attack = make(name)
    first, second = (attack(look(attack, tiny, token_model), generator(3)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", attacks.names())
def test_an_attack_reads_nothing_it_did_not_declare(name, tiny, token_model):
    attack = make(name)
    for what in attack.threat.reads:
        blind = ThreatModel(attack.threat.reads - {what}, attack.threat.writes, attack.threat.budget)
        view = look(attack, tiny, token_model)
        view.threat = blind
        with pytest.raises(ThreatModelError, match=what):
            attack(view, generator(1))


NEEDED = {
    "queries": "queries",
    "passages": "corpus",
    "model": "gradients",
    "models": "gradients",
    "embed": "embeddings",
    "score": "scores",
    "ask": "answers",
    "answer": "answers",
    "rank": "ranks",
    "listed": "ranks",
}


class Sealed:
    """Secrets of which none can be had but what is declared, by whatever way."""

    def __init__(self, secrets, reads):
        self._secrets, self._reads = secrets, reads

    def __getattr__(self, name):
        assert NEEDED[name] in self._reads, f"{name} was taken and not declared"
        return getattr(self._secrets, name)


@pytest.mark.parametrize(
    ("name", "more"), [*((n, {}) for n in attacks.names()), *MORE, ("poisoned_rag", {"mode": "white-box"})]
)
def test_an_attack_has_no_other_way_to_what_it_did_not_declare(name, more, tiny, token_model):
    smoke = importlib.import_module(f"rag_robust.attacks.{name}").SMOKE
    attack = attacks.load(name, **smoke | more)
    view = look(attack, tiny, token_model)
    view.secrets = Sealed(view.secrets, attack.threat.reads)
    attack(view, generator(1))


@pytest.mark.parametrize("name", attacks.names())
def test_an_attack_uses_no_tool_it_did_not_declare(name, tiny, token_model):
    attack = make(name)
    assert attacks.tools(attack) <= attacks.TOOLS
    view = look(attack, tiny, token_model)
    if "language_model" not in attacks.tools(attack):
        view.tools = Tools()
    if "space" not in attacks.tools(attack):
        view.space = None
    attack(view, generator(1))


@pytest.mark.parametrize("name", attacks.names())
def test_one_word_queries_and_a_single_passage_do_not_crash(name, tiny, token_model):
    attack = make(name)
    view = look(attack, tiny, token_model, queries=(Query("x", "bread"),))
    one = dict(list(tiny.passages.items())[:1])
    view.secrets = replace(view.secrets, passages=one)
    attack(view, generator(1))


@pytest.mark.parametrize("name", attacks.names())
def test_every_attack_says_in_one_line_what_it_is(name):
    assert 20 < len(attacks.describe(name)) < 140


def test_an_unknown_attack_names_the_nearest():
    with pytest.raises(SuiteError, match='did you mean "gaslite"'):
        attacks.load("gaslit")


def test_an_unknown_parameter_names_the_known_ones():
    with pytest.raises(SuiteError, match=r'no parameter "n_iter".*n_steps'):
        attacks.load("gaslite", information="x", n_iter=3)


def test_calls_to_the_victim_are_counted_and_limited(tiny, token_model):
    threat = ThreatModel(frozenset({"scores"}), "edit", Budget(oracle_calls=3))
    view = look(make("substitution"), tiny, token_model)
    view.threat = threat
    view.scores(QUERIES[0], ["one", "two"])
    assert view.calls == 2
    with pytest.raises(BudgetError, match="3 texts"):
        view.scores(QUERIES[0], ["three", "four"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (Change(inserted=(Passage("x", "a"), Passage("y", "b"))), "allows 1 passages"),
        (Change(inserted=(Passage("x", "one two three four five six"),)), "allows 5 tokens"),
        (Change(edited={"tiny-001": Passage("tiny-001", "new")}), "changed something else"),
        (Change(inserted=(Passage("x", "a"),), reworded={"a": "b"}), "changed something else"),
        (Change(inserted=(Passage("x", " "),)), "empty passage"),
    ],
)
def test_what_goes_over_an_inserting_budget_is_refused(change, message, tiny):
    threat = ThreatModel(frozenset(), "insert", Budget(passages=1, tokens=5))
    with pytest.raises(BudgetError, match=message):
        check_budget(change, threat, tiny.passages, lambda text: len(text.split()))


def test_one_word_too_many_is_refused(tiny):
    old = tiny.passages["tiny-001"]
    new = Passage(old.id, " ".join(["x", "y", *old.text.split()[2:]]), old.title)
    threat = ThreatModel(frozenset(), "edit", Budget(passages=1, edits=1))
    with pytest.raises(BudgetError, match="1 changed words"):
        check_budget(Change(edited={old.id: new}), threat, tiny.passages, len)
