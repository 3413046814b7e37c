"""What every retriever does alike: the order of hits, and which changes make sense."""

from __future__ import annotations

from collections.abc import Container, Iterable

from rag_robust.errors import CorpusError, UsageError
from rag_robust.text import order_key
from rag_robust.types import Change, Hit, Passage

__all__ = ["best", "check_change", "check_k"]


def best(scored: Iterable[tuple[str, float]], k: int) -> list[Hit]:
    """The k best of (passage id, score), in the total order: score descending, then `order_key`."""
    ranked = sorted(scored, key=lambda pair: (-pair[1], order_key(pair[0]), pair[0]))
    return [Hit(passage_id, float(score)) for passage_id, score in ranked[:k]]


def check_k(k: int) -> None:
    """Refuse a number of hits below 1.

    Raises:
        UsageError: always says what came.
    """
    if k < 1:
        raise UsageError(f"expected k >= 1 hits to search for, got {k}")


def check_change(change: Change, known: Container[str]) -> list[Passage]:
    """The passages that a change puts in or edits, in neutral order; ids must fit the corpus.

    Raises:
        CorpusError: an inserted id is taken or comes twice, an edited one is unknown or renamed.
    """
    new: set[str] = set()
    for passage in change.inserted:
        if passage.id in known or passage.id in new:
            raise CorpusError(f'inserted passage "{passage.id}" has the id of another; choose another id')
        new.add(passage.id)
    for passage_id, passage in change.edited.items():
        if passage_id not in known:
            raise CorpusError(f'edited passage "{passage_id}" is not in the corpus; insert it instead')
        if passage.id != passage_id:
            raise CorpusError(f'edited passage "{passage_id}" came back as "{passage.id}"; keep its id')
    return sorted([*change.inserted, *change.edited.values()], key=lambda p: (order_key(p.id), p.id))
