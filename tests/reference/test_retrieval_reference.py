"""The same numbers as fifteen plain lines: exact search and BM25."""

from __future__ import annotations

import math
import re

import numpy as np

from rag_robust.encode.hashed import HashedEncoder
from rag_robust.retrieve.bm25 import bm25
from rag_robust.retrieve.dense import dense
from rag_robust.types import Passage

TEXTS = [
    "Coffee is a drink made from roasted coffee beans.",
    "Tea is a drink made by pouring hot water over leaves.",
    "The Pacific is the largest ocean; the ocean covers a third of the Earth.",
    "Roasted beans, roasted nuts and a long list of other things that one may roast or drink.",
    "",
]
PASSAGES = {f"p{i}": Passage(f"p{i}", text, title="Title" * (i % 2)) for i, text in enumerate(TEXTS)}
QUERIES = ["roasted coffee", "which drink is made from beans, beans", "the largest ocean", "title"]


def plain_bm25(query: str, k1: float, b: float) -> dict[str, float]:
    split = {p.id: re.findall(r"\w+", f"{p.title} {p.text}".lower()) for p in PASSAGES.values()}
    mean = sum(map(len, split.values())) / len(split)
    scores = dict.fromkeys(split, 0.0)
    for word in re.findall(r"\w+", query.lower()):
        n = sum(word in words for words in split.values())
        idf = math.log(1 + (len(split) - n + 0.5) / (n + 0.5))
        for name, words in split.items():
            tf = words.count(word)
            scores[name] += idf * tf / (tf + k1 * (1 - b + b * len(words) / mean))
    return {name: score for name, score in scores.items() if score > 0}


def test_bm25_scores_are_those_of_the_plain_formula() -> None:
    for k1, b in [(1.2, 0.75), (0.9, 0.4), (2.0, 0.0), (0.1, 0.9)]:
        for query, hits in zip(QUERIES, bm25(PASSAGES, k1=k1, b=b).search(QUERIES, 10), strict=True):
            expected = plain_bm25(query, k1, b)
            assert {h.passage_id for h in hits} == set(expected)
            assert all(math.isclose(h.score, expected[h.passage_id], rel_tol=1e-12) for h in hits)


def test_flat_search_is_numpy_argsort() -> None:
    encoder = HashedEncoder()
    vectors = encoder.encode([p.full for p in PASSAGES.values()], "passage").astype(np.float64)
    for query, hits in zip(QUERIES, dense(encoder, PASSAGES).search(QUERIES, 5), strict=True):
        exact = (vectors @ encoder.encode([query], "query")[0].astype(np.float64)).astype(np.float32)
        assert [h.score for h in hits] == sorted(exact.tolist(), reverse=True)
        assert all(exact[int(h.passage_id[1:])] == h.score for h in hits)
