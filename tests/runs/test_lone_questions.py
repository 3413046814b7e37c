"""A job with a model: what failed is tried again, what stood before keeps its words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from rag_robust.corpus import beir
from rag_robust.corpus.build import build
from rag_robust.lone_questions import Job, dry_run, produce
from rag_robust.questions.ledger import Budget
from rag_robust.types import Failure, Passage


@dataclass
class Model:
    """Answers every prompt alike, a failure where a part of it stands, and remembers what it was asked."""

    reply: str = "[]"
    failing: str = ""
    asked: list[str] = field(default_factory=list)
    fingerprint: str = "model"

    def generate(self, prompts):
        self.asked += prompts
        slow = Failure("timeout", "slow")
        return [slow if self.failing and self.failing in prompt else self.reply for prompt in prompts]


def job(folder, model, **more):
    lands = {"Avaria": 20, "Belmont": 30, "Cordia": 40}
    rows = {land: f"| Year | Rain |\n| --- | --- |\n| 1990 | {n} |" for land, n in lands.items()}
    if not (folder / "corpus").exists():
        passages = [Passage(land, f"Rain of {land}, by year.\n{table}") for land, table in rows.items()]
        beir.write(build(passages), folder / "corpus")
    return Job(source=f"beir:{folder / 'corpus'}", count=6, model=model, **more)


def words(folder):
    """Every question of a folder by id."""
    lines = (folder / "questions.jsonl").read_text().splitlines()
    return {record["id"]: record["question"] for record in map(json.loads, lines)}


def test_a_folder_with_failed_prompts_is_not_finished(tmp_path):
    first = produce(job(tmp_path, Model(failing="Belmont"), reads=True), tmp_path / "q")
    assert first["model"]["failed prompts"] == {"timeout": 1}
    again = Model()
    second = produce(job(tmp_path, again, reads=True), tmp_path / "q")
    assert len(again.asked) == 1
    assert second["model"]["failed prompts"] == {}
    third = Model()
    assert produce(job(tmp_path, third, reads=True), tmp_path / "q") == second
    assert third.asked == []


def test_a_wording_that_failed_is_asked_for_again(tmp_path):
    produce(job(tmp_path, Model(failing="Belmont"), words_anew=True), tmp_path / "q")
    again = Model()
    produce(job(tmp_path, again, words_anew=True), tmp_path / "q")
    assert again.asked
    assert all("Belmont" in prompt for prompt in again.asked)


def test_a_dry_run_knows_what_the_folder_has_and_counts_what_would_be_sent(tmp_path):
    model = Model()
    both = job(tmp_path, model, reads=True, words_anew=True, budget=Budget(in_per_million=1))
    most = dry_run(both)
    assert model.asked == []
    report = produce(both, tmp_path / "q")
    assert len(model.asked) == 3 + report["written"] <= most.n_prompts == 9
    assert sum(map(both.budget.cost, model.asked)) <= most.cost
    assert dry_run(both, tmp_path / "q").n_known == 3


def test_questions_of_an_earlier_run_are_not_worded_anew(tmp_path):
    produce(job(tmp_path, None), tmp_path / "old")
    old = words(tmp_path / "old")
    model = Model()
    produce(job(tmp_path, model, words_anew=True, against=tmp_path / "old"), tmp_path / "new")
    new = words(tmp_path / "new")
    assert not any(text in prompt for text in old.values() for prompt in model.asked)
    assert {i: new[i] for i in old} == old
