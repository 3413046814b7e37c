"""A question of an earlier run is asked again, whatever the graph calls things now."""

from __future__ import annotations

import pytest

from rag_robust.corpus.build import build
from rag_robust.kept import as_before, kept, same_answers
from rag_robust.questions import Question, prepare, write_questions
from rag_robust.questions.rare_format import RareRecord, as_record, write_records
from rag_robust.types import Fact, Passage, Query, Record
from rag_robust.updates import _update


def rain(land, rows):
    table = "".join(f"\n| {year} | {value} |" for year, value in rows.items())
    return f"Rainfall of {land}, by year, in days.\n| Year | Rainfall |\n| --- | --- |{table}"


PASSAGES = [
    Passage("a", rain("Avaria", {1990: 12, 1995: 21})),
    Passage("b", rain("Belmont", {1990: 50, 2000: 61})),
]


@pytest.fixture
def written(tmp_path):
    """A folder with every single and unanswerable question of two tables, and their ids."""
    corpus = build(PASSAGES)
    found = write_questions(prepare(corpus), 30, shares={"single": 1, "unanswerable": 1}).questions
    write_records([as_record(q, corpus) for q in found], tmp_path / "questions.jsonl")
    return tmp_path, {q.query.id: q for q in found}


def again(folder, *more):
    corpus = build([*PASSAGES, *more])
    return kept(str(folder), corpus, None, lambda: prepare(corpus))


def test_another_spelling_of_a_name_changes_neither_ids_nor_words(written):
    folder, old = written
    found = again(folder, *(Passage(f"m{i}", rain("AVARIA", {1900 + i: 7})) for i in range(5)))
    assert {q.query.id: q.query.text for q in found.questions} == {i: q.query.text for i, q in old.items()}
    assert {hop.subject for q in found.questions for hop in q.asks.hops} == {"AVARIA", "Belmont"}


def test_what_had_no_answer_is_looked_for_in_the_text_as_well(written):
    folder, old = written
    absent = [q for q in old.values() if not q.query.answers]
    told = "It is said that in {} the rainfall of Avaria and the rainfall of Belmont were high."
    found = again(folder, *(Passage(year, told.format(year)) for year in map(str, range(1980, 2010))))
    assert absent
    assert found.dropped == {"the text may answer it": len(absent)}


def test_an_update_that_spells_an_answer_otherwise_supersedes_nothing():
    record = Record("k", "t", "original/gold", "q", 0, answer="It is Acme Inc.")
    runs = [{"q": (Query("q", "Who?", answers), record)} for answers in (("Acme Inc.",), ("Acme",))]
    update = _update("t", "original/gold", *runs)
    assert (update.superseded, update.n, update.before, update.after) == (0, 1, 1.0, 1.0)


def test_words_that_ask_for_one_thing_do_not_stay_where_several_are_right():
    record = RareRecord("old", "Which one?", "Alton", ("a",), more={"answers": ["Alton"]})
    fact = Fact("", "", "", "", "a", 0, 0)
    for answers, words in ((("Alton and Brill", "Alton, Brill"), "Which ones?"), (("Brill",), "Which one?")):
        query = as_before(record, Question(Query("new", "Which ones?", answers), fact, ("a",))).query
        assert (query.id, query.text, query.answers) == ("old", words, answers)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("Acme Inc.",), ("the Acme",), True),
        (("ECB",), ("European Central Bank", "ECB"), True),
        (("1,200",), ("1200 people",), True),
        (("310 m",), ("310 feet",), False),
        (("12 March 2019",), ("2019-03-12",), True),
        (("Alton and Brill", "Alton, Brill"), ("brill and Alton", "brill, Alton"), True),
        (("Alton and Brill", "Alton, Brill"), ("Alton",), False),
        (("Alton",), ("Brill",), False),
        ((), (), True),
        ((), ("Alton",), False),
    ],
)
def test_answers_are_the_same_by_what_they_mean(one, other, expected):
    assert same_answers(one, other) is same_answers(other, one) is expected
