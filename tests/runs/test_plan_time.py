"""What a plan says about time: each thing that takes long is in it, and only once."""

from __future__ import annotations

import pytest

from rag_robust import suite as suites
from rag_robust.assemble import Session
from rag_robust.plan import build, preparation
from rag_robust.suite import Suite, parse

SYSTEMS = {"bm25": {"retriever": {"kind": "bm25"}}, "both": {"retriever": {"kind": "hybrid"}}}


def sketch(suite: Suite, folder) -> Session:
    return Session(suite, cache_folder=folder, sketch=True)


def tasks(*some: dict[str, object]) -> Suite:
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "systems": SYSTEMS}
    return parse(tree | {"task": [{"name": f"t{i}", **task} for i, task in enumerate(some)]})


def test_a_language_model_judges_each_passage_once_however_many_tasks_ask(tmp_path):
    asked = {"defences": ["perplexity"]}
    weights = [u.weight for u in build(sketch(tasks(asked, asked), tmp_path)).units if u.defence]
    assert weights == pytest.approx([60 * 0.6 + weights[1], weights[1]])


def test_systems_that_share_an_encoder_share_its_vectors(tmp_path):
    alone = preparation(sketch(tasks({}), tmp_path))
    assert alone == preparation(sketch(tasks({}, {"system": "both"}, {"system": "bm25"}), tmp_path)) > 0
    assert preparation(sketch(tasks({"system": "bm25"}), tmp_path)) == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, float]:
    """Seconds per attack of the full suite, by task."""
    suite = suites.read("poisoning", changes=['corpus={ source = "tiny" }'])
    some = tuple(t for t in suite.task if t.concept == "concepts/coffee" or t.attack == "gaslite")
    suite = suite.model_copy(update={"task": some})
    changes = build(sketch(suite, tmp_path_factory.mktemp("plan"))).changes
    return {c.task: c.weight for c in changes if c.task.startswith(c.attack)}


def test_optimised_attacks_of_the_full_suite_cost_about_the_same(made):
    cost = [made[f"{name} · knows-what · coffee"] for name in ("gaslite", "hotflip", "aggd", "gcg", "arca")]
    assert 8 < min(cost) <= max(cost) < 2 * min(cost)
    assert made["stuffing · knows-what · coffee"] < 1


def test_a_beam_goes_on_with_its_width_after_the_first_word(tmp_path):
    """6,000 texts of ten passages; the suite on Wikipedia asked 6,159 and 5,979 (docs/guide/ranking.md)."""
    asked = {"attack": "substitution", "swaps": 3}
    some = [{**asked, "with": {"search": search}} for search in ("greedy", "beam", "exact")]
    greedy, beam, exact = (c.weight for c in build(sketch(tasks(*some), tmp_path)).changes[::20])
    assert beam == 12 * greedy
    assert exact == 3 * greedy
    assert beam == pytest.approx(6000 * 0.02)


def test_an_edit_that_a_language_model_writes_takes_it_time(tmp_path):
    trigger, connection, crude = (
        build(sketch(tasks({"attack": name, "system": "bm25"}), tmp_path)).changes[0].weight
        for name in ("trigger", "connection", "query_plus")
    )
    assert crude < trigger < connection < 60


def test_an_attacker_who_knows_a_slow_filter_takes_its_time(tmp_path):
    """420 texts of the language model, as in docs/guide/poisoning.md: 50 to 70 seconds."""
    asked = {"attack": "gaslite", "concept": "concepts/coffee"}
    some = [{**asked, "with": {"profile": "fast", "n_steps": 8, "evade": e}} for e in ("", "perplexity")]
    changes = build(sketch(tasks(*some), tmp_path)).changes
    plain, knowing = (c.weight for c in changes if c.attack == "gaslite")
    assert knowing - plain == pytest.approx(420 * 0.17)


def test_as_many_passages_take_as_many_times_as_long(made):
    assert made["gaslite · knows-nothing"] > 4 * made["gaslite · knows-what · coffee"]
