"""Each stage of the judge by itself: what it says of the published errors, and where stages disagree."""

from __future__ import annotations

import pytest

from rag_robust import metrics
from rag_robust.errors import UsageError
from rag_robust.generate.canned import canned
from rag_robust.metrics.answers import judge
from rag_robust.metrics.judging import further, model, nli, verdicts, with_opinion
from rag_robust.types import Corpus, Failure, Query, Record

PUBLISHED = [  # truth, prediction, typed, alias: the list on which a published judge errs
    ("Norway", "no", None, False),
    ("Norway", "", None, False),
    ("Norway", "I do not know.", None, False),
    ("Norway", "I don't have that information, it may be Norway", None, False),
    ("東京", "大阪", None, False),
    ("東京", "東京です", None, True),
    ("Москва", "Киев", None, False),
    ("Zürich", "Zurich", None, True),
    ("$38.5 million", "$138.5 million", False, False),
    ("$138.5 million", "$38.5 million", False, False),
    ("$3.2 billion in 2024", "2024", False, False),
    ("2.9%", "It is not 2.9%, it is 4%", False, False),
    ("$3,818.1 million", "3818.1 million dollars", True, False),
    ("$3,818.1 million", "3,818,100,000", True, False),
    ("$3,818.1 million", "It was $3,818.1 million.", True, True),
    ("1 March 2007", "March 1st, 2007", True, False),
    ("five years", "5 years", True, False),
    ("57", "57.1", False, False),
    ("yes", "That is true.", True, False),
]


def query(truth: str) -> Query:
    return Query("q", "What is it?", (truth,))


@pytest.mark.parametrize(("truth", "prediction", "typed", "alias"), PUBLISHED)
def test_stages_on_the_published_errors(truth, prediction, typed, alias):
    told = verdicts(query(truth), prediction)
    refused = prediction.startswith(("I do", "I don't")) or not prediction
    assert (told.typed, told.alias) == ((None, False) if refused else (typed, alias))
    assert told.final == judge(query(truth), prediction)


@pytest.mark.parametrize(("truth", "prediction", "typed", "alias"), PUBLISHED)
def test_the_typed_stage_decides_where_it_has_a_verdict(truth, prediction, typed, alias):
    assert verdicts(query(truth), prediction).final is (alias if typed is None else typed)


def test_a_further_stage_is_kept_and_changes_nothing():
    told = verdicts(query("Norway"), "the land of fjords", stages={"person": lambda _, __: True})
    assert (told.final, told.told, told.agreed) == (False, {"alias": False, "person": True}, False)


def test_a_stage_without_a_verdict_is_not_told():
    assert verdicts(query("Norway"), "Oslo", stages={"model": lambda _, __: None}).told == {"alias": False}


def test_nothing_is_judged_without_answers():
    with pytest.raises(UsageError, match="has no answers to judge by"):
        verdicts(Query("q", "?"), "Oslo")


def test_entailment_is_asked_with_the_question_on_both_sides():
    seen = []

    def entails(premise: str, hypothesis: str) -> float:
        seen.append((premise, hypothesis))
        return 0.9 if "fjords" in premise else 0.1

    right = nli(entails)
    assert right(query("Norway"), "the land of fjords") is True
    assert seen == [("What is it? the land of fjords", "What is it? Norway")]
    assert right(query("Norway"), "the land of lakes") is False
    assert nli(entails, threshold=0.95)(query("Norway"), "fjords") is False


def test_an_empty_answer_is_wrong_before_any_model_is_asked():
    def never(*_: object) -> float:
        raise AssertionError

    assert nli(never)(query("Norway"), " ") is False
    assert model(never)(query("Norway"), "") is False
    assert model(never)(Query("q", "?"), "Oslo") is None


@pytest.mark.parametrize(
    ("reply", "verdict"), [("Yes.", True), ("no", False), ("I cannot say", None), ("", None)]
)
def test_a_model_says_yes_or_no_or_nothing(reply, verdict):
    assert model(canned(default=reply))(query("Norway"), "Oslo") is verdict


def test_disagreement_counts_typed_alias_and_noted_stages():
    world = Corpus({}, {"q": query("$3,818.1 million"), "p": query("Norway"), "s": Query("s", "?")}, {}, "")
    record = Record("k", "t", "original/gold", "q", 0, answer="3,818,100,000")
    agreed = Record("l", "t", "original/gold", "p", 0, answer="It is Norway.")
    noted = with_opinion(agreed, world.queries["p"], "model", lambda _, __: False)
    silent = Record("m", "t", "original/gold", "s", 0, answer="x")
    found = metrics.load("disagreement")([record, agreed, silent], world)
    assert found[:2].tolist() == [1.0, 0.0]
    assert found[2] != found[2]
    assert further(noted) == {"model": False}
    assert metrics.load("disagreement")([noted], world).tolist() == [1.0]


def test_no_opinion_is_asked_of_a_failure():
    failed = Record("k", "t", "original/gold", "p", 0, failure=Failure("crash", "why"))
    assert with_opinion(failed, query("Norway"), "model", lambda _, __: True) is failed
