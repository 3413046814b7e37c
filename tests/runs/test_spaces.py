"""The geometry of a run's encoders: measured once, on the corpus that was attacked, and kept."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from rag_robust import encode
from rag_robust.encode.geometry import geometry
from rag_robust.run import run
from rag_robust.seeds import generator
from rag_robust.suite import parse

TREE = {
    "schema": 1,
    "name": "s",
    "corpus": {"source": "tiny"},
    "system": {"retriever": {"encoder": "hashed"}},
    "systems": {"bm25": {"retriever": {"kind": "bm25"}}, "both": {"retriever": {"kind": "hybrid"}}},
}
ATTACK = {"concept": "coffee", "attack": "stuffing", "metrics": ["appeared@10"]}


def suite(*names, **more):
    return parse({**TREE, **more, "task": [{"name": n or "own", "system": n, **ATTACK} for n in names]})


def two(task):
    return parse({**TREE, "task": [{**ATTACK, "name": "a", **task}, {**ATTACK, "name": "b", **task}]})


def test_what_is_kept_is_the_geometry_of_the_corpus_that_was_attacked(tmp_path, tiny):
    kept = run(suite("", "bm25", "both"), tmp_path).spaces
    queries, passages = ([kept[i] for i in sorted(kept)] for kept in (tiny.queries, tiny.passages))
    encoder = encode.load("hashed")
    expected = asdict(geometry(encoder, queries, passages, rng=generator(0, "any")))
    assert list(kept) == [""]  # BM25 has no space, and what a hybrid finds is not its encoder's alone
    assert {name: kept[""][name] for name in expected} == expected
    assert kept[""]["encoder"] == encoder.fingerprint


def test_it_is_measured_once_and_anew_for_another_corpus(tmp_path, monkeypatch):
    first = run(two({}), tmp_path).spaces
    asked = []
    monkeypatch.setattr("rag_robust.spaces.geometry", lambda *a, **k: asked.append(a) or geometry(*a, **k))
    assert run(two({}), tmp_path).spaces == first
    assert not asked
    fewer = two({}).model_copy(update={"corpus": suite("").corpus.model_copy(update={"passages": 30})})
    assert run(fewer, tmp_path).spaces[""]["n_passages"] == 30
    assert len(asked) == 1


def test_what_a_suite_no_longer_asks_for_is_forgotten(tmp_path):
    assert run(two({}), tmp_path).spaces[""]["n_queries"] == 20
    tasks = [{**ATTACK, "name": name} for name in "ab"]
    words = parse({**TREE, "system": {"retriever": {"kind": "bm25"}}, "task": tasks})
    assert run(words, tmp_path).spaces == {}


@pytest.mark.parametrize(
    "task", [{"attack": "substitution", "concept": None, "synonyms": "pairs:{}", "limit": 1, "metrics": []}]
)
def test_one_attack_or_attacks_that_edit_need_none(tmp_path, task):
    (tmp_path / "pairs.txt").write_text("hot warm\n")
    assert run(suite(""), tmp_path / "one").spaces == {}
    edits = two({**task, "synonyms": f"pairs:{tmp_path / 'pairs.txt'}"})
    assert run(edits, tmp_path / "edits").spaces == {}
