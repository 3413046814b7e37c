"""Clean effectiveness equals sentence-transformers' own evaluator on the same BEIR folder, to 4 decimals."""

from __future__ import annotations

import pytest
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

from rag_robust import encode, metrics
from rag_robust.corpus import beir
from rag_robust.retrieve.dense import dense
from rag_robust.types import CLEAN, Record


def ours_and_theirs(name: str, folder) -> tuple[float, float]:
    corpus = beir.read(folder)
    encoder = encode.load(name)
    rankings = dense(encoder, corpus.passages).search([q.text for q in corpus.queries.values()], 10)
    records = [
        Record(i, "t", CLEAN, i, 0, hits=tuple(hits))
        for i, hits in zip(corpus.queries, rankings, strict=True)
    ]
    ours = metrics.load("nDCG@10")(records, corpus).mean()
    evaluator = InformationRetrievalEvaluator(
        {i: q.text for i, q in corpus.queries.items()},
        {i: p.full for i, p in corpus.passages.items()},
        {i: {p for p, grade in row.items() if grade > 0} for i, row in corpus.qrels.items()},
        ndcg_at_k=[10],
        write_csv=False,
    )
    scores = evaluator(encoder.model)
    return float(ours), float(scores["cosine_ndcg@10"])


@pytest.fixture
def binary_folder(tiny, tmp_path):
    """The tiny corpus with every grade 1: the evaluator knows relevant and not relevant only."""
    from dataclasses import replace

    flat = {i: dict.fromkeys(row, 1) for i, row in tiny.qrels.items()}
    beir.write(replace(tiny, qrels=flat), tmp_path / "tiny")
    return tmp_path / "tiny"


def test_ndcg_equals_the_evaluator_of_sentence_transformers(encoder_folder, binary_folder):
    ours, theirs = ours_and_theirs(str(encoder_folder), binary_folder)
    assert ours == pytest.approx(theirs, abs=5e-5)


@pytest.mark.model
def test_minilm_ndcg_equals_the_evaluator_of_sentence_transformers(binary_folder):
    ours, theirs = ours_and_theirs("all-MiniLM-L6-v2", binary_folder)
    assert ours == pytest.approx(theirs, abs=5e-5)
    assert ours > 0.8
