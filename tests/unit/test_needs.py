"""What an answer rests on, and how much of it the shown passages still state."""

from __future__ import annotations

from dataclasses import replace

from rag_robust.corpus.build import build
from rag_robust.needs import answer_stated, covered, document, gold, needs
from rag_robust.questions import Question, prepare, write_questions
from rag_robust.types import Fact, Passage, Query

PASSAGES = [
    Passage("a", "Capital: Alton\nCode: AVA", "Country profile: Avaria"),
    Passage("b", "Capital: Brill\nCode: BEL", "Country profile: Belmont"),
    Passage("r1", "Rainfall of Avaria, by year, in days.\n| Year | Rainfall |\n| --- | --- |\n| 1990 | 12 |"),
    Passage(
        "r2", "Rainfall of Belmont, by year, in days.\n| Year | Rainfall |\n| --- | --- |\n| 1990 | 50 |"
    ),
]
CORPUS = build(PASSAGES)


def chain() -> Question:
    written = write_questions(prepare(CORPUS), 30, shares={"chain": 1.0}).questions
    return next(q for q in written if "50" in q.query.answers)


def test_a_chain_needs_one_passage_per_fact_in_the_order_of_reasoning():
    assert [p.id for p in gold(chain(), CORPUS)] == ["b", "r2"]
    assert covered(chain(), gold(chain(), CORPUS), CORPUS) == len(needs(chain(), CORPUS)) == 2
    assert document(chain(), CORPUS)


def test_one_of_two_facts_covers_one_and_does_not_state_the_answer():
    assert covered(chain(), [CORPUS.passages["b"]], CORPUS) == 1
    assert not answer_stated(chain(), [CORPUS.passages["b"]])
    assert covered(chain(), [CORPUS.passages["a"], CORPUS.passages["r1"]], CORPUS) == 0


def test_a_passage_without_its_value_or_its_subject_no_longer_covers_the_fact():
    rain = CORPUS.passages["r2"]
    changed = [replace(rain, text=rain.text.replace(old, "?")) for old in ("50", "Belmont")]
    assert [covered(chain(), [one], CORPUS) for one in (rain, *changed)] == [1, 0, 0]


def test_another_passage_covers_a_fact_only_with_subject_value_and_date():
    told = "In 1990 it rained on 50 days in Belmont."
    strangers = [Passage("x", told.replace(part, "?")) for part in ("nothing", "1990", "50", "Belmont")]
    assert [covered(chain(), [one], CORPUS) for one in strangers] == [1, 0, 0, 0]


def test_near_copies_count_as_the_passage_they_copy():
    assert covered(chain(), [replace(CORPUS.passages["b"], id="b~0")], CORPUS) == 1


def test_where_several_answers_are_asked_for_all_must_be_stated():
    query = Query("q", "Which?", ("Alton and Brill", "Alton, Brill"))
    question = Question(
        query, Fact("", "", "", "", "a", 0, 0), ("a", "b"), answer_sets=(("Alton",), ("Brill",))
    )
    assert not answer_stated(question, [CORPUS.passages["a"]])
    assert answer_stated(question, [CORPUS.passages["a"], CORPUS.passages["b"]])


def test_a_judged_query_needs_its_relevant_passages_unless_the_answer_was_taken_out():
    question = Question(Query("q", "Capital?", ("Alton",)), Fact("", "", "", "", "a", 0, 0), ("a",))
    passage = CORPUS.passages["a"]
    assert covered(question, [passage], CORPUS) == 1
    assert covered(question, [replace(passage, text="Code: AVA")], CORPUS) == 0


def judged(answers, *passages):
    """A query that belongs to a corpus, with the passages judged relevant to it."""
    corpus = build([Passage(str(i), text) for i, text in enumerate(passages)])
    gold = tuple(corpus.passages)
    return Question(Query("q", "Who?", answers), Fact("", "", "", "", gold[0], 0, 0), gold), corpus


def test_a_judged_passage_that_never_said_the_answer_is_needed_as_it_is():
    question, corpus = judged(("Alton",), "The mayor of Alton is old.", "The mayor wears a hat.")
    assert covered(question, gold(question, corpus), corpus) == len(needs(question, corpus)) == 2
    hat = corpus.passages["1"]
    versions = [replace(hat, text=text) for text in ("The mayor.", "On Monday. The mayor wears a hat.")]
    assert [covered(question, [one], corpus) for one in versions] == [0, 1]


def test_either_of_two_judged_passages_that_say_the_answer_is_enough():
    question, corpus = judged(("Alton",), "Alton is the capital.", "The capital is Alton.")
    assert len(needs(question, corpus)) == 1
    assert covered(question, [corpus.passages["1"]], corpus) == 1


def test_of_a_list_each_member_is_needed():
    question, corpus = judged(("Alton and Brill", "Alton, Brill"), "Alton is one.", "Brill is one.")
    assert [need.forms for need in needs(question, corpus)] == [("Alton",), ("Brill",)]
    assert covered(question, [corpus.passages["0"]], corpus) == 1


def test_what_has_no_answer_needs_nothing_and_is_never_stated():
    question = Question(Query("q", "When?"), Fact("x", "y", "z", "", "a", 0, 0), ())
    assert needs(question, CORPUS) == ()
    assert gold(question, CORPUS) == []
    assert not answer_stated(question, PASSAGES)
