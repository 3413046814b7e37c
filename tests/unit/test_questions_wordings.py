"""Relations without wordings of their own: participles, counts and amounts are worded as what they are."""

import pytest

from rag_robust.corpus.build import build
from rag_robust.questions.general_wordings import general
from rag_robust.questions.quota import write_questions
from rag_robust.questions.world import prepare
from rag_robust.types import Passage


@pytest.mark.parametrize(
    ("relation", "kind", "asked"),
    [
        ("founded", "count", "When was {s} founded?"),
        ("opened", "date", "On which date was {s} opened?"),
        ("retired", "count", "Under “retired”, what do the documents say about {s} {when}?"),
        ("staff", "count", "How many staff {does} {s} have {when}?"),
        ("employees", "count", "How many employees {does} {s} have {when}?"),
        ("sales", "number", "Which figure do the documents give for the sales of {s} {when}?"),
        ("languages", "name", "Which languages do the documents give for {s} {when}?"),
        ("status", "count", "What {is} the status of {s} {when}?"),
        ("manager", "name", "Which manager do the documents give for {s} {when}?"),
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
