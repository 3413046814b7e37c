"""The command line: data on standard output, one-screen errors with exit 2, documented exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rag_robust.cli import main

SUITE = """
schema = 1
name = "small"
[corpus]
source = "tiny"
[system.retriever]
kind = "bm25"
[[task]]
name = "clean"
metrics = ["R@10"]
[[task]]
name = "stuffed"
attack = "stuffing"
concept = "coffee"
with = { tokens = 24 }
[[gate]]
task = "clean"
metric = "nDCG@10"
min = 0.2
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where commands are called: a folder with a suite."""
    for name, value in (("RAG_ROBUST_CACHE", str(tmp_path / "cache")), ("COLUMNS", "120"), ("CI", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.toml").write_text(SUITE)
    return tmp_path


@pytest.fixture
def process(folder):
    """The command as a process of its own."""

    def call(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-m", "rag_robust", *words], capture_output=True, text=True)

    return call


@pytest.fixture
def cli(folder, monkeypatch, capsys):
    """The same entry point in this process, which has loaded what it needs."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # so that it is put back

    def call(*words: str) -> subprocess.CompletedProcess:
        monkeypatch.setattr(sys, "argv", ["rag-robust", *words])
        with pytest.raises(SystemExit) as done:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(words, done.value.code or 0, said.out, said.err)

    return call


def test_run_writes_valid_json_and_a_report_and_can_be_reported_again(process, tmp_path):
    done = process("run", "suite.toml", "--json", "out.json")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out.json").read_text())
    assert {"value", "low", "high", "n", "unscored"} <= result["gates"][0].keys()
    assert "PASS" in done.stdout
    again = process("report", "runs/small", "--html", "again.html", "--json", "again.json")
    assert again.returncode == 0
    assert json.loads((tmp_path / "again.json").read_text())["gates"] == result["gates"]
    assert (tmp_path / "again.html").read_text() == (tmp_path / "runs/small/report.html").read_text()


@pytest.mark.parametrize(("change", "code"), [("gate.0.metric=P@10", 1), ("gate.0.min=0.85", 3)])
def test_exit_codes_tell_fail_from_inconclusive(cli, change, code):
    assert cli("run", "suite.toml", "--set", change, "--limit", "12").returncode == code


def test_inconclusive_can_be_let_pass(cli):
    words = ("run", "suite.toml", "--set", "gate.0.min=0.85", "--limit", "12", "--on-inconclusive", "warn")
    assert cli(*words).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "missing.toml"], "no suite file missing.toml"),
        (["run", "suite.toml", "--set", "corpus.source=tinny"], 'did you mean "tiny"'),
        (["run", "suite.toml", "--set", "corpus.source=beir:nowhere"], "nowhere"),
        (["run", "suite.toml", "--set", "task.1.attack=gaslit"], 'did you mean "gaslite"'),
        (["run", "suite.toml", "--set", "task.1.concept=cofee"], 'did you mean "coffee"'),
        (["run", "suite.toml", "--set", "gate.0.metric=nDGC@10"], 'did you mean "nDCG@10"'),
        (["run", "suite.toml", "--set", "task.1.with={tokns = 3}"], 'no parameter "tokns"'),
        (
            [
                "run",
                "suite.toml",
                "--set",
                "system.retriever.kind=dense",
                "--set",
                "system.retriever.encoder=no/model",
            ],
            "no sentence-transformers model",
        ),
        (
            [
                "run",
                "suite.toml",
                "--set",
                "system.retriever.kind=dense",
                "--set",
                "system.retriever.encoder=hashed",
                "--set",
                "system.retriever.index=Flatt",
            ],
            "Flatt",
        ),
        (["report", "nowhere"], "holds no run"),
        (["list", "atacks"], 'did you mean "attacks"'),
    ],
)
def test_bad_input_is_one_screen_exit_2_and_nothing_half_written(cli, tmp_path, words, message):
    refused(cli(*words), tmp_path, message)


def test_a_process_too_ends_with_2_and_without_a_traceback(process, tmp_path):
    refused(process("run", "missing.toml"), tmp_path, "no suite file missing.toml")


def refused(done, tmp_path, message):
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 25
    assert not (tmp_path / "runs").exists()


def test_a_store_made_by_another_suite_is_refused(cli):
    assert cli("run", "suite.toml", "--store", "s").returncode == 0
    done = cli("run", "suite.toml", "--store", "s", "--set", "name=other")
    assert done.returncode == 2
    assert 'made by suite "small"' in done.stderr


def test_plan_says_what_would_decide_each_gate(cli):
    done = cli("plan", "suite.toml")
    assert done.returncode == 0
    assert "PASS at" in " ".join(done.stdout.split())


@pytest.mark.parametrize("what", ["attacks", "certificates", "corpora", "metrics", "perturbations", "suites"])
def test_every_list_has_entries(cli, what):
    assert json.loads(cli("list", what, "--json").stdout)


def test_doctor_and_corpus_info_are_data(cli):
    assert {row["what"] for row in json.loads(cli("doctor", "--json").stdout)} >= {"faiss", "torch"}
    assert json.loads(cli("corpus", "info", "tiny", "--json").stdout)["passages"] == 60


def test_offline_refuses_every_connection_but_loopback(process, tmp_path):
    (tmp_path / "suite.toml").write_text(
        SUITE.replace(
            '[system.retriever]\nkind = "bm25"', '[system]\nkind = "http"\nurl = "http://10.0.0.1/"'
        )
    )
    done = process("run", "suite.toml", "--offline")
    assert done.returncode == 2
    assert "--offline: a connection to 10.0.0.1 was refused" in done.stderr


def test_help_names_every_exit_code(cli):
    text = " ".join(cli("--help").stdout.split())
    for code in ("0 all gates pass", "1 a gate failed", "2 usage", "3 inconclusive", "4 invalid", "130"):
        assert code in text


def test_only_runs_the_tasks_it_names_and_a_later_run_does_the_rest(cli, tmp_path):
    def ran(*words: str) -> dict:
        assert cli("run", "suite.toml", "--store", "o", "--json", "r.json", *words).returncode == 0
        return json.loads((tmp_path / "r.json").read_text())

    part = ran("--only", "clean")
    assert {e["task"] for e in part["estimates"]} == {"clean"}
    assert "stuffed" not in cli("plan", "suite.toml", "--only", "clean").stdout
    whole = ran()
    assert whole["n_records"] > part["n_records"]
    assert [e for e in whole["estimates"] if e["task"] == "clean"] == part["estimates"]
    assert ran("--only", "clean")["n_records"] == part["n_records"]


def test_only_refuses_what_fits_no_task(cli):
    done = cli("run", "suite.toml", "--only", "cleen")
    assert done.returncode == 2
    assert 'did you mean "clean"' in done.stderr
