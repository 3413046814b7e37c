"""`rag-robust compare`: two runs of the same questions, paired by question."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from rag_robust.cli import app
from rag_robust.errors import StoreError
from rag_robust.run import run
from rag_robust.suite import parse


def made(folder, says, **task):
    task = {"name": "t", "questions": "corpus", "documents": ["gold"], "forms": [], **task}
    system = {"retriever": {"kind": "bm25"}, "generator": {"kind": "canned", "default": says}}
    described = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "system": system, "task": [task]}
    run(parse(described), folder)
    return str(folder)


def compare(*arguments):
    result = CliRunner().invoke(app, ["compare", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_pairs_of_right_answers_are_counted_per_condition(tmp_path):
    one, two = made(tmp_path / "a", "1894"), made(tmp_path / "b", "Mount Tambora")
    rows = json.loads(compare(one, two, "--json"))
    assert [row["condition"] for row in rows] == ["original/none", "original/gold"]
    for row in rows:
        assert (row["only_before"], row["only_after"], row["p"]) == (1, 1, 1.0)
        assert row["before"] == row["after"] == pytest.approx(1 / row["n"])
        assert (row["superseded"], row["withdrawn"], row["new"]) == (0, 0, 0)


def test_questions_of_one_run_alone_are_counted_as_such(tmp_path):
    rows = json.loads(compare(made(tmp_path / "a", "x"), made(tmp_path / "b", "x", limit=5), "--json"))
    assert {(row["n"], row["new"]) for row in rows} == {(5, 0)}
    assert rows[0]["withdrawn"] > 0


def test_the_table_says_what_became_of_the_answers(tmp_path):
    told = compare(made(tmp_path / "a", "x"), made(tmp_path / "b", "x"))
    assert "original/gold" in told
    assert "superseded" in told


def test_runs_without_a_common_question_task_are_refused(tmp_path):
    with pytest.raises(StoreError, match="expected question tasks of the same names"):
        compare(made(tmp_path / "a", "x"), made(tmp_path / "b", "x", name="other"))
