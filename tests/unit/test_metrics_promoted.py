"""The measures of editing attacks on a five-document list, where two published evaluators are off by one."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import replace

import pytest

from rag_robust import metrics
from rag_robust.types import CLEAN, Corpus, Failure, Hit, Record

NOTHING = Corpus({}, {}, {}, "")
LIST = {"a": 5.0, "b": 4.0, "c": 3.0, "d": 2.0, "e": 1.0}


def ranked(scores: dict[str, float], condition: str = CLEAN, edited: tuple[str, ...] = ()) -> Record:
    hits = tuple(Hit(i, s) for i, s in sorted(scores.items(), key=lambda item: -item[1]))
    return Record(condition, "t", condition, "q", 0, hits, inserted=edited)


def edit(name: str, score: float, scores: dict[str, float] = LIST) -> list[Record]:
    """The list before, and after one of its passages was made to score something else."""
    return [ranked(scores), ranked(scores | {name: score}, "attack", (name,))]


def measured(records: list[Record], *names: str) -> list[float]:
    return [float(metrics.load(name)(records, NOTHING)[0]) for name in names]


def pat(rank: int, score: float, scores: dict[str, float]) -> dict[str, float]:
    """PAT's evaluator: ranks from 1 before, from 0 after; the old score is kept; success is any gain."""
    after = len(scores) - bisect_left(sorted(scores.values()), score)
    gained = score > sorted(scores.values(), reverse=True)[rank - 1]
    return {"boost": rank - after, "enters@2": float(after <= 2), "promoted": float(gained)}


def idem(rank: int, score: float, scores: dict[str, float]) -> dict[str, float]:
    """IDEM's evaluator: ranks from 1, but the passage's old score is still among the others."""
    after = 1 + sum(other > score for other in scores.values())
    return {"boost": rank - after, "enters@2": float(after <= 2), "promoted": float(after < rank)}


def ours(name: str, score: float) -> dict[str, float]:
    names = ("boost", "enters@2", "promoted")
    return dict(zip(names, measured(edit(name, score), *names), strict=True))


def test_from_five_to_two_is_three_places_and_pat_counts_four():
    assert ours("e", 4.5) == {"boost": 3, "enters@2": 1, "promoted": 1}  # a 5, e 4.5, b, c, d
    assert idem(5, 4.5, LIST) == ours("e", 4.5)
    assert pat(5, 4.5, LIST)["boost"] == 4


def test_rank_three_is_not_within_two_though_pat_says_so():
    assert ours("e", 3.5) == {"boost": 2, "enters@2": 0, "promoted": 1}
    assert idem(5, 3.5, LIST) == ours("e", 3.5)
    assert pat(5, 3.5, LIST)["enters@2"] == 1


def test_a_gain_that_passes_nobody_is_no_success_though_pat_counts_it():
    assert ours("e", 1.5) == {"boost": 0, "enters@2": 0, "promoted": 0}
    assert pat(5, 1.5, LIST) == {"boost": 1, "enters@2": 0, "promoted": 1}


def test_one_place_down_is_one_and_idem_counts_two():
    assert measured(edit("c", 1.5), "boost", "harmed") == [-1, 1]  # a, b, d 2, c 1.5, e
    assert idem(3, 1.5, LIST)["boost"] == -2


def test_ties_go_to_the_attacker_or_in_the_pessimistic_mode_to_the_others():
    records = edit("e", 4.0)  # level with b
    assert measured(records, "boost", "boost_pessimistic") == [3, 2]
    assert measured(records, "enters@2", "enters_pessimistic@2") == [1, 0]
    assert measured(records, "shift", "shift_pessimistic") == [3 / 4, 2 / 4]


def test_an_edit_without_effect_moves_nothing_in_either_mode():
    level = LIST | {"d": 1.0}
    names = ("promoted", "boost", "harmed", "shift")
    assert measured(edit("e", 1.0, level), *names, *(f"{n}_pessimistic" for n in names)) == [0] * 8


def test_reaching_the_first_place_is_a_shift_of_one_and_from_there_is_none():
    assert measured(edit("d", 6.0), "shift", "boost") == [1, 3]
    assert math.isnan(measured(edit("a", 6.0), "shift")[0])
    assert math.isnan(measured(edit("b", 6.0), "enters@2")[0])  # it was within two before


def test_a_passage_that_left_the_list_is_one_place_behind_it():
    records = edit("c", 0.0)
    records[1] = replace(records[1], hits=tuple(h for h in records[1].hits if h.passage_id != "c"))
    assert measured(records, "boost", "harmed") == [3 - 5, 1]  # four are left, so it is at least fifth


@pytest.mark.parametrize(("kind", "value"), [("budget", 0.0), ("crash", math.nan)])
def test_an_attack_over_budget_moved_nothing_and_a_crash_is_unscored(kind, value):
    clean = ranked(LIST)
    failed = replace(clean, condition="attack", hits=(), failure=Failure(kind, "x"))
    got = measured([clean, failed], "promoted", "boost", "enters@2", "harmed", "shift")
    assert got == pytest.approx([value] * 5, nan_ok=True)


def test_no_edit_moved_nothing_and_an_unlisted_target_is_unscored():
    clean = ranked(LIST)
    assert measured([clean, ranked(LIST, "attack")], "promoted", "shift") == [0, 0]
    assert math.isnan(measured([clean, ranked(LIST | {"x": 9.0}, "attack", ("x",))], "boost")[0])


def test_five_trials_of_a_query_are_averaged():
    records = [*edit("e", 4.5), replace(edit("d", 2.5)[1], seed=1)]
    assert measured(records, "promoted", "boost") == [0.5, 1.5]


def test_notes_of_a_change_are_its_cost_and_what_was_not_measured_is_unscored():
    clean, after = edit("e", 4.5)
    after = replace(after, notes={"swaps": 2, "changed_share": 0.1, "victim_calls": 40})
    names = ("swaps", "changed_share", "victim_calls", "perplexity")
    assert measured([clean, after], *names) == pytest.approx([2, 0.1, 40, math.nan], nan_ok=True)


def test_kendall_is_one_for_equal_lists_minus_one_for_the_reverse_and_for_disjoint_ones():
    turned = {name: -score for name, score in LIST.items()}
    others = {f"{name}2": score for name, score in LIST.items()}
    assert measured([ranked(LIST), ranked(LIST, "attack")], "kendall") == [1]
    assert measured([ranked(LIST), ranked(turned, "attack")], "kendall") == [-1]
    assert measured([ranked(LIST), ranked(others, "attack")], "kendall") == [-1]


def test_kendall_counts_pairs_whose_order_both_lists_tell():
    # before abc, after abd: ab alike; ac and bc alike (c is below what is listed), ad, bd too; cd opposed
    short, other = ({i: LIST[i] for i in ids} for ids in ("abc", "abd"))
    assert measured([ranked(short), ranked(other, "attack")], "kendall") == [(5 - 1) / 6]
