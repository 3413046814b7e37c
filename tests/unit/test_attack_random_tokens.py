"""Random tokens behind the attacker's sentence: as long as an optimised trigger, and chosen by nobody."""

from __future__ import annotations

import pytest

from rag_robust import attacks
from rag_robust.attacks._view import Secrets, View, check_budget
from rag_robust.errors import ModelError, SuiteError
from rag_robust.seeds import generator
from rag_robust.types import Query

INFORMATION = "Coffee is bad."


def write(model, *, seed=1, queries=(), **given) -> list[str]:
    attack = attacks.load("random_tokens", **{"information": INFORMATION, "tokens": 20, **given})
    view = View(attack.threat, Secrets(queries, model=model), n_tokens=model.n_tokens)
    change = attack(view, generator(seed))
    check_budget(change, attack.threat, {}, view.n_tokens)
    return [p.text for p in change.inserted]


@pytest.mark.parametrize("trigger_tokens", [1, 5, 0])
def test_the_text_has_the_tokens_of_the_budget(token_model, trigger_tokens):
    own = token_model.n_tokens(INFORMATION)
    for seed in range(5):
        (text,) = write(token_model, seed=seed, trigger_tokens=trigger_tokens)
        assert token_model.n_tokens(text) == (own + trigger_tokens if trigger_tokens else 20)


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [("suffix", "Coffee is bad. ", ""), ("prefix", "", " Coffee is bad."), ("middle", "Coffee ", " is bad.")],
)
def test_the_information_stands_where_it_belongs_and_all_else_is_writable(token_model, place, before, after):
    (text,) = write(token_model, place=place, trigger_tokens=6)
    assert text.startswith(before)
    assert text.endswith(after)
    trigger = text.removeprefix(before).removesuffix(after)
    ids = token_model.ids(f"x {trigger}")[2:-1]  # a trigger may begin inside a word
    assert token_model.allowed[ids].all()


def test_passages_and_seeds_differ_and_queries_change_nothing(token_model):
    texts = write(token_model, passages=4, trigger_tokens=6)
    assert len({*texts, *write(token_model, seed=2, passages=4, trigger_tokens=6)}) == 8
    known = (Query("q", "coffee beans"),)
    assert write(token_model, queries=known, passages=4, trigger_tokens=6) == texts


def test_it_is_as_long_as_what_gaslite_writes(token_model):
    size = {"information": INFORMATION, "tokens": 30, "trigger_tokens": 7}
    attack = attacks.load("gaslite", **size, n_steps=0)
    view = View(attack.threat, Secrets((Query("q", "coffee beans"),), model=token_model))
    optimised = attack(view, generator(1)).inserted[0].text
    assert token_model.n_tokens(write(token_model, **size)[0]) == token_model.n_tokens(optimised)


def test_what_cannot_be_is_refused(token_model):
    with pytest.raises(SuiteError, match="place is one of"):
        attacks.load("random_tokens", information="x", place="top")
    with pytest.raises(ModelError, match="raise tokens"):
        write(token_model, tokens=3)
