"""Questions put to a system: one that fails costs no other its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

from rag_robust.errors import TargetError
from rag_robust.types import Answer, Failure, FailureKind, Query, System

__all__ = ["ask", "each", "failed"]

T = TypeVar("T")


def ask(system: System, queries: Sequence[Query]) -> list[Answer | Failure]:
    """One answer or failure per query, all at once where the system can."""
    many = getattr(system, "many", None)
    return each(many or (lambda some: [system(query) for query in some]), queries)


def each(call: Callable[[Sequence[T]], Sequence[Answer]], items: Sequence[T]) -> list[Answer | Failure]:
    """One answer or failure per item; where the call fails for several, each is tried by itself."""
    try:
        return list(call(items))
    except TargetError as error:
        if len(items) == 1:
            return [failed(error)]
        return [answer for item in items for answer in each(call, [item])]


def failed(error: TargetError) -> Failure:
    """What the record of a failed call says."""
    return Failure(cast(FailureKind, error.kind), str(error))
