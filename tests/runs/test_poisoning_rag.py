"""The suite that follows poison from the index to the answer, on sixty passages and with canned answers."""

from __future__ import annotations

import pytest

from rag_robust import suite as suites
from rag_robust.run import run

STAGES = ("appeared@3", "obeyed-given-retrieved@3", "obeyed@3", "target-answered", "answer-flipped")


@pytest.fixture(scope="module")
def numbers(encoder_folder, tmp_path_factory):
    """Estimates of the suite by task, condition and metric, where every answer is "I don't know."."""
    changes = ['corpus={ source = "tiny" }', f'system.retriever.encoder="{encoder_folder}"']
    changes += ['system.generator={ kind = "canned", default = "I don\'t know." }']
    suite = suites.read("poisoning_rag", changes=changes)
    tasks = [
        t.model_copy(update={"limit": 3, "parameters": {**t.parameters, "tokens": 120}}) for t in suite.task
    ]
    result = run(suite.model_copy(update={"task": tuple(tasks)}), tmp_path_factory.mktemp("rag"))
    return {(n.task, n.condition, n.metric): n.estimate for n in result.numbers if not n.policy}


def test_each_stage_has_its_number_for_every_attack_on_answers(numbers):
    asked = {
        (task, metric) for task, condition, metric in numbers if condition in {"poisoned_rag", "instruction"}
    }
    tasks = {task for task, _ in asked}
    assert len(tasks) == 5
    assert asked >= {(task, stage) for task in tasks for stage in STAGES}


def test_a_reader_that_refuses_is_found_by_poison_and_obeys_none(numbers):
    for (task, condition, metric), estimate in numbers.items():
        if condition == "instruction" and metric in {"obeyed@3", "target-answered"}:
            assert (estimate.value, estimate.n) == (0.0, 3), task
    attacks = {"poisoned_rag", "instruction", "jamming"}
    assert max(e.value for (_, c, m), e in numbers.items() if c in attacks and m == "appeared@3") > 0


def test_what_was_refused_before_cannot_be_jammed(numbers):
    assert numbers["jamming", "jamming", "jammed"].n == 0
