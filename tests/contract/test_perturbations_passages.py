"""What every change of passages promises, on passages of a small corpus whose facts are known."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.corpus.build import build
from rag_robust.perturb import (
    apply_to_passages,
    checked_passages,
    describe,
    drops,
    known,
    load_document,
    names,
)
from rag_robust.perturb.applied import NOT_APPLICABLE
from rag_robust.perturb.promises import answers_gone, answers_kept, promised, same_passages, texts_kept
from rag_robust.seeds import generator
from rag_robust.text import words
from rag_robust.types import Fact, Passage, Query


def survey(country: str, year: int, value: str) -> Passage:
    rows = f"| {year - 5} | 50.{year % 7} |\n| {year} | {value} |"
    caption = f"Life expectancy of {country} up to {year}, in years."
    text = f"{caption} A big country has many people.\n\n| Year | Life expectancy |\n|---|---|\n{rows}"
    return Passage(f"{country.lower()}-{year}", text, f"Survey of {country}")


def trade(country: str) -> Passage:
    text = (
        f"The harbour of {country} handles most of the trade. Ships from many nations call there every week. "
        f"Exports of {country} are coffee, tea and flowers. The roads inland were rebuilt after the war."
    )
    return Passage(f"{country.lower()}-trade", text, f"Trade of {country}")


def fact(passage: Passage, who: str, what: str, value: str, valid: str) -> Fact:
    start = passage.text.index(value)
    return Fact(who, what, value, valid, passage.id, start, start + len(value))


GOLD = survey("Kenya", 1997, "54.407")
OLD = survey("Kenya", 1992, "59.285")
OTHER = [survey("Chad", 1997, "51.573"), survey("Norway", 1997, "78.32")]
TRADES = [trade("Kenya"), trade("Chad"), trade("Norway"), trade("Peru")]
QUERY = Query("q", "What was the life expectancy of Kenya in 1997?", ("54.407", "54.407 years"))
CORPUS = build([GOLD, OLD, *OTHER, *TRADES], where="test")
FACTS = [
    fact(GOLD, "Kenya", "life expectancy", "54.407", "1997"),
    fact(OLD, "Kenya", "life expectancy", "59.285", "1992"),
    fact(OTHER[0], "Chad", "life expectancy", "51.573", "1997"),
    fact(OTHER[1], "Norway", "life expectancy", "78.32", "1997"),
    fact(TRADES[0], "Kenya", "exports", "coffee, tea and flowers", ""),
]
WORLD = known(CORPUS, FACTS)
SIZED = {"reordered": {"size": 4}}
CONTEXT = [TRADES[2], GOLD]
every = pytest.mark.parametrize("name", names("passages"))


@every
def test_it_applies_to_gold_evidence_and_says_how_much_it_did(name: str) -> None:
    made = apply_to_passages(name, [GOLD], QUERY, WORLD, seed=1, **SIZED.get(name, {}))
    assert made.reason == ""
    assert made.result is not None
    assert 0 < made.intensity <= 1
    assert made.edits >= 1
    assert (made.kind, made.seed) == (name, 1)


@every
def test_same_seed_same_passages(name: str) -> None:
    assert apply_to_passages(name, CONTEXT, QUERY, WORLD, seed=3) == apply_to_passages(
        name, CONTEXT, QUERY, WORLD, seed=3
    )


@every
def test_only_the_given_generator_is_used(name: str) -> None:
    operator, rng = load_document(name), generator(7)
    before = copy.deepcopy(rng)
    assert operator(CONTEXT, QUERY, rng, WORLD) == operator(CONTEXT, QUERY, before, WORLD)


@every
def test_the_passages_given_are_left_alone(name: str) -> None:
    given_ = list(CONTEXT)
    load_document(name)(given_, QUERY, generator(0), WORLD)
    assert given_ == CONTEXT


@every
def test_it_says_what_it_does(name: str) -> None:
    assert describe(name)


PASSAGES = st.lists(
    st.lists(
        st.sampled_from(
            [
                "The rivers carry 54.407 litres of water.",
                "Is it in Oslo?",
                "| a | 54.407 |",
                "|---|---|",
                "| b | Oslo |",
                "| c |",
                "",
                "\u200b\x00 ﬁ İ 東京",
                "54.407",
                "The Bank of England is big and old.",
            ]
        ),
        max_size=6,
    ).map("\n".join)
    | st.text(max_size=30),
    max_size=3,
)
ANSWERS = st.lists(st.sampled_from(["54.407", "Oslo", "water", "Bank of England", "yes"]), max_size=2)


@every
@settings(max_examples=15, deadline=None)
@given(texts=PASSAGES, answers=ANSWERS, seed=st.integers(0, 99))
def test_no_promise_is_broken_on_any_passages(
    name: str, texts: list[str], answers: list[str], seed: int
) -> None:
    passages = [Passage(f"p{i}", text, "Title") for i, text in enumerate(texts)]
    query = Query("other", "How much water do the rivers of Kenya carry?", tuple(answers))
    made = apply_to_passages(name, passages, query, WORLD, seed=seed)
    assert made.reason in ("", NOT_APPLICABLE)
    if made.result is not None:
        assert list(made.result) != passages
        before = {p.id: p.text for p in passages}
        assert all(words(p.text) for p in made.result if words(before.get(p.id, "")))


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        (promised(answers_gone)(lambda p, q, rng, known: p[::-1]), "answers gone"),
        (promised(answers_kept)(lambda p, q, rng, known: p[:1]), "answers kept"),
        (promised(same_passages)(lambda p, q, rng, known: p[::-1]), "same passages"),
        (promised(texts_kept)(lambda p, q, rng, known: p[1:]), "texts kept"),
        (lambda p, q, rng, known: [], "passages left"),
        (lambda p, q, rng, known: [*p, *p], "ids differ"),
        (lambda p, q, rng, known: [p[0], Passage(p[1].id, "")], "text kept"),
    ],
)
def test_an_operator_that_breaks_a_promise_is_caught(wrong, broken: str) -> None:
    made = checked_passages(wrong, CONTEXT, QUERY, generator(0), WORLD, kind="wrong")
    assert (made.result, made.reason) == (None, f"broken: {broken}")
    assert drops([made]) == {f"wrong: broken: {broken}": 1}
