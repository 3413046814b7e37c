"""A second stage orders what the first one found, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import CorpusError, ModelError, UsageError
from rag_robust.retrieve.bm25 import bm25
from rag_robust.retrieve.dense import dense
from rag_robust.retrieve.rerank import Reranked
from rag_robust.retrieve.scores import bi_encoder
from rag_robust.text import order_key
from rag_robust.types import Change, Passage

TEXTS = [
    "coffee bean coffee",
    "coffee tea",
    "coffee and milk and sugar and water",
    "tea leaf",
    "coffee coffee",
]
PASSAGES = {f"p{i}": Passage(f"p{i}", text) for i, text in enumerate(TEXTS)}


def shortest(query: str, passages) -> np.ndarray:
    return np.array([-float(len(text)) for text in passages])


def test_the_hits_are_the_first_stage_ordered_by_the_ranker() -> None:
    first = {h.passage_id for h in bm25(PASSAGES).search(["coffee"], 3)[0]}
    [hits] = Reranked(bm25(PASSAGES), shortest, PASSAGES, depth=3).search(["coffee"], 10)
    assert [h.passage_id for h in hits] == sorted(first, key=lambda i: len(PASSAGES[i].text))
    assert hits[0].score == -len(PASSAGES[hits[0].passage_id].text)


def test_ties_of_the_ranker_are_decided_by_the_hash_of_the_id() -> None:
    constant = Reranked(bm25(PASSAGES), lambda q, p: np.zeros(len(p)), PASSAGES, depth=10)
    [hits] = constant.search(["coffee"], 10)
    assert [h.passage_id for h in hits] == sorted(["p0", "p1", "p2", "p4"], key=order_key)


def test_a_bi_encoder_as_ranker_orders_like_the_retriever() -> None:
    encoder = HashedEncoder()
    retriever = dense(encoder, PASSAGES)
    again = Reranked(bm25(PASSAGES), bi_encoder(encoder), PASSAGES, depth=10)
    for query in ("coffee tea", "milk"):
        found = {h.passage_id for h in again.search([query], 10)[0]}
        order = [h.passage_id for h in retriever.search([query], 10)[0] if h.passage_id in found]
        assert [h.passage_id for h in again.search([query], 10)[0]] == order


def test_the_ranker_reads_the_texts_of_the_changed_corpus() -> None:
    change = Change(inserted=(Passage("n", "coffee!", title="x"),), edited={"p0": Passage("p0", "coffee")})
    before = Reranked(bm25(PASSAGES), shortest, PASSAGES)
    [hits] = before.changed(change).search(["coffee"], 2)
    assert [(h.passage_id, h.score) for h in hits] == [("p0", -6.0), ("n", -9.0)]
    assert "n" not in {h.passage_id for h in before.search(["coffee"], 10)[0]}
    assert before.changed(Change(reworded={"q": "tea"})) is before


def test_a_query_without_hits_is_not_scored() -> None:
    def never(query, passages):
        raise AssertionError

    assert Reranked(bm25(PASSAGES), never, PASSAGES).search(["xylophone"], 3) == [[]]
    assert bi_encoder(HashedEncoder())("coffee", []).shape == (0,)


@pytest.mark.parametrize("bad", [[1.0], [np.nan] * 4, [np.inf] * 4])
def test_unusable_scores_are_refused(bad: list[float]) -> None:
    with pytest.raises(ModelError, match="expected 4 finite scores"):
        Reranked(bm25(PASSAGES), lambda q, p: np.array(bad), PASSAGES).search(["coffee"], 3)


def test_bad_input_is_refused() -> None:
    with pytest.raises(UsageError, match="depth >= 1"):
        Reranked(bm25(PASSAGES), shortest, PASSAGES, depth=0)
    with pytest.raises(CorpusError, match="text is not in the corpus"):
        Reranked(bm25(PASSAGES), shortest, {}).search(["coffee"], 3)
    with pytest.raises(CorpusError, match='"p1" has the id of another'):
        Reranked(bm25(PASSAGES), shortest, PASSAGES).changed(Change(inserted=(Passage("p1", "x"),)))
