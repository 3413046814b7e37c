"""What an attacker crafts without asking the system is crafted once for all systems that look alike to it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import ClassVar

import pytest

from rag_robust.assemble import Session
from rag_robust.plan import build
from rag_robust.run import run
from rag_robust.store import Store
from rag_robust.suite import parse
from rag_robust.types import Budget, Change, Passage, ThreatModel

RETRIEVER = {"encoder": "hashed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Inserts a number that it draws; reads what `reads` says, and counts how often it was asked to."""

    calls: ClassVar[list[str]] = []
    stop: ClassVar[int] = 99
    reads: str = "embeddings"

    @property
    def threat(self) -> ThreatModel:
        return ThreatModel(frozenset({self.reads}), "insert", Budget(passages=1))

    def __call__(self, view, rng) -> Change:
        if len(Drawing.calls) == Drawing.stop:
            raise KeyboardInterrupt
        Drawing.calls.append(view.secrets.queries[0].id)
        return Change(inserted=(Passage("x", f"coffee {rng.integers(10**9)}"),))


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(Drawing, "calls", [])


def suite(*, systems=("", "both"), reads="embeddings", concepts=("coffee",), **other):
    each = {"concept": list(concepts), "system": list(systems)}
    task = {"name": "t", "attack": f"{__name__}:Drawing", "with": {"reads": reads}, "each": each, **other}
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "system": {"retriever": RETRIEVER}}
    return parse(tree | {"systems": {"both": {"retriever": {"kind": "hybrid"}}}, "task": [task]})


def drawn(folder) -> list[str]:
    with closing(Store(folder)) as store:
        bodies = store.artifacts("change").values()
        return [b["change"]["inserted"][0]["text"] for b in bodies if b["attack"].endswith("Drawing")]


@pytest.mark.parametrize(("reads", "times"), [("queries", 1), ("embeddings", 1), ("scores", 2), ("ranks", 2)])
def test_only_what_does_not_ask_the_system_is_crafted_once(tmp_path, reads, times):
    result = run(suite(reads=reads), tmp_path)
    assert len(Drawing.calls) == times
    assert len(drawn(tmp_path)) == 2
    assert len({r.task for r in result.records if r.inserted}) == 2


def test_a_system_alone_gets_the_passage_that_it_gets_beside_others(tmp_path):
    run(suite(), tmp_path / "both")
    for i, system in enumerate(["", "both"]):
        run(suite(systems=(system,)), tmp_path / str(i))
        assert set(drawn(tmp_path / str(i))) == set(drawn(tmp_path / "both"))


def test_other_subjects_are_other_passages(tmp_path):
    run(suite(concepts=("coffee", "vaccine")), tmp_path)
    assert len(Drawing.calls) == 2
    assert sorted(map(drawn(tmp_path).count, set(drawn(tmp_path)))) == [2, 2]


def test_a_plan_counts_the_work_once(tmp_path):
    task = {
        "name": "t",
        "attack": "hotflip",
        "each": {"concept": ["coffee"], "system": ["", "both", "words"]},
    }
    systems = {"both": {"retriever": {"kind": "hybrid"}}, "words": {"retriever": {"kind": "bm25"}}}
    tree = {"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "systems": systems, "task": [task]}
    changes = build(Session(parse(tree), cache_folder=tmp_path, sketch=True)).changes
    dense, both, words = (c.weight for c in changes if c.attack == "hotflip")
    assert dense == words > 100 * both


def test_one_worker_that_is_stopped_leaves_whole_tasks(tmp_path, monkeypatch):
    concepts = ("coffee", "vaccine", "tennis")
    monkeypatch.setattr(Drawing, "stop", 2)
    with pytest.raises(KeyboardInterrupt):
        run(suite(concepts=concepts), tmp_path)
    with closing(Store(tmp_path)) as store:
        assert {r.task for r in store.records()} == {
            f"t · {c}{s}" for c in ("coffee", "vaccine") for s in ("", " · both")
        }
    monkeypatch.setattr(Drawing, "stop", 99)
    run(suite(concepts=concepts), tmp_path)
    assert len(Drawing.calls) == 3


def test_workers_share_what_is_crafted_as_well(tmp_path):
    alone, shared = (run(suite(), tmp_path / str(n), workers=n) for n in (1, 2))
    assert [r.key for r in alone.records] == [r.key for r in shared.records]
    assert drawn(tmp_path / "1") == drawn(tmp_path / "2")
