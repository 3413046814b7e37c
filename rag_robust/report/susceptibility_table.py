"""Geometry beside attacks on a terminal, eighty columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rag_robust.report.susceptibility import Pair, Susceptibility, number
from rag_robust.report.words import figure, visible

__all__ = ["susceptibility_table"]


def susceptibility_table(found: Susceptibility | None) -> Iterator[RenderableType]:
    """One table: numbers of the geometry, then attacks by situation, a column per encoder."""
    if found is None:
        return
    correlated = any(shape.rho is not None for shape in found.shapes)
    table = _table(found.encoders, correlated=correlated)
    for shape in found.shapes:
        rho = [Text(f"{shape.rho:+.2f}" if shape.rho is not None else "", "dim")] if correlated else []
        table.add_row(Text(shape.name), *(Text(number(value)) for value in shape.values), *rho)
    for situation, lines in found.attacks.items():
        table.add_row()
        table.add_row(Text(situation, "bold"))
        for name, baseline, pairs in lines:
            table.add_row(Text(visible(name), "dim" if baseline else ""), *map(_pair, pairs))
    yield from (Text(), Text("Geometry beside attacks", "bold"), Text(found.caption, "dim"), table)


def _table(encoders: Sequence[str], *, correlated: bool) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True, header_style="bold"
    )
    table.add_column("", overflow="fold", min_width=16)
    for name in encoders:
        table.add_column(Text(visible(name)), justify="right", overflow="fold")
    if correlated:
        table.add_column("ρ", justify="right", no_wrap=True, min_width=len("+0.00"))
    return table


def _pair(pair: Pair | None) -> Text:
    return Text("" if pair is None else f"{figure(pair[0])} / {figure(pair[1])}")
