"""What the page says of a change is what was measured, in the similarity it was measured in."""

from __future__ import annotations

import pytest

from rag_robust.report.changes import told
from rag_robust.types import Corpus

CORPUS = Corpus({}, {}, {}, "")
FACTS = {"cosine": [0.5], "ceiling": 8.0, "held_in": [12.0]}


def said(similarity, known=("a", "b")):
    passage = {"id": "x", "text": "t", "title": ""}
    change = {"inserted": [passage], "edited": {}, "reworded": {}}
    body = {"change": change, "known": list(known), "facts": {"similarity": similarity, **FACTS}}
    return dict(told("attack", body, CORPUS).written[0].facts)


def test_for_unit_vectors_the_mean_is_the_cosine_times_the_ceiling():
    facts = said("cosine")
    assert facts["mean cosine to the known queries"] == "4.00"  # 0.5 * 8
    assert facts["the most any passage could have"] == "8.00"


def test_for_dot_products_the_mean_is_the_measured_one_and_nothing_bounds_it():
    facts = said("dot")
    assert facts["mean similarity to the known queries"] == "12.0"
    assert facts["cosine to their centre"] == "0.50"
    assert not {"the most any passage could have", "mean cosine to the known queries"} & set(facts)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_one_known_query_is_its_own_centre(similarity):
    assert said(similarity, known=("a",))["cosine to the known query"] == "0.50"


def test_what_is_counted_is_named_for_what_it_is():
    body = {"work": {"forwards": 1200, "backwards": 30}}
    (line,) = told("attack", body, CORPUS).effort
    assert line == "1,200 token sequences through its encoders, 30 of them back"
