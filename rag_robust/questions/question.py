"""A question with the fact behind it, and a set of them that says what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rag_robust.types import Fact, Query

__all__ = ["Question", "QuestionSet"]


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the fact that answers it, and every passage that states this fact (`gold`)."""

    query: Query
    fact: Fact
    gold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """What was written, and how many candidates were dropped for which reason.

    `asked` is the number of questions that was asked for.
    """

    questions: tuple[Question, ...]
    dropped: Mapping[str, int]
    asked: int

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
