"""A question task asks every question under every condition, once, and notes what was shown."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing

import pytest

from rag_robust import metrics, perturb
from rag_robust.assemble import Session
from rag_robust.corpus import beir, load
from rag_robust.corpus.build import build
from rag_robust.errors import SuiteError
from rag_robust.gates import task_corpus, task_world, world_key
from rag_robust.generate.isolate import Isolate
from rag_robust.generate.prompts import rag_prompt
from rag_robust.lone_questions import Job, produce
from rag_robust.plan import build as planned
from rag_robust.questioned import completions
from rag_robust.retrieve.bm25 import bm25
from rag_robust.run import run
from rag_robust.store import Store
from rag_robust.suite import parse
from rag_robust.systems.function import function
from rag_robust.systems.pipeline import Pipeline
from rag_robust.types import Answer, Passage, Query
from rag_robust.updates import compared

LANDS = {"Avaria": "Alton", "Belmont": "Brill", "Cordia": "Crome", "Dunland": "Drax"}


def corpus():
    passages = []
    for i, (land, town) in enumerate(LANDS.items()):
        text = f"Record of {land}.\nCapital: {town}\nCode: {land[:3].upper()}"
        passages.append(Passage(f"{land}-p", text, f"Country profile: {land}"))
        for year in (1990, 1995, 2000):
            table = f"| Year | Rainfall |\n| --- | --- |\n| {year} | {year - 1969 + 7 * i} |"
            text = f"Rainfall of {land}, by year, in days.\n{table}\nBarges go to {town} all year."
            passages.append(Passage(f"{land}-{year}", text))
    return build(passages)


def suite(folder, **task):
    if not (folder / "corpus").exists():
        beir.write(corpus(), folder / "corpus")
    source = f"beir:{folder / 'corpus'}"
    task = {"name": "t", "questions": source, "patterns": "all", "limit": 20, "forms": ["word-order"], **task}
    return parse({"schema": 1, "name": "s", "seed": 3, "corpus": {"source": source}, "task": [task]})


class Reader:
    """Says how many passages it was shown, and remembers what it read."""

    def __init__(self):
        self.read = []

    def __call__(self, prompts):
        self.read += prompts
        return [str(prompt.count("\n[")) for prompt in prompts]


def asked(folder, reader=None, **task):
    chosen = corpus().passages
    system = Pipeline(bm25(chosen), chosen, reader or Reader(), rag_prompt, k=10, context=3)
    return run(suite(folder, **task), folder / "run", system=system)


def under(result, condition):
    found = {r.query_id: r for r in result.records if r.condition == condition}
    assert found, {r.condition for r in result.records}
    return found


def test_every_pattern_is_asked_and_every_planned_question_leaves_a_record(tmp_path):
    result = asked(tmp_path, documents=["gold", "retrieved"])
    patterns = {r.notes["pattern"] for r in result.records}
    assert {"single", "chain", "comparison", "temporal", "unanswerable"} <= patterns
    assert len(result.records) == result.planned
    assert len(under(result, "original/none")) == len(under(result, "word-order/retrieved")) == 20


def test_the_evidence_is_one_passage_per_fact_and_covers_all_of_them(tmp_path):
    for record in under(asked(tmp_path, documents=["gold"]), "original/gold").values():
        notes = record.notes
        assert notes["hops"] == notes["covered"] == notes["shown"] == int(record.answer)
        assert notes["states"] is True or notes["pattern"] == "comparison" or "year" in notes["asked"]


def test_taking_out_the_answer_is_noted_as_no_longer_stated(tmp_path):
    result = asked(tmp_path, documents=["gold", "removed"])
    done = [r for r in under(result, "original/removed").values() if r.failure is None]
    assert done
    assert not any(r.notes["states"] for r in done)
    assert all(r.notes["covered"] < r.notes["hops"] for r in done if r.notes["pattern"] == "single")


def test_a_planted_value_is_what_the_context_says_instead(tmp_path):
    result = asked(tmp_path, documents=["counterfactual", "contradicting", "injected"])
    for name, plants in (("counterfactual", "counterfactual"), ("contradicting", "contradiction")):
        done = [r for r in under(result, f"original/{name}").values() if r.failure is None]
        assert done
        assert all(r.notes["planted"] and r.notes["plants"] == plants for r in done)
    both = {c: under(result, f"original/{c}") for c in ("contradicting", "injected")}
    pairs = [(both["contradicting"][i], both["injected"][i]) for i in both["injected"]]
    done = [(a, b) for a, b in pairs if not a.failure and not b.failure]
    assert done
    assert all(a.notes["planted"] == b.notes["planted"] for a, b in done)


def test_what_cannot_be_done_is_not_applicable_with_the_operator_and_its_reason(tmp_path):
    records = under(asked(tmp_path, documents=["stale"]), "original/stale").values()
    dropped = [r for r in records if r.failure is not None]
    assert dropped
    assert {(r.failure.kind, r.failure.message, r.notes["dropped"]) for r in dropped} <= {
        ("not_applicable", "not applicable", "stale"),
        ("not_applicable", "no rival: the question names what there is to choose from", "stale"),
    }
    assert all(r.answer is None for r in dropped)


def test_what_was_retrieved_is_changed_by_the_same_operators(tmp_path):
    documents = ["retrieved", "retrieved+top?k=1", "retrieved+top?k=5", "retrieved+reordered?order=reversed"]
    result = asked(tmp_path, documents=documents)
    shown = {d: under(result, f"original/{d}") for d in documents}
    assert {r.answer for r in shown["retrieved+top?k=1"].values()} == {"1"}
    assert {r.answer for r in shown["retrieved+top?k=5"].values()} == {"5"}
    for record in shown["retrieved+reordered?order=reversed"].values():
        assert record.hits == shown["retrieved"][record.query_id].hits
        assert record.notes["intensity"] > 0


def test_a_split_reads_the_original_over_what_another_wording_finds(tmp_path):
    result = asked(tmp_path, documents=["retrieved"], split=True)
    halves = under(result, "original/retrieved?for=word-order")
    original, reworded = under(result, "original/retrieved"), under(result, "word-order/retrieved")
    for i, record in halves.items():
        assert record.notes["asked"] == original[i].notes["asked"]
        assert record.hits == reworded[i].hits


def test_each_distinct_prompt_is_completed_once_and_counted_beside_the_naive_number(tmp_path):
    reader = Reader()
    result = asked(tmp_path, reader, documents=["gold", "retrieved", "retrieved+top?k=3"])
    distinct, naive = completions(result.records)
    assert len(reader.read) == len(set(reader.read)) == distinct
    assert naive == sum(r.answer is not None for r in result.records)
    prompts = Counter(p for r in result.records for p in str(r.notes.get("prompt", "")).split())
    assert distinct == len(prompts) < naive


def test_in_the_grid_of_axes_reworded_questions_meet_no_operator(tmp_path):
    result = asked(tmp_path, documents=["gold", "removed", "retrieved"], grid="axes")
    assert {r.condition for r in result.records} == {
        "original/none",
        *(f"original/{d}" for d in ("gold", "removed", "retrieved")),
        *(f"word-order/{d}" for d in ("gold", "retrieved")),
    }


def test_patterns_may_be_counted(tmp_path):
    result = asked(tmp_path, limit=None, patterns={"single": 3, "comparison": 2}, documents=["gold"])
    found = Counter(r.notes["pattern"] for r in under(result, "original/none").values())
    assert found == {"single": 3, "comparison": 2}


def test_the_same_suite_asks_every_system_the_same(tmp_path):
    first = asked(tmp_path / "a", documents=["gold", "different"])
    again = asked(tmp_path / "b", documents=["different", "gold"], name="another name")
    told = [{(r.query_id, r.condition): r.notes.get("prompt") for r in x.records} for x in (first, again)]
    assert told[0] == told[1]


def test_a_corpus_with_its_own_queries_is_asked_under_the_same_conditions(tmp_path):
    chosen = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}}
    task = {"name": "t", "questions": "corpus", "documents": ["gold", "typo", "retrieved"], "forms": ["typo"]}
    described = {"retriever": {"kind": "bm25"}, "generator": {"kind": "canned", "default": "no"}}
    result = run(parse({**chosen, "system": described, "task": [task]}), tmp_path / "run")
    gold = under(result, "original/gold")
    assert all(r.notes["covered"] == r.notes["hops"] == r.notes["shown"] for r in gold.values())
    assert {r.notes["source"] for r in gold.values()} != {""}
    assert under(result, "original/typo")
    assert under(result, "typo/retrieved")


def own_queries(folder, *queries, **task):
    """The queries of a corpus of three passages, all of them judged relevant to each."""
    places = [Passage("a", "Alton is a port."), Passage("b", "Brill is a port."), Passage("c", "Crome, too.")]
    found = [Query(str(i), f"What is {i}?", answers) for i, answers in enumerate(queries)]
    beir.write(build(places, found, {q.id: dict.fromkeys("abc", 1) for q in found}), folder / "own")
    given = {"schema": 1, "name": "s", "corpus": {"source": f"beir:{folder / 'own'}"}}
    asked_for = {"name": "t", "questions": "corpus", "documents": ["gold"], "forms": [], **task}
    described = {"retriever": {"kind": "bm25"}, "generator": {"kind": "canned", "default": "Alton"}}
    return run(parse({**given, "system": described, "task": [asked_for]}), folder / "run")


def test_of_the_queries_of_a_corpus_those_are_asked_whose_passages_state_every_answer(tmp_path):
    lists = [(f"{a} and {b}", f"{a}, {b}") for a, b in (("Alton", "Brill"), ("Alton", "Drax"))]
    result = own_queries(tmp_path, ("Alton",), *lists, ("Drax",), ("no",), ())
    found = under(result, "original/gold")
    assert {i: json.loads(r.notes["needs"]) for i, r in found.items()} == {
        "0": [["a"], ["b"], ["c"]],
        "1": [["a"], ["b"], ["c"]],
    }
    assert all(r.notes["states"] and r.notes["covered"] == 3 for r in found.values())
    with closing(Store(tmp_path / "run")) as store:
        (task,) = parse(store.meta("suite")).task
        assert task_world(store, task)["dropped"] == {
            "its passages do not state the answer": 2,
            "no answer": 1,
            "no passage says yes or no": 1,
        }


def test_a_system_that_cannot_be_given_passages_is_asked_what_it_can_be(tmp_path):
    mine = function(lambda query: Answer("yes", ()))
    result = run(
        suite(tmp_path, documents=["gold", "retrieved", "retrieved+top?k=1"]), tmp_path / "run", system=mine
    )
    assert {r.answer for r in under(result, "original/retrieved").values()} == {"yes"}
    for condition in ("original/gold", "original/none", "original/retrieved+top?k=1"):
        kinds = {r.failure.kind for r in under(result, condition).values()}
        assert kinds == {"not_applicable"}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"documents": ["contradicts"]}, 'did you mean "contradicting"'),
        ({"documents": ["retrieved+gold"]}, 'nothing called "retrieved\\+gold"'),
        ({"documents": ["none"]}, "always asked once"),
        ({"documents": ["top?n=1"]}, 'no parameter "n"'),
        ({"patterns": ["chains"]}, 'did you mean "chain"'),
        ({"split": True, "documents": ["gold"]}, 'add "retrieved"'),
        ({"questions": "corpus"}, "patterns are for those that are written"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name_before_anything_runs(tmp_path, task, message):
    with pytest.raises(SuiteError, match=message):
        asked(tmp_path, **task)


def test_every_operator_on_passages_is_a_condition(tmp_path):
    names = perturb.names("passages")
    result = asked(tmp_path, documents=names, forms=[], limit=8)
    assert {r.condition for r in result.records} == {"original/none", *(f"original/{n}" for n in names)}
    failed = {r.failure.kind for r in result.records if r.failure}
    assert failed <= {"not_applicable"}


def isolated(folder, reader, **task):
    chosen = corpus().passages
    system = Pipeline(bm25(chosen), chosen, reader, rag_prompt, k=10, context=3, isolate=Isolate("majority"))
    return run(suite(folder, documents=["retrieved"], forms=[], **task), folder / "run", system=system)


def test_isolated_reading_completes_a_prompt_per_passage_and_notes_what_it_withstands(tmp_path):
    result = isolated(tmp_path, lambda prompts: ["40 days"] * len(prompts), metrics=["withstands@1"])
    for record in under(result, "original/retrieved").values():
        assert len(str(record.notes["prompt"]).split()) == record.notes["shown"] == 3
        assert record.answer == "40 days"
    forty = {i for i, r in under(result, "original/retrieved").items() if r.notes.get("withstands") == 1}
    proved = [n for n in result.numbers if not n.policy and n.metric == "withstands@1"]
    assert forty
    assert proved[0].estimate.value * proved[0].estimate.n == pytest.approx(len(forty))


def test_policies_are_not_credited_with_what_the_system_withstands(tmp_path):
    result = isolated(tmp_path, lambda prompts: ["40 days"] * len(prompts), metrics=["withstands@1"])
    found = {n.policy: n.estimate.n for n in result.numbers if n.metric == "withstands@1"}
    assert found[""] > 0
    assert {found[policy] for policy in ("always refuse", "always wrong", "empty answer")} == {0}


def certified_questions(folder, family, **more):
    (folder / "pairs.txt").write_text("barges boats\n")
    given = {"certify": family, "synonyms": f"pairs:{folder / 'pairs.txt'}", "limit": 8, **more}
    described = {"retriever": {"kind": "bm25"}, "generator": {"default": "40 days", "isolate": "majority"}}
    described["generator"]["kind"] = "canned"
    chosen = suite(folder, documents=["retrieved"], forms=[], metrics=["certified-answers"], **given)
    system = parse(
        {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "system": described, "task": [{"name": "t"}]}
    )
    return run(chosen.model_copy(update={"system": system.system}), folder / "run")


@pytest.mark.parametrize(("family", "reindexed"), [("bm25", 17), ("exact", None)])
def test_a_certificate_of_the_ranking_says_how_many_hostile_passages_an_answer_meets(
    tmp_path, family, reindexed
):
    result = certified_questions(tmp_path, family)
    for record in under(result, "original/retrieved").values():
        assert record.certificate is not None
        assert record.certificate.k == 3
        assert record.certificate.parameters.get("reindexed") == reindexed  # all twenty but the three shown
        (expected,) = metrics.load("hostile@3")([record], corpus())
        assert record.notes["hostile"] == expected
    (proved,) = [n.estimate for n in result.numbers if not n.policy]
    assert proved.n > 0


@pytest.mark.parametrize("family", ["percentile", "mean", "masking", "canonical", "certdr", "query"])
def test_what_is_proved_of_another_ranker_says_nothing_of_the_passages_a_generator_reads(tmp_path, family):
    few = {"percentile": "n_max", "mean": "n_max", "masking": "n_max", "certdr": "n"}
    own = {"with": {few[family]: 64}} if family in few else {}
    result = certified_questions(tmp_path, family, **own, depth=5)
    records = under(result, "original/retrieved").values()
    assert {record.certificate.method for record in records} == {family}
    for record in records:
        assert "hostile" not in record.notes
        assert record.notes["unproved"].startswith(family)
    (proved,) = [n.estimate for n in result.numbers if not n.policy]
    assert proved.n == 0


def rewritten(folder, old, new):
    """The corpus' folder with a value replaced everywhere."""
    path = folder / "corpus" / "corpus.jsonl"
    path.write_text(path.read_text().replace(old, new))


def asked_set(folder, store, out, says):
    source = f"beir:{folder / 'corpus'}"
    passages = load(source).passages
    task = {"name": "t", "questions": f"set:{out}", "documents": ["gold", "retrieved"], "forms": []}
    described = {"schema": 1, "name": "s", "corpus": {"source": source}, "task": [task]}
    system = Pipeline(bm25(passages), passages, lambda prompts: [says] * len(prompts), rag_prompt, k=10)
    return run(parse(described), folder / store, system=system)


def test_after_an_update_unchanged_questions_are_compared_and_superseded_ones_are_told_apart(tmp_path):
    beir.write(corpus(), tmp_path / "corpus")
    produce(Job(source=f"beir:{tmp_path / 'corpus'}", count=30), tmp_path / "q1")
    asked_set(tmp_path, "before", tmp_path / "q1", "40 days")
    rewritten(tmp_path, "| 1995 | 40 |", "| 1995 | 99 |")
    job = Job(source=f"beir:{tmp_path / 'corpus'}", count=30, against=tmp_path / "q1")
    against = produce(job, tmp_path / "q2")["against"]
    asked_set(tmp_path, "after", tmp_path / "q2", "40 days")
    with closing(Store(tmp_path / "before")) as one, closing(Store(tmp_path / "after")) as two:
        (update,) = [u for u in compared(one, two) if u.condition == "original/retrieved"]
    assert update.superseded == against["superseded"] > 0
    assert (update.renewed, update.only_before, update.only_after, update.p) == (0, 0, 0, 1.0)
    assert update.stale > 0
    assert update.withdrawn == against["withdrawn"]
    assert update.new == against["new"]


def test_an_old_set_over_new_documents_loses_what_was_superseded_and_says_so(tmp_path):
    beir.write(corpus(), tmp_path / "corpus")
    report = produce(Job(source=f"beir:{tmp_path / 'corpus'}", count=30), tmp_path / "q1")
    rewritten(tmp_path, "| 1995 | 40 |", "| 1995 | 99 |")
    result = asked_set(tmp_path, "after", tmp_path / "q1", "40 days")
    assert 0 < len(under(result, "original/none")) < report["written"]
    gold = under(result, "original/gold").values()
    assert all(r.notes["covered"] == r.notes["hops"] == r.notes["shown"] for r in gold)


def test_a_file_in_the_format_of_rare_is_asked_over_its_passages(tmp_path):
    beir.write(corpus(), tmp_path / "corpus")
    record = {
        "id": "1",
        "question": "Which rain fell?",
        "answer": "21 days",
        "answer_chunk_ids": ["Avaria-1990"],
    }
    gone = {**record, "id": "2", "answer_chunk_ids": ["elsewhere"]}
    (tmp_path / "rare.json").write_text(json.dumps([record, gone]))
    result = asked_set(tmp_path, "run", tmp_path / "rare.json", "21 days")
    assert {r.query_id for r in result.records} == {"1"}
    assert under(result, "original/gold")["1"].notes["states"] is True


def test_a_stored_run_tells_what_its_questions_offered(tmp_path):
    patterns = {"comparison": 4, "single": 4}
    result = asked(tmp_path, documents=["gold"], patterns=patterns, limit=8, metrics=["correct"])
    (repeated,) = [n.estimate for n in result.numbers if n.policy == "repeat the question"]
    assert (repeated.n, repeated.value) == (8, 0.0)
    with closing(Store(tmp_path / "run", create=True)) as store:
        task = result.suite.task[0]
        queries = task_corpus(store, task).queries.values()
        assert sum(bool(q.rejected) for q in queries) == 4
        world = task_world(store, task)
        older = {i: told[:2] for i, told in world["queries"].items()}
        store.add((), {world_key(task): ("world", {**world, "queries": older})})
        assert not any(q.rejected for q in task_corpus(store, task).queries.values())


def test_a_revised_operator_is_done_again_and_nothing_else_is(tmp_path, monkeypatch):
    described = suite(
        tmp_path, documents=["gold", "distractor", "retrieved"], forms=["word-order", "typo"], limit=4
    )

    def keys():
        units = planned(Session(described, cache_folder=tmp_path, sketch=True)).units
        return {(c, q.id): k for u in units for c, q, k in zip(u.conditions, u.queries, u.keys, strict=True)}

    before = keys()
    monkeypatch.setitem(perturb._REVISED, "word_order", 9)
    monkeypatch.setitem(perturb._REVISED, "distractor", 9)
    changed = {condition for (condition, i), key in keys().items() if key != before[condition, i]}
    assert changed == {c for c, _ in before if "word-order" in c or "distractor" in c}
    assert len(changed) < len({c for c, _ in before})
