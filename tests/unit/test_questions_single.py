from collections import Counter

import pytest

from rag_robust.corpus.build import build
from rag_robust.errors import CorpusError, UsageError
from rag_robust.questions import Question, QuestionSet, synthesise
from rag_robust.questions.check import LONGEST, phrase_in
from rag_robust.questions.triplets import Stated
from rag_robust.questions.write import DATED, UNDATED, WORDINGS, answers, question
from rag_robust.seeds import generator
from rag_robust.types import Corpus, Fact, Passage

COUNTRIES = ("Kenya", "Norway", "Chad")


def survey(country: str, measure: str, values: dict[int, str]) -> Passage:
    body = "".join(f"\n| {year} | {value} |" for year, value in values.items())
    text = f"{measure} of {country}, in years.\n| Year | {measure} |\n| --- | --- |{body}"
    return Passage(f"{country}-{measure}".lower(), text)


PASSAGES = [
    survey(country, measure, {1990 + i: f"{i}{len(country)}.{len(measure)}" for i in range(3, 9)})
    for country in COUNTRIES
    for measure in ("Life expectancy", "Age of schools")
]


def corpus(*more: Passage, passages: list[Passage] = PASSAGES) -> Corpus:
    return build([*passages, *more])


def test_a_question_has_its_answer_and_its_passage() -> None:
    [first, *_] = synthesise(corpus(), 5, rng=generator(1)).questions
    assert first.query.answers == (first.fact.object, f"{first.fact.object} years")
    assert first.gold == (first.fact.passage_id,)
    assert first.fact.subject in first.query.text
    assert first.fact.valid in first.query.text
    assert first.query.id.startswith("economy-q-")
    assert len(first.query.id) == len("economy-q-") + 8


def test_the_order_of_passages_does_not_matter_and_the_seed_does() -> None:
    forth, back = corpus(), corpus(passages=PASSAGES[::-1])
    assert synthesise(forth, 9, rng=generator(1)) == synthesise(back, 9, rng=generator(1))
    assert synthesise(forth, 9, rng=generator(1)) != synthesise(forth, 9, rng=generator(2))


def test_relations_and_subjects_take_turns() -> None:
    written = synthesise(corpus(), 6, rng=generator(3)).questions
    assert Counter((q.fact.relation, q.fact.subject) for q in written) == Counter(
        (relation, subject) for relation in ("life expectancy", "age of schools") for subject in COUNTRIES
    )


def test_ids_belong_to_the_fact_not_to_the_wording() -> None:
    ids = [{q.fact: q.query.id for q in synthesise(corpus(), 36, rng=generator(s)).questions} for s in (1, 2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0].values())) == 36


def test_two_values_for_one_question_drop_it() -> None:
    rival = Passage("rival", survey("Kenya", "Life expectancy", {1993: "99"}).text)
    written = synthesise(corpus(rival), 36, rng=generator(1))
    assert written.dropped == {"not unique": 1}
    assert written.shortfall == (
        "35 of 36 questions could be written, 1 are missing: "
        "the corpus has no further facts (dropped: 1 not unique)"
    )


def test_a_copy_in_another_spelling_is_gold_too() -> None:
    copy = Passage("copy", survey("Kenya", "Life expectancy", {1993: "35.150"}).text)
    written = synthesise(corpus(copy), 36, rng=generator(1))
    [found] = [q for q in written.questions if "copy" in q.gold]
    assert written.dropped == {}
    assert found.gold == ("copy", "kenya-life expectancy")
    assert found.query.answers == ("35.15", "35.15 years", "35.150", "35.150 years")


def test_prose_that_states_the_fact_is_gold_and_its_neighbours_are_not() -> None:
    told = Passage("told", "In 1993, life expectancy in Kenya was 35.15 years.")
    other = Passage("other", "In 1993, the schools of Kenya were 35.15 years old.")
    written = synthesise(corpus(told, other), 36, rng=generator(1)).questions
    assert [q.gold for q in written if len(q.gold) > 1] == [("kenya-life expectancy", "told")]


def test_what_a_caller_demands_is_counted_by_its_reason() -> None:
    def not_kenya(asked: Question) -> bool:
        return asked.fact.subject != "Kenya"

    written = synthesise(corpus(), 36, rng=generator(1), extra_checks=(("about Kenya", not_kenya),))
    assert written.dropped == {"about Kenya": 12}
    assert len(written.questions) == 24


def test_an_answer_in_the_question_drops_it() -> None:
    table = "Figures of Tower Seven.\n| Measure | Value |\n|---|---|\n| Floors | seven |\n| Lifts | 3 |"
    written = synthesise(build([Passage("p", table)]), 2, rng=generator(1))
    assert [q.fact.object for q in written.questions] == ["3"]
    assert written.dropped == {"answer in question": 1}


def test_nothing_found_is_an_error_that_says_what_was_looked_for() -> None:
    with pytest.raises(CorpusError, match=r"no fact in 1 passages: looked for markdown tables .* found 0"):
        synthesise(build([Passage("p", "Only prose.")]), 5, rng=generator(1))
    with pytest.raises(CorpusError, match=r"no question passes the checks \(dropped: 36 never\)"):
        synthesise(corpus(), 5, rng=generator(1), extra_checks=(("never", lambda q: False),))
    with pytest.raises(UsageError, match="got 0"):
        synthesise(corpus(), 0, rng=generator(1))


def test_an_exact_count_has_no_shortfall() -> None:
    assert QuestionSet((), {"x": 3}, 0).shortfall == ""
    assert synthesise(corpus(), 5, rng=generator(1)).shortfall == ""


@pytest.mark.parametrize("relation", sorted(WORDINGS))
def test_every_wording_names_subject_and_date(relation: str) -> None:
    dated = {"{valid}" in wording for wording in WORDINGS[relation]}
    assert len(dated) == 1
    assert all("{subject}" in wording and wording.endswith("?") for wording in WORDINGS[relation])
    assert len(WORDINGS[relation]) == len(set(WORDINGS[relation])) >= 3
    assert all(len(wording.split()) < LONGEST / 2 for wording in WORDINGS[relation])


@pytest.mark.parametrize(
    ("fact", "possible"),
    [
        (("Kenya", "rainfall", "1992"), DATED),
        (("Kenya", "rainfall", ""), UNDATED),
        (("Kenya", "life expectancy", ""), UNDATED),  # its wordings need a date
    ],
)
def test_the_fallback_depends_on_the_date(fact: tuple[str, str, str], possible: tuple[str, ...]) -> None:
    subject, relation, valid = fact
    written = {question(Fact(subject, relation, "3", valid, "p", 0, 1), generator(s)) for s in range(40)}
    assert written == {w.format(subject=subject, relation=relation, valid=valid) for w in possible}


def test_articles_and_days() -> None:
    fact = Fact("United States", "rainfall", "3", "2007-03-01", "p", 0, 1)
    written = {question(fact, generator(s)) for s in range(40)}
    assert "What was the rainfall of the United States on 2007-03-01?" in written


def test_units_stand_behind_numbers_only() -> None:
    fact = Fact("Kenya", "life expectancy", "57.1", "1992", "p", 0, 4)
    assert answers(Stated(fact, "years at birth")) == ("57.1", "57.1 years")
    assert answers(Stated(fact, "")) == ("57.1",)
    assert answers(Stated(Fact("Kenya", "capital", "Nairobi", "", "p", 0, 7), "years")) == ("Nairobi",)


def test_a_phrase_is_found_as_whole_words() -> None:
    assert phrase_in("What of ZÜRICH?", "zurich")
    assert not phrase_in("Norway", "no")
    assert not phrase_in("in 1992", "199")


def test_one_number_in_two_units_is_not_unique() -> None:
    metres, feet = (
        Passage(unit, f"Kenya: height.\n| Year | Height ({unit}) |\n|---|---|\n| 1992 | 5 |")
        for unit in ("m", "feet")
    )
    other = Passage("p", "Chad: height.\n| Year | Height (m) |\n|---|---|\n| 1992 | 4 |")
    found = synthesise(build([metres, feet, other]), 5, rng=generator(1))
    assert [q.fact.subject for q in found.questions] == ["Chad"]
    assert found.dropped == {"not unique": 1}


def test_a_participle_is_quoted() -> None:
    table = "| Firm | Founded |\n|---|---|\n| Acme | 1990 |\n| Beta | 1954 |"
    found = synthesise(build([Passage("p", table)]), 5, rng=generator(1))
    assert all("“founded”" in q.query.text for q in found.questions)
