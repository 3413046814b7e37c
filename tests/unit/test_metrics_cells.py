"""How a condition is read, how much evidence a cell had, and what was due in it."""

from __future__ import annotations

import pytest

from rag_robust.metrics.cells import cells, evidence, expected, grid, halves, place
from rag_robust.types import Corpus, Failure, Query, Record

WORLD = Corpus({}, {"q": Query("q", "How much?", ("2.9%",)), "u": Query("u", "Who?")}, {}, "")
ANSWERS = {"right": "2.9%", "wrong": "4%", "refusal": "I don't know.", "empty": ""}


def cell(condition: str, answer: str, query: str = "q", **notes: object) -> Record:
    return Record(f"{query}/{condition}", "t", condition, query, 0, answer=answer, notes=notes)


@pytest.mark.parametrize(
    ("condition", "read"),
    [
        ("original/none", ("original", "none", "")),
        ("typo/gold", ("typo", "gold", "")),
        ("keyboard?share=0.3/retrieved+top?k=1", ("keyboard?share=0.3", "retrieved+top?k=1", "")),
        ("original/retrieved?for=typo", ("original", "retrieved", "typo")),
        ("original/retrieved?for=keyboard?share=0.3", ("original", "retrieved", "keyboard?share=0.3")),
    ],
)
def test_condition_is_form_documents_and_the_form_they_were_found_for(condition, read):
    assert place(condition) == read


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ({"hops": 2, "covered": 2}, "full"),
        ({"hops": 2, "covered": 1}, "partial"),
        ({"hops": 2, "covered": 0}, "none"),
        ({"hops": 0, "covered": 0}, None),
        ({"hops": 2, "covered": 2, "unanswerable": True}, "none"),
        ({}, None),
    ],
)
def test_evidence_is_what_was_covered_of_what_is_needed(notes, told):
    assert evidence(cell("original/retrieved", "", **notes)) == told


def test_without_notes_only_the_plain_conditions_are_known():
    told = {s: evidence(cell(f"original/{s}", "")) for s in ("gold", "different", "removed", "stale")}
    assert told == {"gold": "full", "different": "full", "removed": "none", "stale": None}


@pytest.mark.parametrize(
    ("known", "covered", "due"),
    [
        (True, 0, {"right": True, "wrong": False, "refusal": False, "empty": False}),
        (True, 2, {"right": True, "wrong": False, "refusal": False, "empty": False}),
        (False, 2, {"right": True, "wrong": False, "refusal": False, "empty": False}),
        (False, 1, {"right": True, "wrong": False, "refusal": True, "empty": False}),
        (False, 0, {"right": None, "wrong": False, "refusal": True, "empty": False}),
    ],
)
def test_what_is_expected_of_a_cell(known, covered, due):
    probe = cell("original/none", ANSWERS["right" if known else "wrong"])
    for name, answer in ANSWERS.items():
        asked = [probe, cell("original/retrieved", answer, hops=2, covered=covered)]
        (own,) = grid(asked, WORLD)["q"]
        assert expected(own) is due[name]


def test_without_a_closed_book_answer_only_full_evidence_expects_something():
    (full,) = cells([cell("original/gold", "2.9%")], WORLD)
    (none,) = cells([cell("original/removed", "I don't know.")], WORLD)
    assert (expected(full), expected(none)) == (True, None)


def test_a_question_without_answers_counts_only_if_it_is_declared_unanswerable():
    assert cells([cell("original/retrieved", "Ada", "u")], WORLD) == []
    (own,) = cells([cell("original/retrieved", "I don't know.", "u", unanswerable=True)], WORLD)
    assert (own.known, own.evidence, expected(own)) == (False, "none", True)


def test_failures_are_no_cells_and_halves_are_not_in_the_grid():
    failed = Record("k", "t", "original/gold", "q", 0, failure=Failure("overflow", "too long"))
    asked = [failed, cell("original/none", ""), cell("original/retrieved?for=typo", "2.9%")]
    assert grid(asked, WORLD) == {}
    assert len(cells(asked, WORLD)) == 2


def test_halves_belong_to_their_form():
    asked = [
        cell("original/retrieved", "2.9%"),
        cell("typo/retrieved", "4%"),
        cell("original/retrieved?for=typo", ""),
        cell("original/retrieved?for=grammar", "2.9%"),
        cell("original/retrieved+top?k=1", "2.9%"),
    ]
    told = {key: {name: c.outcome for name, c in own.items()} for key, own in halves(asked, WORLD).items()}
    assert told == {
        ("q", "typo"): {"before": "correct", "after": "wrong", "between": "empty"},
        ("q", "grammar"): {"before": "correct", "between": "correct"},
    }
