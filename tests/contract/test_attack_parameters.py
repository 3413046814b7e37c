"""Every parameter of every attack is described where it is defined, and a person may rely on its type."""

from __future__ import annotations

import dataclasses

import pytest

from rag_robust import attacks
from rag_robust.errors import SuiteError
from rag_robust.types import ThreatModel


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    """An attack.

    Parameters:
        size: how large it is, told
            in two lines (paper: 3)
        loud: whether it shouts

    Not part of it:
        kind: no
    """

    size: int = 3
    loud: bool = False
    kind: str = "plain"

    threat = ThreatModel(frozenset(), "insert")


@pytest.fixture
def described(monkeypatch):
    monkeypatch.setattr(attacks, "attack_class", lambda _: Described)
    return "described"


@pytest.mark.parametrize("name", attacks.names())
def test_every_parameter_says_what_it_does(name):
    undescribed = [key for key, what in attacks.parameter_help(name).items() if len(what) < 8]
    assert undescribed == []


@pytest.mark.parametrize("name", attacks.names())
def test_every_parameter_has_a_type_that_can_be_typed_in(name):
    assert attacks.kinds(name).keys() == attacks.parameters(name).keys()


def test_a_block_ends_where_its_indentation_does_and_lines_go_on(described):
    told = {"size": "how large it is, told in two lines (paper: 3)", "loud": "whether it shouts", "kind": ""}
    assert attacks.parameter_help(described) == told


@pytest.mark.parametrize(("key", "value"), [("size", True), ("size", 1.5), ("loud", 1), ("kind", 3)])
def test_a_value_of_another_type_is_refused(described, key, value):
    with pytest.raises(SuiteError, match=f"{key} is of type"):
        attacks.load(described, **{key: value})


def test_a_yes_or_no_is_accepted_where_one_is_asked_for(described):
    assert attacks.load(described, loud=True).loud is True


def test_what_an_attack_is_changes_with_its_parameters_and_with_its_modules_version(monkeypatch):
    one = attacks.load("gaslite", information="x")
    before = attacks.identity(one)
    assert attacks.identity(attacks.load("gaslite", information="y")) != before
    monkeypatch.setattr("rag_robust.attacks.gaslite.VERSION", 99)
    assert attacks.identity(one) != before
    plain = attacks.identity(attacks.load("information_only", information="x"))
    assert (plain[0], len(plain)) == ("InformationOnly", 2)  # it states none
