"""Whom a table or a list of fields is about, from the text of a markdown file."""

from pathlib import Path

import pytest

from rag_robust.corpus import files
from rag_robust.corpus.build import build
from rag_robust.questions.keyvalue import from_fields
from rag_robust.questions.tables import tables
from rag_robust.questions.triplets import stated
from rag_robust.questions.world import prepare
from rag_robust.types import Passage

TABLE = "| Year | Staff |\n|---|---|\n| 2021 | 5 |"


def subjects(text: str, title: str = "Company offices", *before: Passage) -> list[str]:
    corpus = build([*before, Passage("file.md#0001", text, title)])
    found = [s.fact for s in stated(corpus)] + [t.fact for t in from_fields(corpus)]
    return [fact.subject for fact in found if fact.passage_id == "file.md#0001"]


@pytest.mark.parametrize(
    ("above", "subject"),
    [
        ("## Berlin", "Berlin"),
        ("## 2.1 Paris office", "Paris office"),
        ("**Zürich**", "Zürich"),
        ("## Rome\n\nJohn Smith", "Rome"),  # a byline is no heading
        ("## 東京", "東京"),
        ("## Voltra Home 5", "Voltra Home 5"),
        ("## Sales of Germany", "Germany"),
        ("## Germany\n\n### Results by year", "Germany"),
        ("## Germany\n\nWe opened three shops in Austria.", "Germany"),
        ("## Rome\n\nThe city of Rome has changed a lot in recent years for Italy.", "Rome"),
        ("## Finances\n\nRevenue of Acme, by year:", "Acme"),
        ("## Germany\n\nTable 2. Staff of Germany, by year.", "Germany"),
    ],
)
def test_the_nearest_heading_that_names_somebody_says_whom_a_table_is_about(above: str, subject: str) -> None:
    assert subjects(f"# Company offices\n\n{above}\n\n{TABLE}") == [subject]


@pytest.mark.parametrize(
    "above",
    [
        "## Staff",
        "## Where we were in Peru",
        "## Germany\n\nSales of Austria, by year and by shop:",  # heading and caption contradict each other
        "## Getting started",
        "## Technical data",
        "## Spare parts",
        "## Calibration",
        "## Phase 2",
    ],
)
def test_a_section_that_names_nobody_gives_nothing_rather_than_the_title(above: str) -> None:
    assert subjects(f"# Company offices\n\n{above}\n\n{TABLE}") == []


def test_an_address_does_not_make_a_name_common() -> None:
    text = f"# Offices\n\n## Rome\n\nSee https://rome.example/rome and rome@rome.example.\n\n{TABLE}"
    assert subjects(text, "Offices") == ["Rome"]


def test_a_table_of_two_columns_with_specifications_is_about_its_section() -> None:
    table = "| Specification | Value |\n|---|---|\n| Weight | 52 kg |\n| Warranty | 10 years |"
    [one, two] = stated(build([Passage("p", f"# Batteries\n\n## Voltra 5\n\n{table}", "Batteries")]))
    assert (one.fact.subject, one.fact.relation, two.fact.relation) == ("Voltra 5", "weight", "warranty")


def test_headquarters_are_one_place() -> None:
    [one, _] = from_fields(build([Passage("p", "name: Acme\nHeadquarters: Oslo\nNeighbours: Beta")]))
    assert one.fact.relation == "headquarters"


def test_a_short_line_alone_is_a_heading_where_no_other_is_marked() -> None:
    assert subjects(f"Company offices\n\nRome\n\n{TABLE}\n\nOslo\n\n{TABLE}") == ["Rome", "Oslo"]


def test_without_sections_the_title_says_it_and_a_title_that_is_a_name_does_so_for_topics() -> None:
    assert subjects(f"# Kenya\n\n{TABLE}", "Kenya") == ["Kenya"]
    assert subjects(f"# Kenya\n\n## Economy\n\n{TABLE}", "Kenya") == ["Kenya"]


def test_a_passage_that_goes_on_with_a_section_does_not_take_the_title() -> None:
    before = Passage("file.md#0000", "# Company offices\n\n## Berlin\n\nA good place.", "Company offices")
    assert subjects(TABLE, "Company offices") == ["Company offices"]
    assert subjects(TABLE, "Company offices", before) == []


def test_fields_are_about_their_section() -> None:
    text = "# Offices\n\n## Rome\n\nManager: Anna Rossi\nFloors: 4\n\n" + f"## Paris\n\nLate.\n\n{TABLE}"
    assert subjects(text, "Offices") == ["Paris", "Rome", "Rome"]


def test_tables_of_two_sections_are_two_series_and_their_names_are_in_the_evidence() -> None:
    text = f"# Offices\n\n## Berlin\n\nFine.\n\n{TABLE}\n\n## Paris\n\n{TABLE.replace('5', '9')}\n"
    world = prepare(build([Passage("a.md#0000", text, "Offices")]))
    assert {e.key for e in world.graph.edges} == {
        ("Berlin", "staff", "5", "2021"),
        ("Paris", "staff", "9", "2021"),
    }


def test_a_heading_says_when_and_a_sentence_does_not() -> None:
    table = "| Country | Sales |\n|---|---|\n| Peru | 4 |"
    [one] = stated(build([Passage("p", f"## Shops in 2021\n\nAll went well.\n\n{table}")]))
    assert one.fact.valid == "2021"
    [one] = stated(build([Passage("p", f"In 2019 we opened three shops.\n\n{table}")]))
    assert one.fact.valid == ""


@pytest.mark.parametrize(
    "line", ["We opened three shops in Austria.", "It was late.", "See what\nbecame of Austria."]
)
def test_a_sentence_is_no_caption(line: str) -> None:
    assert [t.caption for t in tables(f"{line}\n\n{TABLE}")] == [""]


MARKDOWN = f"""# Nordhavn offices

## Berlin

{TABLE}

### Details

Floors: 4
Landlord: Prime Estates

## Paris

**Rent of Paris, by year, in euros**

| Year | Rent |
|---|---|
| 2021 | 900 |
"""
HTML = """<html><head><title>Nordhavn</title></head><body><h1>Nordhavn offices</h1>
<section><h2>Berlin</h2>
<table><tr><th>Year</th><th>Staff</th></tr><tr><td>2021</td><td>5</td></tr></table>
<h3>Details</h3><dl><dt>Floors<dd>4<dt>Landlord<dd>Prime Estates</dl></section>
<section><h2>Paris</h2><table><caption>Rent of Paris, by year, in euros</caption>
<tr><th>Year</th><th>Rent</th></tr><tr><td>2021</td><td>900</td></tr></table></section></body></html>"""


def test_html_tells_whom_a_fact_is_about_as_markdown_does(tmp_path: Path) -> None:
    found = []
    for name, text in (("a.md", MARKDOWN), ("a.html", HTML)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        world = prepare(files.read(f"{tmp_path}/{name}"))
        found.append({e.key for e in world.graph.edges})
    assert (
        found[0]
        == found[1]
        == {
            ("Berlin", "staff", "5", "2021"),
            ("Berlin", "floors", "4", ""),
            ("Berlin", "landlord", "Prime Estates", ""),
            ("Paris", "rent", "900 euros", "2021"),
        }
    )
