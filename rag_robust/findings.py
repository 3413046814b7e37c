"""What the tables of a question task are made of: cells, what changes cost, the worst case, policies."""

from __future__ import annotations

from dataclasses import dataclass

from rag_robust import stats
from rag_robust.metrics.cells import Evidence
from rag_robust.types import Estimate

__all__ = ["CellRow", "Findings", "Group", "Loss", "Planted", "Score", "Toll", "Versus"]


@dataclass(frozen=True, slots=True)
class CellRow:
    """One (k, e): its answers by outcome, and the share that was as expected.

    `due` says in words what was. `luck` of them, right without support, are neither.
    """

    known: bool
    evidence: Evidence | None
    due: str
    n: int
    correct: int
    refusal: int
    wrong: int
    empty: int
    expected: Estimate

    @property
    def luck(self) -> int:
        """Right answers that nothing shown and nothing known supports."""
        return self.correct if not self.known and self.evidence == "none" else 0


@dataclass(frozen=True, slots=True)
class Toll:
    """What a change of the query or of the documents costs: right answers before and after it.

    `before` is the unchanged counterpart, on the questions of both; `pairs` counts those answered right
    only before and only after. `handled` is the share that is as expected after it, which for evidence that
    was taken out is a refusal. `intensity` is the mean share that was changed. `dropped` counts by reason
    the questions that the operator could not be done to.
    """

    name: str
    against: str
    handled: Estimate
    after: Estimate
    before: Estimate
    pairs: stats.Pairs
    intensity: float | None
    dropped: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of a reworded form, split into what the retriever and what the generator lost."""

    form: str
    loss: Estimate
    retriever: Estimate
    generator: Estimate


@dataclass(frozen=True, slots=True)
class Group:
    """Questions of one pattern and number of facts."""

    pattern: str
    hops: int
    n: int
    covered: Estimate
    gold: Estimate
    retrieved: Estimate
    worst: Estimate


@dataclass(frozen=True, slots=True)
class Planted:
    """What became of false values of one kind: adopted, or the true one said, or refused."""

    kind: str
    n: int
    adopted: Estimate
    right: Estimate
    refused: Estimate


@dataclass(frozen=True, slots=True)
class Score:
    """A score of the system, or of a policy in its place; `better` is "higher", "lower" or ""."""

    metric: str
    estimate: Estimate
    better: str = "higher"


@dataclass(frozen=True, slots=True)
class Versus:
    """Two tasks that asked the same questions over what their systems retrieved."""

    first: str
    second: str
    rates: tuple[float, float]
    pairs: stats.Pairs
    decided: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything found of one task. Tables without a row were not asked for.

    `policies` maps the system ("") and each policy to its scores, one per name in `heads`; `warnings` are the
    scores among them that a degenerate policy can win, and how. `failures` are by kind. `unclear` cells have
    no verdict on what was due: no closed-book answer, or nobody knows what the evidence was.
    """

    task: str
    level: float
    n_questions: int
    n_sources: int
    cells: tuple[CellRow, ...]
    unclear: int
    failures: tuple[tuple[str, int], ...]
    heads: tuple[str, ...]
    policies: tuple[tuple[str, tuple[Estimate, ...]], ...]
    warnings: tuple[tuple[str, str], ...]
    worst: tuple[Score, ...]
    tolls: tuple[Toll, ...]
    losses: tuple[Loss, ...]
    groups: tuple[Group, ...]
    planted: tuple[Planted, ...]
    retrieval: tuple[Score, ...]
    others: tuple[Score, ...]
    disagreements: tuple[tuple[str, str, str, str], ...]
    disagreed: Estimate
