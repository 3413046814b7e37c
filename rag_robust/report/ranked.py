"""Attacks and certificates of one threat side by side: what was broken, and what is proved to hold."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rag_robust import metrics, stats
from rag_robust.gates import Result
from rag_robust.report.words import figure, interval
from rag_robust.seeds import generator
from rag_robust.suite import Suite, Task
from rag_robust.types import CLEAN, Corpus, Estimate, Record

__all__ = ["Attacked", "Proved", "Ranked", "ranked"]

_QUALITY = "nDCG@10"
_NOBODY = Corpus({}, {}, {}, "")
_TEN = 10


@dataclass(frozen=True, slots=True)
class Attacked:
    """An attack on lists: ASR, the share brought within k and within ten, places gained, words, effort.

    Within ten is not scored where that is k, or where the whole list is.
    """

    task: str
    name: str
    success: Estimate
    entered: Estimate
    within_ten: Estimate
    boost: Estimate
    swaps: float
    calls: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Proved:
    """A family of certificates: CRQ at k and at all k, lists shown to be broken, hostile passages, effort.

    `ranker` is what is certified, `alpha` the greatest error per query: 1 for a baseline that proves nothing.
    `quality` is the nDCG@k of that ranker unattacked, on the queries it is certified for, where it is not the
    model and judgements say.
    """

    task: str
    name: str
    k: int
    ranker: str
    alpha: float
    quality: Estimate | None
    certified: Estimate
    curve: tuple[tuple[int, Estimate], ...]
    broken: Estimate
    hostile: Estimate
    samples: float
    seconds: float

    @property
    def promised(self) -> bool:
        """Whether anything is proved."""
        return self.alpha < 1

    @property
    def about(self) -> str:
        """What is certified, and what that is worth."""
        told = self.ranker if self.promised else f"{self.ranker}; a baseline that proves nothing"
        if self.quality is None:
            return told
        return f"{told}; its own nDCG@{self.k} {figure(self.quality.value)} {interval(self.quality)}"


@dataclass(frozen=True, slots=True)
class Ranked:
    """One ranker under one threat: its k, how many words may be replaced, from which sets.

    `clean` is what the ranker is worth unattacked, where a clean task measures it. `most_swaps` is MCR by
    family: the mean over queries of the largest number of words, among those the suite asks for on this
    ranker, for which the top k is certified (0 for none).
    """

    system: str
    threat: str
    k: int
    clean: Estimate | None
    attacks: tuple[Attacked, ...]
    proofs: tuple[Proved, ...]
    most_swaps: tuple[tuple[str, Estimate], ...]

    @property
    def situation(self) -> str:
        """The ranker and the threat in words."""
        return f"{self.system}: {self.threat}"


def ranked(result: Result) -> tuple[Ranked, ...]:
    """Rankers and threats in the order of the suite; none without an editing attack or a certificate."""
    own: dict[str, list[Record]] = {task.name: [] for task in result.suite.task}
    for record in result.records:
        own[record.task].append(record)
    tasks = [t for t in result.suite.task if t.kind == "certify" or _edits(t, own[t.name])]
    groups: dict[tuple[object, ...], list[Task]] = {}
    for task in tasks:
        groups.setdefault((*_alike(task), task.swaps), []).append(task)
    return tuple(_ranked(result, own, tasks, group) for group in groups.values())


def _edits(task: Task, records: Sequence[Record]) -> bool:
    return task.kind == "attack" and any("swaps" in r.notes for r in records)


def _alike(task: Task) -> tuple[object, ...]:
    """What two tasks share that differ in the number of words alone."""
    return task.system, task.k, task.depth, task.synonyms, task.per_word, task.share, task.freeze_query


def _ranked(
    result: Result, own: dict[str, list[Record]], tasks: Sequence[Task], group: Sequence[Task]
) -> Ranked:
    first = group[0]
    attacks = [t for t in group if t.kind == "attack"]
    proofs = [t for t in group if t.kind == "certify"]
    likes = [t for t in tasks if t.kind == "certify" and _alike(t) == _alike(first)]
    return Ranked(
        system=_system(result.suite, first.system),
        threat=_threat(first),
        k=first.k,
        clean=_clean(result, first),
        attacks=tuple(_attacked(result.suite, t, attacks, own[t.name]) for t in attacks),
        proofs=tuple(_proved(result, t, proofs, own[t.name]) for t in proofs),
        most_swaps=tuple(_most_swaps(result.suite, likes, own)),
    )


def _attacked(suite: Suite, task: Task, likes: Sequence[Task], records: Sequence[Record]) -> Attacked:
    hit = [r for r in records if r.condition == task.method]

    def estimate(metric: str) -> Estimate:
        return _estimate(suite, task, metric, [r for r in records if r.condition in {CLEAN, task.method}])

    nothing = _estimate(suite, task, "boost", ())

    def noted(name: str) -> float:
        found = [float(r.notes[name]) for r in hit if name in r.notes]
        return math.fsum(found) / len(found) if found else math.nan

    return Attacked(
        task.name,
        _name(task, likes),
        estimate("promoted"),
        estimate(f"enters@{task.k}"),
        estimate("enters@10") if task.depth > _TEN != task.k else nothing,
        estimate("boost"),
        noted("swaps"),
        noted("victim_calls"),
        noted("attack_seconds"),
    )


def _proved(result: Result, task: Task, likes: Sequence[Task], records: Sequence[Record]) -> Proved:
    suite = result.suite
    found = [r for r in records if r.certificate is not None]
    proofs = [r.certificate for r in found if r.certificate is not None]
    places = range(1, min(_TEN, task.depth - 1) + 1)
    n = max(1, len(found))
    own_order = any(proof.ranker != "the model" for proof in proofs)
    return Proved(
        task.name,
        _name(task, likes),
        task.k,
        proofs[0].ranker if proofs else "",
        max((proof.alpha for proof in proofs), default=0.0),
        _found(result, {task.name}, (task.method, f"nDCG@{task.k}")) if own_order else None,
        _estimate(suite, task, f"certified@{task.k}", records),
        tuple((k, _estimate(suite, task, f"certified@{k}", records)) for k in places),
        _estimate(suite, task, "attacked-share", records),
        _estimate(suite, task, f"hostile@{task.k}", records),
        sum(proof.samples for proof in proofs) / n,
        math.fsum(r.cost.seconds for r in found) / n,
    )


def _most_swaps(
    suite: Suite, tasks: Sequence[Task], own: dict[str, list[Record]]
) -> Iterator[tuple[str, Estimate]]:
    """MCR of each family that is asked for more than one number of words."""
    families: dict[str, list[Task]] = {}
    for task in tasks:
        families.setdefault(f"{task.method} {sorted(task.parameters.items())}", []).append(task)
    for family, group in families.items():
        if len({task.swaps for task in group}) < 2 or any(not task.swaps for task in group):
            continue
        best: dict[str, int] = {}
        for task in group:
            for record in own[task.name]:
                proof = record.certificate
                held = task.swaps if proof is not None and proof.verdict == "certified" else 0
                best[record.query_id] = max(best.get(record.query_id, 0), held)
        held_words = np.array(list(best.values()), np.float64)
        rng = generator(suite.seed, "ranked", "MCR", group[0].system, family)
        most = (0.0, float(max(task.swaps for task in group)))
        yield (
            _name(group[0], tasks),
            stats.estimate(held_words, list(best), level=suite.level, rng=rng, bounds=most),
        )


def _estimate(suite: Suite, task: Task, metric: str, records: Sequence[Record]) -> Estimate:
    values = metrics.load(metric)(records, _NOBODY)
    ids = list(dict.fromkeys(r.query_id for r in records))
    bounds = metrics.bounds(metric)
    places = float(task.depth)  # nothing moves further than the list is long
    limits = bounds if all(map(math.isfinite, bounds)) else (-places, places)
    rng = generator(suite.seed, "ranked", task.name, metric)
    return stats.estimate(values, ids, level=suite.level, rng=rng, bounds=limits)


def _clean(result: Result, task: Task) -> Estimate | None:
    """The quality of the ranker as a clean task of the suite has it."""
    same = {t.name for t in result.suite.task if t.kind == "clean" and t.system == task.system}
    return _found(result, same, (CLEAN, _QUALITY))


def _found(result: Result, tasks: Collection[str], wanted: tuple[str, str]) -> Estimate | None:
    """The first estimate of these tasks under a condition, by a metric."""
    found = [n for n in result.numbers if n.task in tasks and (n.condition, n.metric) == wanted]
    return found[0].estimate if found else None


def _name(task: Task, likes: Sequence[Task]) -> str:
    """The method and the parameters that tell it from its likes, surrogates and targets among them."""
    same = [like.parameters for like in likes if like.method == task.method]
    keys = sorted({key for parameters in same for key in parameters})
    apart = [key for key in keys if len({repr(p.get(key)) for p in same}) > 1 or key == "search"]
    told = [task.method, *(_told(task, key) for key in apart)]
    if task.surrogates:
        told.append("from " + " and ".join(name.rpartition("/")[2] for name in task.surrogates))
    if task.targets != "outsiders":
        told.append(task.targets)
    return ", ".join(told)


def _told(task: Task, key: str) -> str:
    value = str(task.parameters.get(key, "as usual"))
    return value if key == "search" else f"{key} {value}"


def _threat(task: Task) -> str:
    swaps = {0: "any number of words", 1: "1 word"}.get(task.swaps, f"{task.swaps} words")
    narrowed = [
        *([f"at most {task.share:g} of them"] if task.share is not None else []),
        *([f"first {task.per_word} of a set"] if task.per_word is not None else []),
        *(["query words frozen"] if task.freeze_query else []),
    ]
    where = f"top {task.k} of {task.depth}"
    return ", ".join([f"{swaps} per passage", *narrowed, f"synonyms {task.synonyms}", where])


def _system(suite: Suite, name: str) -> str:
    config = suite.described(name)
    if name or config.kind != "pipeline":
        return name or config.kind
    return config.retriever.encoder if config.retriever.kind == "dense" else config.retriever.kind
