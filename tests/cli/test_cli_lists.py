"""Certificates and attacks alone: what is listed, by whose words, and what a file of records belongs to."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from rag_robust import lone_edit
from rag_robust.cli import app
from rag_robust.errors import SuiteError, UsageError

CORPUS = ("coffee cup", "coffee beans and more", "java java java", "green tea", "cold milk")
LISTS = (
    "--corpus",
    "beir:small",
    "--ranker",
    "bm25",
    "--synonyms",
    "pairs:p.txt",
    "--k",
    "1",
    "--depth",
    "5",
)
ALL = ("--limit", "1", "--out", "o.jsonl")


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run `rag-robust` beside a corpus of five passages and a file of pairs; errors are raised."""
    monkeypatch.setenv("RAG_ROBUST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path, CORPUS)
    (tmp_path / "p.txt").write_text("java coffee\n")

    def run(*words: str):
        done = CliRunner().invoke(app, [w for word in words for w in (LISTS if word == "LISTS" else (word,))])
        if isinstance(done.exception, UsageError):
            raise done.exception
        return done

    return run


def write_corpus(folder, texts) -> None:
    small = folder / "small"
    (small / "qrels").mkdir(parents=True, exist_ok=True)
    passages = [{"_id": f"p{i}", "title": "", "text": text} for i, text in enumerate(texts)]
    (small / "corpus.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in passages))
    (small / "queries.jsonl").write_text('{"_id": "q", "text": "coffee"}\n')
    (small / "qrels" / "test.tsv").write_text("q\tp0\t1\nq\tp4\t1\n")


def rows(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "o.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("family", ["bm25", "exact"])
def test_a_list_as_long_as_the_corpus_holds_what_shares_no_word_with_the_query(call, tmp_path, family):
    call("certify", "LISTS", "--family", family, "--swaps", "3", *ALL)
    [row] = rows(tmp_path)
    assert row["depth"] == 5
    assert sorted(row["scores"].values())[:3] == [0, 0, 0]
    assert row["verdict"] == "attacked"
    assert row["witness"] == {"p2": "coffee coffee coffee"}


def test_a_shorter_list_is_what_bm25_finds(call, tmp_path):
    call("certify", "LISTS", "--depth", "4", *ALL)
    assert rows(tmp_path)[0]["depth"] == 2


def test_an_attacker_owns_what_shares_no_word_with_the_query(call, tmp_path):
    call("attack", "substitution", "LISTS", "--search", "exact", "--swaps", "3", *ALL)
    [row] = rows(tmp_path)
    assert (row["target"], row["rank"]) == ("p2", 1)


def test_a_file_is_of_one_corpus_and_one_source_by_their_content(call, tmp_path):
    call("certify", "LISTS", *ALL)
    before = rows(tmp_path)
    (tmp_path / "p.txt").rename(tmp_path / "r.txt")
    assert call("certify", "LISTS", "--synonyms", "pairs:r.txt", *ALL).exit_code == 0
    assert rows(tmp_path) == before
    (tmp_path / "r.txt").write_text("java coffee\ntea coffee\n")
    with pytest.raises(SuiteError, match="other settings"):
        call("certify", "LISTS", "--synonyms", "pairs:r.txt", *ALL)
    (tmp_path / "p.txt").write_text("java coffee\n")
    write_corpus(tmp_path, (*CORPUS[:4], "warm milk"))
    with pytest.raises(SuiteError, match="other settings"):
        call("certify", "LISTS", *ALL)
    assert rows(tmp_path) == before


def test_a_query_of_five_trials_that_was_cut_off_is_attacked_again(call, tmp_path, monkeypatch):
    words = ("attack", "substitution", "--corpus", "tiny", "--ranker", "bm25", "--synonyms", "pairs:p.txt")
    words += ("--k", "3", "--depth", "8", "--targets", "hard-5", "--limit", "2", "--out", "o.jsonl")
    call(*words)
    whole = (tmp_path / "o.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "o.jsonl").write_text("".join(whole[:7]) + whole[7][:20])
    attacked, asked = lone_edit._attacked, []
    monkeypatch.setattr(lone_edit, "_attacked", lambda *given: asked.append(given) or attacked(*given))
    assert call(*words).exit_code == 0
    assert len(asked) == 5
    assert [(row["query_id"], row["trial"]) for row in rows(tmp_path)] == [
        (json.loads(line)["query_id"], json.loads(line)["trial"]) for line in whole
    ]


def test_a_reworded_query_is_written_with_what_is_left_of_its_list(call, tmp_path):
    done = call("attack", "query_substitution", "LISTS", *ALL)
    [row] = rows(tmp_path)
    assert (row["reworded"], row["n_swaps"], row["kept"]) == ("java", 1, 0.0)
    assert row["calls"] == 2 * 5
    assert 0 <= row["rbo"] < 1
    assert "success 1.00 (1 lists)" in done.stdout
    assert "kept of 1 0.00" in done.stdout


def test_a_query_that_cannot_be_reworded_keeps_its_list(call, tmp_path):
    (tmp_path / "p.txt").write_text("milk water\n")
    call("attack", "query_substitution", "LISTS", *ALL)
    assert [(row["reworded"], row["kept"], row["rbo"]) for row in rows(tmp_path)] == [(None, 1.0, 1.0)]


def test_an_attack_that_brings_nothing_up_has_no_five_targets(call):
    with pytest.raises(SuiteError, match="query_substitution does not"):
        call("attack", "query_substitution", "LISTS", "--targets", "hard-5")


def test_a_ranker_without_an_encoder_is_told_which_neighbours_it_may_have(call, tmp_path, encoder_folder):
    with pytest.raises(SuiteError, match='name one, as in synonyms = "neighbours:all-MiniLM-L6-v2"'):
        call("certify", "LISTS", "--synonyms", "neighbours", *ALL)
    call("certify", "LISTS", "--synonyms", f"neighbours:{encoder_folder}?threshold=-1", *ALL)
    assert rows(tmp_path)[0]["source"].startswith(f"neighbours of {encoder_folder}, cosine -1, top 8:")


def test_passages_without_a_text_are_left_out_and_said_so_once(call, tmp_path):
    write_corpus(tmp_path, (*CORPUS[:3], "", " "))
    words = ("-m", "rag_robust", "corpus", "info", "beir:small", "--json")
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["passages"] == 3
    assert done.stderr == (
        "small: left out 2 of 5 passages, which have neither title nor text (p3, p4), "
        "and 1 judgements with them\n"
    )


def test_the_report_card_of_a_source(call, tmp_path):
    (tmp_path / "r.txt").write_text("java coffee\ntea chai\n")
    done = call("synonyms", "pairs:r.txt", "--corpus", "beir:small", "--against", "pairs:p.txt", "--json")
    card = json.loads(done.stdout)
    assert card["hash"].startswith("pairs r:")
    assert (card["words"], card["mean_set_size"], card["overlap"]) == (4, 1, 0.5)
    assert card["substitutable"] == pytest.approx(6 / 13)
    assert "substitutable" in call("synonyms", "pairs:p.txt", "--corpus", "beir:small").stdout
