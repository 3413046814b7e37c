"""The short tables of a question task on a terminal, eighty columns wide."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rag_robust.findings import Findings
from rag_robust.gates import Result
from rag_robust.report.question_table import Line, QuestionTable
from rag_robust.report.questions import compared, question_tables
from rag_robust.report.words import visible

__all__ = ["found_tables", "versus_table"]


def found_tables(found: Findings) -> Iterator[RenderableType]:
    """Cells, policies, worst case and stage split; the rest is in the report."""
    for table in question_tables(found):
        if table.short:
            yield from _shown(table)


def versus_table(result: Result) -> Iterator[RenderableType]:
    """Systems on the same questions, if the suite has several."""
    if result.versus:
        yield from _shown(compared(result.versus))


def _shown(table: QuestionTable) -> Iterator[RenderableType]:
    yield Text()
    yield Text(table.title, "dim")
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    shown.add_column(table.heads[0], overflow="fold", min_width=12, max_width=28)
    for i in table.short:
        shown.add_column(table.heads[i + 1], justify="right", overflow="fold")
    for line in table.lines:
        name = Text(visible(line.name), "dim" if line.style == "policy" else "")
        shown.add_row(name, *(_cell(line, i) for i in table.short))
    yield shown
    heads = [table.heads[i + 1].removesuffix("*") for i in table.short]
    for note in table.notes:
        if not note.startswith("*") or note[2:].partition(":")[0] in heads:
            yield Text(visible(note), "dim")


def _cell(line: Line, place: int) -> Text:
    cell = line.cells[place]
    return Text.assemble(visible(cell.value), (f"\n{visible(cell.quiet)}" if cell.quiet else "", "dim"))
