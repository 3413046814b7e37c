"""An attack that breaks down, or takes more than it may, costs its own records and nothing else."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar

import pytest

from rag_robust.errors import ModelError, SuiteError
from rag_robust.run import run
from rag_robust.store import Store
from rag_robust.suite import parse
from rag_robust.types import Budget, Change, Passage, ThreatModel


def described(attack, *, gate=(), **more):
    task = {
        "name": "t",
        "attack": f"{__name__}:{attack}",
        "threat": "knows-all",
        "information": "Buy.",
        "limit": 3,
    }
    system = {"retriever": {"encoder": "hashed"}}
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "system": system, "task": [task | more]}
    return parse({**tree, "gate": [{"task": "t", **g} for g in gate]})


def failures(result, attack):
    judged = [r for r in result.records if r.condition.endswith(attack)]
    return [r.failure.kind if r.failure else None for r in judged]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Inserts one passage, but fails at the second of the three queries."""

    fatal: ClassVar[Exception | None] = None

    @property
    def threat(self) -> ThreatModel:
        return ThreatModel(frozenset({"queries"}), "insert", Budget(passages=1))

    def __call__(self, view, rng) -> Change:
        if view.queries[0].id == "q02" and Failing.fatal:
            raise Failing.fatal
        return Change(inserted=(Passage("x", view.queries[0].text),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Nosy:
    """Asks for queries that it did not declare."""

    @property
    def threat(self) -> ThreatModel:
        return ThreatModel(frozenset(), "insert", Budget(passages=1))

    def __call__(self, view, rng) -> Change:
        return Change(inserted=(Passage("x", view.queries[0].text),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy:
    """Inserts five passages, whatever the task allows."""

    @property
    def threat(self) -> ThreatModel:
        return ThreatModel(frozenset(), "insert", Budget(passages=5))

    def __call__(self, view, rng) -> Change:
        return Change(inserted=tuple(Passage(str(i), f"text {i}") for i in range(5)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Modest(Greedy):
    """Says that it inserts `passages` and gives itself five."""

    passages: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Careless:
    """Returns a text where a passage is asked for, and notes that are no JSON."""

    @property
    def threat(self) -> ThreatModel:
        return ThreatModel(frozenset(), "insert", Budget(passages=1))

    def __call__(self, view, rng) -> Change:
        view.notes[1, 2] = {3, 4}
        return Change(inserted=("a text",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing(Modest):
    """Writes with the attacker's own language model."""

    tools: ClassVar[frozenset[str]] = frozenset({"language_model"})

    def __call__(self, view, rng) -> Change:
        return Change(inserted=(Passage("x", view.language_model.fingerprint),))


def test_what_is_no_change_of_passages_is_a_crash_of_this_attack_alone(tmp_path):
    assert set(failures(run(described("Careless"), tmp_path), "Careless")) == {"crash"}


def test_a_language_model_that_cannot_be_loaded_ends_the_run(tmp_path):
    suite = described("Writing").model_copy(update={"language_model": "no/such-model"})
    with pytest.raises(SuiteError, match="language_model: no causal language model"):
        run(suite, tmp_path)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ModelError("no start of the trigger"), "not_applicable"), (ValueError("boom"), "crash")],
)
def test_an_attack_that_fails_at_one_query_costs_that_query_alone(tmp_path, monkeypatch, error, kind):
    monkeypatch.setattr(Failing, "fatal", error)
    result = run(described("Failing"), tmp_path)
    assert failures(result, "Failing") == [None, kind, None]
    message = next(r.failure.message for r in result.records if r.failure)
    assert str(error) in message


def test_an_attack_that_crashed_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(Failing, "fatal", ValueError("boom"))
    run(described("Failing"), tmp_path)
    monkeypatch.setattr(Failing, "fatal", None)
    assert failures(run(described("Failing"), tmp_path), "Failing") == [None, None, None]


def test_a_gate_does_not_pass_because_the_attack_read_what_it_did_not_declare(tmp_path):
    result = run(described("Nosy", gate=[{"metric": "appeared@10", "max": 0.9}]), tmp_path)
    assert set(failures(result, "Nosy")) == {"crash"}
    assert [g.verdict for g in result.gates] == ["ERROR"]


def test_the_task_says_how_many_passages_not_the_attack(tmp_path):
    result = run(described("Modest", passages=3), tmp_path)
    assert set(failures(result, "Modest")) == {"budget"}
    with closing(Store(tmp_path)) as store:
        bodies = [b for b in store.artifacts("change").values() if b["attack"].endswith("Modest")]
    assert "budget allows 3 passages, the attack changed 5" in bodies[0]["failure"]["message"]


def test_a_number_of_passages_is_refused_where_the_attack_cannot_be_told(tmp_path):
    assert set(failures(run(described("Greedy"), tmp_path / "one"), "Greedy")) == {"budget"}
    with pytest.raises(SuiteError, match='has no parameter "passages"'):
        run(described("Greedy", passages=5), tmp_path / "five")
