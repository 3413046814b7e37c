"""Closed forms against enumeration: never below the greatest score there is, and equal to it where exact."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust import certify as methods
from rag_robust.certify.canonical import canon
from rag_robust.certify.ranking import Ranking
from rag_robust.errors import TargetError
from rag_robust.retrieve.bm25 import bm25
from rag_robust.retrieve.static import Static
from rag_robust.synonyms.classes import classes
from rag_robust.synonyms.source import Source, links
from rag_robust.synonyms.space import Substitutions
from rag_robust.text import words
from rag_robust.types import Certificate, Change, Passage, Query

QUERY = Query("q", "Tall blue tall things, op")
VOCABULARY = ["red", "blue", "tall", "things", "co-op", "coop", "up-to-date", "tall-blue", "d'op", "the"]
WORD = st.sampled_from(VOCABULARY)
WRITTEN = st.tuples(WORD, st.sampled_from([str.lower, str.upper, str.capitalize])).map(lambda w: w[1](w[0]))
TEXT = st.lists(WRITTEN, min_size=1, max_size=4).map(", ".join)
PASSAGES = st.lists(st.tuples(TEXT, st.sampled_from(["", "Red things"])), min_size=2, max_size=5)
PAIRS = st.lists(st.tuples(WORD, WORD), max_size=7)  # asymmetric, repeated, self-synonyms
SWAPS = st.sampled_from([1, 2, 3, None])


def listed(texts: list[tuple[str, str]], score) -> Ranking:
    """The passages in the order of the scorer."""
    passages = [Passage(f"p{i}", text, title) for i, (text, title) in enumerate(texts)]
    scores = score(QUERY.text, [p.full for p in passages])
    return Ranking(QUERY, tuple(passages[i] for i in np.argsort(-scores, kind="stable")), score)


def threat(pairs: list[tuple[str, str]], swaps: int | None) -> Substitutions:
    sets: dict[str, tuple[str, ...]] = {}
    for word, other in pairs:
        sets[word] = (*sets.get(word, ()), other)
    return Substitutions(source=Source("toy", sets), swaps=swaps)


def prove(name: str, ranking: Ranking, allowed: Substitutions, **more) -> Certificate:
    return methods.load(name)(ranking, allowed, k=more.pop("k", 1), **more)


def enumerated(ranking: Ranking, allowed: Substitutions, k: int = 1) -> Certificate:
    return prove("exact", ranking, allowed, k=k, max_versions=None)


def index_of(texts: list[tuple[str, str]], k1: float = 1.2, b: float = 0.75, **more):
    passages = {f"p{i}": Passage(f"p{i}", text, title) for i, (text, title) in enumerate(texts)}
    return bm25(passages, k1=k1, b=b, **more)


BM25S = st.tuples(st.sampled_from([0.0, 0.5, 1.2]), st.sampled_from([0.0, 0.75, 1.0]))


@settings(max_examples=120, deadline=None)
@given(PASSAGES, PAIRS, SWAPS, BM25S, st.sampled_from([frozenset(), frozenset({"the", "d"})]))
def test_bm25_is_the_enumeration_to_the_last_bit(texts, pairs, swaps, parameters, stop_words):
    index = index_of(texts, *parameters, stop_words=stop_words)
    ranking, allowed = listed(texts, index.score), threat(pairs, swaps)
    for k in range(1, len(texts)):
        ours, every = prove("bm25", ranking, allowed, k=k), enumerated(ranking, allowed, k)
        assert (ours.lower, ours.upper, ours.scores) == (every.lower, every.upper, every.scores)
        assert (ours.verdict, ours.samples) == (every.verdict, 0)
        if ours.witness is not None:
            ((_, changed),) = ours.witness.edited.items()
            assert index.score(QUERY.text, [changed.full])[0] == ours.high


@settings(max_examples=60, deadline=None)
@given(PASSAGES, PAIRS, SWAPS, BM25S, st.integers(1, 3))
def test_bm25_with_too_many_sums_is_above_the_enumeration_and_calls_nothing_attacked(
    texts, pairs, swaps, parameters, most
):
    index = index_of(texts, *parameters)
    ranking, allowed = listed(texts, index.score), threat(pairs, swaps)
    ours, every = prove("bm25", ranking, allowed, max_states=most), enumerated(ranking, allowed)
    assert all(ours.upper[i] >= every.upper[i] for i in every.upper)
    assert ours.verdict != "certified" or every.verdict == "certified"
    assert ours.verdict != "undecided" or "max_states" in ours.reason


@settings(max_examples=60, deadline=None)
@given(PASSAGES, PAIRS, st.sampled_from([1, 2]), BM25S)
def test_bm25_certified_for_one_edit_holds_in_an_index_made_anew(texts, pairs, swaps, parameters):
    index = index_of(texts, *parameters)
    ranking, allowed = listed(texts, index.score), threat(pairs, swaps)
    ours = prove("bm25", ranking, allowed, reindexed=1)
    top = set(list(ours.scores)[: ours.k])
    for passage in ranking.passages:
        for text in allowed.space(passage.text, QUERY.text).versions():
            edited = Passage(passage.id, text, passage.title)
            anew = index.changed(Change(edited={passage.id: edited}))
            by_id = dict(zip(ours.scores, anew.score(QUERY.text, _full(ranking, edited, ours)), strict=True))
            assert by_id[passage.id] <= ours.upper[passage.id]
            assert all(by_id[i] >= ours.lower[i] for i in by_id if i != passage.id)
            if ours.verdict == "certified" and passage.id not in top:
                assert min(by_id[i] for i in top) > by_id[passage.id]


def _full(ranking: Ranking, edited: Passage, proof: Certificate) -> list[str]:
    now = {p.id: p for p in ranking.passages} | {edited.id: edited}
    return [now[i].full for i in proof.scores]


def test_an_option_may_hold_several_query_words_or_take_one_away():
    texts = [("op blue", ""), ("red the", ""), ("co-op", ""), ("no match here", "")]
    index = index_of(texts)
    ranking = listed(texts, index.score)
    ours = prove("bm25", ranking, threat([("red", "tall-blue"), ("co-op", "coop")], 1))
    asked = dict(zip(["p1", "p2"], index.score(QUERY.text, ["tall-blue the", "co-op"]), strict=True))
    assert {i: ours.upper[i] for i in asked} == asked
    assert ours.verdict == "attacked"
    assert ours.witness is not None
    assert ours.witness.edited["p1"].text == "tall-blue the"


def test_a_corpus_of_ten_thousand_options_is_no_enumeration():
    texts = [("tall blue", ""), (" ".join(["red"] * 60), "")]
    ranking, pairs = listed(texts, index_of(texts).score), [("red", "blue"), ("red", "tall"), ("red", "op")]
    ours = prove("bm25", ranking, threat(pairs, 4))
    assert ours.verdict == "attacked"
    text = ours.witness.edited["p1"].text
    assert sum(w != "red" for w in words(text)) <= 4
    assert index_of(texts).score(QUERY.text, [text])[0] == ours.high


FLOAT = st.sampled_from([-2.0, -1.0, -0.3, 0.0, 0.1, 1.0, 1.5])
VECTORS = st.lists(st.tuples(FLOAT, FLOAT), min_size=len(VOCABULARY), max_size=len(VOCABULARY))


def embeddings(vectors, known: int, similarity) -> Static:
    named = [*VOCABULARY[:known], "op"]
    return Static("toy", tuple(named), np.array(vectors[: len(named)], np.float32), similarity)


@settings(max_examples=120, deadline=None)
@given(PASSAGES, PAIRS, SWAPS, VECTORS, st.integers(3, 9), st.sampled_from(["dot", "cosine"]))
def test_static_bounds_are_above_the_enumeration_and_meet_it_where_they_are_exact(
    texts, pairs, swaps, vectors, known, similarity
):
    model = embeddings(vectors, known, similarity)
    ranking, allowed = listed(texts, model.score), threat(pairs, swaps)
    for k in range(1, len(texts)):
        ours, every = prove("static", ranking, allowed, k=k), enumerated(ranking, allowed, k)
        assert ours.lower == every.lower
        assert all(ours.upper.get(i, np.inf) >= u for i, u in every.upper.items())
        assert ours.verdict != "certified" or every.verdict == "certified"
        assert ours.verdict != "attacked" or every.verdict == "attacked"
        if similarity == "dot":
            assert ours.upper == pytest.approx(every.upper, abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(PASSAGES, PAIRS, VECTORS)
def test_one_swap_under_the_cosine_is_exact_unless_vectors_cancel(texts, pairs, vectors):
    positive = [(abs(x) + 1.0, y) for x, y in vectors]
    model = embeddings(positive, 9, "cosine")
    ranking, allowed = listed(texts, model.score), threat(pairs, 1)
    ours, every = prove("static", ranking, allowed), enumerated(ranking, allowed)
    assert ours.upper == pytest.approx(every.upper, abs=1e-9)


def test_a_norm_that_may_vanish_has_no_bound_and_the_reason_says_what_to_do():
    vectors = np.array([[1, 0], [-1, 0], [0, 1]], np.float32)  # red, then blue, beside each other: nothing
    model = Static("toy", ("red", "blue", "tall"), vectors)
    ranking, allowed = listed([("tall", ""), ("red red", "")], model.score), threat([("red", "blue")], 2)
    ours = prove("static", ranking, allowed)
    assert (ours.verdict, list(ours.upper)) == ("undecided", ["p0"])
    assert "rank by dot" in ours.reason


def letters(query: str, texts: list[str]) -> np.ndarray:
    """A scorer for which every letter of query and text matters."""
    known = [sum((i + 1) * ord(c) for i, c in enumerate(query + t)) for t in texts]
    return np.array([n % 97 / 97 for n in known])


@settings(max_examples=80, deadline=None)
@given(PASSAGES, PAIRS, SWAPS)
def test_every_version_has_one_canonical_text_when_classes_are_whole(texts, pairs, swaps):
    ranking, allowed = listed(texts, letters), threat(pairs, swaps)
    known = classes(allowed.source)
    for space in ranking.spaces(allowed):
        assert len({canon(version, known) for version in space.versions()}) == 1
    ours = prove("canonical", ranking, allowed)
    assert ours.lower == ours.upper == ours.scores
    assert ours.samples == len({canon(p.full, known) for p in ranking.passages})
    cut = f"0 of {len(links(allowed.source))} links cut"
    assert ours.ranker == f"the model on canonical words, classes of at most 20, {cut}"


@settings(max_examples=80, deadline=None)
@given(PASSAGES, PAIRS, SWAPS, st.integers(1, 3), st.sampled_from([1, 4, 1000]))
def test_swaps_across_a_cut_are_tried_or_leave_no_bound(texts, pairs, swaps, cap, most):
    ranking, allowed = listed(texts, letters), threat(pairs, swaps)
    known = classes(allowed.source, cap)

    def ranked(query, versions):
        return letters(canon(query, known), [canon(v, known) for v in versions])

    own = listed(texts, ranked)
    ours = prove("canonical", ranking, allowed, cap=cap, max_versions=most)
    every = enumerated(own, allowed)
    assert all(ours.upper.get(i, np.inf) >= u for i, u in every.upper.items())
    assert most < 1000 or ours.upper == every.upper
    top = set(list(ours.scores)[: ours.k])
    best = max(u for i, u in every.upper.items() if i not in top)
    assert ours.verdict != "certified" or min(every.lower[i] for i in top) > best
    if ours.verdict == "attacked":
        ((changed_id, changed),) = ours.witness.edited.items()
        assert changed_id not in top
        assert ranked(QUERY.text, [changed.full])[0] >= min(every.lower[i] for i in top)


def test_a_giant_component_is_cut_unless_asked_for_and_the_ranker_names_the_cut():
    chain = [f"w{chr(97 + i)}{chr(97 + j)}" for i in range(5) for j in range(10)]
    allowed = threat(list(itertools.pairwise(chain)), 1)
    ranking = listed([(" ".join(chain[:5]), ""), ("red", "")], letters)
    known = classes(allowed.source, 20)
    cut = sum(known[w] != known[u] for w, u in itertools.pairwise(chain))
    assert cut > 0
    assert prove("canonical", ranking, allowed).ranker.endswith(f"at most 20, {cut} of 49 links cut")
    whole = prove("canonical", ranking, allowed, cap=None)
    assert whole.ranker.endswith("connected components, 0 of 49 links cut")


@pytest.mark.parametrize("name", ["bm25", "static"])
def test_a_closed_form_of_another_scorer_is_not_applicable(name):
    with pytest.raises(TargetError, match="as the scorer") as refused:
        prove(name, listed([("red", ""), ("blue", "")], letters), threat([("red", "blue")], 1))
    assert refused.value.kind == "not_applicable"


def test_a_share_and_frozen_query_words_narrow_the_closed_forms_too():
    texts = [("tall blue", ""), ("red red red red", ""), ("tall red", "")]
    index, source = index_of(texts), Source("toy", {"red": ("blue",), "tall": ("things",)})
    for share, freeze in itertools.product([0.0, 0.25, 0.5, 1.0], [False, True]):
        allowed = Substitutions(source=source, swaps=None, share=share, freeze_query=freeze)
        ranking = listed(texts, index.score)
        assert prove("bm25", ranking, allowed).upper == enumerated(ranking, allowed).upper
