"""Attacks and certificates of one threat on a terminal, eighty columns wide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rag_robust.report.ranked import Attacked, Proved, Ranked
from rag_robust.report.words import figure, interval, visible
from rag_robust.types import Estimate

__all__ = ["ranked_tables"]


def ranked_tables(found: Sequence[Ranked]) -> Iterator[RenderableType]:
    """For every ranker and threat what attacks broke, and below it what certificates prove of the same."""
    for one in found:
        clean = one.clean
        worth = f"; nDCG@10 {figure(clean.value)} {interval(clean)} unattacked" if clean and clean.n else ""
        yield Text()
        yield Text(visible(one.situation + worth), "bold")
        if one.attacks:
            yield _table(_HEADS, [_attack(a) for a in one.attacks], one)
        if one.proofs:
            yield _table(_PROOF_HEADS, [_proof(p) for p in one.proofs], one)
        for name, swaps in one.most_swaps:
            most = f"{figure(swaps.value)} {interval(swaps)}"
            yield Text(f"MCR, {visible(name)}: {most} words on average", "dim")


_NONE = "–"
_HEADS = ("attack", "ASR", "within {k}", "within 10", "boost", "words", "calls")
_PROOF_HEADS = ("certificate", "CRQ@{k}", "broken", "hostile in {k}", "texts")


def _table(heads: Sequence[str], rows: Sequence[Sequence[Text]], one: Ranked) -> Table:
    """A table without the columns of which nobody has a number."""
    shown = [i for i in range(len(heads)) if any(row[i].plain != _NONE for row in rows)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for i in shown:
        head, side = heads[i].format(k=one.k), "right" if i else "left"
        table.add_column(head, justify=side, overflow="fold", min_width=0 if i else 16)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(row[i] for i in shown))
    return table


def _attack(attack: Attacked) -> list[Text]:
    ranks = (attack.success, attack.entered, attack.within_ten, attack.boost)
    return [
        Text(visible(attack.name)),
        *(_cell(e) for e in ranks),
        _number(attack.swaps),
        _effort(attack.calls, attack.seconds),
    ]


def _proof(proof: Proved) -> list[Text]:
    rates = (proof.certified, proof.broken, proof.hostile)
    return [
        Text.assemble(visible(proof.name), (f"\n{visible(proof.about)}", "dim")),
        *(_cell(e) for e in rates),
        _effort(proof.samples, proof.seconds),
    ]


def _cell(estimate: Estimate) -> Text:
    if not estimate.n:
        return Text(_NONE)
    return Text.assemble(figure(estimate.value), (f"\n{interval(estimate)}", "dim"))


def _effort(texts: float, seconds: float) -> Text:
    return Text.assemble(_number(texts), ("" if math.isnan(seconds) else f"\n{figure(seconds)} s", "dim"))


def _number(value: float) -> Text:
    return Text(_NONE if math.isnan(value) else figure(value))
