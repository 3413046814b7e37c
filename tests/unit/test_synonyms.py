"""Substitution sources and the texts one replaced word can make."""

from __future__ import annotations

import zipfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust import text
from rag_robust.doctor import examine
from rag_robust.errors import ModelError
from rag_robust.synonyms.neighbours import neighbours
from rag_robust.synonyms.pairs import pairs
from rag_robust.synonyms.source import Source, joined, links, report_card, without
from rag_robust.synonyms.space import Substitutions
from rag_robust.synonyms.wordnet import wordnet, wordnet_antonyms

WORDS = st.sampled_from(["Red", "red", "blue", "Tall", "wide", "fast"])
SETS = st.dictionaries(WORDS, st.lists(WORDS, max_size=4).map(tuple), max_size=5)
COLOURS = Source("colours", {"red": ("blue", "green"), "tall": ("high",)})


def singles(whole, source, *, query="", **narrowed):
    return list(Substitutions(source=source, **narrowed).space(whole, query).singles())


@given(SETS)
def test_source_is_symmetric_irreflexive_lower_case_and_without_repeats(sets):
    closed = Source("s", sets).sets
    for word, options in closed.items():
        assert word == word.lower()
        assert word not in options
        assert len(set(options)) == len(options)
        assert all(word in closed[u] for u in options)
    linked = {(w.lower(), u.lower()) for w in sets for u in sets[w] if w.lower() != u.lower()}
    assert {(w, u) for w in closed for u in closed[w]} == linked | {(u, w) for w, u in linked}


def test_own_order_comes_before_what_the_closure_adds():
    source = Source("s", {"big": ("large", "huge"), "vast": ("big",)})
    assert source.lookup("BIG") == ("large", "huge", "vast")


def test_hash_ignores_dict_order_and_sees_content():
    one = Source("s", {"a1": ("b1",), "c1": ("d1",)})
    other = Source("s", {"c1": ("d1",), "a1": ("b1",)})
    assert one.hash == other.hash
    assert one.hash.startswith("s:")
    assert len(one.hash) == len("s:") + 12
    assert one.hash != Source("s", {"a1": ("b1",)}).hash


def test_entry_of_two_words_is_refused():
    with pytest.raises(ModelError, match='expected single words, got "ice cream"'):
        Source("s", {"dessert": ("ice cream",)})


def test_pairs_close_symmetrically_and_drop_antonyms(tmp_path: Path):
    (tmp_path / "syn.txt").write_text("big large\n\nhot cold \nbig big\nlarge big\n")
    (tmp_path / "ant.txt").write_text("cold hot\n")
    source = pairs(tmp_path / "syn.txt", antonyms=tmp_path / "ant.txt")
    assert source.sets == {"big": ("large",), "large": ("big",)}
    assert source.name == "pairs syn"


def test_pairs_do_not_depend_on_the_order_of_lines(tmp_path: Path):
    (tmp_path / "s.txt").write_text("a1 b1\na1 c1\n")
    first = pairs(tmp_path / "s.txt").hash
    (tmp_path / "s.txt").write_text("c1 a1\nb1 a1\n")
    assert pairs(tmp_path / "s.txt").hash == first


@pytest.mark.parametrize("line", ["one two three", "lonely", "u.s. america"])
def test_broken_pair_line_is_named_by_number(tmp_path: Path, line: str):
    (tmp_path / "s.txt").write_text(f"big large\n{line}\n")
    with pytest.raises(ModelError, match=r"s\.txt:2: expected two words"):
        pairs(tmp_path / "s.txt")


def test_missing_pair_file_says_what_was_expected(tmp_path: Path):
    with pytest.raises(ModelError, match="two words per line"):
        pairs(tmp_path / "none.txt")


@pytest.fixture
def little_wordnet(tmp_path: Path) -> Path:
    licence = "  1 This software and database is being provided ...\n"
    for pos in ("noun", "verb", "adj", "adv"):
        (tmp_path / f"data.{pos}").write_text(licence)
        (tmp_path / f"index.{pos}").write_text(licence)
    (tmp_path / "data.noun").write_text(
        licence
        + '00000100 06 n 03 car 0 auto 0 motor_car 0 001 @ 00000900 n 0000 | a vehicle; "a | b"  \n'
        + "00000200 06 n 02 car 1 gondola 0 000 | of an airship  \n"
    )
    (tmp_path / "index.noun").write_text(
        licence
        + "auto n 1 1 @ 1 1 00000100  \n"
        + "car n 2 2 @ ~ 2 1 00000100 00000200  \n"
        + "gondola n 1 1 @ 1 0 00000200  \n"
        + "motor_car n 1 1 @ 1 0 00000100  \n"
    )
    (tmp_path / "data.adj").write_text(
        licence + "00000300 00 s 02 galore(ip) 0 Abundant 0 000 | in plenty  \n"
    )
    (tmp_path / "index.adj").write_text(licence + "galore a 1 1 & 1 0 00000300  \n")
    return tmp_path


def test_wordnet_first_sense_is_closed_over_the_sense_of_the_other_word(little_wordnet: Path):
    sets = wordnet(little_wordnet).sets
    assert sets["car"] == ("auto", "gondola")  # gondola's first sense holds car
    assert sets["galore"] == ("abundant",)
    assert "motor_car" not in sets


def test_wordnet_all_senses_come_in_order_of_frequency(little_wordnet: Path):
    assert wordnet(little_wordnet, senses=None).lookup("car") == ("auto", "gondola")


def test_wordnet_is_found_through_wnhome(
    little_wordnet: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    home = tmp_path / "home"
    home.mkdir()
    (home / "dict").symlink_to(little_wordnet)
    monkeypatch.setenv("WNHOME", str(home))
    assert wordnet().hash == wordnet(little_wordnet).hash


def test_the_doctor_looks_for_wordnet_where_it_is_looked_for(
    little_wordnet: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def told() -> tuple[str, str, str]:
        return next(row for row in examine(tmp_path) if row[0] == "wordnet")

    monkeypatch.setenv("WNHOME", str(little_wordnet))
    assert told() == ("wordnet", str(little_wordnet), "")
    monkeypatch.setenv("WNHOME", str(tmp_path / "nowhere"))
    assert told()[1] == "missing"
    assert '"neighbours:all-MiniLM-L6-v2"' in told()[2]


@pytest.mark.parametrize("place", ["dict", "corpora/wordnet"])
def test_wordnet_is_found_in_folders_as_they_are_installed(little_wordnet: Path, tmp_path: Path, place: str):
    (tmp_path / "home" / place).parent.mkdir(parents=True)
    (tmp_path / "home" / place).symlink_to(little_wordnet)
    assert wordnet(tmp_path / "home").hash == wordnet(little_wordnet).hash


def test_wordnet_is_read_from_the_zip_file_that_nltk_leaves(little_wordnet: Path, tmp_path: Path):
    packed = tmp_path / "nltk" / "corpora" / "wordnet.zip"
    packed.parent.mkdir(parents=True)
    with zipfile.ZipFile(packed, "w") as archive:
        for path in little_wordnet.glob("*.*"):
            archive.write(path, f"wordnet/{path.name}")
    assert wordnet(tmp_path / "nltk").hash == wordnet(little_wordnet).hash


def test_wordnet_by_part_of_speech_is_the_union_in_parts(little_wordnet: Path):
    nouns, adjectives = (wordnet(little_wordnet, pos=(part,)) for part in ("noun", "adj"))
    assert "galore" not in nouns.sets
    assert nouns.name == "wordnet, only noun"
    assert joined("both", [nouns, adjectives]).sets == wordnet(little_wordnet).sets
    with pytest.raises(ModelError, match="got pronoun"):
        wordnet(little_wordnet, pos=("pronoun",))


def test_wordnet_antonyms_are_those_of_words_not_of_synsets(little_wordnet: Path):
    licence = "  1 This software ...\n"
    (little_wordnet / "data.adj").write_text(
        licence
        + "00000300 00 a 02 hot 0 torrid(p) 0 002 ! 00000400 a 0102 & 00000300 a 0000 | of heat  \n"
        + "00000400 00 a 02 chilly 0 Cold 0 002 ! 00000300 a 0201 = 00000100 n 0000 | of little heat  \n"
    )
    assert wordnet_antonyms(little_wordnet) == {("cold", "hot")}


def test_missing_wordnet_says_how_to_get_it(tmp_path: Path):
    with pytest.raises(ModelError, match=r"apt-get install wordnet-base, or set WNHOME.*neighbours"):
        wordnet(tmp_path)


@pytest.mark.skipif(
    not Path("/usr/share/wordnet/index.noun").exists(), reason="wordnet-base is not installed"
)
def test_installed_wordnet_has_the_usual_synonyms():
    source = wordnet()
    assert "automobile" in source.lookup("car")
    assert len(source.sets) > 40_000
    assert {("cold", "hot"), ("man", "woman")} <= wordnet_antonyms()


def brute_neighbours(names, vectors, threshold, top):
    unit = vectors.astype(float) / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True)
    linked = {}
    for i, name in enumerate(names):
        others = sorted((j for j in range(len(names)) if j != i), key=lambda j: (-(unit[i] @ unit[j]), j))
        linked[name] = tuple(names[j] for j in others[:top] if unit[i] @ unit[j] >= threshold)
    return Source("neighbours", linked)


@pytest.mark.parametrize(("threshold", "top"), [(0.2, 3), (-1.0, 2), (0.9, 50), (0.0, 1)])
def test_neighbours_equal_brute_force_over_block_borders(threshold: float, top: int):
    rng = np.random.default_rng(0)
    names = [f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)]
    vectors = rng.normal(size=(600, 6)).astype(np.float32)
    found = neighbours(names, vectors, threshold=threshold, top=top)
    assert found == brute_neighbours(names, vectors, threshold, top)


def test_neighbours_take_whole_alphabetic_words_once_per_spelling():
    tokens = ["Car", "car", "##car", "auto", "a.b", "42"]
    found = neighbours(tokens, np.ones((6, 2), np.float32), threshold=0.9, top=5)
    assert found.sets == {"auto": ("car",), "car": ("auto",)}


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((3, 2), {"threshold": 0.5, "top": 1}),
        ((2, 2), {"threshold": 2, "top": 1}),
        ((2, 2), {"threshold": 0, "top": 0}),
    ],
)
def test_impossible_neighbours_are_refused(shape, options):
    with pytest.raises(ModelError, match="expected"):
        neighbours(["car", "auto"], np.ones(shape, np.float32), **options)


def test_report_card_counts_tokens_and_never_stop_words():
    source = Source("s", {"red": ("blue", "the")})  # sets: red 2, blue 1, the 1
    card = report_card(source, ["The red car", "the car"])
    assert card == {"words": 3.0, "mean_set_size": pytest.approx(4 / 3), "substitutable": 1 / 5}


def test_the_overlap_of_a_report_card_is_of_unordered_pairs():
    one = Source("one", {"a": ("b", "c")})  # a-b, a-c
    two = Source("two", {"b": ("a",), "c": ("d",)})  # a-b, c-d
    assert report_card(one, ["a"], two)["overlap"] == report_card(two, ["a"], one)["overlap"] == 1 / 3
    assert report_card(one, ["a"], one)["overlap"] == 1.0


def test_pairs_are_taken_out_in_both_directions_and_the_order_stays():
    source = Source("s", {"a": ("b", "c", "d")})
    assert without(source, [("C", "a")]).sets == {"a": ("b", "d"), "b": ("a",), "d": ("a",)}
    assert without(source, []).sets == source.sets
    assert links(source) == [("a", "b"), ("a", "c"), ("a", "d")]


def test_report_card_of_no_words_is_refused_not_zero():
    with pytest.raises(ModelError, match="at least one word"):
        report_card(COLOURS, ["", "..."])


def test_singles_replace_one_word_and_keep_punctuation_and_capitals():
    assert singles("Red, TALL (red)!", COLOURS) == [
        "Blue, TALL (red)!",
        "Green, TALL (red)!",
        "Red, HIGH (red)!",
        "Red, TALL (blue)!",
        "Red, TALL (green)!",
    ]


def test_stop_words_and_words_of_a_frozen_query_are_left_alone():
    source = Source("s", {"the": ("this",), "red": ("blue",), "tall": ("high",)})
    assert singles("the red tall", source, query="RED?", freeze_query=True) == ["the red high"]


def test_per_word_keeps_the_first_of_each_set():
    assert singles("red tall", COLOURS, per_word=1) == ["blue tall", "red high"]


@given(SETS, st.lists(WORDS, max_size=5).map(" ".join), st.integers(0, 3))
def test_a_space_holds_each_version_once_and_counts_them(sets, whole, swaps):
    space = Substitutions(source=Source("s", sets), swaps=swaps).space(whole)
    found = list(space.versions())
    assert len(set(found)) == len(found) == space.size
    assert found[0] == whole
    assert all(text.changed_words(whole, version) <= swaps for version in found)


@given(SETS, st.lists(WORDS, max_size=4).map(" ".join))
def test_a_space_misses_no_version(sets, whole):
    source = Source("s", sets)
    cased = {w: {u.title() if w.istitle() else u for u in source.lookup(w)} | {w} for w in whole.split()}
    every = {" ".join(words) for words in product(*(cased[w] for w in whole.split()))}
    assert set(Substitutions(source=source, swaps=None).space(whole).versions()) == every


def test_a_share_is_of_all_words_and_the_narrower_limit_counts():
    space = Substitutions(source=COLOURS, swaps=2, share=0.3).space
    assert [space(f"red tall {'the ' * n}red").swaps for n in (0, 1, 4, 9)] == [0, 1, 2, 2]


def test_a_text_is_not_its_own_version_when_capitals_fall_together():
    assert singles("SS", Source("s", {"ss": ("ß",)})) == []  # "ß" in capitals is "SS"
