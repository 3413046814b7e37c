"""Fixed texts that tell a generator what to answer."""

from __future__ import annotations

import pytest

from rag_robust import attacks
from rag_robust.attacks._view import Secrets, View, check_budget
from rag_robust.attacks.instruction import Instruction
from rag_robust.errors import SuiteError, TargetError, ThreatModelError
from rag_robust.seeds import generator
from rag_robust.types import Query, ThreatModel

ASKED = (Query("q1", "when did Tower Bridge open"), Query("q2", "when was Tower Bridge built"))


def look(attack: Instruction, queries: tuple[Query, ...] = ASKED, target: str | None = "1931") -> View:
    return View(attack.threat, Secrets(queries=queries), target=target)


@pytest.mark.parametrize("style", ["hijack", "outdated", "context"])
def test_every_text_holds_the_question_and_the_target(style: str) -> None:
    attack = Instruction(style=style, passages=4)
    change = attack(look(attack), generator(0))
    assert len(change.inserted) == 4
    assert all(p.text.startswith(ASKED[0].text) and "1931" in p.text for p in change.inserted)
    check_budget(change, attack.threat, {}, look(attack).n_tokens)


def test_passages_take_different_wordings_before_one_comes_again() -> None:
    attack = Instruction(passages=4)
    a, b, c, d = [p.text for p in attack(look(attack), generator(0)).inserted]
    assert len({a, b, c}) == 3
    assert d == a


def test_further_queries_come_in_as_far_as_there_is_room() -> None:
    wide, narrow = Instruction(tokens=128), Instruction(tokens=24)
    assert ASKED[1].text in wide(look(wide), generator(0)).inserted[0].text
    assert ASKED[1].text not in narrow(look(narrow), generator(0)).inserted[0].text


def test_braces_in_question_and_target_stay_what_they_are() -> None:
    attack = Instruction()
    view = look(attack, (Query("q", "what is {answer} in {0}"),), "{question}")
    (passage,) = attack(view, generator(0)).inserted
    assert passage.text.startswith("what is {answer} in {0} ")
    assert passage.text.endswith("{question}")


def test_without_a_target_there_is_nothing_to_attack() -> None:
    attack = Instruction()
    with pytest.raises(TargetError, match="no wrong answer"):
        attack(look(attack, target=None), generator(0))


def test_it_reads_the_queries_and_nothing_else() -> None:
    attack = Instruction()
    assert attack.threat.reads == {"queries"}
    view = look(attack)
    view.threat = ThreatModel(frozenset(), "insert")
    with pytest.raises(ThreatModelError, match="queries"):
        attack(view, generator(0))


def test_unknown_style_names_the_nearest() -> None:
    with pytest.raises(SuiteError, match='no style "hijak"; did you mean "hijack"'):
        attacks.load("instruction", style="hijak")
