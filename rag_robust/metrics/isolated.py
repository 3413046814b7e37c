"""Certified accuracy of answers from isolated passages: right whatever so many hostile passages say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import mean, query_ids
from rag_robust.seeds import digest
from rag_robust.types import Corpus, Record

__all__ = ["certified_answers", "hostile_shown", "withstands"]


_CONDITION = "original/retrieved"


def withstands(records: Sequence[Record], corpus: Corpus, *, k: int) -> NDArray[np.float64]:  # noqa: ARG001
    """Whether an answer is proved right with any `k` of the retrieved passages in an attacker's hand.

    Certified accuracy at k' = `k` of isolated reading (`generate.isolate`). NaN for other systems.
    *Source*: Xiang et al., RobustRAG (arXiv 2405.15556), certifiable robustness.
    """
    return _proved(records, lambda notes: float(int(notes["withstands"]) >= k))


def certified_answers(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """Whether an answer is proved right whatever an attacker makes of the listed passages that are not shown.

    The ranking's certificate says how many attacked passages k' can get among those that are shown, and the
    answer withstands k'. Of passages that are listed, by replaced words alone; for BM25 by its closed form
    also as they move the statistics of the corpus, by any other certificate with these held fixed. NaN
    without a certificate of the deployed ranker, or where passages are not read alone.
    """

    def value(notes: Mapping[str, float | int | str | bool]) -> float:
        if "hostile" not in notes:
            return np.nan
        return float(int(notes["withstands"]) >= int(notes["hostile"]))

    return _proved(records, value)


def hostile_shown(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """The share of the passages a question is answered from that can be an attacker's, at most.

    Of those listed: k' of the ranking's certificate (`certified.hostile`) by the places that are shown,
    within the limits that `certified_answers` states. NaN without a certificate of the deployed ranker.
    """
    values: dict[str, list[float]] = {query_id: [] for query_id in query_ids(records)}
    for record in records:
        if record.condition == _CONDITION and "hostile" in record.notes:
            values[record.query_id].append(int(record.notes["hostile"]) / int(record.notes["shown"]))
    return np.array([mean(v) for v in values.values()], dtype=np.float64)


def _proved(
    records: Sequence[Record], value: Callable[[Mapping[str, float | int | str | bool]], float]
) -> NDArray[np.float64]:
    """Per question its value; NaN where the record's answer is not the one that something was proved of."""
    values: dict[str, list[float]] = {query_id: [] for query_id in query_ids(records)}
    for record in records:
        if record.condition != _CONDITION or record.answer is None or "withstands" not in record.notes:
            continue
        if record.notes.get("withstands_of") == digest("answer", record.answer)[:12]:
            values[record.query_id].append(value(record.notes))
    return np.array([mean(v) for v in values.values()], dtype=np.float64)
