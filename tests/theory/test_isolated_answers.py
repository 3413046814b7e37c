"""No attacker with as many passages as is claimed makes an isolated answer wrong: all are tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, product

import pytest

from rag_robust.generate.isolate import REFUSAL, Isolate, ballot, keywords, majority, withstands

VOTES = ("oslo", "bergen", "")
HOSTILE = (*VOTES, "narvik", "aaa")
WORDS = ("", "oslo", "bergen", "oslo bergen")
HOSTILE_WORDS = (*WORDS, "narvik", "oslo narvik", "oslo bergen narvik")


def attacks(answers: Sequence[str], hostile: int, says: Sequence[str]) -> Iterator[list[str]]:
    """Every way to replace so many of the answers."""
    for places in combinations(range(len(answers)), hostile):
        for said in product(says, repeat=hostile):
            attacked = list(answers)
            for place, one in zip(places, said, strict=True):
                attacked[place] = one
            yield attacked


def never(kept: frozenset[str]) -> str:
    raise AssertionError(kept)


@pytest.mark.parametrize("good", [{"oslo"}, {"oslo", "bergen"}])
def test_a_majority_stays_right_under_every_attack_it_is_said_to_withstand_and_is_lost_under_one_more(good):
    for answers in (a for n in range(1, 6) for a in product(VOTES, repeat=n)):
        h = withstands(answers, Isolate("majority"), good.__contains__, never)
        for fewer in range(min(h, 2) + 1):
            assert all(majority(a) in good for a in attacks(answers, fewer, HOSTILE))
        if h < 0:
            assert majority(answers) not in good
        elif h < min(2, len(answers)):
            assert any(lost_or_tied(a, good) for a in attacks(answers, h + 1, HOSTILE))


def lost_or_tied(answers: Sequence[str], good: set[str]) -> bool:
    votes = Counter(a for a in answers if a)
    right = max((n for form, n in votes.items() if form in good), default=0)
    return right <= max((n for form, n in votes.items() if form not in good), default=0)


def test_a_lead_of_more_than_the_hostile_votes_is_not_enough():
    """The negative control: a replaced passage takes a vote and gives one, so a lead of h + 1 falls to h."""
    answers = ["oslo", "oslo", "oslo", "bergen"]
    claimed = 3 - 1 - 1  # the lead less one
    assert any(majority(a) != "oslo" for a in attacks(answers, claimed, HOSTILE))
    assert withstands(answers, Isolate("majority"), "oslo".__eq__, never) == claimed - 1


def final(kept: frozenset[str]) -> str:
    return " ".join(sorted(kept))


def right(text: str) -> bool:
    return "oslo" in text.split() and "narvik" not in text.split()


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 2.0), (0.3, 3.0), (0.7, 9.0)])
def test_keywords_give_the_right_context_under_every_attack_that_is_claimed_and_not_one_more(alpha, beta):
    how = Isolate("keywords", alpha, beta)
    for answers in (a for n in (2, 3, 4) for a in product(WORDS, repeat=n)):
        h = withstands(answers, how, right, final)
        for fewer in range(min(h, 1) + 1):
            assert all(right(final(keywords(a, how))) for a in attacks(answers, fewer, HOSTILE_WORDS))
        if h < 1:
            assert not all(right(final(keywords(a, how))) for a in attacks(answers, h + 1, HOSTILE_WORDS))


def test_two_hostile_passages_of_six_are_withstood_by_keywords_as_every_attack_shows():
    how, answers = Isolate("keywords", 1.0, 3.0), ["oslo"] * 5 + ["bergen"]
    assert withstands(answers, how, right, final) == 2
    assert all(right(final(keywords(a, how))) for a in attacks(answers, 2, HOSTILE_WORDS))
    assert not all(right(final(keywords(a, how))) for a in attacks(answers, 3, ("narvik",)))


def test_a_proof_that_would_cost_too_many_prompts_proves_nothing():
    answers = ["oslo bergen tromso"] * 3 + ["oslo hamar moss"] * 3
    asked: list[frozenset[str]] = []

    def counted(kept: frozenset[str]) -> str:
        asked.append(kept)
        return final(kept)

    for most, expected in ((1, 0), (64, 2)):
        asked.clear()
        assert withstands(answers, Isolate("keywords", 1.0, 3.0, most), right, counted) == expected
        assert len(asked) == len(set(asked)) <= most * 3


def test_silence_is_no_vote_and_many_spellings_are_one():
    assert majority(["Oslo.", "  oslo", "I don't know", "Bergen", ""]) == "oslo"
    assert majority(["I do not know.", "not stated"]) == REFUSAL
    assert ballot("«Ósló!»") == "oslo"


def test_equal_votes_go_to_the_first_in_the_alphabet_whatever_their_order():
    assert majority(["oslo", "bergen"]) == majority(["bergen", "oslo"]) == "bergen"
