"""A blocker is climbed by the answers it gets, and by nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_robust.attacks._view import Secrets, View, check_budget
from rag_robust.attacks.jamming import Jamming
from rag_robust.errors import TargetError
from rag_robust.seeds import generator
from rag_robust.text import words
from rag_robust.types import Answer, Passage, Query

ASKED = Query("q", "where is the tower")
REFUSAL = "I don't know."
TOLD = ["It is in the old town.", "I think it is in town.", "It may be in town.", REFUSAL]
CORPUS = {
    "p1": Passage("p1", "the tower is in the old town of the north"),
    "p2": Passage("p2", "the bees sleep in the garden while the honey drips"),
    "p3": Passage("p3", "the train to the coast leaves at noon"),
}
SMALL = {"length": 4, "n_cand": 6, "n_steps": 40, "tokens": 20, "refusal": REFUSAL, "n_frequent": 2}


def compass(texts: Sequence[str], kind: str) -> NDArray[np.float32]:
    """Directions in a plane: a text of TOLD lies 30 degrees further on per stage, all others at 0."""
    angles = [np.deg2rad(30 * TOLD.index(t)) if t in TOLD else 0.0 for t in texts]
    return np.array([[np.cos(a), np.sin(a)] for a in angles], np.float32)


def confused(query: Query, poison: Sequence[Passage]) -> Answer:
    """A system that wavers the more, the more words of one passage confuse it."""
    found = {*words(poison[0].text)} & {"bees", "honey", "garden", "noon", "coast"}
    return Answer(TOLD[min(len(found), 3)])


def look(attack: Jamming, ask: Callable[[Query, Sequence[Passage]], Answer] = confused) -> View:
    return View(attack.threat, Secrets(queries=(ASKED,), passages=CORPUS, embed=compass, ask=ask))


def note(view: View) -> dict[str, object]:
    found = view.notes["passages"]
    assert isinstance(found, list)
    first: dict[str, object] = found[0]
    return first


def test_the_climb_never_falls_and_ends_at_the_refusal() -> None:
    attack = Jamming(**SMALL)
    view = look(attack)
    change = attack(view, generator(0))
    trace = note(view)["trace"]
    assert trace == sorted(trace)
    assert note(view)["answer"] == REFUSAL
    assert confused(ASKED, change.inserted).text == REFUSAL
    assert change.inserted[0].text.startswith("where is the tower. ")
    check_budget(change, attack.threat, CORPUS, view.n_tokens)


def test_it_stops_when_no_answer_can_be_nearer() -> None:
    attack = Jamming(**SMALL)
    view = look(attack, lambda *_: Answer(REFUSAL))
    attack(view, generator(0))
    assert note(view)["steps"] == 0
    assert view.calls == 3  # the refusal, one question, its answer's vector


def test_idle_steps_end_it_early() -> None:
    attack = Jamming(**SMALL | {"patience": 3})
    view = look(attack, lambda *_: Answer("It is in the old town."))
    attack(view, generator(0))
    assert note(view)["steps"] == 3


def test_calls_stay_within_the_declared_budget() -> None:
    attack = Jamming(**SMALL | {"patience": 0, "n_steps": 3})
    asked = iter(range(1000))
    view = look(attack, lambda *_: Answer(f"answer {'z' * next(asked)}"))  # ever further away
    attack(view, generator(0))
    assert view.calls <= attack.threat.budget.oracle_calls == 1 + 2 * (1 + 3 * 6)


def test_an_empty_answer_is_worse_than_any_other() -> None:
    attack = Jamming(**SMALL)
    view = look(attack, lambda _, poison: Answer("" if "bees" in poison[0].text else "zzz"))
    assert "bees" not in attack(view, generator(0)).inserted[0].text


def test_words_are_drawn_from_the_corpus_without_the_most_frequent() -> None:
    attack = Jamming(**SMALL | {"length": 12, "tokens": 30})
    trigger = str(note_of(attack)["trigger"]).split()
    known = {w for p in CORPUS.values() for w in words(p.text)}
    assert set(trigger) <= known - {"the", "in"}
    assert len(trigger) == 12


def note_of(attack: Jamming) -> dict[str, object]:
    view = look(attack)
    attack(view, generator(0))
    return note(view)


def test_a_corpus_with_fewer_words_than_are_removed_still_has_some() -> None:
    attack = Jamming(**SMALL | {"n_frequent": 100})
    assert len(str(note_of(attack)["trigger"]).split()) == 4


def test_the_token_budget_cuts_the_words_and_not_the_query() -> None:
    attack = Jamming(**SMALL | {"length": 40, "tokens": 7})
    (passage,) = attack(look(attack), generator(0)).inserted
    assert passage.text.startswith("where is the tower. ")
    assert len(passage.text.split()) == 7


def test_the_same_seed_climbs_the_same_way() -> None:
    attack = Jamming(**SMALL | {"n_steps": 3})
    first, again, other = (attack(look(attack), generator(seed)) for seed in (1, 1, 2))
    assert first == again != other


@dataclass
class Kept:
    """A checkpoint that is JSON, as the harness keeps it."""

    states: list[str] = field(default_factory=list)

    def save(self, state: object) -> None:
        self.states.append(json.dumps(state))

    def load(self) -> object | None:
        return json.loads(self.states[-1]) if self.states else None


def test_an_interrupted_climb_goes_on_to_the_same_end() -> None:
    attack, kept = Jamming(**SMALL), Kept()
    whole = look(attack)
    whole.checkpoint = kept
    expected = attack(whole, generator(4))
    assert len(kept.states) > 2
    again = look(attack)
    again.checkpoint = Kept(kept.states[:2])
    assert attack(again, generator(4)) == expected
    assert again.notes == whole.notes


def test_a_system_without_answers_is_not_applicable() -> None:
    attack = Jamming(**SMALL)
    with pytest.raises(TargetError, match="nothing to jam") as caught:
        attack(look(attack, lambda *_: Answer()), generator(0))
    assert caught.value.kind == "not_applicable"
