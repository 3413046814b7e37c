"""Fusion: the same from every order of the retrievers, and the formula in the open."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import UsageError
from rag_robust.retrieve.bm25 import bm25
from rag_robust.retrieve.dense import dense
from rag_robust.retrieve.hybrid import rrf, weighted
from rag_robust.types import Change, Hit, Passage


@dataclass(frozen=True)
class Fixed:
    """A retriever that always finds the same."""

    hits: tuple[tuple[str, float], ...]

    def search(self, texts, k):
        return [[Hit(name, score) for name, score in self.hits[:k]] for _ in texts]

    def changed(self, change):
        return self


RANKING = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-10, 10), max_size=6).map(
    lambda scores: Fixed(tuple(sorted(scores.items(), key=lambda pair: -pair[1])))
)
ONE, TWO = Fixed((("a", 3.0), ("b", 2.0), ("c", 1.0))), Fixed((("c", 0.9), ("a", 0.5)))


@given(st.lists(st.tuples(RANKING, st.floats(0.1, 3)), min_size=1, max_size=4), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_retrievers_changes_no_bit(parts, random) -> None:
    shuffled = random.sample(parts, len(parts))
    for fuse in (lambda p: rrf([r for r, _ in p]), lambda p: weighted([r for r, _ in p], [w for _, w in p])):
        assert fuse(parts).search(["q"], 10) == fuse(shuffled).search(["q"], 10)


def test_reciprocal_ranks_are_summed_over_those_that_found_the_passage() -> None:
    [hits] = rrf([ONE, TWO], k=60).search(["q"], 10)
    expected = {"a": 1 / 61 + 1 / 62, "b": 1 / 62, "c": 1 / 63 + 1 / 61}
    assert {h.passage_id: h.score for h in hits} == pytest.approx(expected)
    assert [h.passage_id for h in hits] == ["a", "c", "b"]


def test_weighted_scores_are_scaled_by_the_hits_of_each_retriever() -> None:
    [hits] = weighted([ONE, TWO], [1.0, 2.0]).search(["q"], 10)
    assert [(h.passage_id, h.score) for h in hits] == [("c", 2.0), ("a", 1.0), ("b", 0.5)]


def test_hits_that_all_score_alike_count_one() -> None:
    [hits] = weighted([Fixed((("a", 7.0), ("b", 7.0))), Fixed(())], [0.5, 1.0]).search(["q"], 10)
    assert {h.passage_id: h.score for h in hits} == {"a": 0.5, "b": 0.5}


def test_depth_limits_what_is_fused_but_never_below_the_hits_wanted() -> None:
    long = Fixed(tuple((f"p{i}", 20.0 - i) for i in range(20)))
    assert len(rrf([long], depth=5).search(["q"], 3)[0]) == 3
    assert len(rrf([long], depth=5).search(["q"], 15)[0]) == 15


@pytest.mark.parametrize("fuse", [rrf, lambda parts: weighted(parts, [1, 2])])
def test_a_changed_fusion_is_the_fusion_of_changed_retrievers(fuse) -> None:
    passages = {
        f"p{i}": Passage(f"p{i}", text) for i, text in enumerate(["coffee bean", "tea leaf", "milk"] * 5)
    }
    change = Change(inserted=(Passage("n", "coffee tea"),), edited={"p0": Passage("p0", "sugar")})
    anew = {**passages, "n": change.inserted[0], **change.edited}
    both = [[dense(HashedEncoder(), p), bm25(p)] for p in (passages, anew)]
    queries = ["coffee", "tea", "sugar"]
    assert fuse(both[0]).changed(change).search(queries, 10) == fuse(both[1]).search(queries, 10)


def test_bad_input_is_refused() -> None:
    for bad in ([1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")], [1.0, float("inf")]):
        with pytest.raises(UsageError, match="2 weights >= 0"):
            weighted([ONE, TWO], bad)
    for call in (lambda: rrf([]), lambda: rrf([ONE], depth=0), lambda: rrf([ONE], k=-1)):
        with pytest.raises(UsageError, match="expected"):
            call()


def test_no_text_has_no_ranking() -> None:
    assert list(itertools.chain(rrf([ONE]).search([], 3), weighted([ONE], [1]).search([], 3))) == []
