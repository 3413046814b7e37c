"""An interrupted attack goes on where it stopped, and what it spent stays spent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from rag_robust.run import run
from rag_robust.suite import parse
from rag_robust.types import Budget, Change, Passage, ThreatModel

SUITE = {
    "schema": 1,
    "name": "s",
    "corpus": {"source": "tiny"},
    "system": {"retriever": {"encoder": "hashed"}},
    "task": [{"name": "t", "attack": f"{__name__}:Counting", "concept": "coffee"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """Five steps, each of which sends one text to the victim; interrupted before step `stop`."""

    steps: ClassVar[list[int]] = []
    stop: ClassVar[int] = 5

    @property
    def threat(self) -> ThreatModel:
        return ThreatModel(frozenset({"embeddings"}), "insert", Budget(passages=1, oracle_calls=5))

    def __call__(self, view, rng) -> Change:
        state = view.load() or []
        for step in range(len(state), 5):
            if step == Counting.stop:
                raise KeyboardInterrupt
            Counting.steps.append(step)
            view.embed([f"step {step}"], "passage")
            state = [*state, step]
            view.save(state)
        return Change(inserted=(Passage("x", f"coffee {state}"),))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(Counting, "steps", [])


def changes(folder):
    from contextlib import closing

    from rag_robust.store import Store

    with closing(Store(folder)) as store:
        return {k: b for k, b in store.artifacts("change").items() if b["attack"].endswith("Counting")}


def test_an_attack_killed_after_two_of_five_steps_does_the_other_three(tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "stop", 2)
    with pytest.raises(KeyboardInterrupt):
        run(parse(SUITE), tmp_path / "killed")
    left = list((tmp_path / "killed/unfinished").iterdir())
    monkeypatch.setattr(Counting, "stop", 5)
    run(parse(SUITE), tmp_path / "killed")
    assert Counting.steps == [0, 1, 2, 3, 4]
    (key, body), *_ = changes(tmp_path / "killed").items()
    assert [p.name for p in left] == [f"{key}.json"]
    assert body["calls"] == 5
    assert not list((tmp_path / "killed/unfinished").iterdir())


def test_the_result_is_that_of_an_attack_that_was_never_stopped(tmp_path, monkeypatch):
    run(parse(SUITE), tmp_path / "whole")
    monkeypatch.setattr(Counting, "stop", 3)
    with pytest.raises(KeyboardInterrupt):
        run(parse(SUITE), tmp_path / "killed")
    monkeypatch.setattr(Counting, "stop", 5)
    run(parse(SUITE), tmp_path / "killed")
    whole, killed = (changes(tmp_path / name) for name in ("whole", "killed"))
    assert {k: b["change"] for k, b in whole.items()} == {k: b["change"] for k, b in killed.items()}


def test_calls_before_an_interruption_count_against_the_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(Counting, "stop", 2)
    with pytest.raises(KeyboardInterrupt):
        run(parse(SUITE), tmp_path)
    monkeypatch.setattr(Counting, "stop", 5)
    few = property(lambda _: ThreatModel(frozenset({"embeddings"}), "insert", Budget(oracle_calls=4)))
    monkeypatch.setattr(Counting, "threat", few)
    run(parse(SUITE), tmp_path)
    (body,) = changes(tmp_path).values()
    assert body["failure"]["kind"] == "budget"
