from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust import metrics
from rag_robust.metrics import attack
from rag_robust.types import CLEAN, Certificate, Corpus, Failure, FailureKind, Hit, Record

CORPUS = Corpus({}, {}, {"q": {"gold": 1, "old": 0}}, "")
RATES = ("appeared@3", "appeared_strict@3", "adversarial_rr@3", "success@3", "displaced@3")


def record(hits: dict[str, float], condition: str = "attack", inserted: Sequence[str] = ("bad",)) -> Record:
    listed = tuple(Hit(p, s) for p, s in hits.items())
    adversarial = tuple(inserted) if condition != CLEAN else ()
    return Record(condition, "t", condition, "q", 0, hits=listed, inserted=adversarial)


def score(name: str, *records: Record) -> float:
    (value,) = metrics.load(name)(records, CORPUS).tolist()
    return float(value)


CLEAN_RUN = record({"gold": 9.0, "x": 8.0, "y": 7.0, "z": 6.0}, CLEAN)


def test_appeared_within_k_only() -> None:
    attacked = record({"gold": 9.0, "x": 8.0, "bad": 7.5, "y": 7.0})
    assert score("appeared@3", CLEAN_RUN, attacked) == 1.0
    assert score("appeared@2", CLEAN_RUN, attacked) == 0.0
    assert score("adversarial_rr@3", CLEAN_RUN, attacked) == pytest.approx(1 / 3)
    assert score("adversarial_rr@2", CLEAN_RUN, attacked) == 0.0
    assert score("best_rank@10", CLEAN_RUN, attacked) == 3.0
    assert score("best_rank@2", CLEAN_RUN, attacked) == 3.0


def test_tie_counts_for_the_attacker_and_in_strict_for_the_defender() -> None:
    attacked = record({"gold": 9.0, "x": 7.0, "y": 7.0, "bad": 7.0, "z": 7.0})
    assert score("best_rank@10", attacked) == 2.0
    assert score("appeared@2", attacked) == 1.0
    # behind gold, x, y, z
    assert score("appeared_strict@4", attacked) == 0.0
    assert score("appeared_strict@5", attacked) == 1.0


def test_two_tied_passages_of_the_attack_do_not_stand_behind_each_other() -> None:
    attacked = record({"bad": 1.0, "worse": 1.0}, inserted=("worse", "bad"))
    assert score("appeared_strict@1", attacked) == 1.0


def test_without_ties_strict_and_lenient_agree() -> None:
    attacked = record({"gold": 9.0, "bad": 8.0, "x": 7.0})
    for k in (1, 2, 3):
        assert score(f"appeared@{k}", attacked) == score(f"appeared_strict@{k}", attacked)


def test_scores_that_are_no_numbers_are_no_ties() -> None:
    attacked = record({"x": float("nan"), "bad": float("nan")})
    assert score("best_rank@10", attacked) == 2.0


def test_absent_passage_has_rank_k_plus_one() -> None:
    attacked = record({"gold": 9.0})
    assert score("best_rank@10", attacked) == 11.0
    assert score("appeared@10", attacked) == 0.0
    assert score("wins_over_gold", attacked) == 0.0


def test_empty_change_is_a_failed_attack() -> None:
    assert score("appeared@10", record({"gold": 9.0}, inserted=())) == 0.0


def test_wins_over_gold_needs_to_stand_above_or_level_with_every_relevant_passage() -> None:
    assert score("wins_over_gold", record({"bad": 9.0, "gold": 8.0})) == 1.0
    assert score("wins_over_gold", record({"gold": 9.0, "bad": 9.0})) == 1.0
    assert score("wins_over_gold", record({"gold": 9.0, "bad": 8.0})) == 0.0
    assert score("wins_over_gold", record({"old": 9.0, "bad": 8.0})) == 1.0


def test_wins_over_gold_without_untouched_gold_is_unscored() -> None:
    edited = record({"gold": 9.0}, inserted=("gold",))
    assert np.isnan(score("wins_over_gold", edited))
    other = replace(record({"bad": 9.0}), query_id="unjudged")
    assert np.isnan(score("wins_over_gold", other))


def test_success_of_an_edited_passage_is_its_promotion() -> None:
    promoted = record({"z": 9.5, "gold": 9.0, "x": 8.0, "y": 7.0}, inserted=("z",))
    assert score("success@3", CLEAN_RUN, promoted) == 1.0
    was_there = record({"x": 9.5, "gold": 9.0, "y": 7.0}, inserted=("x",))
    assert score("success@3", CLEAN_RUN, was_there) == 0.0
    assert score("appeared@3", CLEAN_RUN, was_there) == 1.0


def test_displaced_is_the_share_of_the_clean_top_k_that_is_gone() -> None:
    attacked = record({"bad": 10.0, "gold": 9.0, "worse": 8.5, "x": 8.0}, inserted=("bad", "worse"))
    assert score("displaced@3", CLEAN_RUN, attacked) == pytest.approx(2 / 3)
    assert score("displaced@1", CLEAN_RUN, attacked) == 1.0
    assert score("displaced@3", CLEAN_RUN, replace(CLEAN_RUN, condition="attack")) == 0.0


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("kind", ["crash", "timeout", "refused", "parse", "overflow", "not_applicable"])
def test_error_is_unscored_and_never_an_attack_that_failed(name: str, kind: FailureKind) -> None:
    failed = replace(record({}), failure=Failure(kind, "why"))
    assert np.isnan(score(name, CLEAN_RUN, failed))


@pytest.mark.parametrize("name", [*RATES, "wins_over_gold"])
def test_attack_over_budget_failed(name: str) -> None:
    failed = replace(record({"bad": 9.0}), failure=Failure("budget", "why"))
    assert score(name, CLEAN_RUN, failed) == 0.0
    assert score("best_rank@3", CLEAN_RUN, failed) == 4.0


@pytest.mark.parametrize("name", [*RATES, "wins_over_gold", "best_rank@3", "rbo", "jaccard@3"])
def test_clean_records_alone_say_nothing_about_an_attack(name: str) -> None:
    assert np.isnan(score(name, CLEAN_RUN))


@pytest.mark.parametrize("name", ["success@3", "displaced@3", "rbo", "jaccard@3"])
def test_failed_clean_record_leaves_comparisons_unscored(name: str) -> None:
    failed = replace(CLEAN_RUN, hits=(), failure=Failure("crash", "why"))
    assert np.isnan(score(name, failed, record({"bad": 9.0})))
    assert np.isnan(score(name, record({"bad": 9.0})))


def test_certificate_shares_add_up_to_one() -> None:
    certificate = Certificate("m", 10, 2, "s", 0.05, 100, 0.1, 0.0, "attacked")
    judged = replace(record({}), certificate=certificate)
    shares = [score(f"{verdict}_share", judged) for verdict in ("certified", "attacked", "undecided")]
    assert shares == [0.0, 1.0, 0.0]
    assert np.isnan(score("certified_share", record({})))


def test_rbo_of_equal_rankings_is_one_and_of_disjoint_ones_zero() -> None:
    same = replace(CLEAN_RUN, condition="typo")
    assert score("rbo", CLEAN_RUN, same) == pytest.approx(1.0)
    assert score("rbo", CLEAN_RUN, record({"n": 2.0, "m": 1.0}, "typo")) == 0.0
    assert score("rbo", CLEAN_RUN, record({}, "typo")) == 0.0


def test_rbo_is_the_formula_for_a_swap() -> None:
    # lists ab and ba: X_1 = 0, X_2 = 2: (1 - p)/p * p^2 + p^2 = p(1 - p) + p^2 = p
    clean, swapped = record({"a": 2.0, "b": 1.0}, CLEAN), record({"b": 2.0, "a": 1.0}, "typo")
    assert score("rbo", clean, swapped) == pytest.approx(0.9)


def test_rbo_of_uneven_lists_goes_on_as_seen() -> None:
    # a against ab: s = 1, l = 2, X_1 = X_2 = 1
    # (1-p)/p (p + p^2/2 + 1*(1)/(1*2) p^2) + ((1-1)/2 + 1) p^2 = (1-p)(1 + p) + p^2 = 1
    assert score("rbo", record({"a": 1.0}, CLEAN), record({"a": 2.0, "b": 1.0}, "typo")) == pytest.approx(1.0)


def test_jaccard_at_k() -> None:
    other = record({"gold": 9.0, "n": 8.0, "x": 7.0}, "typo")
    assert score("jaccard@2", CLEAN_RUN, other) == pytest.approx(1 / 3)
    assert score("jaccard@3", CLEAN_RUN, other) == pytest.approx(2 / 4)
    assert np.isnan(score("jaccard@3", record({}, CLEAN), record({}, "typo")))


@pytest.mark.parametrize("name", [*RATES, "wins_over_gold", "best_rank@3"])
def test_a_defence_without_an_attack_says_nothing_about_an_attack(name: str) -> None:
    behind = replace(record({"x": 9.0, "gold": 8.0}, "clean/perplexity@0.05"), inserted=())
    assert np.isnan(score(name, CLEAN_RUN, behind))


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2)), max_size=8, unique_by=lambda x: x[0]),
    st.sets(st.sampled_from("abcxyz"), max_size=3),
)
def test_the_best_rank_of_an_attack_is_the_least_of_its_passages_ranks(
    scored: list[tuple[str, int]], inserted: set[str]
) -> None:
    hits = tuple(Hit(p, float(s)) for p, s in sorted(scored, key=lambda x: -x[1]))
    record = Record("k", "t", "c", "q", 0, hits, inserted=tuple(sorted(inserted)))
    ranks = attack._ranks(hits, frozenset(inserted))
    for strict in (False, True):
        expected = min((ranks[p][strict] for p in inserted if p in ranks), default=math.inf)
        assert attack._best(record, strict=strict) == expected
