"""Worst case, stage split, MIRAGE, retrieval robustness, NoMIRACL and planted values, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust import metrics
from rag_robust.types import Corpus, Query, Record

IDS = ("q1", "q2", "q3")
WORLD = Corpus({}, {i: Query(i, "How much?", ("2.9%",)) for i in IDS}, {}, "")
RIGHT, WRONG, REFUSAL = "2.9%", "4%", "I don't know."
SAID = {"r": RIGHT, "w": WRONG, "n": REFUSAL, " ": ""}
MIRAGE = (
    "noise_vulnerability",
    "context_acceptability",
    "context_insensitivity",
    "context_misinterpretation",
)


def cell(condition: str, said: str, query: str = "q1", **notes: object) -> Record:
    return Record(f"{query}/{condition}", "t", condition, query, 0, answer=SAID.get(said, said), notes=notes)


def scores(name: str, *records: Record) -> list[float]:
    return metrics.load(name)(records, WORLD).tolist()


def test_one_failure_is_the_worst_case():
    asked = [cell("original/none", "w"), cell("original/gold", "r"), cell("original/removed", "n")]
    assert scores("worst_case", *asked) == [1.0]
    assert scores("worst_case", *asked, cell("typo/gold", "n")) == [0.0]
    assert scores("worst_documents", *asked, cell("typo/gold", "n")) == [1.0]
    assert scores("worst_documents", *asked, cell("original/different", "w")) == [0.0]


def test_consistent_is_right_in_every_wording_where_an_answer_is_due():
    asked = [cell("original/none", "w"), cell("original/gold", "r"), cell("typo/gold", "r")]
    assert scores("consistency", *asked) == [1.0]
    asked += [cell("original/different", "r"), cell("typo/different", "w")]
    assert scores("consistency", *asked) == [0.5]
    refused = [cell("original/none", "n"), cell("original/gold", "n"), cell("typo/gold", "n")]
    assert scores("consistency", *refused) == [0.0]
    assert np.isnan(scores("consistency", *asked[:2])).all()


@given(st.lists(st.tuples(*[st.sampled_from("rwn ")] * 3), min_size=1, max_size=3))
def test_the_loss_is_what_the_retriever_and_what_the_generator_lose(drawn):
    asked = []
    for query, (before, between, after) in zip(IDS, drawn, strict=False):
        asked.append(cell("original/retrieved", before, query))
        asked.append(cell("original/retrieved?for=typo", between, query))
        asked.append(cell("typo/retrieved", after, query))
    loss, retriever, generator = (
        np.array(scores(name, *asked)) for name in ("wording_loss", "retriever_loss", "generator_loss")
    )
    assert loss.tolist() == [(b == "r") - (a == "r") for b, _, a in drawn]
    assert (retriever + generator).tolist() == loss.tolist()


def test_a_form_without_its_half_is_left_out_of_all_three_parts():
    asked = [cell("original/retrieved", "r"), cell("typo/retrieved", "w"), cell("ocr/retrieved", "r")]
    asked.append(cell("original/retrieved?for=ocr", "r"))
    assert [scores(f"{part}_loss", *asked) for part in ("wording", "retriever", "generator")] == [[0.0]] * 3


@pytest.mark.parametrize("closed", "rwn ")
@pytest.mark.parametrize("oracle", "rwn ")
@pytest.mark.parametrize("mixed", "rwn ")
def test_every_question_has_exactly_one_of_mirages_labels(closed, oracle, mixed):
    asked = [cell("original/none", closed), cell("original/gold", oracle), cell("original/retrieved", mixed)]
    got = {name: scores(name, *asked)[0] for name in MIRAGE}
    b, o, m = (said == "r" for said in (closed, oracle, mixed))
    assert sum(got.values()) == 1
    assert got["noise_vulnerability"] == (o and not m)
    assert got["context_misinterpretation"] == (b and not o)


def test_mirage_needs_all_three_answers():
    assert np.isnan(scores("context_acceptability", cell("original/none", "w"), cell("original/gold", "r")))


@pytest.mark.parametrize(
    ("closed", "found", "held"), [("r", "r", 1), ("r", "w", 0), ("w", "w", 1), ("w", "r", 1), (" ", " ", 0)]
)
def test_retrieval_may_not_cost_an_answer(closed, found, held):
    asked = [cell("original/none", closed), cell("original/retrieved", found)]
    assert scores("no_degradation", *asked) == [held]


@pytest.mark.parametrize(("said", "held"), [("wrr", 1), ("rrr", 1), ("rwr", 0), ("nwn", 1), ("w r", 0)])
def test_more_passages_may_not_cost_an_answer(said, held):
    shown = ("retrieved+top?k=5", "retrieved+top?k=10", "retrieved+top?k=25")
    asked = [cell(f"original/{s}", a) for s, a in zip(shown, said, strict=True)]
    assert scores("size_robustness", *reversed(asked)) == [held]


def test_sizes_are_those_noted_where_there_are_notes():
    asked = [cell("original/retrieved", "w", shown=3), cell("original/retrieved+top?k=1", "r", shown=1)]
    assert scores("size_robustness", *asked) == [0.0]


@pytest.mark.parametrize(("said", "held"), [("rrr", 1), ("nww", 1), ("rrn", 0), ("   ", 0)])
def test_order_may_not_matter(said, held):
    shown = ("retrieved", "retrieved+reordered?order=reversed", "retrieved+reordered")
    asked = [cell(f"original/{s}", a) for s, a in zip(shown, said, strict=True)]
    assert scores("order_robustness", *asked) == [held]


def test_retrieval_robustness_is_the_geometric_mean_of_the_three():
    asked = []
    for query, (closed, found, one, back) in zip(IDS, ("rrrr", "rwrw", "wrwr"), strict=True):
        asked.append(cell("original/none", closed, query))
        asked.append(cell("original/retrieved", found, query, shown=3))
        asked.append(cell("original/retrieved+top?k=1", one, query, shown=1))
        asked.append(cell("original/retrieved+reordered?order=reversed", back, query))
    parts = [
        np.mean(scores(f"{n}", *asked)) for n in ("no_degradation", "size_robustness", "order_robustness")
    ]
    assert parts == pytest.approx([2 / 3, 2 / 3, 1.0])
    assert np.mean(scores("retrieval_robustness", *asked)) == pytest.approx((4 / 9) ** (1 / 3))
    assert np.isnan(scores("retrieval_robustness", *asked[:2])).all()


def test_nomiracl_counts_answers_over_nothing_and_refusals_over_something():
    missed = [cell(f"{f}/retrieved", a, covered=0, hops=2) for f, a in zip("abcd", "rwn ", strict=True)]
    found = [cell(f"{f}/retrieved", a, covered=2, hops=2) for f, a in zip("efgh", "rwn ", strict=True)]
    gold = [cell("original/gold", "n", covered=2, hops=2), cell("i/retrieved", "n", covered=1, hops=2)]
    assert scores("nomiracl_hallucination", *missed, *found, *gold) == [0.75]
    assert scores("nomiracl_error", *missed, *found, *gold) == [0.5]


@pytest.mark.parametrize(
    ("answer", "adopted"),
    [
        ("4%", 1.0),
        ("It was 4 percent.", 1.0),
        ("2.9% in one passage, 4% in the other", 1.0),
        ("It is not 4%, it is 2.9%.", 0.0),
        ("I don't know whether it was 4%.", 0.0),
        ("2.9%", 0.0),
        ("", 0.0),
    ],
)
def test_adopted_is_what_is_said_and_not_denied(answer, adopted):
    record = cell("original/contradicting", answer, planted="4%", plants="contradiction")
    assert scores("planted_adopted", record) == [adopted]
    assert scores("contradiction_adopted", record) == [adopted]
    assert np.isnan(scores("staleness", record)).all()


def test_nothing_planted_is_unscored():
    assert np.isnan(scores("planted_adopted", cell("original/gold", "4%"))).all()
    assert np.isnan(scores("planted_adopted", cell("original/stale", "4%", planted="", plants="stale"))).all()
