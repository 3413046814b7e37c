"""Rankers made of one word, and the scores behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.errors import CorpusError, ModelError, UsageError
from rag_robust.retrieve.bm25 import BM25, bm25
from rag_robust.retrieve.rankers import KINDS, ranker
from rag_robust.retrieve.static import Static, StaticIndex, from_encoder, from_file, static
from rag_robust.types import Change, Corpus, Passage

WORDS = "coffee tea milk sugar bean leaf the cold-brew".split()
TEXT = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
FLAT = Static("toy", ("coffee", "tea", "milk"), np.array([[3, 0], [0, 2], [1, 1]], np.float32), "dot")


def named(texts: list[str]) -> dict[str, Passage]:
    return {f"p{i}": Passage(f"p{i}", text, "Tea" if i % 2 else "") for i, text in enumerate(texts)}


@settings(max_examples=100, deadline=None)
@given(
    st.lists(TEXT, min_size=1, max_size=8), TEXT, st.sampled_from([0.0, 1.2]), st.sampled_from([0.0, 0.75])
)
def test_bm25_scores_an_indexed_passage_as_search_does_to_the_last_bit(texts, query, k1, b):
    passages = named(texts)
    index = bm25(passages, k1=k1, b=b)
    [hits] = index.search([query], len(texts))
    found = {hit.passage_id: hit.score for hit in hits}
    scores = index.score(query, [p.full for p in passages.values()])
    assert scores.tolist() == [found.get(i, 0.0) for i in passages]


def test_bm25_scores_other_texts_with_the_statistics_of_the_index():
    index = bm25(named(["coffee bean", "milk"]))
    idf, norm = np.log(1 + (2 - 1 + 0.5) / 1.5), 1.2 * (0.25 + 0.75 * 3 / 2)
    assert index.score("coffee", ["coffee coffee leaf", "tea"]) == pytest.approx([idf * 2 / (2 + norm), 0])
    unseen = np.log(1 + (2 - 0 + 0.5) / 0.5)  # a word of no passage is rarer than one of a single passage
    assert index.score("sugar", ["sugar"]) == pytest.approx([unseen / (1 + 1.2 * (0.25 + 0.75 / 2))])


def test_bm25_of_a_corpus_without_a_word_scores_nothing():
    assert bm25(named([""])).score("coffee", ["coffee", ""]).tolist() == [0.0, 0.0]
    assert bm25(named(["tea"])).score("coffee", []).shape == (0,)


def test_drift_moves_document_frequencies_and_the_mean():
    small, large = bm25(named(["coffee", "tea", "milk"])), bm25(named(["coffee", "coffee", "milk"]))
    counts = small.count("coffee", ["coffee"])
    assert small.weigh("coffee", *counts, drift=(1, 0.0)) == pytest.approx(large.score("coffee", ["coffee"]))
    assert small.weigh("coffee", *counts, drift=(0, 1.0)) > small.weigh("coffee", *counts)


def test_static_scores_are_means_of_known_words():
    scores = FLAT.score("Coffee", ["coffee TEA unknown", "milk", "nothing", ""])
    assert scores.tolist() == [3 * 3 / 2, 3.0, 0.0, 0.0]
    cosine = Static("toy", FLAT.words, FLAT.vectors, "cosine")
    assert cosine.score("coffee", ["coffee coffee", "milk", "tea"]) == pytest.approx([1, 2**-0.5, 0])
    assert cosine.fingerprint != FLAT.fingerprint


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=9), st.lists(TEXT, max_size=3), TEXT, st.integers(1, 9))
def test_static_index_finds_what_its_scores_say_before_and_after_a_change(base, new, query, k):
    passages = named(base)
    inserted = tuple(Passage(f"new{i}", text) for i, text in enumerate(new))
    edited = {"p0": Passage("p0", "milk milk")}
    there = static(FLAT, passages).changed(Change(inserted=inserted, edited=edited))
    anew = static(FLAT, {**passages, **{p.id: p for p in inserted}, **edited})
    [hits] = there.search([query], k)
    assert hits == anew.search([query], k)[0]
    scores = FLAT.score(query, [anew.passages[h.passage_id].full for h in hits])
    assert [h.score for h in hits] == scores.tolist()


def test_word_vectors_are_read_from_a_file(tmp_path: Path):
    file = tmp_path / "toy.txt"
    file.write_text("3 2\nCoffee 3 0\ntea 0 2\ncoffee 9 9\n", encoding="utf-8")
    found = from_file(file, similarity="dot")
    assert (found.name, found.words) == ("toy", ("coffee", "tea"))
    assert found.vectors.tolist() == [[3, 0], [0, 2]]


@pytest.mark.parametrize("content", ["", "tea 1 2\nmilk 1\n", "tea one\n", "tea nan 1\n"])
def test_a_file_that_holds_no_vectors_is_refused(tmp_path: Path, content: str):
    (tmp_path / "bad.txt").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"bad|not finite"):
        from_file(tmp_path / "bad.txt")


def test_vectors_that_do_not_fit_are_refused():
    with pytest.raises(ModelError, match="one vector for each of 1 words"):
        Static("x", ("a",), np.zeros((2, 3), np.float32))
    with pytest.raises(ModelError, match="twice"):
        Static("x", ("a", "a"), np.ones((2, 3), np.float32))
    with pytest.raises(CorpusError, match="empty"):
        static(FLAT, {})


def test_bm25_ranks_by_its_own_score(tiny: Corpus):
    retriever, score = ranker("bm25", tiny)
    assert isinstance(retriever, BM25)
    assert score.__self__ is retriever


def test_a_static_ranker_has_the_encoders_own_word_vectors(tiny: Corpus, encoder_folder, token_model):
    retriever, score = ranker(f"static:{encoder_folder}", tiny)
    assert isinstance(retriever, StaticIndex)
    own = from_encoder(token_model)
    query, texts = "cold brew coffee", [p.full for p in tiny.passages.values()]
    assert score(query, texts).tolist() == own.score(query, texts).tolist()
    assert np.ptp(score(query, texts)) > 0


def test_a_dense_ranker_finds_by_its_own_score(tiny: Corpus):
    retriever, score = ranker("dense:hashed", tiny)
    query = "cold brew coffee"
    [hits] = retriever.search([query], 5)
    scores = score(query, [tiny.passages[h.passage_id].full for h in hits])
    assert scores.tolist() == [h.score for h in hits]


def longest_first(query, texts):
    return np.array([float(len(t)) for t in texts])


def test_a_score_of_ones_own_ranks_the_candidates_of_bm25(tiny: Corpus):
    retriever, score = ranker(f"{__name__}:longest_first", tiny)
    assert isinstance(retriever, BM25)
    assert score("", ["a", "abc"]).tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bm52", 'did you mean "bm25"'),
        ("bm25:x", 'expected a ranker "bm25"'),
        ("cross", 'expected a ranker "cross:MODEL'),
        ("cros:x", "cannot be loaded.*did you mean"),
        ("json:no_such", "cannot be loaded"),
        ("json:__name__", "is a str"),
        ("", "no ranker"),
    ],
)
def test_an_unknown_ranker_names_the_nearest(tiny: Corpus, spec: str, message: str):
    with pytest.raises(UsageError, match=f"(?s){message}"):
        ranker(spec, tiny)


def test_static_of_an_encoder_without_words_is_refused(tiny: Corpus):
    with pytest.raises(ModelError, match="word vectors"):
        ranker("static:hashed", tiny)


def test_every_kind_is_described():
    assert sorted(KINDS) == list(KINDS)


@pytest.mark.model
def test_splade_gives_a_text_the_same_bits_in_any_company(tiny: Corpus):
    _, score = ranker("splade", tiny)
    texts = [p.full for p in tiny.passages.values()][:20]
    together = score("how long should cold brew coffee steep?", texts)
    alone = [score("how long should cold brew coffee steep?", [t])[0] for t in texts]
    assert together.tolist() == alone
    assert texts[int(together.argmax())].startswith("Cold brew")


@pytest.mark.model
def test_static_of_minilm_finds_coffee(tiny: Corpus):
    retriever, _ = ranker("static:all-MiniLM-L6-v2", tiny)
    [hits] = retriever.search(["how long should cold brew coffee steep?"], 3)
    assert any("offee" in tiny.passages[h.passage_id].full for h in hits)
