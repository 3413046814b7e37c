"""The query's certificate against every wording there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust import seeds
from rag_robust.certify.query import certify
from rag_robust.certify.ranking import Ranking
from rag_robust.errors import TargetError
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Passage, Query

WORD = st.sampled_from(["red", "blue", "tall", "wide"])
PAIRS = st.lists(st.tuples(WORD, WORD), max_size=5)  # asymmetric, repeated, self-synonyms
QUERIES = st.lists(WORD, min_size=1, max_size=3)


def random_scorer(seed: int, levels: int):
    def score(query, texts):
        return np.array([int(seeds.digest(seed, query, t), 16) % levels / levels for t in texts])

    return score


def wordings(query: list[str], pairs, swaps: int) -> list[str]:
    """S_R of the query by the definition, written without the code under test."""
    closed = {*pairs, *((u, w) for w, u in pairs)}
    options = [[w, *sorted({u for v, u in closed if v == w} - {w})] for w in query]
    every = itertools.product(*options)
    return [" ".join(v) for v in every if sum(a != b for a, b in zip(v, query, strict=True)) <= swaps]


def ranking_of(query: list[str], n: int, score) -> Ranking:
    asked, passages = Query("q", " ".join(query)), [Passage(f"p{i}", f"text {i}", "T") for i in range(n)]
    values = score(asked.text, [p.full for p in passages])
    return Ranking(asked, tuple(passages[i] for i in np.argsort(-values, kind="stable")), score)


def threat(pairs, swaps: int | None = 1, **more) -> Substitutions:
    sets: dict[str, tuple[str, ...]] = {}
    for word, other in pairs:
        sets[word] = (*sets.get(word, ()), other)
    return Substitutions(source=Source("toy", sets), swaps=swaps, **more)


@settings(max_examples=150, deadline=None)
@given(
    QUERIES, PAIRS, st.integers(2, 4), st.integers(1, 3), st.integers(0, 5000), st.sampled_from([2, 5, 99])
)
def test_certified_if_and_only_if_no_wording_lets_an_outsider_in(query, pairs, n, swaps, seed, levels):
    ranking = ranking_of(query, n, random_scorer(seed, levels))
    full = [p.full for p in ranking.passages]
    for k in range(1, n):
        found = certify(ranking, threat(pairs, swaps), k=k)
        scores = {v: ranking.score(v, full) for v in wordings(query, pairs, swaps)}
        broken = {v for v, s in scores.items() if s[:k].min() <= s[k:].max()}
        assert found.verdict == ("attacked" if broken else "certified")
        assert (found.witness is not None) is bool(broken)
        assert found.witness is None or found.witness.reworded["q"] in broken
        assert list(found.lower.values()) == np.min(list(scores.values()), axis=0).tolist()
        assert list(found.upper.values()) == np.max(list(scores.values()), axis=0).tolist()
        assert found.samples == len(scores) * n


@settings(max_examples=100, deadline=None)
@given(QUERIES, PAIRS, st.integers(0, 5000), st.integers(1, 3))
def test_capped_enumeration_is_never_certified_wrongly(query, pairs, seed, most):
    ranking = ranking_of(query, 3, random_scorer(seed, 9))
    whole = certify(ranking, threat(pairs, None), k=1)
    found = certify(ranking, threat(pairs, None), k=1, max_versions=most)
    expected = {"certified": ("certified", "undecided"), "attacked": ("attacked", "undecided")}
    assert found.verdict in expected[whole.verdict]
    assert found.verdict != "undecided" or ("max_versions" in found.reason and not found.upper)


def test_it_is_not_mistaken_for_a_certificate_about_passages():
    found = certify(ranking_of(["red"], 2, random_scorer(1, 99)), threat([("red", "blue")]), k=1)
    assert (found.method, found.ranker) == ("query", "the model, asked in other words")


def test_worst_ranks_hold_for_every_wording():
    ranking = ranking_of(["red", "tall"], 4, random_scorer(3, 99))
    pairs = [("red", "blue"), ("tall", "wide")]
    found = certify(ranking, threat(pairs, 2), k=1)
    for text in wordings(["red", "tall"], pairs, 2):
        scores = ranking.score(text, [p.full for p in ranking.passages])
        for j in range(1, 4):
            assert 1 + (scores > scores[j]).sum() >= found.worst_ranks[ranking.passages[j].id]


def test_a_frozen_query_cannot_be_reworded():
    with pytest.raises(TargetError, match="freeze_query") as refused:
        certify(ranking_of(["red"], 2, random_scorer(1, 9)), threat([], freeze_query=True), k=1)
    assert refused.value.kind == "not_applicable"
