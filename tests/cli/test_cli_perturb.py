"""`rag-robust perturb`: one operator on one text, a file of lines, or a test set."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from rag_robust import perturb
from rag_robust.cli import app
from rag_robust.corpus import beir
from rag_robust.corpus.build import build
from rag_robust.errors import SuiteError, UsageError
from rag_robust.types import Passage

OSLO = ("--query", "How many people lived in Oslo in 2023?", "--answer", "709,037")
TEXT = "Oslo had 709,037 inhabitants in 2023. It lies at a fjord."


def invoke(*arguments, stdin=None):
    result = CliRunner().invoke(app, ["perturb", *arguments], input=stdin)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_text_is_reworded_as_the_function_does_it():
    expected = perturb.apply("typo", "Which country has the longest coast?", seed=5).result
    told = invoke("typo", "--text", "Which country has the longest coast?", "--seed", "5")
    assert told.stdout == f"{expected}\n"


def test_a_passage_is_changed_for_the_query_it_is_shown_for():
    told = invoke("counterfactual", "--text", TEXT, *OSLO).stdout
    assert "709,037" not in told
    assert told.endswith("inhabitants in 2023. It lies at a fjord.\n")


def test_what_cannot_be_done_prints_nothing_and_says_so_on_standard_error():
    told = invoke("counterfactual", "--text", "Nothing is said here.", *OSLO)
    assert told.stdout == ""
    assert told.stderr == "1 of 1 dropped: counterfactual: not applicable\n"


def test_every_line_of_a_file_is_changed_and_json_keeps_what_was_dropped(tmp_path):
    (tmp_path / "lines.txt").write_text("What is sold here in summer?\nOslo\n")
    told = invoke("word-order", "--file", str(tmp_path / "lines.txt"), "--json")
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["What is sold here in summer?", "Oslo"]
    assert rows[0]["perturbed"] not in (None, rows[0]["text"])
    assert rows[1]["perturbed"] is None
    assert rows[1]["perturbation"]["reason"] == "not applicable"


def test_a_test_set_keeps_its_fields_and_its_answers_are_not_put_in(tmp_path):
    record = {"id": "q1", "question": "Who was crowned in Oslo?", "answers": ["Harald"], "kind": "fact"}
    (tmp_path / "q.jsonl").write_text(json.dumps(record) + "\n")
    (row,) = [json.loads(x) for x in invoke("typo", "--file", str(tmp_path / "q.jsonl")).stdout.splitlines()]
    assert {name: row[name] for name in record} == record
    assert row["perturbed"] != record["question"]


def test_standard_input_is_read_line_by_line():
    assert len(invoke("polite", "--file", "-", stdin="Who rules?\n\nWho pays?\n").stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("typpo", "--text", "x"), SuiteError, 'did you mean "typo"'),
        (("typo",), UsageError, "expected --text TEXT or --file FILE, got neither"),
        (("removed", "--text", "x"), UsageError, "say what for"),
    ],
)
def test_bad_input_is_refused_with_what_was_expected(arguments, error, message):
    with pytest.raises(error, match=message):
        invoke(*arguments)


def test_facts_of_the_corpus_are_known_as_in_a_suite(tmp_path):
    years = "Kenya: life expectancy, by year, in years.\n| Year | Life expectancy |\n| --- | --- |\n"
    passages = [Passage(str(i), f"{years}| {1992 + i} | {59.2 - i} |") for i in range(3)]
    beir.write(build(passages), tmp_path)
    asked = ("--query", "What was the life expectancy of Kenya in 1994?", "--answer", "57.2")
    told = invoke("stale", "--text", passages[2].text, *asked, "--corpus", f"beir:{tmp_path}")
    assert told.stdout == f"{years}| 1994 | 58.2 |\n"
