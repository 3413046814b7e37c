"""Suites over several systems: each task asks its own, and one table holds all attacks."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust import suite as suites
from rag_robust import threats
from rag_robust.assemble import Session
from rag_robust.plan import build
from rag_robust.propose import make_change
from rag_robust.report.comparison import compare
from rag_robust.run import run
from rag_robust.suite import parse

SMALL = "{ tokens = 60, trigger_tokens = 2, n_steps = 1, n_cand = 4 }"
FAST = (
    "{ tokens = 60, trigger_tokens = 2, profile = 'fast', n_steps = 1, n_grad = 2, n_flip = 2, n_cand = 16 }"
)


def tiny(encoder: str) -> list[str]:
    """What makes a shipped suite small: sixty passages, and a model without meaning."""
    return ['corpus={ source = "tiny" }', f'system.retriever.encoder="{encoder}"']


@pytest.fixture(scope="module")
def small(encoder_folder, tmp_path_factory):
    """The shape of suites/poisoning_small.toml on the tiny corpus, with its folder."""
    changes = [*tiny(str(encoder_folder)), f'task.3.surrogate="{encoder_folder}"']
    changes += [f"task.{i}.with={SMALL if i == 1 else FAST}" for i in (1, 2, 3)]
    changes += ["task.0.with={ tokens = 24 }"]
    suite = suites.read("poisoning_small", changes=changes)
    folder = tmp_path_factory.mktemp("small")
    return run(suite, folder), folder


def test_the_small_suite_compares_its_attacks_over_both_systems(small):
    compared = compare(small[0])
    assert [c.system for c in compared.columns][1:] == ["bm25"]
    names = {line.name for line in compared.lines}
    assert {"stuffing", "hotflip", "gaslite", "baseline information_only", "baseline random_passage"} < names
    assert "perfect vectors (simulated)" in names
    assert any(name.startswith("gaslite, from ") for name in names)


def test_a_cell_is_the_mean_over_the_queries_of_all_concepts(small):
    result = small[0]
    compared = compare(result)
    cell = next(line for line in compared.lines if line.name == "stuffing").cells[1]
    seen = [
        bool({h.passage_id for h in r.hits[:10]} & set(r.inserted))
        for r in result.records
        if r.condition == "stuffing" and r.task.startswith("stuffing") and r.task.endswith("bm25")
    ]
    assert cell.estimate.n == len(seen) == 40
    assert cell.estimate.value == pytest.approx(np.mean(seen))
    assert (cell.estimate.method, cell.held_in.n) == ("Clopper-Pearson", 40)


def test_baselines_are_counted_once_however_many_attacks_stand_beside_them(small):
    line = next(x for x in compare(small[0]).lines if x.name == "baseline information_only")
    assert [cell.estimate.n for cell in line.cells] == [40, 40]


def test_lines_come_by_falling_value(small):
    values = [line.value for line in compare(small[0]).lines]
    assert values == sorted(values, reverse=True)


def test_a_run_over_several_systems_goes_on_where_it_stopped(small):
    result, folder = small
    again = run(result.suite, folder)
    assert [r.cost for r in again.records] == [r.cost for r in result.records]


def test_the_full_suite_plans_every_attack_under_every_threat_before_every_system(tmp_path):
    suite = suites.read("poisoning", changes=tiny("hashed"))
    plan = build(Session(suite, cache_folder=tmp_path, sketch=True))
    assert len(set(plan.keys)) == len(plan.keys)
    asked = {(t.attack, t.knows, t.system) for t in suite.task}
    systems, threats = ["", *suite.systems], ("knows-all", "knows-what", "knows-nothing")
    assert asked >= {(a, k, s) for a in ("stuffing", "gaslite") for k in threats for s in systems}


def test_the_full_suite_runs_on_the_tiny_corpus(tmp_path):
    suite = suites.read(
        "poisoning", changes=[*tiny("hashed"), 'systems.paraphrase.retriever.encoder="hashed"']
    )
    chosen = [t for t in suite.task if t.attack == "stuffing" and t.concept in {None, "concepts/coffee"}]
    quick = {"metrics": ("appeared@10", "appeared@1"), "fluency": False}  # no weights
    few = tuple(t.model_copy(update=quick) for t in chosen)
    result = run(suite.model_copy(update={"task": few}), tmp_path)
    compared = compare(result)
    assert len(compared.columns) == len(chosen) == 12
    assert {c.passages for c in compared.columns if c.threat == "knows-nothing"} == {5}
    assert all(cell.estimate.n for cell in compared.lines[0].cells if cell)


@pytest.mark.parametrize("surrogate", [None, "the encoder"])
def test_gradients_against_bm25_need_a_surrogate(tmp_path, encoder_folder, surrogate):
    task = {
        "name": "t",
        "attack": "hotflip",
        "system": "bm25",
        "concept": "coffee",
        "with": {"tokens": 60, "trigger_tokens": 2, "n_steps": 1, "n_cand": 2},
    }
    if surrogate:
        task["surrogate"] = str(encoder_folder)
    systems = {"bm25": {"retriever": {"kind": "bm25"}}}
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "systems": systems, "task": [task]}
    result = run(parse(tree | {"system": {"retriever": {"encoder": "hashed"}}}), tmp_path)
    kinds = {r.failure.kind if r.failure else None for r in result.records if r.condition == "hotflip"}
    assert kinds == ({None} if surrogate else {"not_applicable"})


@pytest.mark.parametrize("hashed", [False, True])
def test_before_words_a_budget_counts_the_tokens_of_the_suites_own_encoder(
    tmp_path, encoder_folder, token_model, hashed
):
    task = {"name": "t", "attack": "stuffing", "system": "bm25", "concept": "coffee", "with": {"tokens": 60}}
    own = {"retriever": {"encoder": "hashed" if hashed else str(encoder_folder)}}
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "system": own, "task": [task]}
    tree |= {"systems": {"bm25": {"retriever": {"kind": "bm25"}}}}
    made = Session(parse(tree), cache_folder=tmp_path)
    unit = next(c for c in build(made).changes if c.attack == "stuffing")
    text = make_change(made, unit).artifacts[unit.key][1]["change"]["inserted"][0]["text"]
    counted = len(text.split()) if hashed else token_model.n_tokens(text)
    assert counted in range(54, 61)
    assert hashed == (token_model.n_tokens(text) > 60)


def test_a_key_holds_whose_tokens_are_counted(tmp_path, encoder_folder):
    dense, words = {"retriever": {"encoder": str(encoder_folder)}}, {"retriever": {"kind": "bm25"}}
    systems = {"h": {"retriever": {"kind": "dense", "encoder": "hashed"}}, "b": words}
    for more in ({"system": "h"}, {"system": "b"}, {"system": "b", "surrogate": "hashed"}):
        task = {"name": "t", "attack": "stuffing", "concept": "coffee", "with": {"tokens": 60}, **more}
        tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "systems": systems, "task": [task]}
        made = [Session(parse(tree | {"system": own}), cache_folder=tmp_path) for own in (dense, words)]
        keys = [next(c.key for c in build(m).changes if c.attack == "stuffing") for m in made]
        rulers = [threats.ruler(m, m.suite.task[0]) for m in made]
        assert (keys[0] == keys[1]) is (rulers[0] is rulers[1] is None) is ("surrogate" in more)
        assert rulers[1] is None


def test_two_systems_do_not_share_records(tmp_path):
    tree = {
        "schema": 1,
        "name": "s",
        "corpus": {"source": "tiny"},
        "system": {"retriever": {"encoder": "hashed"}},
    }
    tree |= {"systems": {"bm25": {"retriever": {"kind": "bm25"}}}}
    tree |= {"task": [{"name": "clean", "each": {"system": ["", "bm25"]}, "metrics": ["RR@10"]}]}
    result = run(parse(tree), tmp_path)
    scores = {r.task: r.hits[0].score for r in result.records if r.query_id == "q01"}
    assert len({r.key for r in result.records}) == len(result.records) == 40
    assert scores["clean"] <= 1 < scores["clean · bm25"]
    assert result.run["systems"]["bm25"]["fingerprint"].startswith("bm25")


def test_static_and_splade_systems_are_attacked_and_certified(encoder_folder, tmp_path, monkeypatch):
    named = []

    def longest(name, *, device):
        named.append(name)
        return lambda _, texts: np.array([float(len(text)) for text in texts])

    monkeypatch.setattr("rag_robust.retrieve.splade.splade", longest)
    (tmp_path / "p.txt").write_text("coffee tea\nhot cold\nlong short\nwater milk\nbean leaf\n")
    splade = {"retriever": {"kind": "bm25"}, "reranker": {"kind": "splade", "model": "mine", "depth": 8}}
    static = {"retriever": {"kind": "static", "encoder": str(encoder_folder)}}
    shared = {"synonyms": f"pairs:{tmp_path / 'p.txt'}", "k": 3, "depth": 8, "limit": 2}
    attack = {**shared, "attack": "substitution", "with": {"search": "exact"}}
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "systems": {"a": static, "b": splade}}
    tree["task"] = [
        {"name": "broken", **attack, "each": {"system": ["a", "b"]}},
        {"name": "proved", **shared, "certify": "exact", "each": {"system": ["a", "b"]}},
        {"name": "closed", **shared, "certify": "static", "system": "a"},
    ]
    result = run(parse(tree), tmp_path / "run")
    assert result.problems == ()
    assert named == ["mine"]
    proofs = [(r.task, r.query_id, r.certificate.verdict) for r in result.records if r.certificate]
    assert len(proofs) == 6
    verdicts = {task: [v for t, _, v in proofs if t == task] for task in ("proved · a", "closed")}
    assert verdicts["closed"] == verdicts["proved · a"]
    assert not [r for r in result.records if r.failure]
