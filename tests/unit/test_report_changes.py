"""What the page says of a change is what was measured, in the similarity it was measured in."""

from __future__ import annotations

import pytest

from rag_robust.report.changes import on_ids, spent, told
from rag_robust.types import Corpus

CORPUS = Corpus({}, {}, {}, "")
FACTS = {"cosine": [0.5], "ceiling": 8.0, "held_in": [12.0]}


def said(similarity, known=("a", "b")):
    passage = {"id": "x", "text": "t", "title": ""}
    change = {"inserted": [passage], "edited": {}, "reworded": {}}
    body = {"change": change, "known": list(known), "facts": {"similarity": similarity, **FACTS}}
    return dict(told("attack", body, CORPUS).written[0].facts)


def test_for_unit_vectors_the_mean_is_the_cosine_times_the_ceiling():
    facts = said("cosine")
    assert facts["mean cosine to the known queries"] == "4.00"  # 0.5 * 8
    assert facts["the most any passage could have"] == "8.00"


def test_for_dot_products_the_mean_is_the_measured_one_and_nothing_bounds_it():
    facts = said("dot")
    assert facts["mean similarity to the known queries"] == "12.0"
    assert facts["cosine to their centre"] == "0.50"
    assert not {"the most any passage could have", "mean cosine to the known queries"} & set(facts)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_one_known_query_is_its_own_centre(similarity):
    assert said(similarity, known=("a",))["cosine to the known query"] == "0.50"


def test_what_is_counted_is_named_for_what_it_is():
    work = {"forwards": 1200, "backwards": 30, "tokens": 48000, "flops": 2e12, "cpu_s": 11.0, "version": 2}
    body = {"seconds": 12.5, "work": work, "notes": {"steps": 7, "passages": [{"steps": 3}]}}
    assert told("attack", body, CORPUS).effort == (
        "made in 12.5 s",
        "11.0 of them the processor's",
        "7 steps",
        "1,200 token sequences through its models, 30 of them back",
        "48,000 tokens, 2e+12 operations",
    )


def test_changes_made_before_gradients_counted_forward_are_told_as_they_count_now():
    body = {"work": {"forwards": 1200, "backwards": 30, "tokens": 1, "flops": 1.0}}
    assert spent(body)["forwards"] == 1230
    assert spent({"work": {**body["work"], "version": 2}})["forwards"] == 1200


@pytest.mark.parametrize("notes", [None, {}, {"passages": 3}, {"passages": [None, {"steps": "many"}]}])
def test_notes_of_a_persons_own_attack_may_be_anything(notes):
    assert spent({"notes": notes}) == {"steps": 0}
    assert on_ids({"notes": notes}) == []


def test_the_value_on_ids_stands_beside_the_passage():
    body = {"notes": {"passages": [{"objective_ids": 0.5, "steps": 4}]}}
    change = {"inserted": [{"id": "x", "text": "t", "title": ""}], "edited": {}, "reworded": {}}
    facts = dict(told("attack", {**body, "change": change}, CORPUS).written[0].facts)
    assert facts == {"the attack's own goal, on token ids": "0.50"}
    assert spent(body)["steps"] == 4
