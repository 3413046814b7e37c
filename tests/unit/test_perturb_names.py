from pathlib import Path

import pytest

from rag_robust import perturb
from rag_robust.errors import SuiteError
from rag_robust.perturb import load, names
from rag_robust.perturb.query import typo
from rag_robust.seeds import generator

TEXT = "rivers carry water downhill"


def test_a_name_finds_its_function_with_its_parameters() -> None:
    assert "typo" in names()
    assert load("typo")(TEXT, generator(1)) == typo(TEXT, generator(1))
    assert load("typo", edits=2)(TEXT, generator(1)) == typo(TEXT, generator(1), edits=2)


def test_a_persons_own_function_is_found_by_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_noise.py").write_text(
        "def shout(text, rng, *, mark='!'):\n    return text.upper() + mark\n\nbroken = 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert load("own_noise:shout", mark="?")("a", generator(0)) == "A?"
    with pytest.raises(SuiteError, match='has no function "broken"'):
        load("own_noise:broken")


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("tpyo", {}, 'no perturbation "tpyo"; did you mean "typo"'),
        ("generator", {}, "no perturbation"),
        ("typo", {"edit": 1}, 'no parameter "edit"; did you mean "edits"'),
        ("typo", {"edits": "2"}, "of type int, got str"),
        ("typo", {"edits": True}, "of type int, got bool"),
        ("no_such_module:f", {}, "ModuleNotFoundError"),
    ],
)
def test_a_wrong_name_or_parameter_is_explained(name: str, parameters: dict, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        load(name, **parameters)


def test_what_was_revised_adds_to_the_keys_of_records_and_nothing_else_does() -> None:
    assert perturb.revision("typo") == perturb.revision("original") == perturb.revision("my.module:own") == ()
    assert perturb.revision("word-order") == perturb.revision("distractor?count=2") == (2,)
    assert perturb.revision("synonym?share=0.3") == perturb.revision("synonym", source="everyday") != (2,)
    assert perturb.revision("synonym?source=wordnet") == perturb.revision("synonym", source="wordnet") == (2,)
