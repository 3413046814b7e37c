"""What filters drop, on a terminal, eighty columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rag_robust.attack_units import BASELINES
from rag_robust.report.comparison import FIRST
from rag_robust.report.filters import Filter, Filtered
from rag_robust.report.words import figure, visible
from rag_robust.types import Estimate

__all__ = ["filters_tables"]


def filters_tables(found: Sequence[Filtered]) -> Iterator[RenderableType]:
    """A table per system: attacks by situation, a column per filter with a share for each of its rates."""
    for one in found:
        names = list(dict.fromkeys(each.name for each in one.filters))
        table = _table(one.filters, names)
        for situation, attacks in one.attacks.items():
            table.add_row(Text(situation, "bold"))
            for attack in attacks:
                dropped = [behind.detected if behind else None for behind in attack.behind]
                style = "dim" if attack.condition in BASELINES else ""
                cells = _cells(one.filters, names, dropped)
                table.add_row(Text(visible(attack.name), style), _value(attack.first), *cells)
        table.add_row()
        table.add_row(Text("nDCG@10 lost, no attack"), "", *_cells(one.filters, names, one.cost))
        yield from (
            Text(),
            Text(f"Filters before {visible(one.system)}", "bold"),
            Text(_CAPTION, "dim"),
            table,
        )


_CAPTION = (
    "Share of an attack's passages that each filter drops, by the share of honest passages that it is set to "
    f"drop; first: {FIRST} before no filter. Intervals and what is left are in the report."
)


def _table(filters: Sequence[Filter], names: Sequence[str]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True, header_style="bold"
    )
    heads = [
        [*visible(name).split("_"), " ".join(f"{f.rate:g}" for f in filters if f.name == name)]
        for name in names
    ]
    table.add_column("", overflow="fold", min_width=12)
    for head in (["first"], *heads):
        above = [""] * (max(map(len, heads)) - len(head))
        table.add_column(Text("\n".join([*above, *head])), justify="right", no_wrap=True)
    return table


def _cells(
    filters: Sequence[Filter], names: Sequence[str], values: Sequence[Estimate | None]
) -> Iterator[str]:
    """The values of each filter, one for each of its rates; nothing where the suite does not ask."""
    for name in names:
        own = [value for each, value in zip(filters, values, strict=True) if each.name == name]
        yield " ".join(_value(value) if value else "    " for value in own) if any(own) else ""


def _value(estimate: Estimate) -> str:
    return figure(estimate.value) if estimate.n else "–"
