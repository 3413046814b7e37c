"""The command line: every command calls the library and prints; standard output is data."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from rag_robust import __version__, terminal
from rag_robust.cli_attack import attack_app
from rag_robust.cli_certify import certify
from rag_robust.cli_compare import compare
from rag_robust.cli_corpus import corpus_app
from rag_robust.cli_geometry import geometry
from rag_robust.cli_perturb import perturb
from rag_robust.cli_questions import questions
from rag_robust.cli_synonyms import synonyms
from rag_robust.errors import RagRobustError, SuiteError, nearest

if TYPE_CHECKING:
    from rag_robust.gates import Result
    from rag_robust.suite import Suite

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="How retrievers, rankers and RAG systems behave when the world is hostile or merely messy.\n\n"
    "Exit codes: 0 all gates pass · 1 a gate failed · 2 usage, config or data error · 3 inconclusive · "
    "4 invalid run · 70 an error of rag-robust itself · 130 interrupted.",
)
app.add_typer(attack_app, name="attack")
app.command()(certify)
app.command()(compare)
app.command()(geometry)
app.command()(perturb)
app.command()(questions)
app.command()(synonyms)
app.add_typer(corpus_app, name="corpus")

Verdicts = Literal["fail", "warn", "pass"]
Changes = Annotated[list[str] | None, typer.Option("--set", help="Change a key of the suite: a.b=value.")]
Tasks = Annotated[
    list[str] | None,
    typer.Option("--only", help='Only these tasks: a name, a part of it, or a pattern such as "knows-*".'),
]
SuiteName = Annotated[
    str, typer.Argument(help="A .toml file, or the name of a suite that comes with the package.")
]


@app.command()
def run(
    suite: SuiteName,
    store: Annotated[Path | None, typer.Option(help="Run folder; runs/<suite> if not given.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    device: Annotated[str, typer.Option(help='"cpu", "cuda", "cuda:1" …')] = "cpu",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many queries per task.")] = None,
    seed: Annotated[int | None, typer.Option(help="Root seed instead of the suite's.")] = None,
    set_: Changes = None,
    only: Tasks = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the result here.")] = None,
    on_inconclusive: Annotated[Verdicts, typer.Option(help="What an undecided gate means.")] = "fail",
    offline: Annotated[bool, typer.Option("--offline", help="Refuse every connection but loopback.")] = False,
) -> None:
    """Run a suite: conditions → records → verdict table → reports. Started again, it goes on.

    Example: rag-robust run quickstart --store runs/quickstart
    """
    if offline:
        terminal.refuse_sockets()
    from rag_robust import run as runner
    from rag_robust.report.html import write_html
    from rag_robust.report.json import write_json
    from rag_robust.report.table import summary
    from rag_robust.store import Store

    chosen = _suite(suite, set_, only, limit, seed)
    folder = store or Path("runs") / _file_name(chosen.name)
    try:
        with terminal.progress() as progress:
            result = runner.run(
                chosen,
                folder,
                cache=terminal.cache_folder(),
                device=device,
                workers=workers,
                progress=progress,
            )
    except KeyboardInterrupt:
        terminal.err().print("interrupted; the same command goes on where it stopped")
        raise typer.Exit(130) from None
    for path in (folder / "result.json", *([json_file] if json_file else [])):
        write_json(result, path)
    with closing(Store(folder)) as opened:
        write_html(opened, folder / "report.html", result)
    terminal.out().print(summary(result))
    terminal.err().print(f"report: {folder / 'report.html'}", markup=False)
    raise typer.Exit(_exit_code(result, on_inconclusive))


@app.command()
def plan(suite: SuiteName, set_: Changes = None, only: Tasks = None, limit: int | None = None) -> None:
    """What a suite would run, about how long it takes, and what would decide each gate."""
    from rag_robust import plan as planner
    from rag_robust.assemble import Session

    chosen = _suite(suite, set_, only, limit)
    session = Session(chosen, cache_folder=terminal.cache_folder(), sketch=True)
    planned = planner.build(session)
    work = Table("task", "kind", "conditions", "records", "about", title=chosen.name)
    total = 0.0
    for task in chosen.task:
        units = [u for u in planned.units if u.task == task.name]
        seconds = sum(u.weight for u in units) + sum(c.weight for c in planned.changes if c.task == task.name)
        total += seconds
        conditions = list(dict.fromkeys(c for u in units for c in u.conditions))
        records = sum(len(u.keys) for u in units)
        work.add_row(task.name, task.kind, _few(conditions), str(records), _duration(seconds))
    ready = planner.preparation(session)
    took = f"about {_duration(total)} on one CPU core"
    work.caption = f"{took}, and {_duration(ready)} to encode the corpus the first time" if ready else took
    decided = Table("gate", "limit", "queries", "what decides it", title="gates")
    for gate, n, sentence in planner.decisions(chosen, planned):
        limits = " ".join(f"{s} {v:g}" for s, v in (("≥", gate.min), ("≤", gate.max)) if v is not None)
        decided.add_row(f"{gate.task}: {gate.metric}", limits, str(n), sentence)
    terminal.out().print(work, decided)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A run folder.")],
    html: Annotated[Path | None, typer.Option(help="Write the HTML report here.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    on_inconclusive: Annotated[Verdicts, typer.Option(help="What an undecided gate means.")] = "fail",
) -> None:
    """Make the reports of a run again; no model is loaded."""
    from rag_robust.gates import judge
    from rag_robust.report.html import write_html
    from rag_robust.report.json import write_json
    from rag_robust.report.table import summary
    from rag_robust.store import Store

    with closing(Store(folder)) as store:
        result = judge(store)
        if html:
            write_html(store, html, result)
    if json_file:
        write_json(result, json_file)
    terminal.out().print(summary(result))
    raise typer.Exit(_exit_code(result, on_inconclusive))


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="attacks, defences, perturbations, metrics, certificates, corpora, suites or synonyms"
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What there is to choose from, one line each."""
    kinds = _listed()
    if what not in kinds:
        raise SuiteError(f"nothing called {what} to list; {nearest(what, kinds)}")
    rows = kinds[what]()
    if as_json:
        typer.echo(json.dumps([{"name": n, "what": d} for n, d in rows], indent=1))
        return
    table = Table(what, "", box=None)
    for name, description in rows:
        table.add_row(name, description)
    terminal.out().print(table)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What is installed, what is missing, and the command that mends it."""
    from rag_robust import doctor as checks

    rows = checks.examine(terminal.cache_folder())
    if as_json:
        typer.echo(json.dumps([{"what": w, "found": f, "do": d} for w, f, d in rows], indent=1))
    else:
        table = Table("", "found", "to do", box=None)
        for what, found, todo in rows:
            table.add_row(what, found, todo)
        terminal.out().print(table)
    if any("two FAISS" in found for _, found, _ in rows):
        raise typer.Exit(2)


@app.callback(invoke_without_command=True)
def _top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _suite(
    name: str,
    changes: list[str] | None,
    tasks: list[str] | None,
    limit: int | None,
    seed: int | None = None,
) -> Suite:
    from rag_robust import suite as suites

    chosen = suites.read(name, changes=[*(changes or []), *([f"seed={seed}"] if seed is not None else [])])
    chosen = suites.only(chosen, tasks) if tasks else chosen
    return suites.smaller(chosen, limit) if limit else chosen


def _few(names: list[str]) -> str:
    """A list that fits a cell: what is beyond eight names is counted."""
    return ", ".join([*names[:8], *([f"and {len(names) - 8} more"] if len(names) > 8 else [])])


def _duration(seconds: float) -> str:
    """Seconds as a person says them: "40 s", "12 min", "6.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") or "run"


def _exit_code(result: Result, on_inconclusive: Verdicts) -> int:
    from rag_robust.gates import EXIT

    code = EXIT[result.verdict]
    if code != EXIT["INCONCLUSIVE"] or on_inconclusive == "fail":
        return code
    if on_inconclusive == "warn":
        terminal.err().print("[yellow]some gates are inconclusive[/]")
    return 0


def _listed() -> dict[str, Callable[[], list[tuple[str, str]]]]:
    from rag_robust import attacks, certify, corpus, defend, metrics, suite
    from rag_robust import perturb as operators
    from rag_robust import synonyms as sources
    from rag_robust.report.words import method

    every = sorted({*operators.names(), *operators.names("passages")})
    return {
        "attacks": lambda: [(n, method("attack", n)) for n in attacks.names()],
        "certificates": lambda: [(n, method("certify", n)) for n in certify.names()],
        "corpora": lambda: [(n, corpus.describe(n)) for n in corpus.names()],
        "defences": lambda: [(n, defend.describe(n)) for n in defend.names()],
        "metrics": lambda: [(n, metrics.describe(n)) for n in metrics.names()],
        "perturbations": lambda: [(n, operators.describe(n)) for n in every],
        "suites": lambda: [(n, suite.read(n).description) for n in suite.names()],
        "synonyms": lambda: [(n, sources.describe(n)) for n in sources.names()],
    }


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An error of ours: its traceback, and an exit code that no verdict has."""
    sys.__excepthook__(kind, error, trace)
    sys.stderr.flush()
    os._exit(70)


def main() -> None:
    """The entry point: errors on one screen, never a traceback for bad input."""
    sys.excepthook = _crashed
    try:
        app()
    except RagRobustError as error:
        message = str(error)
    except OSError as error:  # a full disk, a folder that may not be written
        message = f"{error.filename or 'files'}: {error.strerror or error}; what was finished is kept"
    terminal.err().print(f"error: {message}", style="red", markup=False)
    sys.exit(2)
