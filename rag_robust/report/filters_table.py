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
        table = _table(names)
        for situation, attacks in one.attacks.items():
            table.add_row(Text(situation, "bold"))
            for attack in attacks:
                dropped = [behind.detected if behind else None for behind in attack.behind]
                style = "dim" if attack.condition in BASELINES else ""
                first = figure(attack.first.value)
                table.add_row(Text(visible(attack.name), style), first, *_cells(one.filters, names, dropped))
        table.add_row()
        table.add_row(Text("nDCG@10 lost, no attack"), "", *_cells(one.filters, names, one.cost))
        yield from (Text(), Text(f"Filters before {visible(one.system)}", "bold"), _caption(one), table)


def _caption(found: Filtered) -> Text:
    rates = list(dict.fromkeys(f"{each.rate:g}" for each in found.filters))
    told = (
        f"Share of an attack's passages that a filter drops which drops {' / '.join(rates)} of honest ones; "
        f"first: {FIRST} before no filter. Intervals and what is left are in the report."
    )
    return Text(told, "dim")


def _table(names: Sequence[str]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True, header_style="bold"
    )
    table.add_column("", overflow="fold", min_width=12)
    table.add_column("first", justify="right", no_wrap=True)
    for name in names:
        table.add_column(Text(visible(name.replace("_", " "))), justify="right", overflow="fold", min_width=9)
    return table


def _cells(
    filters: Sequence[Filter], names: Sequence[str], values: Sequence[Estimate | None]
) -> Iterator[str]:
    """The values of each filter, one for each of its rates; nothing where the suite does not ask."""
    for name in names:
        own = [value for each, value in zip(filters, values, strict=True) if each.name == name]
        yield " / ".join(figure(v.value) if v and v.n else "–" for v in own) if any(own) else ""
