import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.errors import UsageError
from rag_robust.perturb.document import evidence_removed, lexically_different
from rag_robust.perturb.stated import states
from rag_robust.seeds import generator
from rag_robust.text import normalise, words

TABLE = """Kenya: life expectancy at birth, from Gapminder.

| Year | Life expectancy (years) |
|---|---|
| 1992 | 59.285 |
| 1997 | 54.407 |"""
PROSE = "Espresso is brewed at 93 degrees. The crema on top is reddish. A shot takes 25 to 30 seconds."
PARTS = st.sampled_from(
    ["The rivers carry water.", "It is 1,234 metres long.", "| a | 1234 |", "|---|---|", "", "Oslo"]
)
TEXTS = st.lists(PARTS, max_size=8).map("\n".join)
ANSWERS = st.lists(st.sampled_from(["1234", "1,234 m", "Oslo", "water", "x"]), min_size=1, max_size=2)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("about 38,5 percent", "38.5"),
        ("1,234,567 people", "1234567"),
        ("1 234 567 people", "1,234,567 inhabitants"),
        ("57.10", "57.1 years"),
        ("$38,500,000", "$38.5 million"),
        ("38.5 (in millions)", "38.5 million"),
        ("EUR 2.5bn", "2,500,000,000"),
        ("in zurich.", "Zürich"),
        ("東京都", "東京"),
        ("Life  expectancy\nfell", "life expectancy"),
        ("launched on 1 March 2019", "2019-03-01"),
        ("not launched on 1 March 2019", "2019-03-01"),
        ("five neighbours", "5"),
        ("in Washington DC", "Washington, D.C."),
        ("from the USA", "U.S.A."),
    ],
)
def test_an_answer_is_found_in_other_spellings(text: str, answer: str) -> None:
    assert states(text, answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Norway", "no"),
        ("$138.5 million", "$38.5 million"),
        ("3.2 billion in 2024", "3.2024"),
        ("57.12", "57.1"),
        ("57.1 and 0.57", "57"),
        ("12 March 1883", "14 March 1883"),
        ("seventy hills", "7"),
        ("大阪", "東京"),
    ],
)
def test_an_answer_is_not_found_in_other_facts(text: str, answer: str) -> None:
    assert not states(text, answer)


@given(st.text(max_size=12) | st.from_regex(r"[$€]?[0-9][0-9,. ]{0,8}( million| years)?", fullmatch=True))
def test_an_answer_is_always_found_where_it_is_written(answer: str) -> None:
    assert not normalise(answer) or states(f"before it {answer} and after", answer)


def test_rows_with_the_answer_go_and_the_header_stays() -> None:
    left = evidence_removed(TABLE, ["59.285", "59.285 years"])
    assert left == TABLE.replace("\n| 1992 | 59.285 |", "")


def test_sentences_with_the_answer_go() -> None:
    assert evidence_removed(PROSE, ["93"]) == "The crema on top is reddish. A shot takes 25 to 30 seconds."


def test_an_answer_over_a_line_end_takes_its_paragraph_with_it() -> None:
    text = "She was born in New\nYork and left.\n\nLater she lived in a small town."
    assert evidence_removed(text, ["New York"]) == "Later she lived in a small town."


def test_what_cannot_be_removed_is_none() -> None:
    assert evidence_removed(TABLE, ["Life expectancy"]) is None  # it is in the header
    assert evidence_removed("Oslo is the capital. It is big.", ["Oslo"]) is None  # too little is left


def test_a_text_without_the_answer_comes_back() -> None:
    assert evidence_removed(PROSE, ["Madagascar"]) == PROSE


@pytest.mark.parametrize("answers", [[], [" "]])
def test_without_an_answer_nothing_can_be_verified(answers: list[str]) -> None:
    with pytest.raises(UsageError):
        evidence_removed(PROSE, answers)


@given(TEXTS, ANSWERS)
def test_after_removal_no_answer_is_stated(text: str, answers: list[str]) -> None:
    left = evidence_removed(text, answers)
    if left is not None:
        assert not any(states(left, answer) for answer in answers)
        assert len(words(left)) >= 5
        assert set(words(left)) <= set(words(text))


def test_a_table_becomes_sentences_with_units() -> None:
    told = lexically_different(TABLE, ["59.285"], generator(1))
    assert told is not None
    assert "|" not in told
    assert "1992, life expectancy " in told
    assert "59.285 years" in told


def test_rows_of_attributes_read_by_their_names() -> None:
    text = "Key figures of Chad.\n| Measure | Value |\n|---|---|\n| Area (km2) | 1,284 |\n| | 7 |"
    told = lexically_different(text, ["1,284"], generator(4))
    assert told is not None
    assert "Key figures of Chad.\n\n" in told
    assert "rea (km2)" in told
    assert "alue" not in told


def test_every_prose_sentence_is_kept_in_another_order() -> None:
    told = lexically_different(PROSE, ["25 to 30 seconds"], generator(1))
    assert told is not None
    places = [told.index(part) for part in ("93 degrees", "reddish", "25 to 30 seconds")]
    assert places != sorted(places)


def test_a_capital_that_belongs_to_an_answer_is_kept() -> None:
    told = lexically_different("The Beatles played here. It was loud.", ["The Beatles"], generator(2))
    assert told is not None
    assert "The Beatles" in told
    assert " it was loud." in told


def test_too_little_difference_is_none() -> None:
    long = " ".join(f"word{i}" for i in range(500)) + "."
    assert lexically_different(long, [], generator(0)) is None
    assert lexically_different(PROSE, [], generator(0), ceiling=0.1) is None
    with pytest.raises(UsageError, match="ceiling"):
        lexically_different(PROSE, [], generator(0), ceiling=0)


@given(TEXTS, ANSWERS, st.integers(0, 50))
def test_answers_stay_verbatim_and_the_seed_decides(text: str, answers: list[str], seed: int) -> None:
    told = lexically_different(text, answers, generator(seed))
    assert told == lexically_different(text, answers, generator(seed))
    if told is not None:
        before, after = ({word.casefold() for word in words(t)} for t in (text, told))
        assert told != text
        assert len(before & after) <= 0.95 * len(before | after)
        assert all(answer in told for answer in answers if answer in text)
