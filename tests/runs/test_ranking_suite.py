"""Editing attacks and certificates of one suite: same targets, same set of texts, and no contradiction."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from rag_robust import corpus as corpora
from rag_robust import metrics
from rag_robust.assemble import Session
from rag_robust.defended import sized
from rag_robust.errors import SuiteError
from rag_robust.listed import owned, ranking, ranks
from rag_robust.plan import build
from rag_robust.report.ranked import ranked
from rag_robust.run import run
from rag_robust.seeds import generator
from rag_robust.store import Store, change_from_json
from rag_robust.suite import parse, read
from rag_robust.types import Answer, Change, Corpus, Hit, Passage, Query
from rag_robust.work import Case, record_units
from rag_robust.worlds import World

HASHED = {"retriever": {"encoder": "hashed"}}
BM25 = {"retriever": {"kind": "bm25"}}
LISTS = {"k": 3, "depth": 8, "limit": 3}
PAIRS = "coffee tea\nhot cold\nlong short\ncup mug\nwater milk\nbean leaf\nplayer team\nred white\n"


@pytest.fixture
def words(tmp_path):
    (tmp_path / "pairs.txt").write_text(PAIRS)
    return f"pairs:{tmp_path / 'pairs.txt'}"


def suite(*tasks, system=HASHED):
    named = [{"name": f"t{i}", **LISTS, **task} for i, task in enumerate(tasks)]
    return parse({"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "system": system, "task": named})


def substituted(words, search="exact", **more):
    return {"attack": "substitution", "with": {"search": search}, "synonyms": words, **more}


@pytest.mark.parametrize("system", [HASHED, BM25])
def test_the_exact_attack_breaks_exactly_what_the_exact_certificate_leaves_open(tmp_path, words, system):
    proof = {"certify": "exact", "synonyms": words}
    result = run(suite(substituted(words), proof, system=system), tmp_path / "run")
    assert result.problems == ()
    verdicts = {r.query_id: r.certificate.verdict for r in result.records if r.certificate}
    top = {}
    for record in result.records:
        if record.condition == "substitution":
            listed = [h.passage_id for h in record.hits[:3]]
            top[record.query_id] = bool(set(record.inserted) & set(listed))
    if system is HASHED:  # BM25's idf moves with an edit, the certificate's does not
        assert {q: v == "attacked" for q, v in verdicts.items()} == top
    assert set(verdicts) == set(top)


WRONG = """
from dataclasses import replace
from rag_robust.certify.exact import certify as exact
def claims(ranking, allowed, rng=None, *, k):
    "Forgets the attacker: upper bounds are the scores as they are."
    found = exact(ranking, allowed, rng, k=k)
    return replace(found, upper=found.scores, verdict="certified", witness=None)
"""


@pytest.mark.parametrize("system", [HASHED, BM25])
@pytest.mark.parametrize("search", ["greedy", "decision"])
def test_a_certificate_that_an_attack_of_ours_breaks_ends_the_run_as_an_error(
    tmp_path, words, search, system, monkeypatch
):
    (tmp_path / "wrong_certificate.py").write_text(WRONG)
    monkeypatch.syspath_prepend(tmp_path)
    wrong = {"certify": "wrong_certificate:claims", "synonyms": words}
    result = run(suite(substituted(words, search), wrong, system=system), tmp_path / "run")
    assert result.verdict == "ERROR"
    assert any("gets no better rank than" in line for line in result.problems)


@pytest.mark.parametrize("system", [HASHED, BM25])
def test_a_score_beyond_its_proved_bound_is_an_error_though_no_rank_is_passed(
    tmp_path, words, system, monkeypatch
):
    (tmp_path / "wrong_ends.py").write_text(WRONG.replace("upper=found", "lower={}, upper=found"))
    monkeypatch.syspath_prepend(tmp_path)
    wrong = {"certify": "wrong_ends:claims", "synonyms": words}
    result = run(suite(substituted(words), wrong, system=system), tmp_path / "run")
    assert any("scores at most" in line for line in result.problems)


def test_a_wrong_certificate_of_a_ranker_made_of_the_model_is_not_held_against_attacks_on_the_model(
    tmp_path, words, monkeypatch
):
    (tmp_path / "wrong_smoothing.py").write_text(WRONG.replace("verdict=", "ranker='a mean', verdict="))
    monkeypatch.syspath_prepend(tmp_path)
    wrong = {"certify": "wrong_smoothing:claims", "synonyms": words}
    assert run(suite(substituted(words, "greedy"), wrong), tmp_path / "run").problems == ()


def test_an_attack_on_the_query_breaks_only_what_the_certificate_of_the_query_leaves_open(tmp_path, words):
    task = {"attack": "query_substitution", "with": {"k": 3}, "synonyms": words, "limit": 20}
    proof = {"certify": "query", "synonyms": words, "limit": 20}
    result = run(suite(task, proof), tmp_path / "run")
    assert result.problems == ()
    verdicts = {r.query_id: r.certificate.verdict for r in result.records if r.certificate}
    assert set(verdicts.values()) == {"certified", "attacked"}
    top = {
        c: {r.query_id: {h.passage_id for h in r.hits[:3]} for r in result.records if r.condition == c}
        for c in ("clean", "query_substitution")
    }
    broken = {q for q, first in top["query_substitution"].items() if first != top["clean"][q]}
    listed = {r.query_id: set(r.certificate.scores) for r in result.records if r.certificate}
    inside = {q for q in broken if top["query_substitution"][q] <= listed[q]}
    assert inside
    assert {verdicts[q] for q in inside} == {"attacked"}


def test_other_words_or_another_ranker_are_no_contradiction(tmp_path, words):
    (tmp_path / "none.txt").write_text("zebra quagga\n")
    proof = {"certify": "exact", "synonyms": f"pairs:{tmp_path / 'none.txt'}"}
    result = run(suite(substituted(words), proof), tmp_path / "run")
    assert result.problems == ()
    assert {r.certificate.verdict for r in result.records if r.certificate} == {"certified"}


def test_notes_of_an_edit_are_measured_by_the_harness(tmp_path, words):
    result = run(suite(substituted(words)), tmp_path)
    edited = [r for r in result.records if r.condition == "substitution" and r.inserted]
    assert edited
    for record in edited:
        assert record.notes["swaps"] == 1
        assert record.notes["inside"] is True
        assert 0 < record.notes["changed_share"] < 1
        assert record.notes["victim_calls"] > 0
    with closing(Store(tmp_path)) as store:
        changes = store.artifacts("change").values()
        assert all(len(change_from_json(c["change"]).edited) <= 1 for c in changes)


def test_hard_targets_are_the_last_five_one_per_trial_and_the_same_for_every_attack(tmp_path, words):
    hard = {"targets": "hard-5", "depth": 20, "limit": 1}
    tasks = (substituted(words, "greedy", **hard), substituted(words, "random", **hard))
    result = run(suite(*tasks), tmp_path / "run")
    clean = next(r for r in result.records if r.condition == "clean")
    last = [h.passage_id for h in clean.hits[-5:]]
    for task in ("t0", "t1"):
        own = [r for r in result.records if (r.task, r.condition) == (task, "substitution")]
        assert sorted(r.seed for r in own) == [0, 1, 2, 3, 4]
        assert all(set(r.inserted) <= {last[r.seed]} for r in own)


def test_easy_targets_are_one_of_every_ten_places_from_51(tmp_path):
    passages = {f"p{i:03}": Passage(f"p{i:03}", "x") for i in range(120)}
    made = Session(
        suite({**substituted("wordnet"), "depth": 100, "targets": "easy-5"}), cache_folder=tmp_path
    )
    hits = tuple(Hit(i, -n) for n, i in enumerate(passages))
    world = World(Corpus(passages, {}, {}, ""), lambda query: Answer(hits=hits), "x")
    task, query = made.suite.task[0], Query("q", "x")
    for trial in range(5):
        (target,) = owned(world, task, query, trial, generator(0, trial))
        assert 51 + 10 * trial <= int(target.id[1:]) + 1 <= 60 + 10 * trial


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"targets": "easy-5", "depth": 60}, "raise it to 100"),
        ({"targets": "hard-5", "depth": 7}, "raise it to 8"),
        ({"targets": "easy-5", "depth": 100, "trials": 2}, "leave trials out"),
    ],
)
def test_a_protocol_that_the_list_cannot_hold_is_refused_before_anything_runs(tmp_path, words, task, message):
    with pytest.raises(SuiteError, match=message):
        run(suite({**substituted(words), **task}), tmp_path / "run")
    assert not (tmp_path / "run" / "records.sqlite").exists()


def test_targets_need_an_attack_that_brings_passages_up(tmp_path, words):
    with pytest.raises(SuiteError, match="no attack"):
        suite({"certify": "exact", "targets": "hard-5"})
    with pytest.raises(SuiteError, match="to be brought up"):
        run(suite({"attack": "garag", "targets": "hard-5", "depth": 20}), tmp_path / "run")


@pytest.mark.parametrize("system", [HASHED, {"retriever": {"encoder": "hashed", "index": "IVF2,Flat"}}])
def test_a_rank_told_is_the_rank_in_the_changed_corpus_with_or_without_a_score(tmp_path, system):
    made = Session(suite({"attack": "substitution"}, system=system), cache_folder=tmp_path)
    world, task = made.world(), made.suite.task[0]
    query = next(iter(world.corpus.queries.values()))
    listed = ranking(world, task, query)
    versions = [replace(p, text=f"{query.text} {p.text}") for p in listed[3:6]]
    told = ranks(world, task)(query, versions)
    for version, rank in zip(versions, told.tolist(), strict=True):
        hits = sized(world.system, task).changed(Change(edited={version.id: version}))(query).hits
        assert [h.passage_id for h in hits].index(version.id) + 1 == rank


def test_a_rank_gives_ties_to_the_others(tmp_path):
    made = Session(suite({"attack": "substitution"}), cache_folder=tmp_path)
    world, task = made.world(), made.suite.task[0]
    query = next(iter(world.corpus.queries.values()))
    listed = ranking(world, task, query)
    copy = replace(listed[5], text=listed[0].text, title=listed[0].title)
    assert ranks(world, task)(query, [copy]).tolist() == [2]


def test_the_report_puts_attacks_and_certificates_of_one_threat_side_by_side(tmp_path, words):
    tasks = [substituted(words, s, swaps=n) for s in ("greedy", "exact") for n in (1, 2)]
    tasks += [{"certify": "exact", "synonyms": words, "swaps": n} for n in (1, 2)]
    result = run(suite(*tasks), tmp_path / "run")
    one, two = ranked(result)
    assert "1 word per passage" in one.threat
    assert "2 words per passage" in two.threat
    assert [a.name for a in one.attacks] == ["substitution, greedy", "substitution, exact"]
    assert one.proofs[0].certified.value == pytest.approx(1 - one.attacks[1].entered.value)
    assert [k for k, _ in one.proofs[0].curve] == list(range(1, 8))
    ((_, most),) = one.most_swaps
    held = [p.certified.value for p in (one.proofs[0], two.proofs[0])]
    assert most.value == pytest.approx(sum(held))  # sets of one word are among those of two
    assert 0 <= most.low <= most.value <= most.high <= 2
    assert one.proofs[0].quality is None  # the model's own is the clean task's


def test_a_ranker_made_of_the_model_has_its_own_quality_beside_what_is_certified_of_it(tmp_path, words):
    tasks = [{}, {"certify": "exact", "synonyms": words}]
    tasks += [{"certify": "certdr", "synonyms": words, "with": {"n": 2}}]
    tasks += [{"certify": "canonical", "synonyms": words}]
    result = run(suite(*tasks), tmp_path / "run")
    (one,) = ranked(result)
    qualities = {p.task: p.quality for p in one.proofs}
    assert qualities["t1"] is None
    for task in ("t2", "t3"):
        mine = [r for r in result.records if r.task == task]
        expected = metrics.load("nDCG@3")(mine, corpora.load("tiny"))
        assert qualities[task].value == pytest.approx(expected.mean())
        shown = next(p.about for p in one.proofs if p.task == task)
        assert f"its own nDCG@3 {expected.mean():.2f}" in shown


def test_old_records_of_a_family_that_was_revised_do_not_pass_for_new_ones(tmp_path, words):
    tasks = [{"certify": name, "synonyms": words, "limit": 1} for name in ("exact", "canonical")]
    made = Session(suite(*tasks), cache_folder=tmp_path)
    for task, unit in zip(made.suite.task, build(made).units, strict=True):
        spec = (task.certify, task.k, made.substitutions(task).key, dict(task.parameters))
        (old,) = record_units(made, task, Case(task.method, spec), unit.queries)
        assert (old.keys == unit.keys) is (task.certify == "exact")


@pytest.mark.parametrize("name", ["ranking", "ranking_small"])
def test_the_suites_are_well_formed_and_can_be_pointed_at_another_corpus(name):
    assert read(name, changes=["corpus.source=tiny"]).corpus.source == "tiny"


@pytest.mark.model
@pytest.mark.parametrize("name", ["ranking", "ranking_small"])
def test_the_suites_plans_say_how_long_they_take(name, tmp_path):
    planned = build(Session(read(name), cache_folder=tmp_path, sketch=True))
    assert np.isfinite(sum(unit.weight for unit in planned.units))
