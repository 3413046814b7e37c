"""A run: plan, do what is not yet in the store, judge. Killed and started again, it goes on."""

from __future__ import annotations

import json
import logging
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rag_robust import execute
from rag_robust.assemble import Session
from rag_robust.benign import is_benign
from rag_robust.errors import UsageError
from rag_robust.gates import Result, judge, world_key
from rag_robust.plan import Plan, build
from rag_robust.propose import make_change
from rag_robust.spaces import keep_spaces
from rag_robust.store import RETRIED, Store, change_from_json
from rag_robust.suite import Suite, SystemConfig, parse
from rag_robust.task import Task
from rag_robust.threats import judged_queries, known_queries
from rag_robust.trial import make_records
from rag_robust.types import Change, Executor, Failure, Record, System
from rag_robust.unfinished import forget
from rag_robust.work import ChangeUnit, Done, RecordUnit

__all__ = ["Progress", "run"]

Progress = Callable[[float, float, str], None]
"""Told (work done, work planned, what comes next); work is in seconds as planned."""

Unit = ChangeUnit | RecordUnit


def _silent(done: float, planned: float, label: str) -> None:
    pass


def run(
    suite: Suite,
    folder: Path,
    *,
    cache: Path | None = None,
    device: str = "cpu",
    workers: int = 1,
    progress: Progress = _silent,
    system: System | None = None,
) -> Result:
    """Run a suite into a folder and judge it; what the folder already holds is not done again.

    `cache` keeps embeddings, indexes and answers across runs (None: inside `folder`). Neither it,
    nor `workers`, nor an interruption changes a result. `system` is an object of the caller's to
    test instead of the one the suite describes; it stays in this process, and its records are used
    again only while its `fingerprint` is the same.

    Raises:
        UsageError: the suite, a corpus, a model or the folder cannot be used; nothing was run.
    """
    progress(0, 1, "loading the corpus")
    if workers > 1 and (system is not None or any(s.kind != "pipeline" for s in _tested(suite).values())):
        raise UsageError(
            "only a pipeline can be copied to several workers: a function's or an endpoint's corpus is one, "
            "and what one worker inserts another would find; use workers=1"
        )
    say = partial(progress, 0, 1)
    session = Session(
        suite,
        device=device,
        cache_folder=cache or folder / "cache",
        system=system,
        unfinished=folder / "unfinished",
        say=say,
    )
    plan = build(session)
    with closing(Store(folder, create=True)) as store:
        store.claim(suite.name)
        store.set_meta("suite", suite.model_dump(mode="json", by_alias=True))
        store.set_meta("run", _environment(session))
        store.plan(plan.keys)
        _work(session, store, plan, workers, progress)
        _keep_worlds(session, store)
        keep_spaces(session, store)
        return judge(store)


def _tested(suite: Suite) -> dict[str, SystemConfig]:
    """The systems that tasks name; "" is the suite's own."""
    return {name: suite.described(name) for name in sorted({task.system for task in suite.task})}


def _work(session: Session, store: Store, plan: Plan, workers: int, progress: Progress) -> None:
    done = store.done()
    units = [left for unit in plan.units if (left := _missing(unit, done)) is not None]
    needed = {key for unit in units for key in unit.change_keys}
    changes = [c for unit in plan.changes if (c := _unmade(store, unit, needed)) is not None]
    total = sum(c.weight for c in changes) + sum(u.weight for u in units)
    if total:
        progress(0, total, "starting")
    meter = _Meter(progress, total)
    executor: Executor = execute.processes(workers) if workers > 1 else execute.serial
    sights: dict[str, list[str]] = {}
    for change in plan.changes:
        sights.setdefault(change.sight, []).append(change.key)
    for phase in _phases(changes, units, by_task=workers == 1):
        ready = (_ready(store, unit, sights) for unit in phase)
        for unit, result in executor(_worker(session, workers, meter), ready):
            store.add(result.records, result.artifacts)
            if isinstance(unit, ChangeUnit):
                forget(session.unfinished, unit.key)
            meter.finished(unit)


def _phases(
    changes: Sequence[ChangeUnit], units: Sequence[RecordUnit], *, by_task: bool
) -> Iterator[Sequence[Unit]]:
    """What may be done in any order, phase after phase.

    Several workers share all changes, then all records. One alone goes task by task, so that what an
    interrupted run leaves is whole tasks. Changes of a sight that was there before come in a later phase.
    """
    if by_task:
        for task in dict.fromkeys([*(u.task for u in units), *(c.task for c in changes)]):
            yield [c for c in changes if c.task == task]
            yield [u for u in units if u.task == task]
        return
    first = {c.sight: c.key for c in reversed(changes)}
    fresh = {c.key for c in changes if not c.sight or first[c.sight] == c.key}
    yield [c for c in changes if c.key in fresh]
    yield [c for c in changes if c.key not in fresh]
    yield units


def _ready(store: Store, unit: Unit, sights: Mapping[str, Sequence[str]]) -> Unit:
    """The unit with what was made before it: the changes its queries live in, or the change of a twin."""
    if isinstance(unit, RecordUnit):
        return _with_changes(store, unit)
    if unit.made is not None or not unit.sight:
        return unit
    kept = (store.artifact(key) for key in sights[unit.sight] if key != unit.key)
    body = next((b for b in kept if b is not None and "change" in b), None)
    return unit if body is None else replace(unit, made=body)


def _unmade(store: Store, unit: ChangeUnit, needed: set[str]) -> ChangeUnit | None:
    """The unit if its change is needed and not there, or failed in a way that is tried again.

    A change that was measured against other queries, or not for fluency, is only measured again.
    """
    body = store.artifact(unit.key)
    if body is None or body.get("failure", {}).get("kind") in RETRIED:
        return unit if unit.key in needed else None
    if "change" not in body or body.get("measured") == unit.measured:
        return None
    return replace(unit, made=body, weight=0.1)


def _worker(session: Session, workers: int, meter: _Meter) -> Callable[[Unit], tuple[Unit, Done]]:
    if workers == 1:
        return partial(_do, session, meter.tick)
    suite = session.suite.model_dump_json(by_alias=True)
    return partial(_do_elsewhere, suite, session.device, session.folder, session.unfinished, workers)


def _do(session: Session, tick: Callable[[Unit, int, int], None] | None, unit: Unit) -> tuple[Unit, Done]:
    if isinstance(unit, RecordUnit):
        return unit, make_records(session, unit)
    return unit, make_change(session, unit, partial(tick, unit) if tick else None)


def _do_elsewhere(
    suite: str, device: str, folder: Path, unfinished: Path | None, workers: int, unit: Unit
) -> tuple[Unit, Done]:
    return _do(_session(suite, device, folder, unfinished, workers), None, unit)


@lru_cache(maxsize=1)
def _session(suite: str, device: str, folder: Path, unfinished: Path | None, workers: int) -> Session:
    """A worker process's own session, made once; torch, loaded later, takes its share of the cores."""
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    logging.getLogger("rag_robust").setLevel(logging.ERROR)  # what is to be told of a corpus was told
    return Session(parse(json.loads(suite)), device=device, cache_folder=folder, unfinished=unfinished)


@dataclass
class _Meter:
    progress: Progress
    total: float
    done: float = 0.0

    def finished(self, unit: Unit) -> None:
        self.done += unit.weight
        self.progress(self.done, self.total, _label(unit))

    def tick(self, unit: Unit, step: int, steps: int) -> None:
        """An attack is `step` of `steps` through its unit."""
        self.progress(self.done + unit.weight * step / steps, self.total, _label(unit))


def _label(unit: Unit) -> str:
    if not isinstance(unit, RecordUnit):
        what = f"making {unit.attack}"
    elif len(set(unit.conditions)) == 1:
        what = unit.condition
    else:
        ids = {query.id for query in unit.queries}
        what = f"question {min(ids)}" if len(ids) == 1 else f"{len(ids)} questions"
    return f"{unit.task}: {what}"


def _missing(unit: RecordUnit, done: set[str]) -> RecordUnit | None:
    """The unit without the queries whose records are there; None if nothing is left."""
    rows = [i for i, key in enumerate(unit.keys) if key not in done]
    return unit.only(rows) if rows else None


def _with_changes(store: Store, unit: RecordUnit) -> RecordUnit:
    known = {key: _change(store.artifact(key)) if key else None for key in set(unit.change_keys)}
    return replace(unit, changes=tuple(known[key] for key in unit.change_keys))


def _change(body: Any) -> Change | Failure:  # Any: a JSON value
    if "failure" in body:
        return Failure(**body["failure"])
    return change_from_json(body["change"])


def _keep_worlds(session: Session, store: Store) -> None:
    """Keep what reports need to be made again without corpus or model."""
    records = store.records()
    worlds = {world_key(task): ("world", _world(session, task, records)) for task in session.suite.task}
    store.add((), worlds)


SHOWN = 20
"""Places of a ranking whose texts are kept for the reports; deeper ones keep their ids and scores."""


def _world(session: Session, task: Task, records: Sequence[Record]) -> dict[str, object]:
    own = [r for r in records if r.task == task.name]
    corpus = session.corpus(task.source)
    queries, qrels = dict(corpus.queries), dict(corpus.qrels)
    if task.kind == "questions":
        questions = session.questions(task.name)
        queries = {q.query.id: q.query for q in questions.questions}
        qrels = {q.query.id: dict.fromkeys(q.gold, 1) for q in questions.questions}
    elif task.kind == "attack" and task.knows != "knows-all":
        queries |= {q.id: q for q in (*known_queries(session, task), *judged_queries(session, task))}
    asked = {r.query_id for r in own}
    kept = {i: {p: int(g) for p, g in grades.items()} for i, grades in qrels.items() if i in asked}
    told = [r for r in own if not is_benign(r.condition)]  # of the others no report shows a ranking
    seen = {h.passage_id for r in told for h in r.hits[:SHOWN]} | {i for r in told for i in r.inserted}
    seen |= {p for r in told for p in kept.get(r.query_id, ())}
    return {
        "digest": corpus.digest,
        "queries": {i: [q.text, list(q.answers), list(q.rejected)] for i, q in queries.items() if i in asked},
        "qrels": kept,
        "passages": {i: [p.title, p.text] for i in sorted(seen) if (p := corpus.passages.get(i))},
        "dropped": dict(session.questions(task.name).dropped) if task.kind == "questions" else {},
    }


def _environment(session: Session) -> dict[str, object]:
    """What the report says about where its numbers come from."""
    corpus = session.corpus("")
    worlds = {name: session.world("", name) for name in _tested(session.suite)}
    systems = {n: {"fingerprint": w.fingerprint, "reader": w.reader} for n, w in worlds.items()}
    return {
        "corpus": {
            "digest": corpus.digest,
            "passages": len(corpus.passages),
            "queries": len(corpus.queries),
        },
        "system": systems.pop("", {}),
        "systems": systems,
        "versions": {
            "python": platform.python_version(),
            **{
                name: _version(name)
                for name in ("rag-robust", "torch", "transformers", "sentence-transformers")
            },
        },
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": session.device,
        "platform": platform.platform(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
