"""What a defence sees of an attack."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import per_query
from rag_robust.types import Corpus, Record

__all__ = ["detected"]

OF_CHANGE = ("detected",)


def detected(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:  # noqa: ARG001
    """The share of the attack's passages that the defence of this condition flags.

    The harness notes it as `record.notes["detected"]`, for conditions such as
    "gaslite/perplexity@0.05". NaN: no defence, no attack, or a failure. Passages inserted for all
    queries at once give each query the same value, so the interval counts changes, not queries.
    """
    return per_query(records, lambda _, record: float(record.notes.get("detected", math.nan)))
