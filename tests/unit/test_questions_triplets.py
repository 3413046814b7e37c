import pytest

from rag_robust.corpus import economy
from rag_robust.corpus.build import build
from rag_robust.questions.triplets import Stated, from_tables, stated
from rag_robust.types import Fact, Passage

Row = tuple[str, str, str, str, str]


def rows(caption: str, *lines: str, title: str = "") -> list[Row]:
    """(subject, relation, object, valid, unit) of each fact of one table."""
    columns = lines[0].count("|") + 1
    table = [f"| {line} |" for line in (lines[0], " | ".join(["---"] * columns), *lines[1:])]
    found = stated(build([Passage("p", "\n".join([caption, *table]), title)]))
    return [(s.fact.subject, s.fact.relation, s.fact.object, s.fact.valid, s.unit) for s in found]


def test_rows_of_dates_are_about_the_subject_of_the_caption() -> None:
    found = rows(
        "Life expectancy of the United Kingdom, 1992 to 1997, in years. Source: X.",
        "Year | Life expectancy",
        "1992 | 76.4",
    )
    assert found == [("United Kingdom", "life expectancy", "76.4", "1992", "years")]


def test_rows_of_things_are_their_own_subjects() -> None:
    found = rows(
        "Figures from 2007.", "Country | Area (km2) | GDP per head", "Kenya | 580 | 1,463", "Chad | 1,284 | –"
    )
    assert found == [
        ("Kenya", "area", "580", "2007", "km2"),
        ("Kenya", "GDP per head", "1,463", "2007", ""),
        ("Chad", "area", "1,284", "2007", "km2"),
    ]


def test_rows_of_attributes_name_the_relation() -> None:
    found = rows(
        "Key figures of Côte d’Ivoire, undated.", "Measure | Value", "Area in square kilometres | 322,463"
    )
    assert found == [("Côte d’Ivoire", "area in square kilometres", "322,463", "", "square kilometres")]


def test_a_noun_in_the_header_takes_the_phrase_of_the_caption() -> None:
    found = rows("Average rates of 2010, in dollars per euro.", "Currency | Rate", "Swiss franc | 1.38")
    assert found == [("Swiss franc", "average rate", "1.38", "2010", "dollars per euro")]


def test_columns_of_dates_say_when() -> None:
    found = rows(
        "Population of African countries, in millions.", "Country | 1992 | 1997", "Kenya | 25.0 | 28.3"
    )
    assert found == [
        ("Kenya", "population", value, year, "millions")
        for value, year in (("25.0", "1992"), ("28.3", "1997"))
    ]


@pytest.mark.parametrize(
    ("caption", "title", "subject"),
    [
        ("Trinidad and Tobago: population", "", "Trinidad and Tobago"),
        ("Rate of growth of the Republic of the Congo by year", "", "Republic of the Congo"),
        ("Numbers:", "Kenya", "Kenya"),
        ("Numbers:", "Economic survey of Kenya, 1992", "Kenya"),
    ],
)
def test_the_subject_comes_from_the_caption_or_else_the_title(caption: str, title: str, subject: str) -> None:
    assert [row[0] for row in rows(caption, "Year | Value", "1992 | 3", title=title)] == [subject]


def test_nobody_is_no_subject() -> None:
    assert rows("Numbers:", "Year | Value", "1992 | 3") == []
    assert rows("Winners.", "Rank | Points", "1 | 30") == []


def test_an_undated_value_of_a_dated_relation_is_named_after_its_document() -> None:
    dated = Passage("a", "Population of Kenya, 1992.\n| Year | Population |\n|---|---|\n| 1992 | 25.0 |")
    undated = Passage(
        "b",
        "Figures of Kenya.\n| Measure | Value |\n|---|---|\n| Population | 41 |",
        "Country profile: Kenya",
    )
    assert [f.relation for f in from_tables(build([dated, undated]))] == [
        "population",
        "population in the country profile",
    ]
    assert [f.relation for f in from_tables(build([undated]))] == ["population"]


def test_the_place_is_that_of_the_cell() -> None:
    passage = Passage("p", "Figures of Kenya.\n| Measure | Value |\n|---|---|\n| 41 | 41 |\n| Area | 41 |")
    *_, last = from_tables(build([passage]))
    assert last == Fact("Kenya", "area", "41", "", "p", len(passage.text) - 4, len(passage.text) - 2)


def test_units_are_kept_beside_the_fact() -> None:
    [one] = stated(build([Passage("p", "Kenya: height.\n| Year | Height (m) |\n|---|---|\n| 1992 | 5 |")]))
    assert isinstance(one, Stated)
    assert (one.fact.relation, one.unit) == ("height", "m")


@pytest.mark.model
def test_precision_and_recall_on_the_economy_corpus() -> None:
    corpus = economy.read()
    true = {fact for fact in economy.facts() if "\n|" in corpus.passages[fact.passage_id].text}
    found = set(from_tables(corpus))
    assert len(true) > 500
    assert len(true & found) / len(found) >= 0.95
    assert len(true & found) / len(true) >= 0.95
