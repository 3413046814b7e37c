"""Scores by what is known and what was shown; their whole is a mean over cells, not over questions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust import metrics, stats
from rag_robust.seeds import generator
from rag_robust.types import Corpus, Failure, Query, Record

IDS = tuple(f"q{i}" for i in range(8))
WORLD = Corpus({}, {i: Query(i, "How much?", ("2.9%",)) for i in IDS}, {}, "")
RIGHT, WRONG, REFUSAL = "2.9%", "4%", "I don't know."


def cell(condition: str, answer: str, query: str = "q0", covered: int = 2, n: int = 0) -> Record:
    notes = {"hops": 2, "covered": covered}
    return Record(f"{query}/{condition}/{n}", "t", condition, query, 0, answer=answer, notes=notes)


def probe(query: str = "q0", answer: str = WRONG) -> Record:
    return cell("original/none", answer, query, covered=0)


def score(name: str, *records: Record) -> float:
    return float(np.nanmean(metrics.load(name)(records, WORLD)))


def test_the_whole_is_the_mean_of_two_sides_of_means_of_cells():
    """k=0 full: 1 of 2; k=1 none: 1 of 1; k=0 part: 3 of 3; k=0 none: 0 of 1 (a lucky one is neutral)."""
    asked = [
        *(probe("q0"), cell("original/gold", RIGHT), cell("typo/gold", WRONG)),
        *(probe("q1", RIGHT), cell("original/removed", RIGHT, "q1", 0)),
        *(probe("q2"), *(cell(f"{f}/retrieved", REFUSAL, "q2", 1) for f in ("original", "typo", "ocr"))),
        *(probe("q3"), cell("original/retrieved", WRONG, "q3", 0), cell("typo/retrieved", RIGHT, "q3", 0)),
    ]
    assert score("answering", *asked) == pytest.approx((1 / 2 + 1) / 2)
    assert score("refusing", *asked) == pytest.approx((1 + 0) / 2)
    assert score("balanced_robustness", *asked) == pytest.approx((0.75 + 0.5) / 2)


def test_refusing_everything_gets_half_however_many_cells_allow_it():
    asked = [probe(), cell("original/gold", REFUSAL)]
    asked += [cell("original/retrieved", REFUSAL, covered=c, n=n) for c in (0, 1) for n in range(9)]
    assert score("balanced_robustness", *asked) == 0.5
    assert score("answering", *asked) == 0.0


def test_where_no_answer_is_due_nothing_is_scored():
    asked = [probe(), cell("original/removed", REFUSAL, covered=0)]
    assert np.isnan(metrics.load("balanced_robustness")(asked, WORLD)).all()


def test_without_a_cell_for_refusals_the_answers_are_the_whole():
    assert score("balanced_robustness", probe(), cell("original/gold", RIGHT)) == 1.0


@given(st.lists(st.tuples(st.sampled_from(IDS), st.integers(0, 2), st.sampled_from("rwn ")), min_size=1))
def test_the_mean_over_questions_is_the_mean_over_cells(drawn):
    answers = {"r": RIGHT, "w": WRONG, "n": REFUSAL, " ": ""}
    asked = [probe(i) for i in IDS]
    asked += [cell("original/retrieved", answers[a], i, c, n) for n, (i, c, a) in enumerate(drawn)]
    values = metrics.load("balanced_robustness")(asked, WORLD)
    full = [a == "r" for _, c, a in drawn if c == 2]
    part = [a in "rn" for _, c, a in drawn if c == 1]
    none = [a == "n" for _, c, a in drawn if c == 0 and a != "r"]
    if not full:
        assert np.isnan(values).all()
        return
    sides = [np.mean(full), *([np.mean([np.mean(x) for x in (part, none) if x])] if part or none else [])]
    assert math.isclose(np.nanmean(values), np.mean(sides), abs_tol=1e-12)


def test_its_interval_stays_within_its_bounds():
    asked = [probe(i) for i in IDS]
    asked += [cell("original/gold", RIGHT if i != "q7" else WRONG, i) for i in IDS]
    asked += [cell(f"{form}/gold", RIGHT) for form in ("typo", "ocr", "swap")]
    asked += [cell("original/removed", REFUSAL, "q0", 0)]
    values = metrics.load("balanced_robustness")(asked, WORLD)
    assert values.max() > 1  # a single value may
    found = stats.estimate(values, rng=generator(0))
    assert 0 <= found.low <= found.value == pytest.approx((10 / 11 + 1) / 2)
    assert found.high <= 1


def test_shares_of_one_kind_of_cell():
    asked = [probe(), cell("original/gold", RIGHT), cell("typo/gold", REFUSAL), cell("ocr/gold", "")]
    asked += [
        cell("original/retrieved", a, covered=0, n=n) for n, a in enumerate((WRONG, RIGHT, REFUSAL, ""))
    ]
    assert score("recovery", *asked) == pytest.approx(1 / 3)
    assert score("over_refusal", *asked) == pytest.approx(2 / 3)
    assert score("hallucination", *asked) == 0.25
    assert score("lucky", *asked) == 0.25


def test_truthfulness_is_right_less_wrong():
    asked = [probe(), cell("original/gold", RIGHT), cell("typo/gold", WRONG), cell("ocr/gold", WRONG)]
    assert score("truthfulness", *asked, cell("swap/gold", REFUSAL)) == pytest.approx(-1 / 4)
    assert metrics.bounds("truthfulness") == (-1.0, 1.0)


def test_nothing_said_counts_empty_answers_and_failures_and_not_what_was_never_asked():
    asked = [
        cell("original/gold", RIGHT),
        cell("typo/gold", " "),
        cell("ocr/gold", ""),
        cell("swap/gold", ""),
    ]
    asked[2] = replace(asked[2], answer=None, failure=Failure("parse", "no text"))
    asked[3] = replace(asked[3], answer=None, failure=Failure("not_applicable", "not applicable"))
    assert score("nothing_said", *asked) == pytest.approx(2 / 3)
