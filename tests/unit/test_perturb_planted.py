"""The false value is known before it is put in, and is what the operator then puts in."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust import perturb
from rag_robust.corpus.build import build
from rag_robust.types import Fact, Passage, Query

PASSAGE = Passage("p", "Oslo had 709,037 inhabitants in 2023. It lies at a fjord.")
QUERY = Query("q", "How many inhabitants had Oslo in 2023?", ("709,037",))
OLD = Passage("o", "Oslo had 599,230 inhabitants in 2010. It lies at a fjord.")
FACTS = [
    Fact("Oslo", "inhabitants", "709,037", "2023", "p", 9, 16),
    Fact("Oslo", "inhabitants", "599,230", "2010", "o", 9, 16),
]
WORLD = perturb.known(build([PASSAGE, OLD]), FACTS)


def plan(name, world=WORLD):
    return perturb.planted(name, [PASSAGE], QUERY, np.random.default_rng(1), world)


@pytest.mark.parametrize("name", ["counterfactual", "contradicting", "injected", "injected?where=own"])
def test_the_planted_value_stands_in_the_changed_passages(name):
    value, given = plan(name)
    applied = perturb.apply_to_passages(name, [PASSAGE], QUERY, WORLD, seed=4, **given)
    assert value == "599,230"
    assert applied.result is not None
    assert any(value in p.text for p in applied.result)


def test_what_is_stale_is_the_last_earlier_value():
    assert plan("stale") == ("599,230", {})
    assert plan("stale", perturb.known(build([PASSAGE])))[0] == ""


def test_operators_that_plant_nothing_false_have_no_value():
    assert [plan(n) for n in ("removed", "injected?style=refuse", "top?k=1")] == [("", {})] * 3


def test_a_value_given_by_name_is_the_one_that_is_planted():
    assert plan("counterfactual?value=1,000")[0] == "1,000"


def test_a_mark_is_the_word_that_no_text_has():
    value, _ = plan("injected?style=mark")
    applied = perturb.apply_to_passages("injected?style=mark", [PASSAGE], QUERY, WORLD)
    assert value in applied.result[0].text
    assert value not in PASSAGE.text


def test_an_order_to_answer_wrong_needs_no_evidence_in_sight():
    value, given = perturb.planted("injected", [OLD], QUERY, np.random.default_rng(1), WORLD)
    applied = perturb.apply_to_passages("injected", [OLD], QUERY, WORLD, **given)
    assert value != "709,037"
    assert applied.result is not None
    assert value in applied.result[0].text
