"""Shares of queries whose top k is proved to hold, was broken, or stays open."""

# ruff: noqa: ARG001 (every metric takes the corpus, not every one looks at it)
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import per_query
from rag_robust.types import Corpus, Record

__all__ = ["attacked_share", "certified_share", "undecided_share"]


def certified_share(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Whether the query's top k is proved to hold under all allowed changes; NaN without a certificate."""
    return _share(records, "certified")


def attacked_share(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Whether a witness breaks the query's top k; NaN without a certificate."""
    return _share(records, "attacked")


def undecided_share(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """Whether neither proof nor witness was found for the query; NaN without a certificate."""
    return _share(records, "undecided")


def _share(
    records: Sequence[Record], verdict: Literal["certified", "attacked", "undecided"]
) -> NDArray[np.float64]:
    def judge(_: Record | None, record: Record) -> float:
        if record.certificate is None or record.failure is not None:
            return math.nan
        return float(record.certificate.verdict == verdict)

    return per_query(records, judge)
