"""The geometry of a run's encoders beside what its attacks did to them: one column per encoder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_robust import stats
from rag_robust.gates import Result
from rag_robust.report.comparison import FIRST, METRIC, Comparison, Line
from rag_robust.report.named import system_name
from rag_robust.report.words import figure

__all__ = ["ENOUGH", "Attacks", "Measure", "Pair", "Susceptibility", "number", "susceptibility"]

Pair = tuple[float, float]
"""appeared@1 and appeared@10."""

Attacks = tuple[str, bool, tuple[Pair | None, ...]]
"""A line of the comparison: its name, whether nobody meant to attack with it, and its pairs by encoder."""

ENOUGH = 4
"""Encoders of which a rank correlation is shown; of fewer, any order comes about by chance."""

SHAPES = {
    "query_cosine": ("q–q", "mean cosine of two queries"),
    "passage_cosine": ("p–p", "mean cosine of two passages"),
    "cross_cosine": ("q–p", "mean cosine of a query and a passage"),
    "ceiling": ("ceiling", "greatest mean cosine with all queries that a vector can have"),
    "entry": ("entry", "similarity of the k-th passage, which an attack has to beat: mean over queries"),
    "margin": ("margin", "similarity of the nearest passage less that of the k-th: mean over queries"),
    "skewness": ("skewness", "of how often a passage is among the k nearest: high where there are hubs"),
    "hub": ("hub", "the most frequent neighbour: in how many lists, over k"),
    "antihubs": ("antihubs", "share of passages that no query has among its k nearest"),
    "reach": ("reach", "share of queries that have the greatest hub among their k nearest"),
}
"""Numbers of `encode.geometry`: what they are called here, and what they are."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of every encoder, None where there is none.

    `rho` is its rank correlation with the encoders' mean appeared@10 of all attacks, where it is shown.
    """

    name: str
    meaning: str
    values: tuple[float | None, ...]
    rho: float | None = None


@dataclass(frozen=True, slots=True)
class Susceptibility:
    """Geometry and attacks of the same encoders on one corpus.

    `attacks` are the lines of the comparison by situation, best first. `sample` says what the geometry was
    measured on.
    """

    encoders: tuple[str, ...]
    sample: str
    shapes: tuple[Measure, ...]
    attacks: Mapping[str, tuple[Attacks, ...]]

    @property
    def caption(self) -> str:
        """What the table says, and what it does not."""
        n = len(self.encoders)
        claim = (
            f"ρ is Spearman's rank correlation with the mean {METRIC} of all attacks over {n} encoders: "
            "so few show an order, and prove nothing."
            if n >= ENOUGH
            else f"Of {'one encoder' if n == 1 else f'{n} encoders'} no correlation is claimed."
        )
        return f"Geometry on {self.sample}. Attacks as {FIRST} / {METRIC}. {claim}"


def susceptibility(result: Result, compared: Comparison | None) -> Susceptibility | None:
    """The table of a run whose attacks are compared on encoders that were measured; None without any."""
    spaces = {system_name(result.suite, name): body for name, body in result.spaces.items()}
    encoders = [c.system for c in compared.columns if c.system in spaces] if compared else []
    names = tuple(dict.fromkeys(encoders))
    if compared is None or not names:
        return None
    bodies = [spaces[name] for name in names]
    situations = dict.fromkeys(column.situation for column in compared.columns)
    hurt = _hurt(compared, names)
    return Susceptibility(
        names,
        _sample(bodies),
        tuple(_shape(shape, bodies, hurt) for shape in SHAPES),
        {situation: tuple(_attacks(compared, situation, names)) for situation in situations},
    )


def _sample(bodies: Sequence[Mapping[str, Any]]) -> str:
    one = bodies[0]
    return f"{one['n_queries']:,} queries and {one['n_passages']:,} passages, k = {one['k']}"


def _shape(name: str, bodies: Sequence[Mapping[str, Any]], hurt: Sequence[float]) -> Measure:
    values = tuple(_ceiling(body) if name == "ceiling" else _mean(body[name]) for body in bodies)
    known = [value for value in values if value is not None]
    shown = len(known) == len(hurt) >= ENOUGH
    rho = stats.spearman(known, hurt) if shown else math.nan
    return Measure(*SHAPES[name], values, None if math.isnan(rho) else rho)


def _mean(value: float | Mapping[str, float]) -> float:
    return value["mean"] if isinstance(value, Mapping) else value


def _ceiling(body: Mapping[str, Any]) -> float | None:
    """‖c‖ of n unit vectors with the mean cosine A: ‖c‖² = A + (1 − A) / n; none for dot products."""
    n, mean = min(body["n_queries"], body["n_texts"]), body["query_cosine"]
    return math.sqrt(max(0.0, mean + (1 - mean) / n)) if body["similarity"] == "cosine" else None


def _hurt(compared: Comparison, names: Sequence[str]) -> list[float]:
    """The mean appeared@10 of each encoder over the attacks that all of them met; empty if there are none."""
    rows = [
        [cell[1] for cell in cells if cell is not None]
        for situation in dict.fromkeys(column.situation for column in compared.columns)
        for _, baseline, cells in _attacks(compared, situation, names)
        if not baseline and None not in cells
    ]
    return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)] if rows else []


def _attacks(compared: Comparison, situation: str, names: Sequence[str]) -> Iterator[Attacks]:
    """The lines that any of these encoders met in a situation."""
    places = {c.system: i for i, c in enumerate(compared.columns) if c.situation == situation}
    for line in compared.lines:
        cells = tuple(_seen(line, places.get(name)) for name in names)
        if any(cells):
            yield line.name, line.baseline, cells


def _seen(line: Line, place: int | None) -> Pair | None:
    cell = None if place is None else line.cells[place]
    return (cell.first.value, cell.estimate.value) if cell and cell.estimate.n and cell.first.n else None


def number(value: float | None) -> str:
    """A number of the geometry in three decimals, or "–"."""
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else figure(value)
