"""Typing errors that lower a passage: few, outside the answer, and never worse than none."""

from __future__ import annotations

import numpy as np
import pytest

from rag_robust import attacks
from rag_robust.attacks._view import Secrets, View, check_budget
from rag_robust.attacks.garag import Garag
from rag_robust.errors import SuiteError, TargetError, ThreatModelError
from rag_robust.seeds import generator
from rag_robust.text import changed_tokens, words
from rag_robust.types import Passage, Query

QUERY = Query("q", "who roasted coffee beans in harar", ("Amina Bekele", "1952"))
GOLD = Passage(
    "gold",
    "In 1952 the coffee of Harar was roasted by Amina Bekele, who sold the beans in a small shop there.",
    title="Coffee",
)
OTHER = Passage("other", "Tea is grown on hills.")


def overlap(query: str, texts) -> np.ndarray:
    """How many words of a text are words of the query."""
    asked = set(words(query.lower()))
    return np.array([float(sum(w in asked for w in words(t.lower()))) for t in texts])


def look(attack, *, answer=None, targets=(OTHER, GOLD), query=QUERY) -> View:
    return View(attack.threat, Secrets((query,), score=overlap, answer=answer), targets=targets)


def test_every_allowed_error_hits_a_word_that_counts():
    attack = Garag(edits=3, population=30, n_parents=8, generations=25)
    view = look(attack)
    change = attack(view, generator(1))
    assert set(change.edited) == {"gold"}  # the best scored of the targets
    # coffee (title and text), harar, roasted, who, beans, in, in; three of those in the text are spoilt
    before, after = overlap(QUERY.text, [GOLD.full, change.edited["gold"].full])
    assert (before, after) == (8.0, 5.0)
    assert changed_tokens(GOLD.full, change.edited["gold"].full) == 3


def test_no_word_of_an_answer_and_no_title_is_touched():
    attack = Garag(edits=9, population=8, n_parents=3, generations=3)
    for seed in range(5):
        change = attack(look(attack), generator(seed))
        edited = change.edited["gold"]
        assert edited.title == "Coffee"
        assert {"Amina", "Bekele", "1952"} <= set(words(edited.text))
        assert len(words(edited.text)) == len(words(GOLD.text))
        check_budget(change, attack.threat, {"gold": GOLD, "other": OTHER}, len)


def test_the_lowest_score_of_a_generation_never_rises():
    attack = Garag(edits=4, population=6, n_parents=2, generations=8)
    view = look(attack)
    attack(view, generator(2))
    [note] = view.notes["passages"]
    assert note["trace"] == sorted(note["trace"], reverse=True)
    assert (note["before"], note["after"], note["steps"]) == (8.0, note["trace"][-1], 8)


def test_no_text_is_scored_twice():
    seen: list[str] = []

    def score(query, texts):
        seen.extend(texts)
        return overlap(query, texts)

    attack = Garag(edits=1, population=12, n_parents=4, generations=6)
    view = View(attack.threat, Secrets((QUERY,), score=score), targets=[GOLD])
    attack(view, generator(3))
    assert len(seen) == len(set(seen)) == view.calls


def test_errors_that_help_the_passage_are_not_proposed():
    attack = Garag(edits=2, population=5, n_parents=2, generations=2)
    rewards = lambda query, texts: np.array([float(t != GOLD.full) for t in texts])  # noqa: E731
    view = View(attack.threat, Secrets((QUERY,), score=rewards), targets=[GOLD])
    assert attack(view, generator(1)).edited == {}


def test_a_wrong_answer_counts_more_than_a_low_score():
    def answer(query, texts):
        return "I think it was Amina  BEKELE." if "Harar" in texts[0] else "Nobody knows."

    attack = Garag(edits=2, population=20, n_parents=8, generations=12, n_asked=10)
    view = look(attack, answer=answer)
    edited = attack(view, generator(4)).edited["gold"]
    [note] = view.notes["passages"]
    assert "Harar" not in edited.text
    assert note["answer"] == "Nobody knows."


def test_answers_are_asked_for_only_if_declared():
    asks = Garag(n_asked=3, population=4, n_parents=2, generations=1)
    assert "answers" in asks.threat.reads
    assert "answers" not in Garag().threat.reads
    view = look(asks, answer=lambda query, texts: "x")
    view.threat = Garag().threat
    with pytest.raises(ThreatModelError, match="answers"):
        asks(view, generator(1))
    with pytest.raises(TargetError, match="no known answers"):
        asks(look(asks, query=Query("q", "coffee")), generator(1))


def test_two_targets_are_harmed_if_two_are_allowed():
    attack = Garag(passages=2, population=4, n_parents=2, generations=1)
    ticks: list[tuple[int, int]] = []
    view = look(attack)
    view.tick = lambda done, total: ticks.append((done, total))
    assert set(attack(view, generator(1)).edited) == {"gold", "other"}
    assert ticks == [(1, 2), (2, 2)]


def test_nothing_to_misspell_is_no_change():
    attack = Garag(population=4, n_parents=2, generations=1)
    assert not attack(look(attack, targets=[Passage("n", "1952 is it")]), generator(1)).edited
    assert not attack(look(attack, targets=[]), generator(1)).edited


@pytest.mark.parametrize("bad", [{"edits": 0}, {"n_parents": 0}, {"population": 3}])
def test_sizes_that_cannot_be_are_refused(bad):
    with pytest.raises(SuiteError, match="n_parents <= population"):
        attacks.load("garag", **bad)
