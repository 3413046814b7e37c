"""Attack tasks: who knows what, what stands beside an attack, and that nothing hidden leaks out."""

from __future__ import annotations

import json
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest

from rag_robust import assemble
from rag_robust.assemble import Session
from rag_robust.attacks._view import View
from rag_robust.corpus.concepts import concept
from rag_robust.encode.unscaled import unscaled
from rag_robust.errors import SuiteError
from rag_robust.plan import build
from rag_robust.propose import make_change
from rag_robust.run import run
from rag_robust.store import Store
from rag_robust.suite import parse
from rag_robust.threats import judged_queries, known_queries, secrets, seen_queries
from rag_robust.types import Passage

HASHED = {"retriever": {"encoder": "hashed"}}
STUFFING = {"attack": "stuffing", "with": {"tokens": 24}}
COFFEE = {**STUFFING, "concept": "coffee"}
READER = {"kind": "canned", "default": "Two hours."}


def described(task, system=HASHED, **more):
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "task": [{"name": "t", **task}]}
    return parse({**tree, "system": system, **more})


def session(tmp_path, task, system=HASHED):
    made = Session(described(task, system), cache_folder=tmp_path)
    return made, made.suite.task[0]


def under(result, condition):
    return [r for r in result.records if r.condition == condition]


def test_who_knows_nothing_sees_half_of_the_queries_and_is_judged_on_the_other(tmp_path, tiny):
    made, task = session(tmp_path, {**STUFFING, "threat": "knows-nothing", "information": "Buy."})
    known, judged = ({q.id for q in f(made, task)} for f in (known_queries, judged_queries))
    assert (len(known), known & judged, known | judged) == (10, set(), set(tiny.queries))


def test_where_queries_are_few_a_generic_sample_comes_from_the_other_concepts(tmp_path):
    suite = described({**COFFEE, "threat": "knows-nothing"}, corpus={"source": "tiny", "limit": 5})
    made = Session(suite, cache_folder=tmp_path)
    known, judged = (f(made, suite.task[0]) for f in (known_queries, judged_queries))
    own = concept("coffee")
    assert len(judged) == 5
    assert len(known) > 50
    assert not {q.text for q in known} & {q.text for q in (*own.held_in, *own.held_out)}


def test_an_attacker_with_a_surrogate_is_given_nothing_of_the_victims_encoder(tmp_path, encoder_folder):
    made, task = session(tmp_path, {**COFFEE, "surrogate": [str(encoder_folder)]})
    shown = secrets(made, task, ())
    assert shown.model is made.surrogate(str(encoder_folder))
    assert shown.embed(["x"], "query").shape == (1, 32) != made.world("").encoder.encode(["x"], "query").shape
    assert View(_reads("gradients"), shown).models == (shown.model,)
    own = made.surrogate(str(encoder_folder)).encoder
    by_surrogate = own.encode(["hot coffee"], "passage") @ own.encode(["coffee"], "query")[0]
    assert shown.score("coffee", ["hot coffee"]) == pytest.approx(by_surrogate, abs=1e-6)


def test_another_surrogate_is_another_change(tmp_path, encoder_folder):
    keys = [
        {u.key for u in build(Session(described({**COFFEE, **more}), cache_folder=tmp_path)).changes}
        for more in ({}, {"surrogate": str(encoder_folder)})
    ]
    assert not keys[0] & keys[1]


def keys(tmp_path, task, **more):
    plan = build(Session(described(task, **more), cache_folder=tmp_path))
    return {u.key for u in plan.changes}, set(plan.keys)


GUARDED = {**COFFEE, "defences": ["masked_token"]}
GARAG = {"attack": "garag", "limit": 2, "with": {"population": 3, "n_parents": 2, "generations": 1}}


@pytest.mark.parametrize(
    ("task", "more", "other", "changes", "records"),
    [
        (COFFEE, {}, {"language_model": "gpt"}, False, False),
        (COFFEE, {}, {"masked_model": "bert"}, False, False),
        (GUARDED, {}, {"masked_model": "bert"}, False, True),
        (GUARDED, {}, {"language_model": "gpt"}, False, False),
        ({**COFFEE, "defences": ["perplexity"]}, {}, {"language_model": "gpt"}, False, True),
        ({"attack": "readable", "concept": "coffee"}, {}, {"language_model": "gpt"}, True, True),
        (GARAG, {"k": 3}, {}, True, True),
        (GARAG, {"synonyms": "pairs:{pairs}"}, {}, False, False),
        ({"attack": "substitution", "limit": 2, "synonyms": "pairs:{pairs}"}, {"k": 3}, {}, True, True),
    ],
)
def test_a_key_hashes_what_an_attack_or_a_filter_uses_and_nothing_else(
    tmp_path, task, more, other, changes, records
):
    (tmp_path / "pairs.txt").write_text("hot warm\n")
    fill = lambda t: {k: f"pairs:{tmp_path / 'pairs.txt'}" if k == "synonyms" else v for k, v in t.items()}  # noqa: E731
    before, after = keys(tmp_path, fill(task)), keys(tmp_path, fill({**task, **more}), **other)
    assert [bool(b ^ a) for b, a in zip(before, after, strict=True)] == [changes, records]


@pytest.mark.parametrize("name", ["hotflip", "gcg", "arca", "aggd", "gaslite"])
def test_an_attack_by_gradients_is_planned_to_take_longer_with_more_steps(tmp_path, encoder_folder, name):
    system = {"retriever": {"encoder": str(encoder_folder)}}
    tasks = [{"attack": name, "concept": "coffee", "with": {"tokens": 32, "n_steps": n}} for n in (10, 100)]
    made = [build(Session(described(t, system), cache_folder=tmp_path, sketch=True)) for t in tasks]
    few, many = ([c.weight for c in plan.changes if c.attack == name] for plan in made)
    assert many == pytest.approx([10 * few[0]])
    assert few[0] > 0.1


def test_an_inserted_passage_is_held_against_the_corpus_by_length_and_fluency(tmp_path, encoder_folder, tiny):
    task = {
        "attack": "information_only",
        "concept": "coffee",
        "fluency": True,
        "information": "Buy this now.",
    }
    made = Session(described(task, {"retriever": {"encoder": str(encoder_folder)}}), cache_folder=tmp_path)
    made.language_model = lambda: SimpleNamespace(surprise=lambda texts: np.array([len(t) for t in texts]))
    [unit] = [c for c in build(made).changes if c.attack == "information_only"]
    body = make_change(made, unit).artifacts[unit.key][1]
    texts = [p.full for p in tiny.passages.values()]
    facts = body["facts"]
    assert facts["surprise"] == [len("Buy this now.")]
    assert facts["surprise_percentile"] == [np.mean([len(t) < len("Buy this now.") for t in texts])]
    model = unscaled(made.world("").encoder)
    own, *norms = np.linalg.norm(model.encode(["Buy this now.", *texts], "passage"), axis=1)
    assert facts["norm"] == pytest.approx([own])
    assert facts["norm_percentile"] == [np.mean(np.array(norms) < own)]


def test_the_attack_may_ask_the_whole_system_and_finds_its_own_passage(tmp_path, tiny):
    made, task = session(tmp_path, COFFEE, {**HASHED, "generator": READER})
    query = tiny.queries["q01"]
    shown = secrets(made, task, ())
    answer = shown.ask(query, [Passage("mine", query.text)])
    assert (answer.text, answer.hits[0].passage_id) == ("Two hours.", "mine")
    assert shown.answer(query, ["a text"]) == "Two hours."


def test_a_system_without_a_generator_cannot_be_asked(tmp_path):
    made, task = session(tmp_path, COFFEE)
    shown = secrets(made, task, ())
    assert (shown.ask, shown.answer) == (None, None)


def test_records_say_which_answer_the_attacker_is_after(tmp_path):
    task = {**STUFFING, "threat": "knows-all", "information": "Buy.", "limit": 2, "target": "three days"}
    result = run(described({**task, "generate": True}, {**HASHED, "generator": READER}), tmp_path)
    assert {r.notes.get("target") for r in under(result, "stuffing")} == {"three days"}
    assert {r.notes.get("target") for r in under(result, "clean")} == {None}


def test_a_target_is_a_wrong_answer_and_the_same_for_every_attack(tmp_path, tiny):
    from rag_robust.metrics.answers import judge

    task = {**STUFFING, "threat": "knows-all", "information": "Buy.", "limit": 3, "generate": True}
    result = run(described(task, {**HASHED, "generator": READER}), tmp_path)
    for condition in ("stuffing", "random_passage"):
        targets = {r.query_id: r.notes["target"] for r in under(result, condition)}
        assert {judge(tiny.queries[i], target) for i, target in targets.items()} == {False}
    assert targets == {r.query_id: r.notes["target"] for r in under(result, "stuffing")}


def test_a_perfect_vector_is_ranked_by_its_product_with_the_query(tmp_path, tiny):
    result = run(described({**COFFEE, "depth": 61, "k": 10}), tmp_path)
    encoder = Session(described(COFFEE), cache_folder=tmp_path).world("").encoder
    centre = encoder.encode([q.text for q in concept("coffee").held_in], "query").mean(axis=0)
    texts = {q.id: q.text for q in concept("coffee").held_out}
    for record in under(result, "simulated"):
        score = {h.passage_id: h.score for h in record.hits}[record.inserted[0]]
        vector = encoder.encode([texts[record.query_id]], "query")[0]
        assert score == pytest.approx(float(vector @ centre / np.linalg.norm(centre)), abs=1e-6)
        assert [h.score for h in record.hits] == sorted((h.score for h in record.hits), reverse=True)


def test_perfect_vectors_need_an_exact_index_and_never_pass_without(tmp_path):
    hybrid = {"retriever": {"encoder": "hashed", "kind": "hybrid"}}
    result = run(described(COFFEE, hybrid), tmp_path)
    assert {r.failure.kind for r in under(result, "simulated")} == {"not_applicable"}


def test_trials_are_told_apart_and_a_query_counts_once(tmp_path):
    result = run(described({**COFFEE, "trials": 3, "metrics": ["appeared@10"]}), tmp_path)
    records = under(result, "random_passage")
    number = next(n for n in result.numbers if n.condition == "random_passage")
    assert {r.seed for r in records} == {0, 1, 2}
    assert len({r.inserted for r in records}) == 3
    assert (number.estimate.n, len(number.trials)) == (len(records) // 3, 3)
    assert number.estimate.value == pytest.approx(np.mean(number.trials))


def test_a_defence_takes_flagged_hits_out_and_the_list_stays_full(tmp_path):
    task = {**COFFEE, "defences": ["near_duplicate"], "rates": [0.2], "passages": 2, "metrics": ["detected"]}
    result = run(described(task), tmp_path)
    behind = under(result, "stuffing/near_duplicate@0.2")
    assert {len(r.hits) for r in behind} == {20}
    assert {r.notes["detected"] for r in behind} == {1.0}
    assert not any({h.passage_id for h in r.hits} & set(r.inserted) for r in behind)
    assert {len(r.hits) for r in under(result, "clean/near_duplicate@0.2")} == {20}


NOTHING = {**STUFFING, "threat": "knows-nothing", "information": "Buy."}


@pytest.mark.parametrize(
    "task",
    [COFFEE, NOTHING, {**STUFFING, "threat": "knows-all", "information": "Buy.", "limit": 5}, {"limit": 12}],
)
def test_a_defender_has_seen_neither_the_attackers_queries_nor_those_it_is_judged_on(tmp_path, task):
    made, task = session(tmp_path, task)
    seen = seen_queries(made, task)
    secret = {q.text for q in judged_queries(made, task)}
    if task.knows != "knows-all":
        secret |= {q.text for q in known_queries(made, task)}
    assert len(seen) == 20
    assert not secret & set(seen)


def test_where_too_few_queries_are_left_the_defender_knows_those_of_other_concepts(tmp_path, tiny):
    made, task = session(tmp_path, {**STUFFING, "threat": "knows-all", "information": "Buy.", "limit": 15})
    free = {tiny.queries[i].text for i in sorted(tiny.queries)[15:]}
    assert free <= set(seen_queries(made, task))


def test_filters_that_look_at_other_queries_keep_their_suspicions_apart(tmp_path, monkeypatch):
    task = {**NOTHING, "threat": "knows-all", "limit": 3}
    suites = [described(task, seed=seed) for seed in (0, 0, 1)]
    made = [Session(suite, cache_folder=tmp_path) for suite in suites]
    own, again, other = [s.suspicions("masked_token", "", seen_queries(s, s.suite.task[0])) for s in made]
    assert (own.path, own.tools.queries) == (again.path, again.tools.queries)
    assert own.path != other.path
    assert own.tools.queries != other.tools.queries
    monkeypatch.setattr(assemble, "VERSION", assemble.VERSION + 1)
    fresh = Session(suites[0], cache_folder=tmp_path)
    assert fresh.suspicions("masked_token", "", own.tools.queries).path != own.path


def test_what_a_change_reached_is_kept_with_what_it_cost(tmp_path):
    run(described({**COFFEE, "passages": 2}), tmp_path)
    with closing(Store(tmp_path)) as store:
        body = next(b for b in store.artifacts("change").values() if b["attack"] == "stuffing")
    facts = body["facts"]
    assert facts["poisoning_rate"] == pytest.approx(2 / 60)
    for cosine, mean in zip(facts["cosine"], facts["held_in"], strict=True):
        assert mean == pytest.approx(cosine * facts["ceiling"], abs=1e-6)
    assert max(facts["held_out"]) <= facts["held_out_best"] <= 1
    assert body["work"]["wall_s"] > 0
    json.dumps(body, allow_nan=False)


def measured(folder):
    with closing(Store(folder)) as store:
        return next(b for b in store.artifacts("change").values() if b["attack"] == "stuffing")


def test_a_change_that_is_judged_on_other_queries_is_measured_again_and_not_made_again(tmp_path):
    bodies = []
    for limit, folder in ((2, "a"), (None, "a"), (None, "b")):
        run(described({**COFFEE, "limit": limit} if limit else COFFEE), tmp_path / folder)
        bodies.append(measured(tmp_path / folder))
    few, again, fresh = bodies
    assert few["facts"]["held_out"] != again["facts"]["held_out"]
    assert again["facts"] == fresh["facts"]
    assert again["work"] == few["work"]


def test_a_change_measured_by_another_encoder_is_another_measurement_and_the_same_change(
    tmp_path, encoder_folder
):
    task = {**COFFEE, "surrogate": "hashed"}  # the attacker's own; the system's own surrogate only measures
    systems = (HASHED, {**HASHED, "surrogate": str(encoder_folder)})
    plans = [build(Session(described(task, system), cache_folder=tmp_path)) for system in systems]
    before, after = (next(c for c in plan.changes if c.attack == "stuffing") for plan in plans)
    assert before.key == after.key
    assert before.measured != after.measured


def test_an_attack_that_demotes_is_given_the_relevant_passages_to_edit(tmp_path, tiny):
    task = {"attack": "garag", "limit": 2, "with": {"population": 3, "n_parents": 2, "generations": 1}}
    result = run(described(task), tmp_path)
    edited = {(r.query_id, i) for r in under(result, "garag") for i in r.inserted}
    assert edited
    assert all(tiny.qrels[query_id][i] > 0 for query_id, i in edited)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"surrogate": "hashed"}, "surrogate is for attacks"),
        ({"trials": 2}, "trials are runs of an attack"),
        ({"perturb": "typo", "defences": ["repetition"]}, "defences are for attack tasks"),
        ({"defences": ["repetitoin"]}, 'did you mean "repetition"'),
        ({"rates": [0.0]}, "rates.0"),
        ({**COFFEE, "surrogate": ["hashed", "hashed"]}, "name each thing once"),
    ],
)
def test_what_makes_no_sense_for_attacks_is_refused_before_anything_runs(tmp_path, task, message):
    with pytest.raises(SuiteError, match=message):
        run(described(task), tmp_path / "run")
    assert not (tmp_path / "run" / "records.sqlite").exists()


def _reads(*what: str):
    from rag_robust.types import ThreatModel

    return ThreatModel(frozenset(what), "insert")
