"""Which drawings a task gets: its numbers beside each other, and the picture that fits its kind."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_robust import metrics
from rag_robust.benign import is_benign, judged_condition
from rag_robust.gates import GateResult, Number, Result
from rag_robust.report import plots
from rag_robust.report.comparison import METRIC, Cell, Comparison
from rag_robust.report.words import extremes, figure, interval, limits, meaning, scored, spread, whose
from rag_robust.suite import Task
from rag_robust.types import CLEAN, Corpus, Estimate, Record

__all__ = ["Bars", "Drawn", "Plot", "Square", "bar", "interval_plots", "rank_bars", "squares", "verdict_bar"]

_MOST_BARS = 26


@dataclass(frozen=True, slots=True)
class Drawn:
    """One number of a plot; `style` is "own", "baseline" or "policy"."""

    name: str
    style: str
    svg: str
    value: str
    interval: str
    scored: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One metric under every condition, on one axis."""

    metric: str
    meaning: str
    limit: str
    level: str
    lines: tuple[Drawn, ...]
    scale: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram or a stacked bar with its caption."""

    caption: str
    svg: str
    legend: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Square:
    """A place in the comparison of attacks.

    `first` is the share at rank 1, `lead` how far that is above the next line's, `known` the share of known
    queries, `harm` what others lose; `trials` and `first_trials` say how far seeds lie apart.
    """

    svg: str
    value: str
    interval: str
    first: str = ""
    lead: str = ""
    known: str = ""
    harm: str = ""
    trials: str = ""
    first_trials: str = ""


def squares(compared: Comparison) -> dict[str, tuple[Square | None, ...]]:
    """The comparison, with intervals drawn; None where the suite does not ask."""
    return {
        line.name: tuple(_square(cell, baseline=line.baseline) if cell else None for cell in line.cells)
        for line in compared.lines
    }


def _square(cell: Cell, *, baseline: bool) -> Square:
    estimate = cell.estimate
    if not estimate.n:
        return Square("", "–", "not applicable")
    on = plots.axis([], metrics.bounds(METRIC))
    says = f"{figure(estimate.value)}, interval {interval(estimate)}"
    ends = (estimate.value, estimate.low, estimate.high)
    svg = plots.track(ends, on, style="baseline" if baseline else "own", says=says)
    known = figure(cell.held_in.value) if cell.held_in and cell.held_in.n else ""
    first = f"{figure(cell.first.value)} {interval(cell.first)}"
    lead = f"{figure(cell.lead.value)} {interval(cell.lead)}" if cell.lead else ""
    harm = figure(cell.harm) if cell.harm is not None else ""
    seeds = (extremes(cell.trials), extremes(cell.first_trials))
    return Square(svg, figure(estimate.value), interval(estimate), first, lead, known, harm, *seeds)


def bar(result: GateResult) -> str:
    """A gate's interval against its limit."""
    gate, estimate = result.gate, result.estimate
    if not estimate.n:
        return ""
    ends = (estimate.value, estimate.low, estimate.high)
    both = [x for x in (gate.min, gate.max) if x is not None]
    on = plots.axis([*ends, *both], metrics.bounds(gate.metric))
    says = f"{figure(estimate.value)}, interval {interval(estimate, both)}, limit {limits(gate)}"
    style = result.verdict.lower().replace(" ", "-")
    return plots.track(ends, on, limits=(gate.min, gate.max), style=style, says=says)


def interval_plots(result: Result, task: Task) -> Iterator[Plot]:
    """A plot per metric, in the order of the suite; limits are those of the method's own gate."""
    numbers = [n for n in result.numbers if n.task == task.name]
    for metric in dict.fromkeys(n.metric for n in numbers):
        yield _plot(result, task, metric, [n for n in numbers if n.metric == metric])


def rank_bars(records: Sequence[Record], task: Task, corpus: Corpus) -> Iterator[Bars]:
    """For attacks, where the best passage of the attack stands; for certificates, where one could."""
    asked = dict.fromkeys(r.condition for r in records if not is_benign(r.condition))
    conditions = [condition for condition in asked if condition.split("/")[0] != CLEAN]
    if task.kind == "attack":
        best = metrics.load(f"best_rank@{task.depth}")
        for condition in conditions:
            own = [r for r in records if r.condition == condition]
            ranks = [int(v) for v in best(own, corpus) if not math.isnan(v)]
            number = Number(task.name, condition, "", _NOTHING)
            yield _ranks(whose(number, task), ranks, task)
    if task.kind == "certify":
        proofs = [r.certificate for r in records if r.certificate is not None]
        ranks = [min(p.worst_ranks.values()) for p in proofs if p.worst_ranks]
        if ranks:
            yield _ranks("best place any passage below can be brought to", ranks, task)


def verdict_bar(records: Sequence[Record]) -> Bars | None:
    """How many lists are proved, broken and open; None without certificates."""
    verdicts = Counter(r.certificate.verdict if r.certificate else "failed" for r in records)
    if set(verdicts) <= {"failed"}:
        return None
    parts = [(name, verdicts[name]) for name in ("certified", "undecided", "attacked", "failed")]
    shown = tuple((name, n) for name, n in parts if n)
    says = ", ".join(f"{n} {name}" for name, n in shown)
    return Bars(f"{len(records)} lists", plots.stack(parts, says=says), shown)


_NOTHING = Estimate(0.0, 0.0, 0.0, 0.0, 0, 0, "")


def _plot(result: Result, task: Task, metric: str, numbers: Sequence[Number]) -> Plot:
    gates = [g.gate for g in result.gates if g.gate.task == task.name and g.gate.metric == metric]
    gate = next((g for g in gates if g.condition in {None, task.method}), None)
    lines = (gate.min, gate.max) if gate else (None, None)
    seen = [x for n in numbers for x in (n.estimate.value, n.estimate.low, n.estimate.high)]
    on = plots.axis([*seen, *(x for x in lines if x is not None)], metrics.bounds(metric))
    return Plot(
        metric,
        meaning(metric),
        limits(gate) if gate else "",
        f"{result.suite.level:g}",
        tuple(_drawn(number, task, on, lines) for number in numbers),
        plots.scale(on),
    )


def _drawn(number: Number, task: Task, on: plots.Axis, lines: tuple[float | None, float | None]) -> Drawn:
    estimate = number.estimate
    own = number.condition in {"", CLEAN, judged_condition(task, number.metric)}
    style = "policy" if number.policy else "own" if own else "baseline"
    svg = ""
    if estimate.n:
        ends = (estimate.value, estimate.low, estimate.high)
        says = f"{figure(estimate.value)}, interval {interval(estimate)}"
        svg = plots.track(ends, on, limits=lines, style=style, says=says)
    return Drawn(
        whose(number, task),
        style,
        svg,
        figure(estimate.value) if estimate.n else "–",
        " ".join((interval(estimate), spread(number))).strip() if estimate.n else "",
        scored(estimate),
    )


def _ranks(caption: str, ranks: Sequence[int], task: Task) -> Bars:
    """Ranks 1 to depth and beyond, several to a bar if there are many; up to k is what hurts."""
    width = math.ceil(task.depth / _MOST_BARS)
    starts = range(1, task.depth + 1, width)
    counts = [(str(first), sum(first <= r < first + width for r in ranks)) for first in starts]
    beyond = sum(r > task.depth for r in ranks)
    within = sum(r <= task.k for r in ranks)
    says = f"{caption}: {within} of {len(ranks)} in the first {task.k}, {beyond} beyond {task.depth}"
    hot = min(len(counts), task.k // width)
    if task.kind == "attack":
        counts.append((f">{task.depth}", beyond))
    return Bars(caption, plots.histogram(counts, hot=hot, says=says))
