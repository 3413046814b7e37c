"""Sources by their names in a suite."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rag_robust import synonyms
from rag_robust.cli import app
from rag_robust.errors import ModelError, SuiteError
from rag_robust.synonyms.pairs import pairs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "p.txt").write_text("hot cold\nhot warm\nwarm tepid\n")
    (tmp_path / "a.txt").write_text("cold hot\n")
    return tmp_path


def known_words(encoder):
    if encoder == "hashed":
        return None
    if encoder == "other":
        return ["car", "boat"], np.ones((2, 2), np.float32)
    return ["car", "auto", "boat"], np.array([[1, 0], [1, 0.1], [0, 1]], np.float32)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wordnett", 'no synonym source "wordnett"; did you mean "wordnet"?'),
        ("pairs", 'write "pairs:FILE"'),
        ("vectors:", 'write "vectors:FILE"'),
        ("wordnet?sense=all", 'wordnet has no option "sense"; did you mean "senses"?'),
        ("pairs:p.txt?top=3", 'pairs has no option "top"'),
        ("wordnet?senses=0", 'expected senses = a whole number above 0, or "all", got "0"'),
        ("wordnet?pos=noun,pronoun", "expected pos = some of noun,verb,adj,adv"),
        ("neighbours?threshold=1.5", "a cosine from -1 to 1"),
        ("neighbours?threshold=nan", "a cosine from -1 to 1"),
        ("neighbours?top=", "a whole number above 0"),
        ("wordnet?inflect=yes", "0 or 1"),
        ("wordnet?stop=no", "0 or 1"),
        ("wordnet?antonyms", '"wordnet" or a file'),
        ("wordnet?cap=3&cap=4", "an option twice"),
    ],
)
def test_what_no_source_is_called_is_refused_before_anything_is_read(name: str, message: str):
    with pytest.raises(SuiteError) as caught:
        synonyms.check(name)
    assert message in str(caught.value)


def test_a_good_name_is_checked_without_its_file():
    synonyms.check(
        "vectors:nowhere.txt?threshold=0.7&top=50&first=9&counterfit=1&antonyms=a.txt&inflect=1&cap=9"
    )


def test_a_file_of_pairs_is_what_it_is_in_the_library(folder: Path):
    assert synonyms.load(f"pairs:{folder / 'p.txt'}") == pairs(folder / "p.txt")


def test_antonyms_are_taken_out_before_classes_are_made(folder: Path):
    source = synonyms.load(f"pairs:{folder / 'p.txt'}?antonyms={folder / 'a.txt'}&cap=3")
    assert source.sets == {"hot": ("warm", "tepid"), "warm": ("hot", "tepid"), "tepid": ("warm", "hot")}
    assert source.name == "pairs p, no antonyms, classes of at most 3 (0 of 2 links cut, 1 added)"


def test_stop_words_are_left_out_before_classes_are_made(tmp_path: Path):
    (tmp_path / "p.txt").write_text("live be\nbe exist\nexist last\n")
    source = synonyms.load(f"pairs:{tmp_path / 'p.txt'}?stop=0&cap=9")
    assert source.sets == {"exist": ("last",), "last": ("exist",)}
    assert source.name == "pairs p, no stop words, classes of at most 9 (0 of 1 links cut, 0 added)"


def test_neighbours_come_from_the_words_of_the_encoder():
    assert synonyms.load("neighbours", known_words).sets == {"car": ("auto",), "auto": ("car",)}
    wider = synonyms.load("neighbours?threshold=-1&top=1", known_words)
    assert wider.lookup("boat") == ("auto",)


def test_neighbours_of_a_named_encoder_are_called_by_its_name():
    source = synonyms.load("neighbours:other?top=1", known_words)
    assert source.sets == {"boat": ("car",), "car": ("boat",)}
    assert source.name == "neighbours of other, cosine 0.6, top 1"


def test_the_name_of_a_file_begins_with_its_kind(tmp_path: Path):
    (tmp_path / "x.txt").write_text("car 1 0\nauto 1 0\n")
    assert synonyms.load(f"vectors:{tmp_path / 'x.txt'}").name == "vectors x, cosine 0.7, top 50"


@pytest.mark.parametrize(
    ("name", "words", "who"),
    [
        ("neighbours", lambda _: None, "the ranker"),
        ("neighbours:hashed", known_words, "hashed"),
    ],
)
def test_neighbours_without_tokens_are_refused_with_what_to_use_instead(name, words, who):
    with pytest.raises(SuiteError, match=rf'{who} has none; name one, .*"neighbours:all-MiniLM-L6-v2"'):
        synonyms.load(name, words)


def test_neighbours_where_there_is_no_ranker_are_refused():
    with pytest.raises(SuiteError, match='are for rankers; use "wordnet"'):
        synonyms.load("neighbours:other")


def test_every_kind_is_listed_with_its_standing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("WNHOME", str(tmp_path))
    rows = {name: synonyms.describe(name) for name in synonyms.names()}
    assert {name.partition(":")[0] for name in rows} >= {"neighbours", "pairs", "vectors", "wordnet"}
    assert "missing: apt-get install wordnet-base" in rows["wordnet"]
    assert "options pos, senses" in rows["wordnet"]
    with pytest.raises(ModelError, match='use the neighbours of an encoder, "neighbours:all-MiniLM-L6-v2"'):
        synonyms.load("wordnet")


def test_the_command_line_lists_them():
    done = CliRunner().invoke(app, ["list", "synonyms", "--json"])
    assert [row["name"] for row in json.loads(done.stdout)] == synonyms.names()
