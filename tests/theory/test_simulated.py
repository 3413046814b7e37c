"""What perfect vectors bound, the mean similarity to the known queries, and what they do not."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust.run import run
from rag_robust.suite import parse

SYSTEM = {"retriever": {"encoder": "hashed"}}
TASK = {"name": "t", "attack": "stuffing", "concept": "coffee", "with": {"tokens": 24}}


def test_no_unit_vector_has_a_greater_mean_similarity_than_the_centroids_direction():
    rng = np.random.default_rng(0)
    queries, others = (rng.normal(size=(n, 5)) for n in (7, 1000))
    queries, others = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, others))
    centre = queries.mean(axis=0)
    ceiling = float(np.linalg.norm(centre))
    assert (queries @ (centre / ceiling)).mean() == pytest.approx(ceiling)
    assert (others @ queries.T).mean(axis=1).max() <= ceiling


def test_a_passage_may_appear_more_often_than_the_perfect_vector():
    queries = np.eye(2)
    perfect, passage = queries.mean(axis=0) / np.linalg.norm(queries.mean(axis=0)), queries[0]
    kth_hit = 0.8  # the score to beat for each query
    assert (queries @ perfect > kth_hit).mean() == 0.0  # cos 45 degrees = 0.71
    assert (queries @ passage > kth_hit).mean() == 0.5


def test_who_knows_the_query_has_no_better_vector_than_the_query_itself(tmp_path):
    task = {**TASK, "concept": None, "threat": "knows-all", "information": "Buy.", "limit": 3}
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "system": SYSTEM}
    result = run(parse({**tree, "task": [{k: v for k, v in task.items() if v is not None}]}), tmp_path)
    for record in (r for r in result.records if r.condition == "simulated"):
        assert record.hits[0].passage_id in record.inserted
        assert record.hits[0].score == pytest.approx(1.0)
