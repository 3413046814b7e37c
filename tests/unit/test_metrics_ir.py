from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log2

import numpy as np
import pytest

from rag_robust import metrics
from rag_robust.errors import SuiteError
from rag_robust.types import CLEAN, Corpus, Failure, FailureKind, Hit, Record

QRELS = {"q1": {"a": 1, "b": 2}, "q2": {"c": 1}}
CORPUS = Corpus({}, {}, QRELS, "")


def ranked(query: str, ids: str, condition: str = CLEAN) -> Record:
    hits = tuple(Hit(p, float(len(ids) - i)) for i, p in enumerate(ids))
    return Record(f"{query}/{condition}", "t", condition, query, 0, hits=hits)


def score(name: str, records: Sequence[Record]) -> list[float]:
    return metrics.load(name)(records, CORPUS).tolist()


def test_values_come_in_order_of_first_appearance() -> None:
    assert score("RR@10", [ranked("q2", "xc"), ranked("q1", "ax")]) == [0.5, 1.0]


def test_ndcg_is_the_formula() -> None:
    gain = 1 + 2 / log2(3)
    ideal = 2 + 1 / log2(3)
    assert score("nDCG@10", [ranked("q1", "ab")]) == pytest.approx([gain / ideal])


@pytest.mark.parametrize("ids", ["xc", "cx"])
def test_equal_scores_keep_our_order_and_not_the_one_of_ids(ids: str) -> None:
    # ir_measures alone would sort equal scores by id
    tied = replace(ranked("q2", ids), hits=tuple(Hit(p, 1.0) for p in ids))
    assert score("RR@10", [tied]) == [1 / (ids.index("c") + 1)]


def test_renaming_passages_cannot_change_a_score() -> None:
    names = {"x": "zzz", "y": "000", "c": "c"}
    renamed = replace(ranked("q2", "xcy"), hits=tuple(Hit(names[p], 1.0) for p in "xcy"))
    assert score("AP", [renamed]) == score("AP", [ranked("q2", "xcy")])


def test_repeated_hit_counts_once_at_its_best_place() -> None:
    assert score("R@100", [ranked("q1", "aab")]) == [1.0]
    assert score("RR@10", [ranked("q2", "xxc")]) == [0.5]


def test_query_without_qrels_is_unscored() -> None:
    assert np.isnan(score("nDCG@10", [ranked("q9", "ab")])).all()


def test_empty_ranking_is_zero_and_not_unscored() -> None:
    assert score("nDCG@10", [ranked("q1", "")]) == [0.0]


@pytest.mark.parametrize("kind", ["crash", "timeout", "refused", "parse", "overflow", "not_applicable"])
def test_failure_is_unscored_and_never_zero(kind: FailureKind) -> None:
    failed = replace(ranked("q1", "", "typo"), failure=Failure(kind, "why"))
    records = [ranked("q1", "ab"), ranked("q2", "c"), failed, ranked("q2", "c", "typo")]
    for name in ("nDCG@10", "nDCG@10 drop"):
        values = score(name, records)
        assert np.isnan(values[0])
        assert not np.isnan(values[1])


def test_attack_over_budget_changed_nothing() -> None:
    failed = replace(ranked("q1", "", "stuffing"), failure=Failure("budget", "2 of 1 passages"))
    records = [ranked("q1", "xa"), failed]
    assert score("RR@10", records) == [0.5]
    assert score("RR@10 drop", records) == [0.0]


def test_drop_is_clean_minus_judged_and_may_be_negative() -> None:
    records = [ranked("q1", "a"), ranked("q2", "xc"), ranked("q1", "xa", "typo"), ranked("q2", "c", "typo")]
    assert score("RR@10 drop", records) == [0.5, -0.5]
    assert score("RR@10", records) == [0.5, 1.0]


def test_drop_without_a_clean_record_is_unscored() -> None:
    assert np.isnan(score("RR@10 drop", [ranked("q1", "a", "typo")])).all()


def test_query_that_was_not_asked_under_the_condition_is_unscored() -> None:
    records = [ranked("q1", "a"), ranked("q2", "c"), ranked("q1", "a", "typo")]
    assert score("RR@10", records)[0] == 1.0
    assert np.isnan(score("RR@10", records)[1])


def test_trials_of_one_query_are_averaged() -> None:
    trials = [replace(ranked("q1", ids, "typo"), seed=i, key=str(i)) for i, ids in enumerate(("a", "xa"))]
    assert score("RR@10", trials) == [0.75]


def test_two_conditions_at_once_are_refused() -> None:
    with pytest.raises(SuiteError, match="got 2"):
        score("RR@10", [ranked("q1", "a", "typo"), ranked("q1", "a", "case")])


def test_metrics_leave_their_inputs_as_they_were() -> None:
    records = [ranked("q1", "xa"), ranked("q1", "a", "typo")]
    before = (list(records), {q: dict(g) for q, g in QRELS.items()})
    for name in metrics.names():
        metrics.load(name)(records, CORPUS)
    assert before == (records, QRELS)
