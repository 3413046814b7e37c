"""Retrieval effectiveness by `ir_measures` names, of one ranking or as the loss between two."""

from __future__ import annotations

import math
from collections.abc import Sequence

import ir_measures
import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import failed_attack, per_query, usable
from rag_robust.types import Corpus, Hit, Metric, Record

__all__ = ["drop", "effectiveness", "known"]


def effectiveness(measure: str) -> Metric:
    """The measure of the judged ranking of each query, e.g. "nDCG@10".

    The ranking is the one of the record: `ir_measures` (like trec_eval) sorts by score and breaks
    ties by id, so hits get scores that fall strictly with their place. NaN: the query has no
    qrels, or the record is a failure; an attack over its budget changed nothing and is measured as
    the clean record. A ranking without hits scores what the measure gives to an empty one.
    """

    def metric(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
        values = _values(measure, records, corpus)
        return per_query(records, lambda clean, judged: _look_up(values, clean, judged))

    return metric


def drop(measure: str) -> Metric:
    """Clean minus judged value of the measure, per query; above 0 the change did harm.

    NaN where either is unscored or there is no clean record.
    """

    def metric(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
        values = _values(measure, records, corpus)

        def loss(clean: Record | None, judged: Record) -> float:
            if clean is None:
                return math.nan
            return values.get(id(clean), math.nan) - _look_up(values, clean, judged)

        return per_query(records, loss)

    return metric


def known(measure: str) -> bool:
    """Whether `ir_measures` can compute it here, query by query."""
    try:
        parsed = ir_measures.parse_measure(measure)
        got = list(ir_measures.iter_calc([parsed], {"q": {"p": 1}}, {"q": {"p": 1.0}}))
    except (NameError, ValueError, RuntimeError):
        return False
    return len(got) == 1 and got[0].query_id == "q"


def _values(measure: str, records: Sequence[Record], corpus: Corpus) -> dict[int, float]:
    """The measure of every usable record with qrels, by the record's `id()`."""
    rated = [r for r in records if usable(r) and corpus.qrels.get(r.query_id)]
    # one number per record as its name: trials of one query stay apart, odd ids do no harm
    qrels = {str(i): dict(corpus.qrels[r.query_id]) for i, r in enumerate(rated)}
    run = {str(i): _scores(r.hits) for i, r in enumerate(rated)}
    got = ir_measures.iter_calc([ir_measures.parse_measure(measure)], qrels, run) if rated else ()
    return {id(rated[int(m.query_id)]): float(m.value) for m in got}


def _scores(hits: Sequence[Hit]) -> dict[str, float]:
    """Scores n, n - 1, ... 1 in rank order; a repeated id keeps its best place."""
    ranked = list(dict.fromkeys(hit.passage_id for hit in hits))
    return {passage_id: float(len(ranked) - place) for place, passage_id in enumerate(ranked)}


def _look_up(values: dict[int, float], clean: Record | None, judged: Record) -> float:
    measured = clean if failed_attack(judged) else judged
    return values.get(id(measured), math.nan)
