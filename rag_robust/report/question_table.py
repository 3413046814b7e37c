"""A table about questions: what it is made of, and how a number stands in it."""

from __future__ import annotations

from dataclasses import dataclass

from rag_robust.report.words import figure, interval
from rag_robust.types import Estimate

__all__ = ["NOTHING", "WARNED", "Cell", "Line", "QuestionTable", "called", "cell"]

NOTHING = "–"
WARNED = "*"
"""Behind the name of a score that a policy which understands nothing can win."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, what stands quietly beside it, and a drawing."""

    value: str
    quiet: str = ""
    svg: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its name, what is below it, and its cells; `style` is "own", "policy" or ""."""

    name: str
    under: str
    cells: tuple[Cell, ...]
    style: str = ""


@dataclass(frozen=True, slots=True)
class QuestionTable:
    """A table with what it says; `short` are the columns that a terminal has room for, () for none."""

    title: str
    lead: str
    heads: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    short: tuple[int, ...] = ()


def called(metric: str) -> str:
    """A metric as suites write it."""
    return metric.replace("_", "-")


def cell(estimate: Estimate) -> Cell:
    """An estimate and its interval, or a dash where nothing was scored."""
    return Cell(figure(estimate.value), interval(estimate)) if estimate.n else Cell(NOTHING)
