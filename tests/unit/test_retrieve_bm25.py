"""BM25, before and after a change of the corpus."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.errors import CorpusError, UsageError
from rag_robust.retrieve.bm25 import bm25, tokens
from rag_robust.text import STOP_WORDS, order_key
from rag_robust.types import Change, Passage

WORDS = "coffee tea milk sugar bean leaf roast water ocean river sea lake".split()
TEXT = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


def corpus(texts: list[str]) -> dict[str, Passage]:
    return {f"p{i}": Passage(f"p{i}", text) for i, text in enumerate(texts)}


RANDOM = corpus([" ".join(np.random.default_rng(i).choice(WORDS, size=5)) for i in range(60)])


@given(st.lists(TEXT, min_size=1, max_size=12), st.lists(TEXT, max_size=4), TEXT, TEXT)
@settings(max_examples=60, deadline=None)
def test_a_changed_corpus_is_the_corpus_built_anew(
    base: list[str], new: list[str], edit: str, query: str
) -> None:
    passages = corpus(base)
    inserted = tuple(Passage(f"new{i}", f"{text} fresh{i}") for i, text in enumerate(new))
    edited = {"p0": Passage("p0", edit)}
    anew = {**passages, **{p.id: p for p in inserted}, **edited}
    retriever = bm25(passages)
    before = retriever.search([query], 20)

    there = retriever.changed(Change(inserted=inserted, edited=edited))

    assert there.search([query, "fresh0"], 20) == bm25(anew).search([query, "fresh0"], 20)
    assert retriever.search([query], 20) == before


def test_ties_are_decided_by_the_hash_of_the_id() -> None:
    passages = corpus(["coffee"] * 30 + ["tea"] * 5)
    [hits] = bm25(passages).search(["coffee"], 7)
    assert [h.passage_id for h in hits] == sorted((f"p{i}" for i in range(30)), key=order_key)[:7]


def test_the_best_k_are_the_head_of_the_whole_list() -> None:
    retriever = bm25(RANDOM)
    for query in ("coffee tea", "roast water ocean", "lake lake sea"):
        [every] = retriever.search([query], 1000)
        assert every == sorted(every, key=lambda h: (-h.score, order_key(h.passage_id)))
        for k in (1, 3, 10, 30):
            assert retriever.search([query], k) == [every[:k]]


def test_passages_that_share_no_word_are_not_hits() -> None:
    retriever = bm25(corpus(["coffee bean", "tea leaf", ""]))
    found = retriever.search(["coffee", "xylophone", "", "tea coffee"], 10)
    assert [sorted(h.passage_id for h in hits) for hits in found] == [["p0"], [], [], ["p0", "p1"]]


def test_a_corpus_without_a_word_has_no_hits() -> None:
    retriever = bm25(corpus(["", "..."]))
    assert retriever.search(["coffee"], 3) == [[]]
    [[hit]] = retriever.changed(Change(inserted=(Passage("n", "coffee"),))).search(["coffee"], 3)
    assert hit.passage_id == "n"


def test_the_title_is_searched_and_repeated_query_words_count() -> None:
    retriever = bm25({"a": Passage("a", "tea", title="Coffee"), "b": Passage("b", "milk")})
    [[once], [twice]] = retriever.search(["coffee", "coffee coffee"], 5)
    assert (once.passage_id, twice.score) == ("a", pytest.approx(2 * once.score))


def test_stop_words_are_left_out_on_demand() -> None:
    assert tokens("Is the Café's 2nd roast good?") == ["is", "the", "café", "s", "2nd", "roast", "good"]
    plain, without = bm25(RANDOM), bm25(RANDOM, stop_words=STOP_WORDS)
    assert without.search(["is the coffee"], 5) == plain.search(["coffee"], 5)
    assert plain.fingerprint != without.fingerprint != bm25(RANDOM, k1=1.0).fingerprint


def test_nothing_is_printed(capfd) -> None:
    bm25(RANDOM).changed(Change(inserted=(Passage("n", "x"),))).search(["coffee"], 3)
    assert capfd.readouterr() == ("", "")


def test_bad_input_is_refused() -> None:
    with pytest.raises(CorpusError, match="empty corpus"):
        bm25({})
    with pytest.raises(UsageError, match="k1=-1"):
        bm25(RANDOM, k1=-1)
    with pytest.raises(CorpusError, match='"p1" has the id of another'):
        bm25(RANDOM).changed(Change(inserted=(Passage("p1", "x"),)))
    with pytest.raises(UsageError, match="k >= 1"):
        bm25(RANDOM).search(["coffee"], 0)
