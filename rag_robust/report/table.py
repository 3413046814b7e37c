"""The result for a terminal: what was decided, why, and beside which other numbers."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rag_robust.benign import judged_condition
from rag_robust.gates import EXIT, GateResult, Number, Result
from rag_robust.questioned import completions
from rag_robust.report.comparison import FIRST, HARM, METRIC, Cell, Comparison, compare
from rag_robust.report.filters import filtered
from rag_robust.report.filters_table import filters_tables
from rag_robust.report.pooled import SUBJECTS
from rag_robust.report.question_terminal import found_tables, versus_table
from rag_robust.report.ranked import ranked
from rag_robust.report.ranked_table import ranked_tables
from rag_robust.report.susceptibility import susceptibility
from rag_robust.report.susceptibility_table import susceptibility_table
from rag_robust.report.words import cut, extremes, figure, interval, limits, scored, spread, visible, whose
from rag_robust.suite import Task
from rag_robust.types import Verdict

__all__ = ["summary", "verdict_table"]

_STYLES: dict[Verdict, str] = {
    "PASS": "green",
    "FAIL": "bold red",
    "INCONCLUSIVE": "yellow",
    "ERROR": "magenta",
    "NOT APPLICABLE": "dim",
}
_REASON_LENGTH = 300
_METRICS_ON_ONE_LINE = 2
_MOST_TASKS = 12


def verdict_table(result: Result) -> Table:
    """One row per gate; a task's name is written once, above the rows that share it."""
    table = _gates_columns()
    before = ""
    for gate in result.gates:
        task, estimate = gate.gate.task, gate.estimate
        apart = [limit for limit in (gate.gate.min, gate.gate.max) if limit is not None]
        table.add_row(
            _text(task if task != before else ""),
            _text(gate.gate.metric),
            _text(whose(gate, result.suite.select(task))),
            figure(estimate.value, apart) if estimate.n else "",
            Text(interval(estimate, apart) if estimate.n else ""),
            limits(gate.gate),
            scored(estimate),
            Text(gate.verdict.replace(" ", "\n"), _STYLES[gate.verdict]),
        )
        before = task
    return table


def summary(result: Result) -> Group:
    """All that a terminal should say at the end of a run; reads the same without colour."""
    parts: list[RenderableType] = []
    if result.gates:
        parts += [verdict_table(result), Text(), *_reasons(result)]
    compared = compare(result)
    if compared:
        parts += _compared(compared)
        parts += susceptibility_table(susceptibility(result, compared))
    parts += filters_tables(filtered(result))
    beside = ranked(result)
    parts += ranked_tables(beside)
    if (compared or beside) and len(result.suite.task) > _MOST_TASKS:
        hint = f"The other numbers of {len(result.suite.task)} tasks are in the report and in result.json."
        return Group(
            *parts, Text(), Text(hint, "dim"), *_problems(result), *_completed(result), _conclusion(result)
        )
    if result.numbers:
        told = f"All numbers: value [interval at {result.suite.level:g}] queries scored (unscored)"
        parts += [Text(), Text(told, "dim")]
    parts += versus_table(result)
    for task in result.suite.task:
        parts += _numbers(result, task)
        parts += [
            part for found in result.findings if found.task == task.name for part in found_tables(found)
        ]
    return Group(*parts, Text(), *_problems(result), *_completed(result), _conclusion(result))


def _gates_columns() -> Table:
    """Texts fold, the widest first; an interval breaks in two only where columns are scarce."""
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True, header_style="bold"
    )
    table.add_column("task", overflow="fold", min_width=7)
    table.add_column("metric", overflow="fold", min_width=9, max_width=18)
    table.add_column("condition", overflow="fold", min_width=8, max_width=18)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("interval", justify="right", min_width=7)
    table.add_column("limit", justify="right", no_wrap=True)
    table.add_column("n (un-\nscored)", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    return table


def _numbers(result: Result, task: Task) -> Iterator[RenderableType]:
    """Every metric of a task, the attack beside its baselines and the system beside policies."""
    numbers = [n for n in result.numbers if n.task == task.name]
    if not numbers:
        return
    metrics = list(dict.fromkeys(n.metric for n in numbers))
    narrow = len(metrics) > _METRICS_ON_ONE_LINE
    cells = {(whose(n, task), n.metric): _cell(n, narrow=narrow) for n in numbers}
    own = {
        whose(n, task)
        for n in numbers
        if not n.policy and n.condition in {"", task.method, judged_condition(task, n.metric)}
    }
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("", overflow="fold", min_width=16, style="dim")
    for metric in metrics:
        table.add_column(_text(metric), justify="right", overflow="fold")
    for name in dict.fromkeys(whose(n, task) for n in numbers):
        row = [cells.get((name, metric), Text()) for metric in metrics]
        table.add_row(Text(visible(name), "not dim" if name in own else ""), *row)
    yield from (Text(), Text(visible(task.name), "bold"), table)


def _compared(compared: Comparison) -> Iterator[RenderableType]:
    """A table per situation with a column per system; the lines keep one order throughout."""
    yield Text()
    below = (
        f"below it {FIRST}, its lead over the next line on the same queries, and {METRIC} of known queries"
    )
    yield Text(f"All attacks, {METRIC} [interval]; {below}", "dim")
    yield Text(
        f"Intervals are over subjects where there are {SUBJECTS} or more, else over their queries", "dim"
    )
    told = [cell for line in compared.lines for cell in line.cells if cell]
    if any(cell.trials for cell in told):
        yield Text("trials: the least and the greatest of an attack's trials, each of another seed", "dim")
    if any(cell.harm is not None for cell in told):
        yield Text(f"harm: {HARM} of the corpus' own judged queries, mean over tasks", "dim")
    for situation in dict.fromkeys(column.situation for column in compared.columns):
        places = [i for i, column in enumerate(compared.columns) if column.situation == situation]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
        table.add_column("", overflow="fold", min_width=16)
        for i in places:
            table.add_column(_text(compared.columns[i].system), justify="right", overflow="fold")
        for line in compared.lines:
            cells = [line.cells[i] for i in places]
            if any(cells):
                shown = [_seen(cell) for cell in cells]
                table.add_row(Text(visible(line.name), "dim" if line.baseline else ""), *shown)
        yield from (Text(), Text(situation, "bold"), table)


def _seen(cell: Cell | None) -> Text:
    if cell is None or not cell.estimate.n:
        return Text("not asked" if cell is None else "not applicable", "dim")
    first = f"\nfirst {figure(cell.first.value)} {interval(cell.first)}"
    lead = f"\nlead {figure(cell.lead.value)} {interval(cell.lead)}" if cell.lead else ""
    known = f"\nknown {figure(cell.held_in.value)}" if cell.held_in and cell.held_in.n else ""
    harm = f"\nharm {figure(cell.harm)}" if cell.harm is not None else ""
    seeds, first_seeds = (
        f"\n{told}" if (told := extremes(t)) else "" for t in (cell.trials, cell.first_trials)
    )
    return Text.assemble(
        f"{figure(cell.estimate.value)} {interval(cell.estimate)}",
        (seeds + first + first_seeds + lead + known + harm, "dim"),
    )


def _cell(number: Number, *, narrow: bool) -> Text:
    """A number with its interval and counts, on one line or two, and below it how far trials lie apart."""
    estimate = number.estimate
    if not estimate.n:
        return Text(f"none scored {scored(estimate)}")
    apart = f"\n{told}" if (told := spread(number)) else ""
    if narrow:
        return Text(f"{figure(estimate.value)}  {scored(estimate)}\n{interval(estimate)}{apart}")
    return Text(f"{figure(estimate.value)} {interval(estimate)} {scored(estimate)}{apart}")


def _reasons(result: Result) -> Iterator[Text]:
    for gate in result.gates:
        if gate.verdict != "PASS":
            where = f"{gate.gate.task}, {gate.gate.metric}: "
            yield Text.assemble(
                (gate.verdict, _STYLES[gate.verdict]),
                "  ",
                (visible(where), "dim"),
                cut(visible(gate.reason), _REASON_LENGTH),
            )


def _problems(result: Result) -> Iterator[Text]:
    for line in result.problems:
        yield Text(f"CONTRADICTION  {cut(visible(line), _REASON_LENGTH)}", _STYLES["ERROR"])
    if (missing := result.planned - len(result.records)) > 0:
        yield Text(
            f"{missing} of {result.planned} records are missing; run again to go on where it stopped",
            _STYLES["ERROR"],
        )
    failed = sum(r.failure is not None for r in result.records)
    if failed:
        yield Text(f"{failed} of {len(result.records)} records are failures; none of them counts as a score")


def _completed(result: Result) -> Iterator[Text]:
    """How many prompts the generator had to complete for the questions, beside how many there were."""
    distinct, asked = completions(result.records)
    if asked:
        yield Text(f"{asked} answers needed {distinct} distinct prompts; each was completed once", "dim")


def _conclusion(result: Result) -> Text:
    counts = [f"{n} {verdict}" for verdict in _STYLES if (n := _count(result.gates, verdict))]
    gates = f"{len(result.gates)} gates: {', '.join(counts)}" if counts else "no gates"
    return Text.assemble(
        (result.verdict, _STYLES[result.verdict]),
        f"  {visible(result.suite.name)}  ({gates}; exit code {EXIT[result.verdict]})",
    )


def _count(gates: tuple[GateResult, ...], verdict: Verdict) -> int:
    return sum(gate.verdict == verdict for gate in gates)


def _text(text: str) -> Text:
    """Text that is only text: no markup, no control characters."""
    return Text(visible(text))
