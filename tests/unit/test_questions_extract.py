from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.corpus import economy
from rag_robust.corpus.build import build
from rag_robust.questions.dependency import from_sentences
from rag_robust.questions.evidence import Triplet, doubtful, validated
from rag_robust.questions.keyvalue import from_fields
from rag_robust.questions.own_files import read_files
from rag_robust.questions.quota import write_questions
from rag_robust.questions.triplets import stated
from rag_robust.questions.typed import from_patterns
from rag_robust.questions.values import read
from rag_robust.questions.world import prepare, scores
from rag_robust.types import Fact, Passage


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("57.1 years", ""), ("57.10", "years at birth")),
        (("$3,818.1 million", ""), ("3,818,100,000", "US dollars")),
        (("8.3", "million people"), ("8,300,000", "people")),
        (("8.3", "€ million"), ("8,300,000", "euros")),
        (("8.3", "millions of euros"), ("8.3 million", "euros")),
        (("4%", ""), ("4 per cent", "")),
        (("1 March 2007", ""), ("2007-03-01", "")),
        (("Yes", ""), ("true", "")),
        (("Zürich", ""), ("zurich", "")),
    ],
)
def test_equal_values_are_equal_in_any_spelling(one: tuple[str, str], two: tuple[str, str]) -> None:
    assert (read(*one).kind, read(*one).key) == (read(*two).kind, read(*two).key)


@pytest.mark.parametrize(
    ("one", "two"), [("$38.5 million", "$138.5 million"), ("no", "Norway"), ("東京", "大阪")]
)
def test_different_values_are_different(one: str, two: str) -> None:
    assert read(one).key != read(two).key


def test_a_scale_after_per_does_not_multiply() -> None:
    assert read("5", "deaths per million people").number == 5


@given(st.text(max_size=40), st.text(max_size=10))
def test_any_text_has_a_value(text: str, unit: str) -> None:
    assert read(text, unit).kind in ("number", "percent", "date", "boolean", "name")


FIELDS = "---\nname: Rhine\nLength: 1,233 km\ncountries: Germany; Netherlands\nnavigable: yes\n---"


def fields(text: str, title: str = "") -> list[tuple[str, str, str]]:
    found = from_fields(build([Passage("p", text, title)]))
    return [(t.fact.subject, t.fact.relation, t.fact.object) for t in found]


def test_fields_give_a_fact_for_each_value() -> None:
    assert fields(FIELDS) == [
        ("Rhine", "length", "1,233 km"),
        ("Rhine", "country", "Germany"),
        ("Rhine", "country", "Netherlands"),
        ("Rhine", "navigable", "yes"),
    ]


@pytest.mark.parametrize(
    "text", ["Note: this is prose.", "At one point: yes.", "| a | b |\n| --- | --- |\n| c | d |"]
)
def test_prose_and_tables_are_no_fields(text: str) -> None:
    assert fields(text, "Rhine") == []


def test_records_in_json_are_fields() -> None:
    record = '{\n  "name": "Acme",\n  "city": "Oslo",\n  "staff": ["Jo", "Al"]\n}'
    assert fields(record) == [("Acme", "city", "Oslo"), ("Acme", "staff", "Jo"), ("Acme", "staff", "Al")]


@given(st.text(st.sampled_from('ab:;[]"\n |-1'), max_size=80))
def test_fields_of_any_text_lie_where_they_say(text: str) -> None:
    passage = Passage("p", text or "x", "Rhine")
    for one in from_fields(build([passage])):
        assert passage.text[one.fact.start : one.fact.end] == one.fact.object
        assert one.evidence[0] <= one.fact.start < one.fact.end <= one.evidence[1]


def patterns(text: str, names: dict[str, str]) -> list[tuple[str, str, str, str]]:
    found = from_patterns(build([Passage("p", text)]), names)
    return [(t.fact.subject, t.fact.relation, t.fact.object, t.fact.valid) for t in found]


def test_typed_sentences_state_facts() -> None:
    text = (
        "In 1992, life expectancy at birth in Kenya was 59.3 years. The capital of Kenya is Nairobi. "
        "Acme was founded in 1987. Acme acquired Beta Works in 2004. "
        "Revenue of Acme was $3.2 billion in 2024."
    )
    assert patterns(text, {"Kenya": "country", "Acme": "company"}) == [
        ("Kenya", "life expectancy", "59.3 years", "1992"),
        ("Kenya", "capital", "Nairobi", ""),
        ("Acme", "founding year", "1987", ""),
        ("Acme", "acquisition", "Beta Works", "2004"),
        ("Acme", "revenue", "$3.2 billion", "2024"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Life expectancy in Kenya and Chad was 59.3 years in 1992.",  # two names
        "Life expectancy in Kenya rose from 57.1 years to 59.3 years in 1992.",  # two values
        "Life expectancy in Kenya was 59.3 years between 1992 and 1997.",  # two dates
        "Life expectancy in Kenya was 59.3 years.",  # no date
        "Life expectancy was 59.3 years in 1992.",  # no name
    ],
)
def test_what_may_be_read_two_ways_gives_nothing(text: str) -> None:
    assert patterns(text, {"Kenya": "country", "Chad": "country"}) == []


TEXT = "Oslo is the capital of Norway. Bergen is not the capital of Norway."


def triplet(
    subject: str, value: str, evidence: tuple[int, int] = (0, 30), extractor: str = "endpoint"
) -> Triplet:
    start = TEXT.index(value, evidence[0])
    fact = Fact(subject, "capital", value, "", "p", start, start + len(value))
    return Triplet(fact, evidence, extractor)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (triplet("Norway", "Bergen", (0, 30)), "value outside the evidence"),
        (triplet("Sweden", "Oslo"), "subject not in the evidence"),
        (triplet("Norway", "Bergen", (31, len(TEXT))), "denied or hedged sentence"),
        (triplet("the", "Oslo"), "subject names nobody"),
        (triplet("Oslo", "Oslo"), "subject and value are the same"),
        (
            replace(triplet("Norway", "Oslo"), fact=Fact("Norway", "capital", "Oslo", "", "p", 1, 5)),
            "value not at its place",
        ),
        (
            replace(triplet("Norway", "Oslo"), fact=Fact("Norway", "capital", "Oslo", "1905", "p", 0, 4)),
            "date not in the evidence",
        ),
        (
            replace(triplet("Norway", "Oslo"), fact=Fact("Norway", "", "Oslo", "", "p", 0, 4)),
            "relation empty or too long",
        ),
    ],
)
def test_what_its_evidence_does_not_prove_falls_with_a_reason(one: Triplet, why: str) -> None:
    checked = validated(build([Passage("p", TEXT)]), [one])
    assert checked.triplets == ()
    assert checked.dropped == {"endpoint": {why: 1}}


@pytest.mark.parametrize(
    "sentence",
    [
        "Acme's revenue was not $5 million in 2020.",
        "In 2021, Acme's revenue may have been $7 million.",
        "Acme's revenue could reach $3 million in 2023.",
        "Acme is expected to book revenue of $4 million in 2030.",
        "Acme wasn't founded in 1985.",
        "Was Acme founded in 1985?",
        "Revenue of Acme grew by $2 million in 2019.",  # a change is no level
    ],
)
def test_what_a_sentence_denies_or_doubts_is_in_no_answer_key(sentence: str) -> None:
    known = "| Company | City |\n| --- | --- |\n| Acme | Oslo |"
    world = prepare(build([Passage("a", known), Passage("b", sentence)]))
    assert [q.query.answers for q in write_questions(world, 9).questions] == [("Oslo",)]


def test_a_month_and_an_idiom_are_no_doubt() -> None:
    assert not doubtful("In May 2020 a child born in Kenya could expect to live 66.7 years.")


def test_a_sentence_that_denies_a_fact_is_no_further_evidence_of_it() -> None:
    table = "| Company | Revenue |\n| --- | --- |\n| Acme | 512 |"
    said = [Passage("b", "The revenue of Acme is 512."), Passage("c", "The revenue of Acme is not 512.")]
    [edge] = prepare(build([Passage("a", table), *said])).graph.edges
    assert edge.passages == {"a", "b"}


def test_the_same_fact_of_two_extractors_is_kept_from_the_more_trusted() -> None:
    both = [triplet("Norway", "Oslo", extractor="demo"), triplet("Norway", "Oslo", extractor="patterns")]
    checked = validated(build([Passage("p", TEXT)]), both)
    assert [t.extractor for t in checked.triplets] == ["patterns"]
    assert checked.dropped == {"demo": {"said before in the same passage": 1}}


def test_a_value_of_another_type_than_its_relation_falls() -> None:
    rows = "".join(f"\n| Land{chr(97 + i)} | {i}.5 |" for i in range(10))
    table = f"Rain in 1990.\n| Country | Rain |\n| --- | --- |{rows}\n| Landz | heavy |"
    world = prepare(build([Passage("p", table)]))
    assert world.dropped == {"tables": {"value of another type": 1}}


def test_tables_without_a_line_of_dashes_and_a_column_of_years() -> None:
    text = "| Company | Year | Staff |\n| Acme | 2001 | 12 |\n| Acme | 2002 | 14 |"
    found = [
        (s.fact.subject, s.fact.relation, s.fact.object, s.fact.valid)
        for s in stated(build([Passage("p", text)]))
    ]
    assert found == [("Acme", "staff", "12", "2001"), ("Acme", "staff", "14", "2002")]


def test_own_files_become_passages(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("Company,Year,Staff\nAcme,2001,12\n", encoding="utf-8")
    (tmp_path / "staff.json").write_text(
        '[{"name": "Acme", "city": "Oslo", "listed": true}]', encoding="utf-8"
    )
    (tmp_path / "page.html").write_text("<h1>Towns</h1><p>Towns of Norway.</p>", encoding="utf-8")
    texts = [p.text for p in read_files(str(tmp_path)).passages.values()]
    assert len(texts) == 3
    assert "| Acme | 2001 | 12 |" in texts[1]
    assert texts[2] == "name: Acme\ncity: Oslo\nlisted: yes"


def test_the_grammar_extractor_says_what_to_install_when_spacy_is_absent() -> None:
    try:
        import spacy  # noqa: F401
    except ImportError:
        with pytest.raises(Exception, match=r'needs spaCy.*pip install "rag-robust\[nlp\]"'):
            list(from_sentences(build([Passage("p", TEXT)])))


@pytest.mark.model
def test_precision_and_recall_of_every_extractor_on_the_economy_corpus() -> None:
    world = prepare(economy.read())
    found = {s.extractor: s for s in scores(world.triplets, economy.facts())}
    assert set(found) == {"tables", "patterns"}
    assert min(s.precision for s in found.values()) >= 0.99
    assert sum(s.recall for s in found.values()) >= 0.99
