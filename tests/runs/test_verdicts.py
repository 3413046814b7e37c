"""What must never come out as PASS: what could not be done, what crashed, what belongs to another system."""

from __future__ import annotations

import pytest

from rag_robust.errors import SuiteError, UsageError
from rag_robust.run import run
from rag_robust.suite import parse
from rag_robust.systems.function import function

BM25 = {"retriever": {"kind": "bm25"}}


def judged(folder, task, gate=None, system=None, **more):
    gates = [{"task": "t", **gate}] if gate else []
    described = {
        "schema": 1,
        "name": "s",
        "corpus": {"source": "tiny"},
        "task": [{"name": "t", **task}],
        "gate": gates,
    }
    return run(parse({**described, "system": BM25, **more}), folder, system=system)


@pytest.mark.parametrize(
    "task",
    [
        {"attack": "gaslite", "concept": "coffee", "with": {"tokens": 30}},
        {"attack": "substitution", "k": 3, "depth": 6, "with": {"search": "exact"}},
        {"certify": "exact", "k": 3, "depth": 6, "synonyms": "pairs:{pairs}"},
    ],
)
def test_what_a_system_cannot_offer_is_not_applicable_and_never_passes(tmp_path, task):
    (tmp_path / "pairs.txt").write_text("coffee tea\n")
    task = {**task, "synonyms": f"pairs:{tmp_path / 'pairs.txt'}"}
    metric = (
        "certified-share"
        if "certify" in task
        else "success@3"
        if "substitution" in task.values()
        else "appeared@3"
    )
    listed = [f"tiny-{number:03}" for number in range(6, 0, -1)]
    fixed = None if task.get("attack") == "gaslite" else function(lambda query: listed)
    result = judged(tmp_path / "run", task, {"metric": metric, "max": 1.0}, system=fixed)
    assert [g.verdict for g in result.gates] == ["NOT APPLICABLE"]


def test_a_system_that_always_fails_is_an_error_even_without_a_gate(tmp_path):
    result = judged(tmp_path, {"metrics": ["nDCG@10"]}, system=function(lambda query: 1 / 0))
    assert result.verdict == "ERROR"
    assert "20 of 20 records failed, the first: query" in result.problems[0]


def test_failures_of_the_clean_half_of_a_comparison_count(tmp_path):
    def answer(query):
        if query.id <= "q10" and query.text in clean:
            raise TimeoutError
        return ["tiny-001"]

    from rag_robust import corpus

    clean = {q.text for q in corpus.load("tiny").queries.values()}
    result = judged(
        tmp_path, {"perturb": "typo"}, {"metric": "jaccard@3", "min": 0.1}, system=function(answer)
    )
    assert [g.verdict for g in result.gates] == ["ERROR"]


def test_records_of_another_system_are_not_taken_for_this_ones(tmp_path):
    (tmp_path / "mine.py").write_text("def search(query): return ['tiny-001']")
    namespace: dict = {}
    for source, wanted in (("['tiny-001']", "tiny-001"), ("['tiny-002']", "tiny-002")):
        exec(f"def search(query): return {source}", namespace)
        result = judged(tmp_path / "run", {}, system=function(namespace["search"]))
        assert {h.passage_id for r in result.records for h in r.hits} == {wanted}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"attack": "substitution", "k": 10, "depth": 10}, "leaves nobody outside the top k"),
        ({"certify": "exact", "k": 10, "depth": 5}, "leaves nobody outside the top k"),
        ({"attack": "stuffing", "information": "x"}, "give a concept, or say threat"),
        (
            {"attack": "stuffing", "concept": "coffee", "with": {"tokens": "x"}},
            "tokens is of type int, got 'x'",
        ),
        ({"attack": "stuffing", "concept": "coffee", "with": {"passages": 2}}, "stands in the task itself"),
        ({"attack": "substitution", "k": 3, "metrics": ["success@5"]}, "success@5 is not what is attacked"),
        ({"certify": "exact", "k": 3, "with": {"bogus": 1}}, 'has no parameter "bogus"'),
        ({"questions": "tiny", "documents": ["gold", "gold"]}, "name each condition once"),
        ({"metrics": ["R@100"]}, "depth is 20; raise depth"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(tmp_path, task, message):
    with pytest.raises(SuiteError, match=message):
        judged(tmp_path / "run", task)
    assert not (tmp_path / "run" / "records.sqlite").exists()


def test_a_limit_must_be_a_number(tmp_path):
    with pytest.raises(SuiteError, match=r"gate\.0\.max"):
        judged(tmp_path, {}, {"metric": "nDCG@10", "max": float("nan")})


def test_a_live_corpus_is_not_shared_among_workers(tmp_path):
    suite = parse({"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "task": [{"name": "t"}]})
    with pytest.raises(UsageError, match="use workers=1"):
        run(suite, tmp_path, workers=2, system=function(lambda query: ["tiny-001"]))


def test_a_baseline_asked_for_by_name_runs_once(tmp_path):
    task = {"attack": "information_only", "concept": "coffee", "metrics": ["appeared@10"]}
    result = judged(tmp_path, task)
    assert {n.condition for n in result.numbers} == {
        "information_only",
        "information_only/held-in",
        "random_passage",
    }


def test_an_attack_that_tampers_with_its_ruler_is_still_measured_by_ours(tmp_path, monkeypatch):
    from rag_robust.attacks.stuffing import Stuffing

    def cheat(self, view, rng):
        view.n_tokens = lambda text: 0
        from rag_robust.types import Change, Passage

        return Change(inserted=(Passage("x", "coffee " * 500),))

    monkeypatch.setattr(Stuffing, "__call__", cheat)
    task = {"attack": "stuffing", "concept": "coffee", "with": {"tokens": 20}}
    result = judged(tmp_path, task, {"metric": "appeared@10", "max": 0.9})
    kinds = {r.failure.kind for r in result.records if r.condition == "stuffing" and r.failure}
    assert kinds == {"budget"}


def test_one_change_for_all_queries_is_one_observation_of_what_a_defence_detects(tmp_path):
    behind = "stuffing/near_duplicate@0.2"
    task = {"name": "t", "attack": "stuffing", "concept": "coffee", "with": {"tokens": 24}, "passages": 2}
    tree = {
        "schema": 1,
        "name": "s",
        "corpus": {"source": "tiny"},
        "system": {"retriever": {"encoder": "hashed"}},
    }
    gate = {"task": "t", "metric": "detected", "min": 0.5, "condition": behind}
    task |= {"defences": ["near_duplicate"], "rates": [0.2], "metrics": ["detected"]}
    result = run(parse({**tree, "task": [task], "gate": [gate]}), tmp_path)
    number = next(n for n in result.numbers if n.condition == behind)
    low = 0.025  # Clopper-Pearson: one success in one trial, (1 - level) / 2
    assert (number.estimate.value, number.estimate.high) == (1.0, 1.0)
    assert number.estimate.low == pytest.approx(low)
    assert result.gates[0].verdict == "INCONCLUSIVE"
    assert "one change" in result.gates[0].reason
