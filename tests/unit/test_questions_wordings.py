"""Relations without wordings of their own: participles, counts and amounts are worded as what they are."""

import pytest

from rag_robust.corpus.build import build
from rag_robust.questions.general_wordings import general
from rag_robust.questions.names import articles
from rag_robust.questions.quota import write_questions
from rag_robust.questions.wordings import plural
from rag_robust.questions.world import prepare
from rag_robust.types import Passage


@pytest.mark.parametrize(
    ("relation", "kind", "asked"),
    [
        ("founded", "count", "When was {s} founded?"),
        ("opened", "date", "On which date was {s} opened?"),
        ("employed", "count", "Under “employed”, what do the documents say about {s} {when}?"),
        ("staff", "count", "How many staff {does} {s} have {when}?"),
        ("employees", "count", "How many employees {does} {s} have {when}?"),
        ("sales", "number", "Which figure do the documents give for the sales of {s} {when}?"),
        ("languages", "name", "Which languages do the documents give for {s} {when}?"),
        ("status", "count", "What {is} the status of {s} {when}?"),
        ("manager", "name", "Who {is} the manager of {s} {when}?"),
        ("head of sales", "name", "Who {is} the head of sales of {s} {when}?"),
        ("manager", "count", "Which figure do the documents give for the manager of {s} {when}?"),
        ("supplier", "name", "Which supplier do the documents give for {s} {when}?"),
        ("joined", "count", "In which year did {s} join?"),
        ("joined", "date", "On which date did {s} join?"),
        ("joined", "name", "Under “joined”, what do the documents say about {s} {when}?"),
    ],
)
def test_a_field_is_asked_for_as_what_it_is(relation: str, kind: str, asked: str) -> None:
    assert asked in general(relation, kind).ask


def test_what_was_done_is_no_amount() -> None:
    rows = [("Acme", 1990, "Oslo"), ("Beta", 1954, "Rome"), ("Core", 1971, "Lima"), ("Dune", 1988, "Bern")]
    places = [
        Passage(f"p{i}", f"| Firm | Founded | City |\n| --- | --- | --- |\n| {a} | {b} | {c} |")
        for i, (a, b, c) in enumerate(rows)
    ]
    asked = [q.query.text for q in write_questions(prepare(build(places)), 40).questions]
    assert any("founded" in text for text in asked)
    assert not any("the founded" in text or "whose founded" in text for text in asked)
    assert not any("1,9" in text for text in asked)


@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        ("country", "countries"),
        ("category", "categories"),
        ("branch", "branches"),
        ("business", "businesses"),
        ("day", "days"),
        ("person", "people"),
        ("course", "courses"),
        ("", "entries"),
    ],
)
def test_more_than_one_of_a_kind(kind: str, kinds: str) -> None:
    assert plural(kind) == kinds


def asked(*passages: Passage, count: int = 200) -> list[str]:
    return [q.query.text for q in write_questions(prepare(build(passages)), count).questions]


def test_an_undated_fact_is_not_asked_for_in_the_past() -> None:
    lands = [("Peru", "31.4"), ("Chile", "19.1"), ("Cuba", "11.3")]
    texts = asked(
        *(Passage(a, f"name: {a}\ncode: {a[:2]}\npopulation: {b} million people") for a, b in lands)
    )
    about = [text for text in texts if "population" in text or "people" in text]
    assert any("is the population of Peru" in text for text in about)
    assert not any(word in text for text in about for word in (" was ", " had ", "lived"))
    dated = "| Land | Year | Population |\n| --- | --- | --- |\n| Peru | 2007 | 28 |\n| Peru | 2012 | 30 |"
    assert any("Peru in 2007" in t and ("was" in t or "lived" in t) for t in asked(Passage("p", dated)))


def test_a_column_of_names_says_nothing_of_what_they_are() -> None:
    rows = "| Ann Lee | cook |\n| Bob Ray | cook |\n| Cid Moe | clerk |"
    table = f"| Name | Job |\n| --- | --- |\n{rows}"
    parts = [
        Passage(f"p{i}", f"| Name | Job |\n| --- | --- |\n{row}") for i, row in enumerate(rows.split("\n"))
    ]
    texts = [*asked(Passage("p", table)), *asked(*parts)]
    assert any("entr" in text for text in texts)
    assert not any("name covered" in text or "names in" in text for text in texts)


def test_numbers_that_are_labels_are_not_compared() -> None:
    rows = [("Ann Lee", 210), ("Bob Ray", 231), ("Cid Moe", 405), ("Dan Fox", 377), ("Eve Orr", 512)]
    labels = [Passage(a, f"name: {a}\nextension: {n}\nfax: {n + 5}") for a, n in rows]
    sizes = [Passage(a, f"name: {a}\nheight: {n}\nweight: {n + 5}") for a, n in rows]
    assert not any("lower" in text or "above" in text for text in asked(*labels))
    assert any("lower" in text for text in asked(*sizes))


def test_one_of_something_is_one() -> None:
    rows = [("Peru", 1, 5), ("Cuba", 2, 9), ("Chad", 2, 4), ("Togo", 1, 7), ("Mali", 0, 3), ("Oman", 1, 8)]
    parts = [
        Passage(f"{a}{what}", f"name: {a}\ncode: {a[:2]}\n{what}: {n}")
        for a, *numbers in rows
        for what, n in zip(("ports", "lakes"), numbers, strict=True)
    ]
    texts = asked(*parts, count=500)
    assert not any("1 ports" in text for text in texts)
    assert any("more than 1 port" in text for text in texts)


def test_a_heading_is_no_place_for_an_article() -> None:
    text = "# Offices\n\n## Hamburg branch\n\nWe like the Hamburg branch.\n\n## Hamburg branch"
    assert articles([text], ["Hamburg branch"]) == {"Hamburg branch"}
    assert articles(["Hamburg branch is new, the Hamburg branch."], ["Hamburg branch"]) == frozenset()


@pytest.mark.parametrize(
    ("relation", "lead"),
    [
        ("founded", "What is the founding year of {s}?"),
        ("launched", "What is the launch year of {s}?"),
    ],
)
def test_what_was_done_to_a_long_subject_is_asked_before_it(relation: str, lead: str) -> None:
    assert general(relation, "count").lead == (lead,)


def test_what_is_described_is_called_by_the_relation_that_leads_to_it() -> None:
    rows = [("Oslo", "Norway", 3, "Ja"), ("Rome", "Italy", 2, "Il"), ("Bern", "Suisse", 8, "Tu")]
    lands = [Passage(land, f"name: {land}\nanthem: {song}\nkey: {land[1:4]}") for _, land, _, song in rows]
    towns = [Passage(f"t{a}", f"| City | Country |\n| --- | --- |\n| {a} | {b} |") for a, b, _, _ in rows]
    trams = [Passage(f"u{a}", f"| City | Trams |\n| --- | --- |\n| {a} | {n} |") for a, _, n, _ in rows]
    texts = asked(*lands, *towns, *trams)
    assert any("whose country is the only country in the documents whose anthem is Ja" in t for t in texts)
    assert not any("only entry" in text for text in texts)
