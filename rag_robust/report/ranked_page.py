"""Attacks and certificates of one threat as the page shows them: two tables, and CRQ over K as a curve."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_robust.report import plots
from rag_robust.report.figures import Bars
from rag_robust.report.ranked import Attacked, Proved, Ranked
from rag_robust.report.words import figure, interval
from rag_robust.types import Estimate

__all__ = ["Beside", "beside"]

Cell = tuple[str, str]
Line = tuple[str, str, tuple[Cell, ...]]


@dataclass(frozen=True, slots=True)
class Beside:
    """One ranker under one threat; a table is its heads and its lines (name, what is below it, cells)."""

    title: str
    clean: str
    tables: tuple[tuple[tuple[str, ...], tuple[Line, ...]], ...]
    curves: tuple[Bars, ...]
    notes: tuple[str, ...]


def beside(found: Sequence[Ranked]) -> Iterator[Beside]:
    """The section of the page about rankings."""
    for one in found:
        clean = f"{figure(one.clean.value)} {interval(one.clean)}" if one.clean and one.clean.n else ""
        curves = [_curve(p) for p in one.proofs if any(e.n for _, e in p.curve)]
        yield Beside(one.situation, clean, tuple(_tables(one)), tuple(curves), tuple(_notes(one)))


def _tables(one: Ranked) -> Iterator[tuple[tuple[str, ...], tuple[Line, ...]]]:
    if one.attacks:
        ranks = ("ASR", f"within {one.k}", "within 10", "boost")
        yield ("attack", *ranks, "words", "calls", "seconds"), tuple(_attack(a) for a in one.attacks)
    if one.proofs:
        rates = (f"CRQ@{one.k}", "broken", f"hostile within {one.k}")
        yield ("certificate", *rates, "texts", "seconds"), tuple(_proof(p) for p in one.proofs)


def _attack(attack: Attacked) -> Line:
    ranks = (attack.success, attack.entered, attack.within_ten, attack.boost)
    numbers = (attack.swaps, attack.calls, attack.seconds)
    return attack.name, "", (*(_cell(e) for e in ranks), *(_number(x) for x in numbers))


def _proof(proof: Proved) -> Line:
    rates = (proof.certified, proof.broken, proof.hostile)
    cells = (*(_cell(e) for e in rates), *(_number(x) for x in (proof.samples, proof.seconds)))
    return proof.name, proof.about, cells


def _cell(estimate: Estimate) -> Cell:
    return (figure(estimate.value), interval(estimate)) if estimate.n else ("–", "")


def _number(value: float) -> Cell:
    return ("–" if math.isnan(value) else figure(value), "")


def _curve(proof: Proved) -> Bars:
    points = [(k, e.value, e.low, e.high) for k, e in proof.curve if e.n]
    told = ", ".join(f"{figure(value)} at {k}" for k, value, _, _ in points)
    return Bars(f"CRQ@K, {proof.name}", plots.curve(points, says=f"CRQ by K: {told}"))


def _notes(one: Ranked) -> Iterator[str]:
    for proof in one.proofs:
        hostile = proof.hostile
        if hostile.n and proof.ranker == "the model":
            yield (
                f"{proof.name}: of the {one.k} passages that a generator would read, at most "
                f"{figure(hostile.value)} are an attacker's on average, whatever those listed below become."
            )
    for name, swaps in one.most_swaps:
        most = f"{figure(swaps.value)} {interval(swaps)}"
        yield f"MCR, {name}: the top {one.k} is certified for up to {most} words on average."
