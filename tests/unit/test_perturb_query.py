from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.errors import SuiteError
from rag_robust.perturb.query import typo
from rag_robust.seeds import generator
from rag_robust.text import changed_words, edit_distance, words

TEXTS = st.text(st.sampled_from("abcdeXYZ éß東 .,'-’1_\n"), max_size=60) | st.text(max_size=40)
SEEDS = st.integers(0, 1000)


def changed(before: str, after: str) -> list[tuple[str, str]]:
    return [(a, b) for a, b in zip(words(before), words(after), strict=True) if a != b]


def editable(text: str) -> bool:
    """Two letters side by side in a word without digits."""
    return any(
        a.isalpha() and b.isalpha()
        for word in words(text)
        if not any(c.isnumeric() or c.isdigit() for c in word)
        for a, b in pairwise(word)
    )


@given(TEXTS, SEEDS)
def test_one_word_differs_by_one_error_whenever_a_word_can_take_one(text: str, seed: int) -> None:
    result = typo(text, generator(seed))
    assert (result != text) == editable(text)
    if result != text:
        assert changed_words(text, result) == 1
        [pair] = changed(text, result)
        assert edit_distance(*pair) in (1, 2)


@given(TEXTS, SEEDS)
def test_what_is_no_letter_stays(text: str, seed: int) -> None:
    kept = [c for c in text if not c.isalpha()]
    assert [c for c in typo(text, generator(seed)) if not c.isalpha()] == kept


@pytest.mark.parametrize("seed", range(30))
def test_names_numbers_dates_and_stop_words_stay_intact(seed: int) -> None:
    text = "What was the population of South Korea in march 2007, in million people, after Dr. Smith?"
    [(before, _)] = changed(text, typo(text, generator(seed)))
    assert before in ("population", "people")


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("Rivers carry water", {"Rivers", "carry", "water"}),  # capitalised because a sentence begins
        ("Marie Curie discovered it", {"discovered"}),  # two capitals in a row: a name
        ("He is in Madagascar", {"Madagascar"}),  # nothing else is left
        ("who is he", {"who"}),  # nothing but stop words: the longest
    ],
)
def test_which_words_are_hit(text: str, hit: set[str]) -> None:
    seen = {before for s in range(60) for before, _ in changed(text, typo(text, generator(s)))}
    assert seen == hit


@pytest.mark.parametrize("text", ["", "a b c", "1992", "B52 x86", "?!"])
def test_a_text_without_a_word_to_hit_comes_back(text: str) -> None:
    assert typo(text, generator(0)) == text


def test_all_four_errors_occur_and_the_case_of_a_letter_stays() -> None:
    seen = {typo("GATES", generator(s)) for s in range(400)}
    assert {"GAETS", "GATS", "GATTES", "GAYES"} <= seen
    assert all(result.isupper() for result in seen)


def test_the_number_of_words_hit_is_a_parameter() -> None:
    text = "rivers carry water downhill"
    assert changed_words(text, typo(text, generator(3), edits=3)) == 3
    assert changed_words(text, typo(text, generator(3), edits=9)) == 4
    with pytest.raises(SuiteError, match="edits >= 1, got 0"):
        typo(text, generator(3), edits=0)
