"""No score of ours is won by a policy that understands nothing; where published ones are, it is pinned here.

The grid has what RARE's has (gold, removed, different, retrieved, two wordings) and what it lacks: questions
over two facts of which a part is retrieved, a planted value, and an unanswerable question.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rag_robust import metrics
from rag_robust.metrics.degenerate import WINNABLE, baseline_records, policies
from rag_robust.types import Corpus, Query, Record

SINGLE, DOUBLE, SILENT = ("s1", "s2", "s3"), ("d1", "d2", "d3"), ("u1",)
QUERIES = {i: Query(i, "How much?", ("2.9%",)) for i in (*SINGLE, *DOUBLE)} | {"u1": Query("u1", "Who?")}
WORLD = Corpus({}, QUERIES, {}, "")
HIGHER = (
    "balanced_robustness",
    "answering",
    "recovery",
    "worst_case",
    "worst_documents",
    "consistency",
    "context_acceptability",
    "correct",
)
"""Scores of ours, and MIRAGE's share of used evidence: more is better."""

PUBLISHED = tuple(
    f"{profile}_{part}"
    for profile in ("rare", "rare_v1")
    for part in ("overall", "query", "document", "retrieved")
)
ROBUST = ("no_degradation", "size_robustness", "order_robustness", "retrieval_robustness")
LOWER = ("over_refusal", "hallucination", "planted_adopted", "nomiracl_hallucination", "nomiracl_error")
FULL, PART, NONE = "It rose by 2.9% that year.", "It rose that year.", "Other news."


def shown(query: str) -> dict[str, tuple[str, int]]:
    """Document condition to the text and the number of facts in it."""
    hops = 2 if query in DOUBLE else 1
    if query in SILENT:
        return {"retrieved": (NONE, 0), "retrieved+top?k=1": (NONE, 0)}
    missed = {"s3": (NONE, 0), "d2": (PART, 1), "d3": (PART, 1)}.get(query, (FULL, hops))
    return {
        "gold": (FULL, hops),
        "removed": (PART, hops - 1),
        "different": ("A rise of 2.9%.", hops),
        "counterfactual": ("It rose by 4% that year.", hops - 1),
        "retrieved": missed,
        "retrieved+reordered?order=reversed": missed,
        "retrieved+top?k=1": missed,
    }


def grid() -> tuple[list[Record], dict[tuple[str, str], list[str]]]:
    records, contexts = [], {}
    for query in QUERIES:
        note = {"unanswerable": query in SILENT, "hops": 0 if query in SILENT else 1 + (query in DOUBLE)}
        probe = note | {"covered": 0, "shown": 0}
        records.append(Record(f"{query}/none", "t", "original/none", query, 0, answer="", notes=probe))
        for form in ("original", "typo"):
            for documents, (text, covered) in shown(query).items():
                condition = f"{form}/{documents}"
                notes = note | {"covered": covered, "shown": 1 if "top" in documents else 3}
                if documents == "counterfactual":
                    notes |= {"planted": "4%", "plants": "counterfactual"}
                records.append(
                    Record(f"{query}/{condition}", "t", condition, query, 0, answer="", notes=notes)
                )
                contexts[query, condition] = [text]
    return records, contexts


RECORDS, CONTEXTS = grid()
ANSWERED = baseline_records(RECORDS, WORLD, CONTEXTS)


def instead(answer: Callable[[Record], str]) -> list[Record]:
    return [replace(record, answer=answer(record)) for record in ANSWERED["ideal"]]


def unless_refused(say: str) -> list[Record]:
    return instead(lambda r: say if r.answer == "I don't know." else str(r.answer))


ANSWERED["ideal, in other words"] = unless_refused("I do not know.")
ANSWERED["copies, else hallucinates"] = unless_refused("4%")


def score(name: str, policy: str) -> float:
    values = metrics.load(name)(ANSWERED[policy], WORLD)
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


@pytest.mark.parametrize("name", [*HIGHER, "refusing", "truthfulness", *PUBLISHED, *ROBUST])
def test_the_empty_answer_scores_nothing_anywhere(name):
    assert score(name, "empty answer") == 0.0


def test_the_empty_answer_loses_wherever_less_is_better_or_says_nothing_at_all():
    assert score("over_refusal", "empty answer") == 1.0
    assert score("nomiracl_error", "empty answer") == score("nomiracl_hallucination", "empty answer") == 1.0
    assert score("nothing_said", "empty answer") == 1.0
    assert score("nothing_said", "always refuse") == score("nothing_said", "ideal") == 0.0


@pytest.mark.parametrize("name", [*HIGHER, "truthfulness"])
def test_the_ideal_policy_wins_every_score_of_ours(name):
    best = score(name, "ideal")
    assert all(score(name, policy) <= best for policy in ANSWERED)
    for policy in ("always refuse", "always wrong", "empty answer", "random span"):
        assert score(name, policy) < best


@pytest.mark.parametrize("name", LOWER)
def test_the_ideal_policy_loses_none_of_what_should_be_low(name):
    assert score(name, "ideal") == 0.0


@pytest.mark.parametrize("name", [*HIGHER, "truthfulness", "refusing", *PUBLISHED, *LOWER])
def test_the_wording_of_a_refusal_changes_no_score(name):
    assert score(name, "ideal, in other words") == score(name, "ideal")


def test_a_policy_that_never_looks_gets_at_most_half_of_the_balance():
    for policy in ("always refuse", "always wrong", "empty answer"):
        assert score("balanced_robustness", policy) <= 0.5
    assert score("balanced_robustness", "always refuse") == 0.5
    assert score("balanced_robustness", "copies, else hallucinates") == 0.5
    assert score("balanced_robustness", "ideal") == 1.0


def test_a_system_that_is_right_more_often_than_not_on_both_sides_beats_refusing_everything():
    """It answers 5 of 6 questions that it could, and hallucinates once: RARE ranks it below refusing all."""
    ANSWERED["mostly right"] = instead(lambda r: "4%" if r.query_id == "s3" else str(r.answer))
    assert score("balanced_robustness", "mostly right") > score("balanced_robustness", "always refuse")
    assert score("truthfulness", "mostly right") > score("truthfulness", "always refuse")
    assert score("rare_retrieved", "mostly right") < score("rare_retrieved", "always refuse") == 1.0


def test_what_published_scores_give_to_refusing_everything():
    """RARE: 1.0 over retrieved passages whatever they hold; NDR, RSR and ROR: nothing gets worse."""
    for name in ("rare_retrieved", *ROBUST, "refusing"):
        assert score(name, "always refuse") == 1.0
        assert name in WINNABLE
    for name in ROBUST:
        assert score(name, "always wrong") == 1.0
    assert score("rare_query", "always refuse") == 0.0
    assert score("rare_overall", "always refuse") > 0.5
    assert score("rare_v1_retrieved", "always refuse") < score("rare_retrieved", "always refuse")
    assert {"rare_overall", "rare_v1_overall"} <= set(WINNABLE)


def test_the_first_version_asks_for_answers_that_a_part_of_the_evidence_cannot_give():
    """Any gold passage counts as the evidence: over two facts the ideal policy is not robust there."""
    assert score("rare_v1_retrieved", "ideal") < score("rare_retrieved", "ideal") == 1.0


@pytest.mark.parametrize("name", [*HIGHER, "truthfulness"])
def test_who_repeats_questions_scores_no_better_than_who_refuses_them(name):
    offered = Query("c", "Which is longer: the Nile or the Rhine?", ("Nile",), ("Rhine",))
    found = [replace(record, query_id="c") for record in RECORDS if record.query_id == "s1"]
    world, contexts = Corpus({}, {"c": offered}, {}, ""), {("c", r.condition): [FULL] for r in found}
    told = baseline_records(found, world, contexts)
    values = {policy: metrics.load(name)(told[policy], world)[0] for policy in policies()}
    assert not values["repeat the question"] > values["always refuse"]
    assert score(name, "repeat the question") <= score(name, "always refuse")


def test_every_warning_names_a_score_and_every_policy_is_there():
    for name in WINNABLE:
        assert metrics.describe(name).endswith(".")
    assert set(policies()) == {
        "always refuse",
        "always wrong",
        "copy the evidence",
        "empty answer",
        "ideal",
        "random span",
        "repeat the question",
    }
