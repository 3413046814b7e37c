"""What every perturbation of queries promises; a new function is under test the day it appears."""

import copy

import pytest

from rag_robust.perturb import load, names
from rag_robust.seeds import generator
from rag_robust.text import words

TEXTS = [
    "What was the life expectancy of Kenya in 1992?",
    "who is he",
    "rivers",
    "",
    "42",
    "東京の人口は何人ですか",
    "WHERE IS THE EIFFEL TOWER",
    "tab\tand\nline",
]
every = pytest.mark.parametrize("name", names())


@every
@pytest.mark.parametrize("text", TEXTS)
def test_same_seed_same_text(name: str, text: str) -> None:
    assert load(name)(text, generator(5, name)) == load(name)(text, generator(5, name))


@every
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_a_text_with_words(name: str, text: str) -> None:
    result = load(name)(text, generator(1))
    assert isinstance(result, str)
    assert bool(words(result)) == bool(words(text))


@every
def test_an_ordinary_question_changes_and_the_seed_matters(name: str) -> None:
    seen = {load(name)(TEXTS[0], generator(seed)) for seed in range(20)}
    assert TEXTS[0] not in seen
    assert len(seen) > 1


@every
def test_numbers_survive(name: str) -> None:
    assert all("1992" in load(name)(TEXTS[0], generator(seed)) for seed in range(20))


@every
def test_only_the_given_generator_is_used(name: str) -> None:
    rng = generator(7)
    before = copy.deepcopy(rng)
    first = load(name)(TEXTS[0], rng)
    assert load(name)(TEXTS[0], before) == first


@every
def test_it_says_what_it_does(name: str) -> None:
    assert (load(name).__doc__ or "").strip()
