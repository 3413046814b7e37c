"""A view hands out what is declared, counts what is asked, and says what is not there."""

from __future__ import annotations

import pytest

from rag_robust.attacks._view import Secrets, Tools, View
from rag_robust.errors import BudgetError, TargetError, ThreatModelError
from rag_robust.generate.language_model import LanguageModel
from rag_robust.types import Answer, Budget, Passage, Query, ThreatModel

ASKED = Query("q", "how long?")
READS = ThreatModel(frozenset({"answers", "gradients"}), "insert", Budget(oracle_calls=2))
BLIND = ThreatModel(frozenset(), "insert")
TALKING = Secrets(
    ask=lambda query, poison: Answer(f"{query.text} {len(poison)}"),
    answer=lambda query, texts: " ".join(texts),
)


class Memory:
    """A checkpoint that keeps its value."""

    kept: object = None

    def save(self, state):
        self.kept = state

    def load(self):
        return self.kept


def test_asking_and_answering_are_one_call_each_and_the_third_is_too_many():
    view = View(READS, TALKING)
    assert view.ask(ASKED, [Passage("p", "poison")]).text == "how long? 1"
    assert view.answer(ASKED, ["two", "hours"]) == "two hours"
    with pytest.raises(BudgetError, match="sent 3"):
        view.answer(ASKED, ["more"])


@pytest.mark.parametrize("what", [lambda v: v.ask(ASKED, []), lambda v: v.answer(ASKED, [])])
def test_answers_must_be_declared_and_there(what):
    with pytest.raises(ThreatModelError, match="answers"):
        what(View(BLIND, TALKING))
    with pytest.raises(TargetError) as error:
        what(View(READS))
    assert error.value.kind == "not_applicable"


def test_the_attackers_own_language_model_is_made_when_it_is_asked_for():
    made = []
    view = View(BLIND, tools=Tools(language_model=lambda: made.append(1) or LanguageModel(None, None, "own")))
    assert not made
    assert view.language_model.fingerprint == "own"
    assert view.language_model.work is view.work
    with pytest.raises(TargetError, match="no language model"):
        _ = View(BLIND).language_model


def test_a_missing_target_is_not_applicable():
    assert View(BLIND, target="three days").target_answer == "three days"
    with pytest.raises(TargetError) as error:
        _ = View(BLIND).target_answer
    assert error.value.kind == "not_applicable"


def test_models_are_the_surrogates_or_the_victims_own():
    assert View(READS, Secrets(model="a", models=("a", "b"))).models == ("a", "b")
    assert View(READS, Secrets(model="a")).models == ("a",)
    with pytest.raises(TargetError, match="name a surrogate"):
        _ = View(READS).model


def test_a_checkpoint_brings_back_the_state_and_the_calls_already_made():
    memory = Memory()
    first = View(READS, TALKING, checkpoint=memory)
    first.answer(ASKED, ["x"])
    first.save({"step": 1})
    again = View(READS, TALKING, checkpoint=memory)
    assert (again.load(), again.calls) == ({"step": 1}, 1)


def test_a_view_without_a_checkpoint_forgets():
    view = View(READS)
    view.save([1])
    assert view.load() is None
