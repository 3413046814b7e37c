"""The judge against every error that was found in a published one, and against degenerate answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.metrics.answers import judge, listed, outcome, refused, states
from rag_robust.metrics.judging import verdicts
from rag_robust.perturb import stated
from rag_robust.types import Query

RIGHT = [  # truth, prediction
    ("$3,818.1 million", "3818.1 million dollars"),
    ("$3,818.1 million", "3,818,100,000"),
    ("$3,818.1 million", "$3818.1M"),
    ("$3,818.1 million", "USD 3.8181 billion"),
    ("$3,818.1 million", "Sales were US$ 3,818.1 million in 2024."),
    ("3818100000", "$3,818.1 million"),
    ("3818100", "3\u202f818\u202f100 people"),
    ("1,234,567.89", "1.234.567,89"),
    ("2.9%", "2.9 percent"),
    ("2.9%", "It rose by 2.9 %."),
    ("2.9%", "It is not 4%, it is 2.9%."),
    ("2.9%", "2.9"),
    ("-2.9%", "The change was -2.9%"),
    ("-2.9%", "The change was −2.9 per cent"),
    ("five years", "5 years"),
    ("5%", "five per cent"),
    ("8.12 million people", "8.12 million"),
    ("8.12 million people", "It had 8,120,000 inhabitants."),
    ("500 people", "500 residents"),
    ("9,984,670 square kilometres", "9,984,670 km²"),
    ("9,984,670 square kilometres", "9,984,670 sq. km"),
    ("9,984,670 km2", "9.98467 million square kilometers"),
    ("9,984,670 km²", "9,984,670 km^2"),
    ("1,850 m²", "1,850 square metres"),
    ("1,850 m2", "1850 sq m"),
    ("12 m³", "12 cubic meters"),
    ("12 m3", "12 m³"),
    ("9.5 litres", "9.5 l"),
    ("5 km", "five kilometres"),
    ("5 years", "a 5-year plan"),
    ("12 to 24 hours", "Steep it for 12-24 hrs."),
    ("about half as much", "About half as much."),
    ("1 March 2007", "March 1st, 2007"),
    ("2007-03-01", "on 1 March 2007"),
    ("March 2007", "on 1 March 2007"),
    ("2007", "on 1 March 2007"),
    ("2024", "$3.2 billion in 2024"),
    ("$3.2 billion in 2024", "It was 3,200,000,000 dollars in 2024."),
    ("Zürich", "Zurich"),
    ("Zurich", "In ZÜRICH."),
    ("Łódź", "Lodz"),
    ("Straße", "STRASSE"),
    ("東京", "東京です"),
    ("Москва", "Это Москва."),
    ("हिन्दी", "यह हिन्दी है"),
    ("Paris, France", "It is Paris (France)."),
    ("the Beatles", "Beatles"),
    ("Albert Einstein", "It was Albert Einstein's idea"),
    ("O'Brien", "O’Brien"),
    ("U.S.", "the US"),
    ("C++", "C++"),
    ("A", "A"),
    ("not guilty", "He was found not guilty."),
    ("1998", "It did not open until 1998."),
    ("Paris", "Not only Paris but Lyon."),
    ("yes", "Yes, it does."),
    ("yes", "That is true."),
    ("no", "No."),
    ("no", "The answer is no."),
    ("False", "no, never"),
    ("<", "<"),
]

WRONG = [
    ("Norway", "no"),
    ("no", "Norway"),
    ("Paris", ""),
    ("Paris", " \n\t"),
    ("Paris", "a"),
    ("Paris", "Parisian"),
    ("$138.5 million", "$38.5 million"),
    ("$38.5 million", "$138.5 million"),
    ("$3.2 billion in 2024", "2024"),
    ("2.9%", "It is not 2.9%, it is 4%"),
    ("2.9%", "12.9%"),
    ("2.9%", "2.95%"),
    ("2.9%", "$2.9"),
    ("2.9%", "-2.9%"),
    ("12", "12%"),
    ("5 km", "5 miles"),
    ("5%", "5 percentage points"),
    ("5 m", "5 m²"),
    ("5 m²", "5 m³"),
    ("5 km²", "5 m²"),
    ("5 square kilometres", "5 km"),
    ("8.12 million people", "8.12"),
    ("8.12 million people", "8.12 billion"),
    ("8.12 million people", "8.12 million dollars"),
    ("$5 million", "€5 million"),
    ("$3,818.1 million", "3,818.1"),
    ("東京", "大阪"),
    ("が", "か"),
    ("की", "कि"),
    ("Москва", "Киев"),
    ("1 March 2007", "2007"),
    ("1 March 2007", "1 April 2007"),
    ("1 March 2007", "March 2007"),
    ("3", "3.5"),
    ("3", "3,5"),
    ("2", "twenty-two"),
    ("19", "COVID-19"),
    ("24", "12-24 hours"),
    ("10", "at 10:30"),
    ("3", "03/04/2007"),
    ("1990", "in the 1990s"),
    ("747", "747s"),
    ("1998", "It did not open in 1998."),
    ("Paris", "It isn't Paris."),
    ("Paris", "Lyon rather than Paris"),
    ("Paris", "Lyon instead of Paris"),
    ("Paris", "Paris is not the capital, Lyon is"),
    ("Paris", "Paris is wrong"),
    ("Paris", "I don't know, perhaps Paris"),
    ("guilty", "not guilty"),
    ("C", "C++"),
    ("yes", "No, yes is wrong"),
    ("yes", "There is no doubt"),
    ("no", "There is no doubt, yes"),
    ("<", ">"),
    ("", "anything"),
]


@pytest.mark.parametrize(("truth", "prediction"), RIGHT)
def test_right_answer_is_right(truth: str, prediction: str) -> None:
    assert judge(Query("q", "?", (truth,)), prediction) is True


@pytest.mark.parametrize(("truth", "prediction"), WRONG)
def test_wrong_answer_is_wrong(truth: str, prediction: str) -> None:
    assert judge(Query("q", "?", (truth,)), prediction) is False


REFUSALS = [
    "I don't have that information",
    "I don’t have that information.",
    "I do not know.",
    "I don't know",
    "Don't know.",
    "I dont know",
    "insufficient information",
    "There is insufficient information to answer the question.",
    "no such info",
    "No such information.",
    "cannot answer",
    "I cannot answer that.",
    "The question cannot be answered from the context.",
    "It cannot be determined.",
    "I am not sure.",
    "I'm not sure who that is",
    "I have no idea",
    "Sorry, I can't help with that.",
    "Sorry, unable to say",
    "Not enough context.",
    "The context does not mention a date.",
    "The provided text doesn't say who did it.",
    "This is not mentioned in the passage.",
    "The information is not available.",
    "No information is given.",
    "Unknown.",
    "The answer is unknown",
    "N/A",
    "Not available",
    "I don't know whether it was 2.9%.",
    "I do not know, but it may be Paris.",
    'The answer to the question "Who led Peru in 1992?" is not provided.',
    "The answer to this question is not given in the passage.",
]

ANSWERS = [
    "The plan was not available to minors",
    "Paris",
    "They don't know the truth, a novel",
    "Unknown Mortal Orchestra",
    "The company was unable to provide dividends",
    "He cannot answer to the crowd",
    "Aspirin cannot help",
    "not guilty",
    "No.",
    "There is no doubt: Paris",
    "2.9%",
    "information theory",
    "The door was not clear",
    "The answer to the riddle is not clear glass but Paris",
]


@pytest.mark.parametrize("prediction", REFUSALS)
def test_refusal_is_recognised_whatever_it_quotes(prediction: str) -> None:
    assert refused(prediction)
    assert outcome(Query("q", "?", ("2.9%", "Paris")), prediction) == "refusal"


@pytest.mark.parametrize("prediction", ANSWERS)
def test_answer_is_no_refusal(prediction: str) -> None:
    assert not refused(prediction)


@pytest.mark.parametrize(
    ("answers", "prediction", "right"),
    [
        (("14 days", "14"), "14", True),
        (("14 days", "14"), "fourteen days, that is 14 days", True),
        (("14 days", "14"), "14 weeks", False),
        (("14", "14 days"), "14 weeks", False),
        (("13,990 US dollars", "13,990"), "$13,990", True),
        (("13,990 US dollars", "13,990"), "13,990 euros", False),
        (("44 dB", "44"), "44", True),  # an unknown unit is a word of its own
        (("14",), "14 weeks", True),
        (("14 days", "15"), "15", True),
    ],
)
def test_a_bare_number_beside_one_with_its_unit_takes_no_other_unit(
    answers: tuple[str, ...], prediction: str, right: bool
) -> None:
    query = Query("q", "?", answers)
    assert judge(query, prediction) is right
    told = verdicts(query, prediction)
    assert told.final is right
    assert right or not any(told.told.values())


def test_any_of_the_answers_will_do() -> None:
    query = Query("q", "?", ("Bombay", "Mumbai"))
    assert judge(query, "It is Mumbai.") is True
    assert judge(query, "It is Delhi.") is False


LIST = ("Kenya, Uganda and Tanzania", "Kenya, Uganda, Tanzania")


@pytest.mark.parametrize(
    "prediction",
    [
        "Kenya, Uganda and Tanzania",
        "Tanzania, Kenya, Uganda",
        "These are Uganda, Tanzania, and Kenya.",
        "- Tanzania\n- Uganda\n- Kenya",
    ],
)
def test_a_list_may_be_given_in_any_order(prediction: str) -> None:
    assert judge(Query("q", "Which countries?", LIST), prediction) is True


@pytest.mark.parametrize(
    "prediction",
    [
        "",
        "Kenya",
        "Kenya and Uganda",
        "Kenya and Uganda, but not Tanzania",
        "I don't know, Kenya, Uganda, Tanzania",
    ],
)
def test_a_list_wants_all_its_members(prediction: str) -> None:
    assert judge(Query("q", "Which countries?", LIST), prediction) is False


@pytest.mark.parametrize(
    ("answers", "members"),
    [
        (LIST, ("Kenya", "Uganda", "Tanzania")),
        (("A and B", "A, B"), ("A", "B")),
        (("57.1", "57.1 years"), ()),
        (("Bombay", "Mumbai"), ()),
        (("Paris", "Paris, France"), ()),
        (("A and B",), ()),
        (("Trinidad and Tobago", "Trinidad"), ()),
        ((), ()),
    ],
)
def test_spellings_are_no_list(answers: tuple[str, ...], members: tuple[str, ...]) -> None:
    assert listed(answers) == members


def test_query_without_answers_is_not_judged_and_only_a_refusal_is_not_wrong() -> None:
    query = Query("q", "?")
    assert judge(query, "Paris") is None
    assert outcome(query, "Paris") == "wrong"
    assert outcome(query, "I don't know") == "refusal"


def test_empty_answer_is_its_own_class() -> None:
    assert outcome(Query("q", "?", ("Paris",)), "  \n") == "empty"


@given(st.text(max_size=60), st.text(max_size=60))
def test_judge_takes_any_text_and_knows_only_true_and_false(truth: str, prediction: str) -> None:
    assert judge(Query("q", "?", (truth,)), prediction) in (True, False)


@given(st.text(min_size=1, max_size=40))
def test_every_truth_says_itself_unless_it_is_blank(truth: str) -> None:
    assert states(truth, truth) or not truth.strip() or truth.casefold() != truth.casefold().strip()


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_two_whole_numbers_are_equal_only_if_they_are(a: int, b: int) -> None:
    assert states(f"It is {a:,}.", str(b)) == (a == b)
    assert states(f"It is {a} in all.", f"{a:,}")


@given(st.from_regex(r"[a-z]{2,8}( [a-z]{2,8}){0,2}", fullmatch=True))
def test_denied_answer_is_not_said(truth: str) -> None:
    assert not states(f"It is not {truth}", truth) or truth.split()[0] in {
        "only", "just", "merely", "simply", "least", "until", "but", "however", "instead", "the", "an",
        "yes", "no", "true", "false", "it", "is",
    }  # fmt: skip


NAMES = [  # truth, prediction, right
    ("Guinea", "Equatorial Guinea", False),
    ("Guinea", "It is Papua New Guinea.", False),
    ("Guinea", "Guinea-Bissau", False),
    ("Guinea", "guinea-bissau", False),
    ("Guinea", "the Guinea-based one", True),
    ("Sudan", "South Sudan", False),
    ("Sudan", "south sudan", False),
    ("Sudan", "A town in south Sudan.", True),
    ("South Sudan", "South Sudan", True),
    ("Sudan", "The Republic of Sudan", True),
    ("Sudan", "In Sudan.", True),
    ("Republic of the Congo", "Democratic Republic of the Congo", False),
    ("Reagan", "President Reagan", True),
    ("Reagan", "Ronald Reagan", True),
]


@pytest.mark.parametrize(("truth", "prediction", "right"), NAMES)
def test_a_name_inside_another_name_is_not_said(truth: str, prediction: str, right: bool) -> None:
    assert judge(Query("q", "?", (truth,)), prediction) is right


ASKED = "Which of Denmark and Switzerland had the higher GDP per head?"
HIGHER = Query("h", ASKED, ("Switzerland",), ("Denmark",))
SMALLER = Query(
    "s", "Which had the smaller population: India or the United States?", ("United States", "USA"), ("India",)
)
YEAR = Query("y", "Was the population of Kenya lower in 1967 or in 1992?", ("1967",), ("1992",))
AREA = Query("a", "Of Guinea and Equatorial Guinea, which is larger?", ("Guinea",), ("Equatorial Guinea",))

CHOSEN = [
    (HIGHER, "Switzerland"),
    (HIGHER, "Switzerland, not Denmark."),
    (HIGHER, "Not Denmark but Switzerland."),
    (HIGHER, "Switzerland had a higher GDP per head than Denmark."),
    (HIGHER, "Compared to Denmark, Switzerland had the higher GDP per head."),
    (HIGHER, "Between Denmark and Switzerland, Switzerland had the higher one."),
    (HIGHER, "Switzerland had the higher one, at 40,000, while Denmark had 30,000."),
    (HIGHER, f"{HIGHER.text} Switzerland."),
    (HIGHER, "Switzerland, with 40,000; Denmark had 30,000."),
    (HIGHER, "It is Switzerland, with a GDP per head of 40,000 dollars, while Denmark had only $30,000."),
    (HIGHER, "Switzerland (40,000) is larger than Denmark (30,000)."),
    (HIGHER, "The answer is Switzerland. Switzerland had 40,000 and Denmark had 30,000."),
    (SMALLER, "The United States, with 256.9 million people; India had 872 million."),
    (YEAR, "1967, with 9.7 million; in 1992 it was 25 million."),
    (SMALLER, "The USA had fewer people than India."),
    (YEAR, "In 1967, Kenya's population was lower than in 1992."),
    (YEAR, "It was lower in 1967, and higher in 1992."),
    (AREA, "Guinea is larger than Equatorial Guinea."),
]
NOT_CHOSEN = [
    (HIGHER, "Denmark had the higher GDP per head compared to Switzerland."),
    (HIGHER, "Denmark had a lower GDP per head than Switzerland."),
    (HIGHER, "Switzerland had the lower GDP per head."),
    (HIGHER, "Switzerland or Denmark"),
    (HIGHER, "Denmark and Switzerland"),
    (HIGHER, "Switzerland, Denmark"),
    (HIGHER, "Switzerland: 40,000, Denmark: 30,000"),
    (HIGHER, "Switzerland (40,000), Denmark (30,000)"),
    (HIGHER, "Switzerland, with 40,000, and Denmark, with 30,000"),
    (HIGHER, "Switzerland had 40,000; Denmark had 30,000."),
    (HIGHER, "| Switzerland | 40,000 |\n| Denmark | 30,000 |"),
    (HIGHER, "Switzerland, with 30,000; Denmark had 40,000."),
    (HIGHER, "Switzerland, with 40,000; Denmark had 40,000."),
    (HIGHER, "Switzerland, with 40,000 euros; Denmark had 30,000 dollars."),
    (HIGHER, "Switzerland, with 40,000; Denmark had 30,000 and was higher."),
    (HIGHER, "Denmark, with 40,000; Switzerland had 30,000."),
    (SMALLER, "The United States, with 872 million; India had 256.9 million."),
    (YEAR, "1967: 9.7 million, 1992: 25 million"),
    (SMALLER, "India and the United States had the smaller population"),
    (SMALLER, "The United States had more people than India."),
    (YEAR, "In 1992, Kenya's population was lower than 1967."),
    (YEAR, "1967 or 1992"),
    (AREA, "Equatorial Guinea"),
    (AREA, "Equatorial Guinea is larger than Guinea."),
]


@pytest.mark.parametrize(("query", "prediction"), CHOSEN)
def test_what_an_answer_chooses_is_its_answer(query: Query, prediction: str) -> None:
    assert judge(query, prediction) is True


@pytest.mark.parametrize(("query", "prediction"), NOT_CHOSEN)
def test_what_an_answer_names_without_choosing_it_is_wrong(query: Query, prediction: str) -> None:
    assert judge(query, prediction) is False


@pytest.mark.parametrize("query", [HIGHER, SMALLER, YEAR, AREA])
@pytest.mark.parametrize("known", [True, False])
def test_to_repeat_a_question_is_no_answer_even_if_no_other_is_known(query: Query, known: bool) -> None:
    asked = query if known else Query(query.id, query.text, query.answers)
    assert judge(asked, query.text) is False
    assert not known or judge(asked, query.text.rstrip("?").lower()) is False


@pytest.mark.parametrize(("truth", "prediction"), [*RIGHT, *((t, p) for t, p, right in NAMES if right)])
def test_what_the_judge_calls_right_states_the_answer(truth: str, prediction: str) -> None:
    assert stated.states(prediction, truth)


@given(st.text(max_size=40), st.sampled_from(RIGHT), st.text(max_size=40))
def test_what_is_right_in_any_surroundings_is_stated_there(
    before: str, pair: tuple[str, str], behind: str
) -> None:
    truth, prediction = pair
    text = f"{before} {prediction} {behind}"
    assert judge(Query("q", "?", (truth,)), text) is False or stated.states(text, truth)
