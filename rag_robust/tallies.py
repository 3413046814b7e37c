"""From the records of a question task to its `Findings`; intervals go by source document."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust import stats
from rag_robust.clusters import clusters
from rag_robust.findings import CellRow, Findings, Group, Loss, Planted, Score, Toll
from rag_robust.metrics.adopted import adopts
from rag_robust.metrics.answers import judge
from rag_robust.metrics.cells import ORIGINAL, Asked, Cell, Evidence, cells, place
from rag_robust.metrics.degenerate import WINNABLE
from rag_robust.metrics.judging import further, verdicts
from rag_robust.question_values import Tally, handled, means, right
from rag_robust.suite import Suite, Task
from rag_robust.types import Corpus, Record

__all__ = ["HEADS", "tally"]

HEADS = (
    "balanced_robustness",
    "answering",
    "refusing",
    "truthfulness",
    "worst_case",
    "rare_overall",
    "rare_v1_overall",
)
"""The scores that stand beside those of degenerate policies."""

_WORST = ("worst_case", "worst_documents", "consistency")
_RETRIEVAL = (
    "evidence_coverage",
    "full_evidence@10",
    "gold_recall@10",
    "wordings_rbo",
    "wordings_jaccard@10",
)
_OTHERS: Mapping[str, str] = {
    "over_refusal": "lower",
    "hallucination": "lower",
    "harmful_retrieval": "lower",
    "recovery": "higher",
    "staleness": "lower",
    "nothing_said": "lower",
    "rare_query": "higher",
    "rare_document": "higher",
    "rare_retrieved": "higher",
    "rare_v1_retrieved": "higher",
    "context_acceptability": "higher",
    "noise_vulnerability": "lower",
    "context_insensitivity": "lower",
    "context_misinterpretation": "lower",
    "no_degradation": "higher",
    "size_robustness": "higher",
    "order_robustness": "higher",
    "retrieval_robustness": "higher",
    "nomiracl_hallucination": "lower",
    "nomiracl_error": "lower",
}
_DUE = {"full": "the right answer", "partial": "the right answer or a refusal", "none": "a refusal"}
_ORDER: tuple[Evidence | None, ...] = ("full", "partial", "none", None)
_MOST_SHOWN = 3


def tally(
    suite: Suite,
    task: Task,
    records: Sequence[Record],
    corpus: Corpus,
    baselines: Mapping[str, Sequence[Record]],
) -> Findings:
    """Everything there is to say about a question task, beside degenerate policies on the same contexts."""
    ids = list(dict.fromkeys(r.query_id for r in records))
    sources = dict(zip(ids, clusters(task, "correct", "", records, corpus), strict=True))
    records = records if isinstance(records, Asked) else Asked(records)
    own = Tally(suite, task, corpus, records, sources)
    judged = [c for c in cells(records, corpus) if not c.found_for and c.shown != "none"]
    told = tuple(_opinions(own))
    return Findings(
        task=task.name,
        level=suite.level,
        n_questions=len(ids),
        n_sources=len(set(sources.values())),
        cells=tuple(_cells(own, judged)),
        unclear=sum(c.known is None or c.evidence is None for c in judged),
        failures=tuple(sorted(Counter(r.failure.kind for r in records if r.failure).items())),
        heads=HEADS,
        policies=tuple(
            (name, tuple(own.score(metric, found) for metric in HEADS))
            for name, found in {"": records, **baselines}.items()
        ),
        warnings=tuple((m, WINNABLE[m]) for m in (*HEADS, *_OTHERS) if m in WINNABLE),
        worst=tuple(_scores(own, dict.fromkeys(_WORST, "higher"))),
        tolls=tuple(_tolls(own, judged)),
        losses=tuple(_losses(own)),
        groups=tuple(_groups(own, judged)),
        planted=tuple(_planted(own)),
        retrieval=tuple(_scores(own, dict.fromkeys(_RETRIEVAL, "higher"))),
        others=tuple(_scores(own, _OTHERS)),
        disagreements=told[:_MOST_SHOWN],
        disagreed=own.score("disagreement"),
    )


def _scores(own: Tally, wanted: Mapping[str, str]) -> Iterator[Score]:
    """Those that can be had of what was asked."""
    for metric, better in wanted.items():
        found = own.score(metric)
        if found.n:
            yield Score(metric, found, better)


def _cells(own: Tally, judged: Sequence[Cell]) -> Iterator[CellRow]:
    for known in (False, True):
        for shown in _ORDER:
            some = [c for c in judged if c.known is known and c.evidence == shown]
            if not some or (shown is None and not known):
                continue
            counts = Counter(c.outcome for c in some)
            due = _DUE["full"] if known else _DUE[str(shown)]
            yield CellRow(
                known,
                shown,
                due,
                len(some),
                counts["correct"],
                counts["refusal"],
                counts["wrong"],
                counts["empty"],
                own.estimate(f"cell {known} {shown}", handled(some)),
            )


def _tolls(own: Tally, judged: Sequence[Cell]) -> Iterator[Toll]:
    """Every change against the same without it: wordings over gold and retrieved, and operators."""
    by: dict[tuple[str, str], list[Cell]] = {}
    for cell in judged:
        by.setdefault((cell.form, cell.shown), []).append(cell)
    conditions = dict.fromkeys(place(r.condition)[:2] for r in own.records if not place(r.condition)[2])
    for form, shown in conditions:
        reworded = form != ORIGINAL and shown in ("gold", "retrieved")
        changed = form == ORIGINAL and shown not in ("gold", "retrieved", "none")
        if reworded or changed:
            yield _toll(own, by, form, shown)


def _toll(own: Tally, by: Mapping[tuple[str, str], Sequence[Cell]], form: str, shown: str) -> Toll:
    condition = f"{form}/{shown}"
    base = "retrieved" if shown.startswith("retrieved") else "gold"
    before, after = by.get((ORIGINAL, base), []), by.get((form, shown), [])
    first, second = right(before, base), right(after, shown)
    both = [i for i in first if i in second]
    dropped = Counter(
        r.failure.message
        for r in own.records
        if r.condition == condition and r.failure and r.failure.kind == "not_applicable"
    )
    noted = [float(c.record.notes["intensity"]) for c in after if "intensity" in c.record.notes]
    return Toll(
        name=form if form != ORIGINAL else shown.removeprefix("retrieved+"),
        against=base,
        handled=own.estimate(f"handled {condition}", handled(after)),
        after=own.estimate(f"after {condition}", {i: second[i] for i in both}),
        before=own.estimate(f"before {condition}", {i: first[i] for i in both}),
        pairs=stats.mcnemar(_whole(first, both), _whole(second, both)),
        intensity=math.fsum(noted) / len(noted) if noted else None,
        dropped=tuple(sorted(dropped.items(), key=lambda item: (-item[1], item[0]))),
    )


def _whole(values: Mapping[str, float], ids: Sequence[str]) -> NDArray[np.float64]:
    """1 if a question was answered right every time."""
    return np.array([float(values[i] == 1.0) for i in ids], dtype=np.float64)


def _losses(own: Tally) -> Iterator[Loss]:
    """The stage split, form by form, and of all together."""
    places = [place(r.condition) for r in own.records]
    forms = list(dict.fromkeys(found_for for _, _, found_for in places if found_for))
    for form in (*forms, *([""] if len(forms) > 1 else [])):
        some = [r for r in own.records if not form or _of_form(r.condition, form)]
        parts = [own.score(f"{part}_loss", some) for part in ("wording", "retriever", "generator")]
        if parts[0].n:
            yield Loss(form or "all wordings", *parts)


def _of_form(condition: str, form: str) -> bool:
    asked, shown, found_for = place(condition)
    return shown == "retrieved" and (asked in (ORIGINAL, form) if not found_for else found_for == form)


def _groups(own: Tally, judged: Sequence[Cell]) -> Iterator[Group]:
    """By pattern and number of facts, where the records know them; before these one fact and several."""
    kinds = {
        r.query_id: (int(r.notes.get("hops", 0)), str(r.notes["pattern"]))
        for r in own.records
        if "pattern" in r.notes and not r.notes.get("unanswerable")
    }
    silent = {r.query_id for r in own.records if r.notes.get("unanswerable")}
    some = {i for i, (hops, _) in kinds.items() if hops > 1}
    parts = {(0, "one fact"): set(kinds) - some, (0, "several facts"): some, (0, "unanswerable"): silent}
    for kind in sorted(set(kinds.values())):
        parts[kind] = {i for i, own_kind in kinds.items() if own_kind == kind}
    for (hops, pattern), ids in parts.items():
        if ids:
            yield _group(own, judged, (pattern, hops), ids)


def _group(own: Tally, judged: Sequence[Cell], kind: tuple[str, int], ids: set[str]) -> Group:
    some = [c for c in judged if c.record.query_id in ids and c.form == ORIGINAL]
    records = [r for r in own.records if r.query_id in ids]
    name = " ".join(map(str, kind))
    return Group(
        pattern=kind[0],
        hops=kind[1],
        n=len(ids),
        covered=own.score("evidence_coverage", records),
        gold=own.estimate(f"{name} gold", right(some, "gold")),
        retrieved=own.estimate(f"{name} retrieved", right(some, "retrieved")),
        worst=own.score("worst_case", records),
    )


def _planted(own: Tally) -> Iterator[Planted]:
    found: dict[str, list[Record]] = {}
    for record in own.records:
        if adopts(record) is not None:
            found.setdefault(str(record.notes.get("plants", "")), []).append(record)
    for kind, some in found.items():
        ids = {r.query_id for r in some}
        judged = [c for c in cells([*some, *_probes(own, ids)], own.corpus) if c.shown != "none"]
        yield Planted(
            kind,
            len(some),
            own.score("planted_adopted", some),
            own.estimate(f"{kind} right", means((c.record.query_id, float(c.right)) for c in judged)),
            own.estimate(
                f"{kind} refused",
                means((c.record.query_id, float(c.outcome == "refusal")) for c in judged),
            ),
        )


def _probes(own: Tally, ids: set[str]) -> list[Record]:
    return [r for r in own.records if r.query_id in ids and place(r.condition)[1] == "none"]


def _opinions(own: Tally) -> Iterator[tuple[str, str, str, str]]:
    """Answers that the stages of the judge do not agree on: question, truth, answer, and who said what."""
    seen: set[tuple[str, str]] = set()
    for record in own.records:
        query = own.corpus.queries.get(record.query_id)
        answer = record.answer
        if query is None or not query.answers or record.failure or not answer or (query.id, answer) in seen:
            continue
        seen.add((query.id, answer))
        told = verdicts(query, answer).told | further(record)
        if len(set(told.values())) > 1:
            said = ", ".join(f"{stage}: {'right' if right else 'wrong'}" for stage, right in told.items())
            counts = "right" if judge(query, answer) else "wrong"
            yield query.text, query.answers[0], answer, f"{said}; counted as {counts}"
