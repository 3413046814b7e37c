"""A number keeps the unit of its own place, and only numbers of one unit are compared."""

import pytest

from rag_robust.corpus.build import build
from rag_robust.questions.ask import GraphQuery, Hop, solve
from rag_robust.questions.quota import write_questions
from rag_robust.questions.values import alike
from rag_robust.questions.world import World, prepare
from rag_robust.types import Passage


def sheet(name: str, header: str, *rows: str) -> list[Passage]:
    """A passage per row."""
    top = f"| {header} |\n| --- | --- |"
    return [Passage(f"{name}-{i}", f"{top}\n| {row} |") for i, row in enumerate(rows)]


MONEY = [
    *sheet("a", "Company | Revenue (million euros)", "Alpha | 10.5", "Beta | 20.5"),
    *sheet("b", "Company | Revenue (thousand US dollars)", "Gamma | 900", "Delta | 800", "Epsilon | 700"),
]
LAKES = [
    *sheet("e", "Lake | Depth (m)", "Geneva | 310", "Onega | 127", "Vener | 106"),
    *sheet("a", "Lake | Depth (feet)", "Ontario | 802", "Huron | 750", "Tahoe | 1645", "Erie | 210"),
]


def world(passages: list[Passage]) -> World:
    return prepare(build(passages))


def test_the_answer_has_the_unit_of_its_own_table_and_not_the_most_frequent() -> None:
    shown = {e.subject: e.object for e in world(MONEY).graph.edges}
    assert shown["Alpha"] == "10.5 million euros"
    assert shown["Gamma"] == "900 thousand US dollars"
    answers = {q.fact.subject: q.query.answers for q in write_questions(world(MONEY), 5).questions}
    assert answers["Alpha"] == ("10.5 million euros",)


def test_numbers_of_two_units_are_never_compared() -> None:
    metres = {"Geneva", "Onega", "Vener"}
    found = write_questions(world(LAKES), 200)
    compared = [{hop.subject for hop in q.asks.hops} for q in found.questions if q.pattern == "comparison"]
    assert compared
    assert all(pair <= metres or not pair & metres for pair in compared)
    hops = (Hop("Geneva", "depth", "?a"), Hop("Ontario", "depth", "?b"))
    assert solve(world(LAKES).graph, GraphQuery(hops, "subject", "highest")).answers == ()


def test_a_bound_is_true_of_nothing_where_units_differ() -> None:
    query = GraphQuery((Hop("?x", "depth", "500", test=">"),), "?x")
    assert solve(world(LAKES).graph, query).answers == ()
    assert solve(world(LAKES[3:]).graph, query).answers == ("Huron", "Ontario", "Tahoe")


def test_one_number_in_two_units_is_a_conflict() -> None:
    rival = sheet("r", "Lake | Depth (feet)", "Geneva | 310")
    assert [e.conflict for e in world([*LAKES, *rival]).graph.get("s", "Geneva")] == [True]


def test_a_table_takes_the_words_of_the_text_for_its_unit_if_they_mean_the_same() -> None:
    text = Passage("t", "In 1992, life expectancy at birth in Kenya was 59.3 years.")
    caption = "Life expectancy, in years at birth.\n"
    table = [
        Passage("a", f"{caption}| Country | 1992 | 1997 |\n| --- | --- | --- |\n| Kenya | 59.3 | 54.4 |"),
    ]
    shown = [e.object for e in world([text, *table]).graph.edges]
    assert shown == ["54.4 years", "59.3 years"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("years", "years at birth", True),
        ("US dollars", "inflation-adjusted US dollars", True),
        ("", "", True),
        ("", "m", False),
        ("m", "feet", False),
        ("US dollars", "euros", False),
        ("€m", "euros", False),
    ],
)
def test_units_are_alike_if_one_says_all_the_other_says(one: str, other: str, same: bool) -> None:
    assert alike(one, other) == alike(other, one) == same


def test_a_degree_is_a_unit_and_no_digit() -> None:
    table = "| Programme | Temperature (°C) |\n| --- | --- |\n| Eco | 50 |\n| Quick | 45 |"
    world = prepare(build([Passage("p", table)]))
    assert {edge.forms for edge in world.graph.edges} == {("50 °C", "50"), ("45 °C", "45")}
