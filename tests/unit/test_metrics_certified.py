"""What is read from a certificate: every k, worst ranks, what is left of RR and nDCG, hostile passages."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust import metrics
from rag_robust.types import Certificate, Corpus, Failure, Record

IDS = "abcde"
NOTHING = Corpus({}, {}, {}, "")


def proof(lower: list[float], upper: list[float], k: int = 2) -> Certificate:
    """A certificate of five passages; an infinite upper bound is one that is not known."""
    ids = IDS[: len(lower)]
    known = {i: u for i, u in zip(ids, upper, strict=True) if math.isfinite(u)}
    bounds = dict(zip(ids, lower, strict=True))
    return Certificate(
        "m", k, 1, "s", 0.0, 0, 0.0, None, "undecided", scores=bounds, lower=bounds, upper=known
    )


def record(certificate: Certificate | None, **more) -> Record:
    return Record("k", "t", "m", "q", 0, certificate=certificate, **more)


def value(name: str, certificate: Certificate | None, qrels: dict[str, int] | None = None) -> float:
    corpus = Corpus({}, {}, {"q": qrels or {}}, "")
    return float(metrics.load(name)([record(certificate)], corpus)[0])


#       a    b    c    d    e
LOWER = [9.0, 7.0, 5.0, 3.0, 1.0]
UPPER = [9.5, 8.0, 6.0, 7.0, 2.0]
PROOF = proof(LOWER, UPPER)


def test_one_certificate_answers_every_k_and_a_tie_is_not_certified():
    # k=1: 9 > 8; k=2: 7 > 7 is false; k=3: 5 > 7 is false; k=4: 3 > 2
    assert [value(f"certified@{k}", PROOF) for k in (1, 2, 3, 4)] == [1, 0, 0, 1]
    assert math.isnan(value("certified@5", PROOF))


def test_worst_ranks_count_lower_bounds_strictly_above():
    # c: 9, 7 > 6; d: 9 > 7; e: 9, 7, 5, 3 > 2
    assert value("reach", PROOF) == 2
    assert value("reach_mean", PROOF) == (3 + 2 + 5) / 3
    assert value("reach_decile", PROOF) == 2


def test_hostile_passages_are_those_that_may_come_within_k():
    assert [value(f"hostile@{k}", PROOF) for k in (1, 2, 3, 4)] == [0, 1, 1, 0]


def test_an_unknown_bound_is_never_certified_reaches_rank_one_and_is_hostile():
    open_ = proof(LOWER, [*UPPER[:4], math.inf])
    assert [value(f"certified@{k}", open_) for k in (1, 2, 3, 4)] == [0, 0, 0, 0]
    assert value("reach", open_) == 1
    assert value("hostile@4", open_) == 1


def test_rr_and_ndcg_are_taken_at_the_worst_ranks_of_the_relevant():
    grades = {"b": 1, "d": 2, "unlisted": 1, "a": 0}
    # b: 9.5 and 7 (a tie) reach 7, so it is third at worst; d: all but e, so fourth
    assert value("certified_rr@10", PROOF, grades) == pytest.approx(1 / 3)
    assert value("certified_rr@2", PROOF, grades) == 0
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert value("certified_ndcg@10", PROOF, grades) == pytest.approx(
        (1 / math.log2(4) + 2 / math.log2(5)) / ideal
    )
    assert value("certified_ndcg@3", PROOF, grades) == pytest.approx((1 / math.log2(4)) / ideal)


def test_without_relevant_passages_or_a_certificate_nothing_is_said():
    assert math.isnan(value("certified_rr@10", PROOF, {"a": 0}))
    assert value("certified_ndcg@10", PROOF, {"unlisted": 1}) == 0
    for name in ("certified@2", "hostile@2", "reach", "certified_rr@10"):
        assert math.isnan(value(name, None, {"a": 1}))
    failed = record(PROOF, failure=Failure("crash", "x"))
    assert np.isnan(metrics.load("certified@2")([failed], NOTHING)[0])


bounds = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=5)


@given(bounds, st.integers(1, 4))
def test_no_joint_world_within_the_bounds_has_more_hostile_passages_or_breaks_what_is_certified(drawn, k):
    """A passage's clean score s is in [l, u]; attacked, an outsider scores anything up to u."""
    drawn = sorted(((s - a, s, s + b) for s, a, b in drawn), key=lambda t: -t[1])
    k = min(k, len(drawn) - 1)
    lower, clean, upper = zip(*drawn, strict=True)
    certificate = proof(list(map(float, lower)), list(map(float, upper)), k)
    choices = [sorted({-5, clean[j], upper[j]}) for j in range(k, len(drawn))]
    most = 0
    for world in itertools.product(*choices):
        scores = [*clean[:k], *world]
        within = [sum(o > s for o in scores) < k for s in scores]  # ties are the attacker's
        most = max(most, min(k, sum(within[k:])))
    assert most <= value(f"hostile@{k}", certificate)
    if value(f"certified@{k}", certificate):
        assert most == 0


@given(bounds, st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_what_is_left_of_rr_and_ndcg_is_never_more_than_in_any_world(drawn, grades):
    drawn = sorted(((s - a, s, s + b) for s, a, b in drawn), key=lambda t: -t[1])
    lower, clean, upper = zip(*drawn, strict=True)
    certificate = proof(list(map(float, lower)), list(map(float, upper)), 1)
    qrels = dict(zip(IDS, grades[: len(drawn)], strict=False))
    relevant = [n for n in range(len(drawn)) if grades[n]]
    if not relevant:
        return
    others = [n for n in range(len(drawn)) if n not in relevant]
    claim_rr, claim = (value(f"{m}@3", certificate, qrels) for m in ("certified_rr", "certified_ndcg"))
    top = sorted(grades[: len(drawn)], reverse=True)[:3]
    ideal = sum(g / math.log2(2 + n) for n, g in enumerate(top))
    for world in itertools.product(*({clean[n], upper[n], -5} for n in others)):
        scores = dict(enumerate(clean)) | dict(zip(others, world, strict=True))
        order = sorted(scores, key=lambda n: (-scores[n], n in relevant))
        gains = [grades[n] / math.log2(1 + rank) for rank, n in enumerate(order, 1) if rank <= 3]
        first = min(rank for rank, n in enumerate(order, 1) if n in relevant)
        assert claim <= sum(gains) / ideal + 1e-9
        assert claim_rr <= (1 / first if first <= 3 else 0) + 1e-9
