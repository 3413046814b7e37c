"""What an attack costs people it is not about: no rate of success counts their queries."""

from __future__ import annotations

import math
from contextlib import closing

import pytest

from rag_robust.assemble import Session
from rag_robust.benign import BEFORE, NONE, asked_alone, sampled
from rag_robust.gates import judge
from rag_robust.plan import build
from rag_robust.run import run
from rag_robust.store import Store
from rag_robust.suite import parse
from rag_robust.threats import judged_queries, known_queries

TASK = {
    "name": "t",
    "attack": "stuffing",
    "concept": "coffee",
    "with": {"tokens": 24},
    "benign": 12,
    "metrics": ["appeared@10", "nDCG@10", "nDCG@10 drop"],
}
TREE = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "system": {"retriever": {"kind": "bm25"}}}


def described(task=TASK, **more):
    return parse({**TREE, **more, "task": [{**TASK, **task}]})


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return run(described({"defences": ["repetition"]}), tmp_path_factory.mktemp("run"))


def numbers(result, metric):
    return {n.condition: n.estimate for n in result.numbers if n.metric == metric}


def test_the_sample_is_of_judged_queries_that_the_attack_is_not_about(tmp_path, tiny):
    made = Session(described(), cache_folder=tmp_path)
    task = made.suite.task[0]
    ids = [q.id for q in sampled(made, task)]
    own = {q.id for q in (*judged_queries(made, task), *known_queries(made, task))}
    assert len(set(ids)) == 12
    assert set(ids) <= {i for i, grades in tiny.qrels.items() if any(grades.values())}
    assert not own & set(ids)


def test_a_smaller_sample_is_part_of_a_larger_one_and_limit_cuts_it(tmp_path):
    sizes = ({"benign": 12}, {"benign": 5}, {"benign": 12, "limit": 3})
    made = [Session(described(more), cache_folder=tmp_path) for more in sizes]
    most, fewer, least = ([q.id for q in sampled(m, m.suite.task[0])] for m in made)
    assert (fewer, least) == (most[:5], most[:3])


def test_effectiveness_is_of_the_sample_and_success_of_the_judged_queries(done):
    seen, drop, value = (numbers(done, m) for m in ("appeared@10", "nDCG@10 drop", "nDCG@10"))
    assert {seen[c].n for c in ("stuffing", "information_only", "stuffing/held-in")} == {20}
    assert not [c for c in seen if "benign" in c]
    behind = ["clean/benign/repetition@0.05", "stuffing/benign/repetition@0.05"]
    assert {*drop} == {"stuffing/benign", "information_only/benign", "random_passage/benign", *behind}
    assert {*value} == {*drop, BEFORE}
    assert {e.n for e in (*drop.values(), *value.values())} == {12}


def test_the_loss_is_before_less_after_query_by_query(done):
    value, drop = (numbers(done, m) for m in ("nDCG@10", "nDCG@10 drop"))
    for condition, lost in drop.items():
        assert lost.value == pytest.approx(value[BEFORE].value - value[condition].value)


def ndcg(record, grades):
    """DCG of the first ten over that of the best order, by hand."""
    gains = [grades.get(hit.passage_id, 0) for hit in record.hits[:10]]
    best = sorted(grades.values(), reverse=True)
    dcg = lambda g: sum(x / math.log2(place + 2) for place, x in enumerate(g[:10]))  # noqa: E731
    return dcg(gains) / dcg(best)


def test_a_query_repeated_before_its_relevant_passage_costs_what_a_place_costs(tmp_path, tiny):
    words = {"attack": "information_only", "information": tiny.queries["q01"].text, "benign": 20, "with": {}}
    result = run(described({**words, "generate": True}), tmp_path)
    before, after = (
        {r.query_id: r for r in result.records if r.condition == c}
        for c in (BEFORE, "information_only/benign")
    )
    lost = {i: ndcg(before[i], tiny.qrels[i]) - ndcg(after[i], tiny.qrels[i]) for i in before}
    assert lost["q01"] == pytest.approx(1 - 1 / math.log2(3))  # from the first place to the second
    estimate = numbers(result, "nDCG@10 drop")["information_only/benign"]
    assert (estimate.value, estimate.n) == (pytest.approx(sum(lost.values()) / 20), 20)
    assert all(r.answer is None and len(r.hits) <= 10 for r in (*before.values(), *after.values()))


def test_nobody_is_asked_where_no_measure_wants_it(tmp_path):
    for more in ({"metrics": ["appeared@10"]}, {"threat": "knows-nothing"}, {"threat": "knows-all"}):
        suite = described({**more, "information": "Buy.", "limit": 2})
        plan = build(Session(suite, cache_folder=tmp_path, sketch=True))
        assert not [u for u in plan.units if "benign" in u.condition]


def test_a_gate_without_a_metric_of_the_task_asks_for_it_and_is_about_the_attack(tmp_path):
    gate = [{"task": "t", "metric": "nDCG@10 drop", "max": 0.9}]
    result = run(described({"metrics": []}, gate=gate), tmp_path)
    assert (result.gates[0].condition, result.gates[0].estimate.n) == ("stuffing/benign", 12)
    assert result.verdict == "PASS"


def test_a_corpus_without_judgements_is_not_applicable_and_says_why(tmp_path):
    (tmp_path / "a.txt").write_text("Coffee is hot.")
    (tmp_path / "b.txt").write_text("Tea is not coffee.")
    gate = [{"task": "t", "metric": "nDCG@10 drop", "max": 0.1}]
    corpus = {"source": f"files:{tmp_path}/*.txt"}
    result = run(described({}, corpus=corpus, gate=gate), tmp_path / "run")
    assert (result.gates[0].verdict, result.gates[0].reason) == ("NOT APPLICABLE", NONE)
    assert numbers(result, "appeared@10")["stuffing"].n == 20


def test_a_store_from_before_is_read_and_its_attacks_are_not_made_again(tmp_path, monkeypatch):
    old = run(described({"metrics": ["appeared@10"]}), tmp_path)
    with closing(Store(tmp_path, create=True)) as store:
        store.set_meta("suite", described().model_dump(mode="json", by_alias=True))
        read = judge(store)
    assert numbers(read, "appeared@10") == numbers(old, "appeared@10")
    assert {e.n for e in numbers(read, "nDCG@10 drop").values()} == {0}

    def never(*_):
        raise AssertionError("an attack was made again")

    monkeypatch.setattr("rag_robust.run.make_change", never)
    new = run(described(), tmp_path)
    assert numbers(new, "appeared@10") == numbers(old, "appeared@10")
    assert numbers(new, "nDCG@10 drop")["stuffing/benign"].n == 12


def test_the_sample_is_looked_at_as_deep_as_its_measures_and_without_a_reader():
    deep = described({"metrics": ["nDCG@10 drop", "R@15"], "generate": True, "depth": 20})
    alone = asked_alone(deep, deep.task[0])
    assert (alone.depth, alone.generate) == (15, False)
    assert asked_alone(deep, deep.task[0].model_copy(update={"metrics": ("appeared@10",)})) is None


def test_trials_are_averaged_query_by_query(tmp_path):
    result = run(described({"trials": 2}), tmp_path)
    lost = numbers(result, "nDCG@10 drop")["stuffing/benign"]
    assert lost.n == 12
    assert math.isfinite(lost.value)
