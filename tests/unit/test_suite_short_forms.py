"""Short forms of a suite: templates and further systems mean what is spelled out, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rag_robust.corpus import concepts
from rag_robust.errors import SuiteError
from rag_robust.suite import Suite, parse
from rag_robust.templates import spelled_out

STUFFING: dict[str, Any] = {"name": "stuffing", "attack": "stuffing"}
BM25 = {"bm25": {"retriever": {"kind": "bm25"}}}


def suite(each: object = None, **more: object) -> Suite:
    task = STUFFING if each is None else STUFFING | {"each": each}
    return parse({"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "task": [task]} | more)


def test_a_template_is_the_product_of_its_lists_the_last_running_fastest():
    each = {"threat": ["knows-what", "knows-nothing"], "concept": ["concepts/coffee", "concepts/tennis"]}
    tasks = suite(each).task
    assert [(t.threat, t.concept) for t in tasks] == [
        (threat, concept) for threat in each["threat"] for concept in each["concept"]
    ]
    assert tasks[1].name == "stuffing · knows-what · tennis"


def test_a_value_that_is_no_list_holds_for_all_and_is_not_in_the_name():
    tasks = suite({"concept": ["concepts/coffee", "concepts/tennis"], "limit": 3}).task
    assert [(t.name, t.limit) for t in tasks] == [("stuffing · coffee", 3), ("stuffing · tennis", 3)]


def test_values_without_words_are_named_by_their_key():
    names = [t.name for t in suite({"concept": "concepts/coffee", "passages": [1, 5], "with": [{}]}).task]
    assert names == ["stuffing · passages 1", "stuffing · passages 5"]


def test_a_star_stands_for_every_concept():
    assert [t.concept for t in suite({"concept": "concepts/*"}).task] == [
        f"concepts/{name}" for name in concepts.names()
    ]


def test_tables_are_products_of_their_own_so_that_combinations_can_be_left_out():
    each = [{"threat": ["knows-all"], "information": "Buy."}, {"concept": ["concepts/coffee"]}]
    assert [(t.knows, t.concept) for t in suite(each).task] == [
        ("knows-all", None),
        ("knows-what", "concepts/coffee"),
    ]


@pytest.mark.parametrize(
    ("each", "message"),
    [
        ({"attack": ["stuffing"]}, 'task "stuffing": attack stands in the task and under each'),
        ({"name": ["a"]}, "name stands in the task and under each"),
        ({"concept": []}, "each.concept lists nothing"),
        ({"concept": "concepts/*s-there-such-a-one"}, "each.concept lists nothing"),
        (["concept"], "each is a table of lists, got 'concept'"),
        ({"threat": ["knows-what", "knows-all"]}, 'task.stuffing · knows-what: threat "knows-what" needs'),
        ({"concpet": ["a", "b"]}, 'unknown key "task.stuffing · a.concpet"; did you mean "concept"'),
        ({"limit": [1, 1]}, "two tasks are called 'stuffing · limit 1'"),
    ],
)
def test_what_cannot_be_spelled_out_is_refused_by_name(each, message):
    with pytest.raises(SuiteError, match=re.escape(message)):
        suite(each)


def test_a_gate_on_a_template_is_a_gate_on_each_of_its_tasks():
    gates = [{"task": "stuffing", "metric": "appeared@10", "max": 0.5}]
    found = suite({"concept": ["concepts/coffee", "concepts/tennis"]}, gate=gates).gate
    assert [(g.task, g.max) for g in found] == [("stuffing · coffee", 0.5), ("stuffing · tennis", 0.5)]


def test_a_gate_may_name_one_task_of_a_template():
    gates = [{"task": "stuffing · tennis", "metric": "appeared@10", "max": 0.5}]
    assert len(suite({"concept": ["concepts/coffee", "concepts/tennis"]}, gate=gates).gate) == 1


def test_a_further_system_falls_back_on_the_suites_own_key_by_key():
    own = {"context": 2, "retriever": {"encoder": "hashed", "index": "HNSW16"}}
    systems = {"other": {"retriever": {"index": "Flat"}}, **BM25}
    read = suite(system=own, systems=systems).systems
    assert (read["other"].context, read["other"].retriever.encoder) == (2, "hashed")
    assert (read["other"].retriever.index, read["bm25"].retriever.kind) == ("Flat", "bm25")


def test_a_task_names_a_system_that_there_is():
    assert [
        t.system for t in suite({"concept": "concepts/coffee", "system": ["", "bm25"]}, systems=BM25).task
    ]
    with pytest.raises(SuiteError, match='no system "bm52"; did you mean "bm25"'):
        suite({"concept": "concepts/coffee", "system": ["bm52"]}, systems=BM25)


def test_a_mistake_in_a_further_system_is_named_with_its_place():
    with pytest.raises(SuiteError, match=r'"systems.bm25.retriever.knid"; did you mean "kind"'):
        suite(systems={"bm25": {"retriever": {"knid": "bm25"}}})


def test_what_was_spelled_out_stays_as_it_is():
    once = suite({"concept": "concepts/*", "system": ["", "bm25"]}, systems=BM25)
    again = parse(json.loads(once.model_dump_json(by_alias=True)))
    assert again == once
    tree = once.model_dump(mode="json", by_alias=True)
    assert spelled_out(tree) == tree


def test_the_published_schema_knows_templates_and_systems():
    schema = json.loads((Path(__file__).parents[2] / "docs/suite.schema.json").read_text(encoding="utf-8"))
    assert "systems" in schema["properties"]
    assert {"each", "system"} <= schema["$defs"]["Task"]["properties"].keys()
