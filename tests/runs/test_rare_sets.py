"""A set in RARE's own format is asked with the wordings, the passages and the retrieval it comes with."""

from __future__ import annotations

import json

import pytest

from rag_robust.brought import brought
from rag_robust.corpus import beir
from rag_robust.corpus.build import build
from rag_robust.errors import SuiteError
from rag_robust.generate.prompts import rag_prompt
from rag_robust.questions.rare_format import (
    as_row,
    read_records,
    read_retrieval,
    write_records,
    write_retrieval,
)
from rag_robust.retrieve.bm25 import bm25
from rag_robust.run import run
from rag_robust.suite import parse
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Passage

CHUNKS = [
    Passage("made", "Acme  Corp makes the Rocket. It was the first."),
    Passage("led", "Since 2001 ACME Corp is led by Jane Doe, an engineer."),
    Passage("else", "Bolt Ltd makes lamps."),
]
RECORD = {
    "id": "r1",
    "question": "Who leads the company that makes the Rocket?",
    "answer": "Jane Doe",
    "answer_chunk_ids": ["led", "made"],  # in no order, as there
    "entity_1": ["rocket", "acme corp"],
    "relation": ["made by", "led by"],
    "entity_2": ["acme corp", "jane doe"],
    "source_sentences": [
        "Acme Corp makes the Rocket.",
        "Since 2001 ACME Corp is led by Jane Doe, an engineer.",
    ],
    "multi_hop_type": "chained",
    "metadata": {"domain": "finance"},
    "qa_score": {"clarity": 5},
    "query_perturbations": {
        "character_level": {"perturbed_query": "Who laeds the company?", "similarity": 0.9},
        "word_level": None,
    },
    "document_perturbations": {
        "regex_delete": [{"chunk_id": "led", "text": "", "similarity": 0.5}],
        "back_translation": [{"chunk_id": "led", "text": "Jane Doe has led ACME Corp.", "similarity": 0.9}],
    },
}
RETRIEVED = {
    "r1": {
        "original_query": RECORD["question"],
        "answer": "Jane Doe",
        "variants": {"character_level": "Who laeds the company?"},
        "retrievers": {"e5": {"original": ["made", "else"], "character_level": ["else"]}},
    }
}


@pytest.fixture
def folder(tmp_path):
    beir.write(build(CHUNKS), tmp_path / "corpus")
    (tmp_path / "set.json").write_text(json.dumps([RECORD]))
    (tmp_path / "found.json").write_text(json.dumps(RETRIEVED))
    return tmp_path


def asked(folder, **task):
    source = f"beir:{folder / 'corpus'}"
    own = {"name": "t", "questions": f"set:{folder / 'set.json'}", "documents": ["gold"], "forms": []}
    suite = {"schema": 1, "name": "s", "corpus": {"source": source}, "task": [{**own, **task}]}
    passages = {p.id: p for p in CHUNKS}
    system = Pipeline(bm25(passages), passages, lambda prompts: ["Jane Doe"] * len(prompts), rag_prompt)
    return {r.condition: r for r in run(parse(suite), folder / "run", system=system).records}


def test_hops_are_joined_to_their_chunks_by_the_sentences(folder):
    notes = asked(folder)["original/gold"].notes
    assert json.loads(notes["needs"]) == [["made"], ["led"]]
    assert (notes["hops"], notes["covered"], notes["states"]) == (2, 2, True)


def test_perturbed_queries_and_documents_are_forms_and_documents(folder):
    documents = ["gold", "rare:regex_delete", "rare:back_translation"]
    found = asked(folder, forms=["rare:character_level"], documents=documents)
    assert found["rare:character_level/gold"].notes["asked"] == "Who laeds the company?"
    assert found["original/rare:regex_delete"].notes["covered"] == 1
    assert found["original/rare:back_translation"].notes["covered"] == 2
    assert found["rare:character_level/rare:back_translation"].answer == "Jane Doe"


def test_what_its_retrievers_found_is_shown_for_the_wording_it_was_found_for(folder):
    given = {"retrieval": str(folder / "found.json")}
    forms, documents = ["rare:character_level", "typo"], ["gold", "retrieved+rare:e5"]
    found = asked(folder, forms=forms, documents=documents, **{"with": given})
    shown = {condition: [hit.passage_id for hit in record.hits] for condition, record in found.items()}
    assert shown["original/retrieved+rare:e5"] == ["made", "else"]
    assert found["original/retrieved+rare:e5"].notes["covered"] == 1
    assert shown["rare:character_level/retrieved+rare:e5"] == ["else"]
    assert found["typo/retrieved+rare:e5"].failure.message == "the set has nothing found for this wording"


def test_what_the_set_brings_is_part_of_the_keys_of_what_it_is_shown_in(folder):
    task = Task(name="t", questions=f"set:{folder / 'set.json'}", forms=("rare:character_level",))
    before = brought(task)
    (folder / "set.json").write_text(json.dumps([RECORD]).replace("Who laeds", "Who leeds"))
    after = brought(task)
    assert after.key("rare:character_level/gold") != before.key("rare:character_level/gold")
    assert after.key("original/gold") == before.key("original/gold") == ()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"forms": ["rare:caracter_level"]}, 'did you mean "rare:character_level"'),
        ({"documents": ["rare:regex_deletion"]}, 'brings no "rare:regex_deletion"'),
        ({"documents": ["retrieved+rare:e5"]}, 'brings no "retrieved'),
        ({"questions": "corpus", "forms": ["rare:character_level"]}, "comes with a set"),
    ],
)
def test_a_name_that_the_set_does_not_have_is_refused(folder, task, message):
    with pytest.raises(SuiteError, match=message):
        asked(folder, **task)


def test_records_and_retrieval_are_written_back_as_they_were_read(folder):
    write_records(map(as_row, read_records(folder / "set.json")), folder / "again.jsonl")
    assert json.loads((folder / "again.jsonl").read_text()) == RECORD
    write_retrieval(read_retrieval(folder / "found.json"), folder / "again.json")
    assert json.loads((folder / "again.json").read_text()) == RETRIEVED
