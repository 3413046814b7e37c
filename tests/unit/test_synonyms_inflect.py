"""Inflection kept."""

from __future__ import annotations

import importlib
import sys

import pytest

from rag_robust import synonyms
from rag_robust.errors import MissingExtra
from rag_robust.synonyms.source import Source

LEMMAS = Source(
    "lemmas", {"car": ("automobile",), "run": ("operate",), "big": ("large",), "dream": ("imagine",)}
)


@pytest.fixture(scope="module")
def forms() -> Source:
    pytest.importorskip("lemminflect", reason="pip install 'rag-robust[words]'")
    from rag_robust.synonyms.inflect import inflected

    return inflected(LEMMAS)


@pytest.mark.parametrize(
    ("word", "others"),
    [
        ("car", ("automobile",)),
        ("cars", ("automobiles",)),
        ("ran", ("operated",)),
        ("running", ("operating",)),
        ("bigger", ("larger",)),
        ("imagined", ("dreamed", "dreamt")),
    ],
)
def test_forms_are_replaced_by_the_same_forms(forms: Source, word, others):
    assert forms.lookup(word) == others
    assert all(word in forms.lookup(other) for other in others)


def test_a_form_shared_by_two_tags_has_the_words_of_both(forms: Source):
    assert forms.lookup("run") == ("operate", "operated")  # to run; has run


def test_one_part_of_speech_leaves_the_forms_of_the_others():
    inflect = pytest.importorskip("lemminflect") and importlib.import_module("rag_robust.synonyms.inflect")
    nouns = inflect.inflected(LEMMAS, pos=("noun",))
    assert nouns.lookup("cars") == ("automobiles",)
    assert nouns.lookup("bigger") == ()
    assert nouns.name == "lemmas, inflected"


def test_words_that_no_dictionary_has_keep_their_lemma_alone():
    inflect = pytest.importorskip("lemminflect") and importlib.import_module("rag_robust.synonyms.inflect")
    odd = Source("odd", {"zzxq": ("qqvx",)})
    assert inflect.inflected(odd).sets == odd.sets


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "lemminflect", None)
    monkeypatch.delitem(sys.modules, "rag_robust.synonyms.inflect", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install 'rag-robust\[words\]'"):
        importlib.import_module("rag_robust.synonyms.inflect")


def test_words_that_cannot_be_of_one_part_of_speech_are_parted(tmp_path):
    pytest.importorskip("lemminflect", reason="pip install 'rag-robust[words]'")
    pairs = ("light quick", "light rapidly", "cars walked", "cars trucks", "obama walked", "sudden suddenly")
    (tmp_path / "p.txt").write_text("\n".join(pairs))
    found = synonyms.load(f"pairs:{tmp_path / 'p.txt'}?parts=1")
    kept = {"light": ("quick", "rapidly"), "cars": ("trucks",), "walked": ("obama",)}
    assert {w: found.lookup(w) for w in kept} == kept
    assert not found.lookup("sudden")
    assert found.name == "pairs p, of one part of speech"
