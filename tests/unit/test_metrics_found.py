"""What is retrieved for questions and their wordings, without a generator."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust import metrics
from rag_robust.types import Corpus, Failure, Hit, Query, Record

WORLD = Corpus({}, {"q": Query("q", "?", ("x",))}, {"q": {"a": 1, "a2": 1, "b": 1, "z": 0}}, "")


def found(condition: str, ids: str, **notes: object) -> Record:
    hits = tuple(Hit(i, 9.0 - n) for n, i in enumerate(ids.split()))
    failed = Failure("not_applicable", "the pipeline has no generator")
    return Record(condition, "t", condition, "q", 0, hits, failure=failed if hits else None, notes=notes)


def score(name: str, *records: Record) -> float:
    (value,) = metrics.load(name)(records, WORLD).tolist()
    return float(value)


def test_gold_recall_counts_passages_and_evidence_recall_facts():
    record = found("original/retrieved", "a y a2 b", needs='[["a", "a2"], ["b"]]')
    assert score("gold_recall@3", record) == pytest.approx(2 / 3)
    assert [score(f"evidence_recall@{k}", record) for k in (1, 3, 4)] == [0.5, 0.5, 1.0]
    assert [score(f"full_evidence@{k}", record) for k in (1, 3, 4)] == [0.0, 0.0, 1.0]


def test_without_a_note_of_facts_every_gold_passage_is_one():
    assert score("full_evidence@3", found("original/retrieved", "a a2 b")) == 1.0
    assert score("full_evidence@3", found("original/retrieved", "a b y a2")) == 0.0


def test_one_fact_is_found_with_any_of_its_copies_and_unsorted_facts_are_unscored():
    assert score("full_evidence@1", found("original/retrieved", "a2 y", hops=1)) == 1.0
    assert np.isnan(score("full_evidence@9", found("original/retrieved", "a a2 b", hops=2)))
    assert score("evidence_recall@1", found("original/retrieved", "a a2 b", hops=3)) == pytest.approx(1 / 3)


def test_forms_are_averaged_and_other_conditions_left_out():
    asked = [
        found("original/retrieved", "a a2 b"),
        found("typo/retrieved", "y"),
        found("original/retrieved+top?k=1", "y"),
        found("original/retrieved?for=typo", "y"),
    ]
    assert score("gold_recall@10", *asked) == 0.5


def test_wordings_are_compared_with_the_original():
    asked = [found("original/retrieved", "a b c d"), found("typo/retrieved", "a b x y")]
    assert score("wordings_jaccard@4", *asked) == pytest.approx(2 / 6)
    assert score("wordings_jaccard@2", *asked) == 1.0
    assert score("wordings_rbo", asked[0], found("typo/retrieved", "a b c d")) == pytest.approx(1.0)
    assert 0 < score("wordings_rbo", *asked) < 1
    assert np.isnan(score("wordings_rbo", asked[0]))


def test_coverage_is_of_what_was_shown():
    asked = [
        found("original/retrieved", "a", hops=2, covered=1),
        found("typo/retrieved", "a", hops=2, covered=0),
    ]
    assert score("evidence_coverage", *asked) == 0.25
    assert score("same_evidence", *asked) == 0.0
    assert np.isnan(score("evidence_coverage", found("original/retrieved", "a", unanswerable=True)))
