"""What is retrieved for the questions of a task and their wordings: no generator is needed.

Looked at are the conditions "FORM/retrieved". The relevant passages of a question are its gold ones, near
copies included; which of them state which fact is in the note `needs` (JSON, [["a", "a2"], ["b"]]), or
plain from `hops` where there are no copies. *Source*: rank-biased overlap as in `stability.rbo`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import mean, query_ids
from rag_robust.metrics.cells import ORIGINAL, evidence, place
from rag_robust.metrics.stability import overlap
from rag_robust.types import Corpus, Record

__all__ = [
    "evidence_coverage",
    "evidence_recall",
    "full_evidence",
    "gold_recall",
    "same_evidence",
    "wordings_jaccard",
    "wordings_rbo",
]

Values = NDArray[np.float64]
Alike = Callable[[Sequence[str], Sequence[str]], float]


def evidence_coverage(records: Sequence[Record], corpus: Corpus) -> Values:
    """The share of needed facts that are in what was retrieved and shown: `covered` of `hops`, all forms."""
    del corpus
    return _mean(records, _coverage)


def same_evidence(records: Sequence[Record], corpus: Corpus) -> Values:
    """Whether a wording has as much of the evidence retrieved as the original: full, a part, or none."""
    del corpus

    def alike(before: Record, after: Record) -> float:
        one, other = evidence(before), evidence(after)
        return math.nan if one is None or other is None else float(one == other)

    return _against(records, alike)


def evidence_recall(records: Sequence[Record], corpus: Corpus, *, k: int) -> Values:
    """The share of needed facts of which a passage is among the first k, all forms; nothing is generated."""
    return _mean(records, lambda r: _facts(r, corpus, k))


def full_evidence(records: Sequence[Record], corpus: Corpus, *, k: int) -> Values:
    """Whether all needed facts have a passage among the first k: one of several is not enough."""

    def full(record: Record) -> float:
        got = _facts(record, corpus, k)
        return got if math.isnan(got) else float(got == 1.0)

    return _mean(records, full)


def gold_recall(records: Sequence[Record], corpus: Corpus, *, k: int) -> Values:
    """The share of gold passages among the first k, all forms; near copies count as passages of their own."""

    def recall(record: Record) -> float:
        gold = _gold(record, corpus)
        return len(gold & set(_ids(record)[:k])) / len(gold) if gold else math.nan

    return _mean(records, recall)


def wordings_rbo(records: Sequence[Record], corpus: Corpus) -> Values:
    """How alike the rankings of the original and of its wordings are: mean rank-biased overlap, p = 0.9."""
    del corpus
    return _rankings(records, lambda a, b: overlap(a, b, 0.9))


def wordings_jaccard(records: Sequence[Record], corpus: Corpus, *, k: int) -> Values:
    """The passages that the original and its wordings share among the first k, over all of them: the mean."""
    del corpus
    return _rankings(records, lambda a, b: len({*a[:k]} & {*b[:k]}) / len({*a[:k], *b[:k]}))


def _facts(record: Record, corpus: Corpus, k: int) -> float:
    """The share of facts of which a passage is within k; NaN if nobody knows which passage states which."""
    groups = _groups(record, _gold(record, corpus))
    seen = set(_ids(record)[:k])
    return sum(bool(group & seen) for group in groups) / len(groups) if groups else math.nan


def _groups(record: Record, gold: set[str]) -> list[set[str]]:
    """The passages of each fact: as noted, all of them for one fact, or one each where the numbers agree."""
    noted, hops = str(record.notes.get("needs", "")), record.notes.get("hops", len(gold))
    if noted or not gold:
        return [set(group) for group in json.loads(noted)] if noted else []
    return [gold] if hops == 1 else [{i} for i in gold] if hops == len(gold) else []


def _gold(record: Record, corpus: Corpus) -> set[str]:
    return {i for i, grade in corpus.qrels.get(record.query_id, {}).items() if grade > 0}


def _coverage(record: Record) -> float:
    hops = float(record.notes.get("hops", 0))
    if "covered" not in record.notes or not hops or record.notes.get("unanswerable"):
        return math.nan
    return float(record.notes["covered"]) / hops


def _ids(record: Record) -> list[str]:
    return list(dict.fromkeys(hit.passage_id for hit in record.hits))


def _searched(record: Record) -> bool:
    """Whether the record tells what the form of its own was answered from; a generator may have failed."""
    _, shown, found_for = place(record.condition)
    return shown == "retrieved" and not found_for and (record.failure is None or bool(record.hits))


def _mean(records: Sequence[Record], value: Callable[[Record], float]) -> Values:
    found: dict[str, list[float]] = {query_id: [] for query_id in query_ids(records)}
    for record in records:
        if _searched(record):
            found[record.query_id].append(value(record))
    return np.array([mean(own) for own in found.values()], dtype=np.float64)


def _against(records: Sequence[Record], value: Callable[[Record, Record], float]) -> Values:
    """The mean over reworded forms of `value` of the original's record and theirs."""
    searched = [r for r in records if _searched(r)]
    before = {r.query_id: r for r in searched if place(r.condition)[0] == ORIGINAL}
    found: dict[str, list[float]] = {query_id: [] for query_id in query_ids(records)}
    for record in searched:
        if place(record.condition)[0] != ORIGINAL and record.query_id in before:
            found[record.query_id].append(value(before[record.query_id], record))
    return np.array([mean(own) for own in found.values()], dtype=np.float64)


def _rankings(records: Sequence[Record], alike: Alike) -> Values:
    def value(before: Record, after: Record) -> float:
        a, b = _ids(before), _ids(after)
        return alike(a, b) if a or b else math.nan

    return _against(records, value)
