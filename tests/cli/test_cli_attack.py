"""One attack alone on the command line: its parameters are options, its passages are JSON lines."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from typer.testing import CliRunner

from rag_robust import corpus, defend, encode, terminal
from rag_robust.cli import app
from rag_robust.errors import SuiteError, UsageError
from rag_robust.retrieve.dense import dense
from rag_robust.types import Change, Passage

INFORMATION = "Buy the best coffee now."
SMALL = ("--info", INFORMATION, "--trigger-tokens", "5", "--steps", "2", "--n-grad", "2", "--n-cand", "8")
KEYS = (
    "text trigger cos_text cos_ids ceiling heldin_mean heldout_mean steps "
    "forwards backwards tokens flops cpu_s wall_s"
).split()


@pytest.fixture
def call(tmp_path, monkeypatch, encoder_folder):
    """Run `rag-robust` with the tiny encoder and query files; errors are raised, not printed."""
    monkeypatch.setenv("RAG_ROBUST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")  # so that what --threads sets is taken back
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("how is coffee roasted\n\ncoffee beans from ethiopia\n")
    (tmp_path / "out.txt").write_text("which coffee is the best\n")
    files = ("--encoder", str(encoder_folder), "--queries", "in.txt")

    def run(*words: str):
        words = tuple(word for w in words for word in (files if w == "FILES" else (w,)))
        done = CliRunner().invoke(app, words)
        if isinstance(done.exception, UsageError):
            raise done.exception
        return done

    return run


def rows(done) -> list[dict]:
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_standard_output_is_one_json_line_per_passage_in_the_order_promised(call):
    found = rows(call("attack", "gaslite", "FILES", "--heldout", "out.txt", *SMALL, "--passages", "2"))
    assert len(found) == 2
    for row in found:
        assert list(row)[: len(KEYS)] == KEYS
        assert row["steps"] == 2
        assert min(row["forwards"], row["backwards"], row["tokens"], row["flops"], row["wall_s"]) > 0


def test_the_numbers_are_those_of_the_text(call, encoder):
    row = rows(call("attack", "gaslite", "FILES", "--heldout", "out.txt", *SMALL))[0]
    known = encoder.encode(["how is coffee roasted", "coffee beans from ethiopia"], "query")
    vector, centre = encoder.encode([row["text"]], "passage")[0], known.mean(axis=0)
    assert row["ceiling"] == pytest.approx(np.linalg.norm(centre))
    assert row["cos_text"] == pytest.approx(vector @ centre / np.linalg.norm(centre), abs=1e-6)
    assert row["cos_ids"] == pytest.approx(row["cos_text"], abs=1e-5)
    assert row["heldin_mean"] == pytest.approx(row["cos_text"] * row["ceiling"], abs=1e-6)
    outside = encoder.encode(["which coffee is the best"], "query")[0]
    assert row["heldout_mean"] == pytest.approx(vector @ outside, abs=1e-6)
    assert row["text"] == f"{INFORMATION} {row['trigger']}"


def test_the_same_seed_writes_the_same_passage_and_out_takes_the_data(call, tmp_path):
    words = ("attack", "gaslite", "FILES", *SMALL, "--seed", "3")
    printed = rows(call(*words))
    done = call(*words, "--out", "there/out.jsonl")
    assert done.stdout == ""
    assert "wrote 1 passages" in done.stderr
    written = json.loads((tmp_path / "there/out.jsonl").read_text())
    assert written["text"] == printed[0]["text"]
    assert written["heldout_mean"] is None


LONG = (*SMALL[:4], "--steps", "9", "--n-grad", "2", "--n-cand", "8", "--n-flip", "2")


def killed_after(monkeypatch, step: int) -> list[int]:
    """Steps of attacks as they are done; at `step` the person presses Ctrl-C."""
    seen: list[int] = []
    real = terminal.progress

    @contextmanager
    def progress():
        with real() as told:

            def tell(done, total, what):
                seen.append(done)
                if done == step:
                    raise KeyboardInterrupt
                told(done, total, what)

            yield tell

    monkeypatch.setattr(terminal, "progress", progress)
    return seen


def test_an_attack_that_was_interrupted_goes_on_with_the_same_command(call, tmp_path, monkeypatch):
    words = ("attack", "gaslite", "FILES", *LONG, "--passages", "2")
    whole = rows(call(*words))
    with monkeypatch.context() as patched:
        killed_after(patched, 7)
        done = call(*words, "--out", "out.jsonl")
    assert done.exit_code == 130
    assert "the same command goes on" in done.stderr
    (kept,) = tmp_path.glob("out.jsonl*")
    assert kept.suffix == ".unfinished"
    call("attack", "gaslite", "FILES", *LONG, "--seed", "1", "--out", "out.jsonl")
    assert kept.exists(), "that of another case"
    seen = killed_after(monkeypatch, -1)
    call(*words, "--out", "out.jsonl")
    assert [n for n in seen if n] == [6, 7, 8, 9]
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    for one, other in zip(whole, found, strict=True):
        assert (one["text"], one["steps"]) == (other["text"], other["steps"])
        assert other["forwards"] >= one["forwards"], "what was spent before counts"
    assert [p.name for p in tmp_path.glob("out.jsonl*")] == ["out.jsonl"]


@pytest.fixture
def writer(tmp_path) -> str:
    """The folder of a language model of random weights that reads and writes bytes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    split = Tokenizer(models.BPE({c: i for i, c in enumerate(["<end>", *letters])}, []))
    split.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split.decoder = decoders.ByteLevel()
    folder = str(tmp_path / "writer")
    PreTrainedTokenizerFast(tokenizer_object=split, eos_token="<end>").save_pretrained(folder)
    size = {"n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
    GPT2LMHeadModel(GPT2Config(vocab_size=257, bos_token_id=0, eos_token_id=0, **size)).save_pretrained(
        folder
    )
    return folder


def test_texts_that_are_embedded_and_read_are_counted(call, writer):
    words = ("--info", "Buy.", "--tokens", "6", "--n-beams", "2", "--language-model", writer)
    row = rows(call("attack", "readable", "FILES", *words))[0]
    assert row["steps"] > 0
    assert row["forwards"] > 2 * row["steps"] + 2
    assert row["flops"] > row["tokens"] > row["forwards"]
    assert row["backwards"] == 0


def test_ranks_are_those_of_the_retriever_in_the_changed_corpus(call, encoder_folder, tmp_path):
    found = rows(call("attack", "stuffing", "FILES", "--info", INFORMATION, "--attack-corpus", "tiny"))[0]
    retriever = dense(encode.load(str(encoder_folder)), corpus.load("tiny").passages)
    changed = retriever.changed(Change(inserted=(Passage("new", found["text"]),)))
    hits = changed.search(["how is coffee roasted", "coffee beans from ethiopia"], 61)
    expected = [1 + [h.passage_id for h in row].index("new") for row in hits]
    assert found["heldin_ranks"] == expected
    shares = {k: found[f"heldin_appeared@{k}"] for k in (1, 3, 5, 10, 20, 100)}
    assert shares == {k: sum(rank <= k for rank in expected) / 2 for k in shares}
    assert "heldout_ranks" not in found


def test_an_attack_that_evades_a_filter_reads_the_corpus_and_tells_what_the_filter_sees(call):
    command = ("attack", "gaslite", "FILES", *SMALL, "--evade", "repetition")
    with pytest.raises(SuiteError, match="reads the corpus; give one with --attack-corpus"):
        call(*command)
    (row,) = rows(call(*command, "--attack-corpus", "tiny"))
    assert list(row)[: len(KEYS)] == KEYS
    assert row["cos_ids"] == pytest.approx(row["cos_text"], abs=1e-5)  # without what the filter charges
    seen = row["filters"]["repetition"]
    words = Passage("p", row["text"])
    assert seen["suspicion"] == defend.load("repetition")([words], defend.Tools())[0]
    assert 0 <= seen["suspicion"] < seen["limit"] + 1


def test_two_passages_appear_where_either_does(call):
    words = ("--passages", "2", "--tokens", "30", "--attack-corpus", "tiny", "--heldout", "out.txt")
    one, two = rows(call("attack", "stuffing", "FILES", "--info", "Buy.", *words))
    best = [min(pair) for pair in zip(one["heldin_ranks"], two["heldin_ranks"], strict=True)]
    assert one["heldin_appeared@3"] == two["heldin_appeared@3"] == sum(r <= 3 for r in best) / 2
    assert len(one["heldout_ranks"]) == 1


def test_an_attack_without_tokens_or_gradients_works_with_the_hashed_encoder(call):
    row = rows(call("attack", "stuffing", "--encoder", "hashed", "--queries", "in.txt", "--info", "Buy."))[0]
    assert row["cos_ids"] is None
    assert row["steps"] == row["forwards"] == 0
    assert row["trigger"].startswith(("how is", "coffee beans"))


@pytest.mark.parametrize("words", [("gaslite", "--n-step", "3"), ("gaslite", "--trigger-token", "3")])
def test_an_unknown_parameter_names_the_nearest(call, words):
    done = call("attack", words[0], "FILES", "--info", "x", *words[1:])
    assert done.exit_code == 2
    assert f"{words[1]}s" in done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gaslite", "--info", "x", "--steps", "2.5"), "--n-steps"),
        (("gaslite",), "--info"),
        (("gaslite", "--info", "x", "--heldout", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_a_value_of_another_type_and_a_missing_one_are_usage_errors(call, words, message):
    done = call("attack", words[0], "FILES", *words[1:])
    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("gaslit", (), 'did you mean "gaslite"'),
        ("gaslite", ("--info", "x", "--place", "end"), "place is one of"),
        ("gaslite", ("--info", "x", "--n-cand", "-1"), "cannot be negative"),
        ("poisoned_rag", (), "reads the answers"),
        ("random-passage", (), "--attack-corpus"),
        ("instruction", (), "--target"),
    ],
)
def test_what_cannot_be_done_alone_says_what_is_missing(call, name, words, message):
    with pytest.raises(SuiteError, match=message):
        call("attack", name, "FILES", *words)


def test_a_bad_parameter_is_refused_before_the_model_is_looked_for(call):
    with pytest.raises(SuiteError, match="profile is one of"):
        call(
            "attack",
            "gaslite",
            "--encoder",
            "no/model",
            "--queries",
            "in.txt",
            "--info",
            "x",
            "--profile",
            "x",
        )


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_query_file_is_refused(call, tmp_path, content):
    (tmp_path / "in.txt").write_text(content)
    with pytest.raises(SuiteError, match="one query a line"):
        call("attack", "stuffing", "FILES", "--info", "x")


def test_an_attack_on_answers_takes_its_target(call):
    row = rows(call("attack", "instruction", "FILES", "--target", "in Vienna", "--threads", "1"))[0]
    assert "in Vienna" in row["text"]


def test_help_shows_every_parameter_with_its_default_and_what_it_does(call):
    text = " ".join(call("attack", "hotflip", "--help").output.split())
    for word in ("--info", "--n-steps", "--steps", "[default: 5000]", "(paper: 5000)", "--no-retokenise"):
        assert word in text


def test_help_without_a_name_lists_the_attacks(call):
    assert "gaslite" in call("attack", "--help").output


def test_geometry_is_a_table_or_json(call, encoder_folder):
    words = ("geometry", "--encoder", str(encoder_folder), "--corpus", "tiny", "--limit", "15", "-k", "3")
    found = json.loads(call(*words, "--json").stdout)
    assert found["n_passages"] == found["n_queries"] == 15
    assert found["margin"].keys() == {"mean", "q05", "q25", "q50", "q75", "q95"}
    shown = " ".join(call(*words).stdout.split())
    assert f"antihubs {found['antihubs']:.3f}" in shown
    assert f"entry {found['entry']['mean']:.3f} {found['entry']['q05']:.3f}" in shown


def test_defences_can_be_listed(call):
    assert {row["name"] for row in json.loads(call("list", "defences", "--json").stdout)} >= {"perplexity"}


def test_the_command_of_the_guide_runs_and_gives_the_fields_it_shows(call, encoder_folder, tmp_path):
    guide = (Path(__file__).parents[2] / "docs/guide/attack.md").read_text(encoding="utf-8")
    command, shown = (re.search(rf"```{kind}\n(.*?)```", guide, re.DOTALL)[1] for kind in ("bash", "json"))
    for new, old in (("held_in.txt", "in.txt"), ("held_out.txt", "out.txt")):
        (tmp_path / new).write_text((tmp_path / old).read_text())
    words = [
        str(encoder_folder) if w == "all-MiniLM-L6-v2" else w
        for w in shlex.split(command.replace("\\\n", " "))[1:]
    ]
    small = ("--trigger-tokens", "4", "--steps", "1", "--n-grad", "2", "--n-cand", "4", "--n-flip", "2")
    assert call(*words, *small).exit_code == 0
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert row.keys() >= json.loads(shown).keys()
