"""Certificates and editing attacks alone on the command line: a line per query, kept when interrupted."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from rag_robust import attacks, corpus, lone_certify, stats
from rag_robust.certify import names
from rag_robust.cli import app
from rag_robust.errors import SuiteError, UsageError

PAIRS = "coffee tea\nhot cold\nlong short\ncup mug\nwater milk\nbean leaf\nplayer team\nred white\n"
LISTS = ("--corpus", "tiny", "--ranker", "bm25", "--synonyms", "pairs:pairs.txt", "--k", "3", "--depth", "8")


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run `rag-robust`; errors are raised, not printed."""
    monkeypatch.setenv("RAG_ROBUST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.txt").write_text(PAIRS)

    def run(*words: str):
        done = CliRunner().invoke(app, [w for word in words for w in (LISTS if word == "LISTS" else (word,))])
        if isinstance(done.exception, UsageError):
            raise done.exception
        return done

    return run


def rows(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_per_query_with_bounds_of_every_listed_passage_and_crq_beside_it(call, tmp_path):
    done = call("certify", "LISTS", "--limit", "5", "--out", "c.jsonl")
    assert done.exit_code == 0, done.output
    found = rows((tmp_path / "c.jsonl").read_text())
    assert [row["query_id"] for row in found] == sorted(corpus.load("tiny").queries)[:5]
    for row in found:
        assert list(row["scores"]) == list(row["lower"]) == list(row["upper"])
        assert len(row["certified"]) == row["depth"] - 1 == len(row["hostile"])
        assert row["certified"][2] is (row["verdict"] == "certified")
        assert (row["alpha"], row["swaps"], row["k"]) == (0, 1, 3)
        assert row["source"].startswith("pairs pairs:")
        assert row["synonyms"] == "pairs:pairs.txt"
        assert row["parameters"] == {"max_versions": 20000}
        assert row["first_stage"] is False
    held = sum(row["certified"][2] for row in found)
    low, high = stats.clopper_pearson(held, 5, 0.95)
    assert f"{held / 5:.2f}" in done.stdout
    assert f"[{low:.2f}, {high:.2f}]" in done.stdout


def test_what_a_family_took_for_what_was_left_open_and_a_list_of_the_whole_corpus_are_in_the_record(
    call, tmp_path
):
    few = ("--family", "mean", "--set", "n_max=64", "--limit", "1", "--depth", "60", "--out", "c.jsonl")
    done = call("certify", "LISTS", "--ranker", "dense:hashed", *few)
    assert done.exit_code == 0, done.output
    (row,) = rows((tmp_path / "c.jsonl").read_text())
    own = {"low": -1, "high": 1, "interval": "betting", "n_max": 64, "alpha": 0.05, "cap": None}
    assert row["parameters"] == own
    assert row["first_stage"] is (row["depth"] == len(corpus.load("tiny").passages)) is True


def test_without_a_file_standard_output_is_data_and_the_table_is_not_in_it(call):
    done = call("certify", "LISTS", "--limit", "2")
    assert len(rows(done.stdout)) == 2
    assert "CRQ@K" in done.stderr


def test_interrupted_and_started_again_it_goes_on_and_the_records_are_the_same(call, tmp_path, monkeypatch):
    call("certify", "LISTS", "--limit", "4", "--out", "whole.jsonl")
    proved, asked = lone_certify.certificate, []

    def interrupted(*given):
        asked.append(given)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return proved(*given)

    monkeypatch.setattr(lone_certify, "certificate", interrupted)
    first = call("certify", "LISTS", "--limit", "4", "--out", "parts.jsonl")
    assert first.exit_code == 130
    assert "goes on where it stopped" in first.stderr
    assert len(rows((tmp_path / "parts.jsonl").read_text())) == 2
    with (tmp_path / "parts.jsonl").open("a") as file:
        file.write('{"query_id": "cut o')
    assert call("certify", "LISTS", "--limit", "4", "--out", "parts.jsonl").exit_code == 0
    assert len(asked) == 5
    whole, parts = (rows((tmp_path / f"{name}.jsonl").read_text()) for name in ("whole", "parts"))
    assert [{**row, "seconds": 0} for row in whole] == [{**row, "seconds": 0} for row in parts]


def test_a_file_of_other_settings_is_refused_and_left_as_it_is(call, tmp_path):
    call("certify", "LISTS", "--limit", "1", "--out", "c.jsonl")
    before = (tmp_path / "c.jsonl").read_text()
    with pytest.raises(SuiteError, match="other settings"):
        call("certify", "LISTS", "--swaps", "2", "--limit", "1", "--out", "c.jsonl")
    assert (tmp_path / "c.jsonl").read_text() == before


@pytest.mark.parametrize("family", [n for n in names() if n not in {"static"}])
def test_every_family_writes_its_records(call, tmp_path, family):
    few = {"percentile": "n_max", "mean": "n_max", "masking": "n_max", "certdr": "n"}
    own = ("--set", f"{few[family]}=64") if family in few else ()
    done = call(
        "certify", "LISTS", "--family", family, "--limit", "2", "--depth", "5", *own, "--out", "c.jsonl"
    )
    assert done.exit_code == 0, done.output
    assert {row["method"] for row in rows((tmp_path / "c.jsonl").read_text())} == {family}


def test_a_family_that_cannot_is_a_failure_per_query_and_no_certificate(call, tmp_path):
    done = call("certify", "LISTS", "--family", "static", "--limit", "2", "--out", "c.jsonl")
    assert done.exit_code == 4
    found = rows((tmp_path / "c.jsonl").read_text())
    assert {row["failure"]["kind"] for row in found} == {"not_applicable"}
    assert "2 of 2 failed" in done.stderr


def test_the_parameters_of_a_family_are_listed(call):
    done = call("certify", "--family", "exact", "--parameters")
    assert done.stdout.split() == ["--set", "default", "max_versions", "20000"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("certify", "--ranker", "bm25"), "--corpus is missing"),
        (("certify", "--corpus", "tiny"), "--ranker is missing"),
        (("certify", "LISTS", "--family", "exakt"), 'did you mean "exact"'),
        (("certify", "LISTS", "--set", "max_version=3"), 'did you mean "max_versions"'),
        (("certify", "LISTS", "--set", "max_versions=many"), "is like 20000, got 'many'"),
        (("certify", "LISTS", "--set", "max_versions"), "expected name=value"),
        (("certify", "LISTS", "--k", "8"), "leaves nobody outside"),
        (("certify", "LISTS", "--share", "1.5"), "above 0 and below 1"),
        (("certify", "LISTS", "--ranker", "bm52"), 'did you mean "bm25"'),
        (("certify", "LISTS", "--synonyms", "wordnett"), 'did you mean "wordnet"'),
        (("certify", "LISTS", "--corpus", "tinny"), "tiny"),
        (("attack", "substitution", "LISTS", "--search", "greedily"), 'did you mean "greedy"'),
        (("attack", "substitution", "--corpus", "tiny"), "--ranker is missing"),
        (("attack", "substitution", "LISTS", "--targets", "easy-5"), "raise it to 100"),
    ],
)
def test_what_makes_no_sense_says_so_before_anything_is_written(call, tmp_path, words, message):
    with pytest.raises(UsageError, match=message):
        call(*words, "--out", "c.jsonl")
    assert not (tmp_path / "c.jsonl").exists()


def test_an_edit_is_written_with_its_target_text_ranks_swaps_and_calls(call, tmp_path):
    done = call("attack", "substitution", "LISTS", "--search", "exact", "--limit", "5", "--out", "a.jsonl")
    assert done.exit_code == 0, done.output
    found = rows((tmp_path / "a.jsonl").read_text())
    moved = [row for row in found if row["target"]]
    assert moved
    for row in moved:
        assert row["n_swaps"] == len(row["notes"]["swaps"]) == 1
        assert row["notes"]["swaps"][0][1].lower() in row["text"].lower()
        assert row["calls"] > 0
        assert 1 <= row["rank"] <= row["rank_pessimistic"]
    success = sum(row["rank"] < row["rank_before"] for row in moved) / 5
    assert f"success {success:.2f} (5 lists)" in done.stdout


def test_five_trials_write_five_lines_and_the_same_command_does_nothing_again(call, tmp_path):
    words = ("attack", "substitution", "LISTS", "--search", "greedy", "--targets", "hard-5", "--limit", "2")
    call(*words, "--out", "a.jsonl")
    before = (tmp_path / "a.jsonl").read_text()
    assert [row["trial"] for row in rows(before)] == [0, 1, 2, 3, 4] * 2
    assert call(*words, "--out", "a.jsonl").exit_code == 0
    assert (tmp_path / "a.jsonl").read_text() == before


def test_what_the_victim_does_not_have_is_a_failure_of_the_attack(call, tmp_path):
    done = call("attack", "substitution", "LISTS", "--search", "gradient", "--limit", "1", "--out", "a.jsonl")
    assert done.exit_code == 4
    assert rows((tmp_path / "a.jsonl").read_text())[0]["failure"]["kind"] == "not_applicable"


@pytest.mark.parametrize("name", attacks.names())
def test_every_attack_has_a_command_of_its_kind(call, name):
    shown = call("attack", name, "--help").output
    assert ("--ranker" in shown) is not ("--encoder" in shown)
