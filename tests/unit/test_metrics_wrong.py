"""A wrong answer is wrong in both directions, of the right kind, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.errors import UsageError
from rag_robust.metrics.answers import judge, refused, states
from rag_robust.metrics.wrong import wrong_answer
from rag_robust.seeds import generator
from rag_robust.types import Query

POOL = (
    "1931", "1894", "2007-03-01", "1 March 2007", "2007", "March 2007", "$3.2 billion", "$38.5 million",
    "2.9%", "4 percent", "17", "5 km", "12 to 24 hours", "Paris", "Paris, France", "Mount Tambora",
    "Albert Einstein", "Norway", "yes", "no", "about half as much", "in the old town", "unknown", "<", "",
)  # fmt: skip
OTHERS = [Query(f"o{i}", "?", (answer,)) for i, answer in enumerate(POOL)]


def asked(*answers: str, text: str = "what is it?") -> Query:
    return Query("q", text, answers)


def given_answers(query: Query, others: list[Query] = OTHERS, n: int = 60) -> set[str]:
    return {wrong_answer(query, others, generator(seed)) for seed in range(n)}


@pytest.mark.parametrize(
    ("truth", "alike"),
    [
        ("1894", {"1931", "2007"}),
        ("$38.5 million", {"$3.2 billion"}),
        ("2.9%", {"4 percent"}),
        ("Norway", {"Paris", "Paris, France", "Mount Tambora", "Albert Einstein"}),
        ("in the old town", {"about half as much"}),
        ("yes", {"no"}),
        ("no", {"yes"}),
    ],
)
def test_a_year_for_a_year_a_number_for_a_number_a_name_for_a_name(truth: str, alike: set[str]) -> None:
    assert given_answers(asked(truth)) == alike


def test_the_same_day_in_another_spelling_is_no_wrong_date() -> None:
    assert given_answers(asked("1 March 2007")) == {f"1 March {2007 + step}" for step in range(1, 10)}


@pytest.mark.parametrize("truth", ["Paris", "Paris, France"])
def test_neither_side_may_say_the_other(truth: str) -> None:
    assert not given_answers(asked(truth)) & {"Paris", "Paris, France"}


def test_what_the_question_names_is_not_given() -> None:
    query = asked("Norway", text="Is Albert Einstein from Paris or near Mount Tambora?")
    assert not given_answers(query) & {"Albert Einstein", "Paris", "Mount Tambora"}


def test_every_answer_that_counts_as_right_is_avoided() -> None:
    assert given_answers(asked("1894", "2007")) == {"1931"}


def test_a_value_is_made_where_no_other_query_has_one() -> None:
    assert given_answers(asked("1894"), []) == {str(1894 + step) for step in range(1, 10)}
    assert given_answers(asked("yes"), []) == {"no"}
    (made,) = given_answers(asked("$3,818.1 million"), [], n=1)
    assert made.startswith("$3,")
    assert made != "$3,818.1 million"


def test_a_name_without_any_other_answer_is_an_error() -> None:
    with pytest.raises(UsageError, match='no wrong answer for query "q" among 1 queries'):
        wrong_answer(asked("Paris"), [asked("Paris")], generator(0))


def test_a_query_without_answers_is_an_error() -> None:
    with pytest.raises(UsageError, match="no answer to be wrong about"):
        wrong_answer(asked(), OTHERS, generator(0))


@given(
    truths=st.lists(st.sampled_from([a for a in POOL if a.strip()]), min_size=1, max_size=3),
    order=st.permutations(range(len(OTHERS))),
    seed=st.integers(0, 10**6),
)
def test_never_accepted_never_a_refusal_and_the_same_in_any_order(
    truths: list[str], order: list[int], seed: int
) -> None:
    query = asked(*truths)
    wrong = wrong_answer(query, OTHERS, generator(seed))
    assert wrong == wrong_answer(query, [OTHERS[i] for i in order], generator(seed))
    assert judge(query, wrong) is False
    assert not any(states(truth, wrong) for truth in truths)
    assert wrong.strip()
    assert not refused(wrong)


def test_the_draw_is_the_generators_alone() -> None:
    query = asked("Norway")
    first, again = (wrong_answer(query, OTHERS, np.random.default_rng(3)) for _ in range(2))
    assert first == again


def test_of_one_kind_the_answer_to_the_question_worded_most_alike() -> None:
    others = [
        Query("a", "What is the capital of France?", ("Paris",)),
        Query("b", "What is the currency of France?", ("Euro",)),
        Query("c", "Who wrote the book?", ("Mary Shelley",)),
        Query("d", "What is the capital of Norway?", ("Oslo",)),
        Query("e", "How many live in the capital of Norway?", ("709,037",)),
    ]
    assert given_answers(asked("Tokyo", text="What is the capital of Japan?"), others) == {"Paris", "Oslo"}
    # a word that few questions have says more than one that many have
    assert given_answers(asked("Yen", text="What is the currency, and the capital?"), others) == {"Euro"}
    assert given_answers(asked("12", text="What is the capital of Japan?"), others) == {"709,037"}
