"""A question with the facts behind it, and a set of them that says what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rag_robust.types import Fact, Query

if TYPE_CHECKING:
    from rag_robust.questions.ask import GraphQuery
    from rag_robust.questions.graph import Edge

__all__ = ["Question", "QuestionSet"]


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the fact that bears its answer, and every passage that states one of its facts (`gold`).

    `asks` is the query on the graph that is the answer key, `ways` all the ways to answer it, one
    edge per hop in the order of reasoning. `answer_sets` are the answers, each with all its
    spellings: with several, all are asked for, and `query.answers` are ways to list them. An
    unanswerable question has no answers, no ways and no gold; its `fact` is a near miss, which
    shows that its subject or relation is real.
    """

    query: Query
    fact: Fact
    gold: tuple[str, ...]
    pattern: str = "single"
    kind: str = ""
    asks: GraphQuery | None = None
    ways: tuple[tuple[Edge, ...], ...] = ()
    answer_sets: tuple[tuple[str, ...], ...] = ()
    answer_type: str = ""

    @property
    def hops(self) -> int:
        """How many facts must be put together."""
        return len(self.asks.hops) if self.asks else 1


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """What was written, and how many candidates were dropped for which reason.

    `asked` is the number of questions that was asked for; `dropped_by` has the reasons per pattern,
    `exhausted` the patterns that had no further candidate.
    """

    questions: tuple[Question, ...]
    dropped: Mapping[str, int]
    asked: int
    dropped_by: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    exhausted: tuple[str, ...] = ()

    @property
    def shortfall(self) -> str:
        """One sentence on what is missing and why; empty if nothing is."""
        missing = self.asked - len(self.questions)
        if missing <= 0:
            return ""
        reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(self.dropped.items())) or "none"
        return (
            f"{len(self.questions)} of {self.asked} questions could be written, {missing} are missing: "
            f"the corpus has no further facts (dropped: {reasons})"
        )
