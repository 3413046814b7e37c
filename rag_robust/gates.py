"""From stored records to estimates and verdicts; no model is needed, and none is loaded.

Every gate is judged on its interval at its own Holm level, so that the chance of one wrong PASS or
FAIL in a whole suite stays below 1 - level; the printed interval is the one it was judged by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rag_robust import metrics, stats
from rag_robust.benign import BEFORE, about, is_benign, judged_condition
from rag_robust.clusters import clusters
from rag_robust.contradictions import contradictions
from rag_robust.findings import Findings, Versus
from rag_robust.metrics.cells import Asked
from rag_robust.metrics.degenerate import baseline_records
from rag_robust.seeds import generator
from rag_robust.spaces import space_key
from rag_robust.store import Store
from rag_robust.suite import Gate, Suite, Task, parse
from rag_robust.tallies import tally
from rag_robust.types import CLEAN, Corpus, Estimate, Passage, Query, Record, Verdict
from rag_robust.versus import versus

__all__ = ["EXIT", "GateResult", "Number", "Result", "judge", "task_corpus", "task_world", "world_key"]

EXIT: dict[Verdict, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3, "NOT APPLICABLE": 3, "ERROR": 4}
"""The exit code of a run by its verdict."""

_WORST_LAST: tuple[Verdict, ...] = ("PASS", "NOT APPLICABLE", "INCONCLUSIVE", "FAIL", "ERROR")

_ERRORS = frozenset({"crash", "timeout", "refused", "parse", "overflow"})


@dataclass(frozen=True, slots=True)
class Number:
    """An estimate of one metric for one condition of a task ("" where a metric spans them all).

    `policy` names a degenerate baseline, "" for the system itself. `trials` are the means of an
    attack's trials where it has more than one: how much hangs on its seed.
    """

    task: str
    condition: str
    metric: str
    estimate: Estimate
    policy: str = ""
    trials: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class GateResult:
    """A gate, the number it was judged by, and the verdict with its reason in half a sentence."""

    gate: Gate
    condition: str
    estimate: Estimate
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a run concluded: the worst gate is the run's verdict; without gates it passes."""

    suite: Suite
    run: dict[str, Any]
    records: tuple[Record, ...]
    planned: int
    gates: tuple[GateResult, ...]
    numbers: tuple[Number, ...]
    problems: tuple[str, ...]
    findings: tuple[Findings, ...] = ()
    versus: tuple[Versus, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)  # by key, as they are stored
    spaces: Mapping[str, Any] = field(default_factory=dict)  # geometries by the system they belong to

    @property
    def verdict(self) -> Verdict:
        """ERROR before FAIL before INCONCLUSIVE before PASS."""
        if self.problems or len(self.records) < self.planned:
            return "ERROR"
        return max((g.verdict for g in self.gates), key=_WORST_LAST.index, default="PASS")


@dataclass(frozen=True, slots=True)
class _Sample:
    """What one metric said about one condition: a value per query, and the cluster of each."""

    task: Task
    condition: str
    metric: str
    records: tuple[Record, ...]
    values: np.ndarray[Any, np.dtype[np.float64]]
    clusters: tuple[str, ...]
    interval: stats.Interval | None
    estimate: Estimate


def judge(store: Store) -> Result:
    """The result of a run folder: estimates of every metric, and a verdict for every gate."""
    suite = parse(store.meta("suite"), where=str(store.folder))
    records = list(_with_facts(store))
    corpora = {task.name: task_corpus(store, task) for task in suite.task}
    by_task: dict[str, list[Record]] = {task.name: [] for task in suite.task}
    for record in records:
        by_task[record.task].append(record)
    sampler = _Sampler(store, suite, {name: Asked(own) for name, own in by_task.items()}, corpora)
    numbers = [n for task in suite.task for n in sampler.numbers(task)]
    samples = [sampler.of_gate(gate) for gate in suite.gate]
    p_values = [
        1.0 if s.interval is None else stats.p_value(s.interval, low=g.min, high=g.max)
        for g, s in zip(suite.gate, samples, strict=True)
    ]
    levels = stats.holm_levels(p_values, 1 - suite.level) if p_values else []
    gates = [
        _decide(suite, gate, sample, level)
        for gate, sample, level in zip(suite.gate, samples, levels, strict=True)
    ]
    problems = (*contradictions(suite, records), *_problems(suite, records))
    return Result(
        suite,
        store.meta("run") or {},
        tuple(records),
        store.n_planned(),
        tuple(gates),
        tuple(numbers),
        problems,
        tuple(sampler.findings()),
        versus(suite, by_task, corpora),
        store.artifacts("change"),
        {name: body for name in ("", *suite.systems) if (body := store.artifact(space_key(name)))},
    )


_FACTS = ("swaps", "changed_share", "inside", "similarity", "perplexity", "frozen_score")


def _with_facts(store: Store) -> Iterator[Record]:
    """The records; those of an attack with what was measured of their change among their notes."""
    changes = store.artifacts("change")
    for record in store.records():
        body = changes.get(record.change) if record.condition != CLEAN else None
        if not body or "calls" not in body:
            yield record
            continue
        facts = body.get("facts") or {}
        notes = {"victim_calls": body["calls"], "attack_seconds": body["seconds"]}
        if "swaps" in facts:
            notes |= {name: facts[name] for name in _FACTS if name in facts}
        yield replace(record, notes={**notes, **record.notes})


def task_world(store: Store, task: Task) -> dict[str, Any]:
    """What `run` kept of a task's world: queries, judgements, passages seen, questions dropped."""
    kept: dict[str, Any] = store.artifact(world_key(task)) or {}
    return kept


def world_key(task: Task) -> str:
    """Where a task's world is kept in the store."""
    return f"world {task.questions or ''} {task.name}"


def task_corpus(store: Store, task: Task) -> Corpus:
    """What metrics need of a task's corpus: queries, judgements, and the passages seen in the run."""
    world = task_world(store, task)
    passages = {i: Passage(i, text, title) for i, (title, text) in world.get("passages", {}).items()}
    queries = {
        i: Query(i, text, *(tuple(values) for values in told))
        for i, (text, *told) in world.get("queries", {}).items()
    }
    return Corpus(passages, queries, world.get("qrels", {}), world.get("digest", ""))


@dataclass(frozen=True, slots=True)
class _Sampler:
    store: Store
    suite: Suite
    records: dict[str, Asked]
    corpora: dict[str, Corpus]
    answered: dict[str, dict[str, Asked]] = field(default_factory=dict)

    def numbers(self, task: Task) -> Iterator[Number]:
        """Every metric of a task, shown or gated, under each of its conditions."""
        own = self.records[task.name]
        gated = (g.metric for g in self.suite.gate if g.task == task.name)
        wanted = dict.fromkeys((*task.metrics, *gated, *self._of_other_rankers(task)))
        conditions = [""] if task.kind == "questions" else list(dict.fromkeys(r.condition for r in own))
        for metric in wanted:
            for condition in conditions:
                if condition == CLEAN and (metric.endswith(" drop") or task.kind == "attack"):
                    continue
                if condition == BEFORE and metric.endswith(" drop"):
                    continue
                if any(map(is_benign, conditions)) and about(task, metric) != is_benign(condition):
                    continue
                sample = self.sample(task, metric, condition)
                trials = tuple(self._trials(sample))
                yield Number(task.name, condition, metric, sample.estimate, trials=trials)
        if task.kind == "questions":
            yield from self._policies(task, list(wanted))

    def _of_other_rankers(self, task: Task) -> tuple[str, ...]:
        """What a ranker is worth that a certificate makes of the model: even a useless one can be robust."""
        proofs = [r.certificate for r in self.records[task.name] if r.certificate is not None]
        others = task.kind == "certify" and any(proof.ranker != "the model" for proof in proofs)
        return (f"nDCG@{task.k}",) if others and self.corpora[task.name].qrels else ()

    def _policies(self, task: Task, wanted: list[str]) -> Iterator[Number]:
        """The degenerate policies, scored on the very contexts the system was shown."""
        for policy, records in self._baselines(task).items():
            for metric in wanted:
                estimate = self._estimated(task, metric, "", records).estimate
                yield Number(task.name, "", metric, estimate, policy)

    def findings(self) -> Iterator[Findings]:
        """What the tables of each question task are made of."""
        for task in self.suite.task:
            own = self.records[task.name]
            if task.kind == "questions" and own:
                yield tally(self.suite, task, own, self.corpora[task.name], self._baselines(task))

    def _baselines(self, task: Task) -> dict[str, Asked]:
        """The task as each policy would have answered it."""
        if task.name not in self.answered:
            own, contexts = self.records[task.name], self.store.artifacts("context")
            shown = {(r.query_id, r.condition): contexts[r.key] for r in own if r.key in contexts}
            told = baseline_records(own, self.corpora[task.name], shown)
            self.answered[task.name] = {name: Asked(found) for name, found in told.items()}
        return self.answered[task.name]

    def _trials(self, sample: _Sample) -> Iterator[float]:
        """The mean over queries of each trial by itself, if there is more than one."""
        seeds = sorted({r.seed for r in sample.records if r.condition == sample.condition})
        for seed in seeds if len(seeds) > 1 else ():
            part = [r for r in sample.records if r.condition != sample.condition or r.seed == seed]
            values = metrics.load(sample.metric)(part, self.corpora[sample.task.name])
            if np.isfinite(values).any():
                yield float(np.nanmean(values))

    def of_gate(self, gate: Gate) -> _Sample:
        task = self.suite.select(gate.task)
        return self.sample(task, gate.metric, gate.condition or self.judged(task, gate.metric))

    def judged(self, task: Task, metric: str) -> str:
        """The condition a gate is about where it names none: the method's own."""
        return "" if task.kind == "questions" else judged_condition(task, metric)

    def sample(self, task: Task, metric: str, condition: str) -> _Sample:
        own: Sequence[Record] = self.records[task.name]
        asked = {r.query_id for r in own if r.condition == condition}
        if condition:
            before = BEFORE if is_benign(condition) else CLEAN
            own = [r for r in own if r.condition in {condition, before} and r.query_id in asked]
            if condition != before:
                own = [replace(r, condition=CLEAN) if r.condition == before else r for r in own]
        return self._estimated(task, metric, condition, own)

    def _estimated(self, task: Task, metric: str, condition: str, records: Sequence[Record]) -> _Sample:
        corpus = self.corpora[task.name]
        values = metrics.load(metric)(records, corpus)
        groups = clusters(task, metric, condition, records, corpus)
        rng = generator(self.suite.seed, "estimate", task.name, condition, metric)
        bounds = metrics.bounds(metric)
        limits = bounds if np.isfinite(bounds).all() else None
        estimate = stats.estimate(values, groups, level=self.suite.level, rng=rng, bounds=limits)
        rng = generator(self.suite.seed, "estimate", task.name, condition, metric)
        interval = stats.interval(values, groups, rng=rng, bounds=limits) if estimate.n else None
        return _Sample(task, condition, metric, tuple(records), values, groups, interval, estimate)


def _decide(suite: Suite, gate: Gate, sample: _Sample, level: float) -> GateResult:
    """The verdict on one gate at its Holm level."""
    verdict, reason, estimate = _invalid(suite, sample)
    if sample.interval is None or verdict is not None:
        return GateResult(gate, sample.condition, estimate, verdict or "ERROR", reason)
    low, high = sample.interval(level)
    estimate = replace(estimate, low=low, high=high, level=level)
    side = stats.side((low, high), low=gate.min, high=gate.max)
    verdicts: dict[str, Verdict] = {"inside": "PASS", "outside": "FAIL", "across": "INCONCLUSIVE"}
    reasons = {
        "inside": "the whole interval is within the limits",
        "outside": "the whole interval is beyond the limit",
        "across": _more(gate, estimate, len(set(sample.clusters))),
    }
    return GateResult(gate, sample.condition, estimate, verdicts[side], reasons[side])


def _invalid(suite: Suite, sample: _Sample) -> tuple[Verdict | None, str, Estimate]:
    judged = [r for r in sample.records if sample.condition in {"", r.condition}]
    if judged and all(r.failure and r.failure.kind == "not_applicable" for r in judged):
        reason = next(r.failure.message for r in judged if r.failure)
        return "NOT APPLICABLE", reason, sample.estimate
    if problem := next(_problems(suite, sample.records), None):
        return "ERROR", problem, sample.estimate
    if not sample.estimate.n:
        return "ERROR", "nothing was scored", sample.estimate
    return None, "", sample.estimate


def _problems(suite: Suite, records: Sequence[Record]) -> Iterator[str]:
    """Tasks and conditions of which too many records failed to say anything."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.task, record.condition), []).append(record)
    for (task, condition), group in groups.items():
        failed = [r.failure for r in group if r.failure and r.failure.kind in _ERRORS]
        if len(failed) > suite.max_error_share * len(group):
            yield (
                f"{task}, {condition}: {len(failed)} of {len(group)} records failed, "
                f"the first: {failed[0].message}"
            )


def _more(gate: Gate, estimate: Estimate, n_clusters: int) -> str:
    """Why a gate is undecided, and how many queries would decide it at the observed rate."""
    if n_clusters == 1 < estimate.n:
        return "all queries share one change, and one passage of a kind says little of others"
    limit = gate.max if gate.max is not None else gate.min
    if limit is None or estimate.method != "Clopper-Pearson":
        return "the interval lies across the limit; more queries would narrow it"
    successes = round(estimate.value * estimate.n)
    n = stats.needed(successes, estimate.n, limit, level=estimate.level)
    return (
        "the observed rate is at the limit itself"
        if n is None
        else f"the interval lies across the limit; about {n} queries at this rate would decide"
    )
