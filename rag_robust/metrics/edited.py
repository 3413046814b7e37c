"""What an edit cost and how the edited text reads: words and calls, likeness, perplexity.

The numbers are measured when the change is made and stand in the notes of its records; a metric of
something that was not measured is unscored.
"""

# ruff: noqa: ARG001 (every metric takes the corpus, not every one looks at it)
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import attacked, per_query
from rag_robust.types import Corpus, Record

__all__ = [
    "BOUNDS",
    "changed_share",
    "perplexity",
    "similarity",
    "swaps",
    "victim_calls",
]

BOUNDS = {
    "perplexity": (1.0, math.inf),
    "similarity": (-math.inf, math.inf),
    "swaps": (0.0, math.inf),
    "victim_calls": (0.0, math.inf),
}


def swaps(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """How many words of the passages were changed, as word-level edit distance."""
    return _noted(records, "swaps")


def changed_share(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """The share of the edited passages' words that was changed."""
    return _noted(records, "changed_share")


def victim_calls(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """How many texts the attacker sent to the system before it was done."""
    return _noted(records, "victim_calls")


def similarity(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """How near the edited passage is to what it was, by the victim's encoder; asked for by `fluency`."""
    return _noted(records, "similarity")


def perplexity(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """The perplexity of the edited text to the suite's language model; asked for by `fluency`."""
    return _noted(records, "perplexity")


def _noted(records: Sequence[Record], name: str) -> NDArray[np.float64]:
    """A note of each attacked record; NaN where it says nothing."""

    def judge(_: Record | None, record: Record) -> float:
        noted = record.notes.get(name) if attacked(record) else None
        return float(noted) if isinstance(noted, (int, float)) else math.nan

    return per_query(records, judge)
