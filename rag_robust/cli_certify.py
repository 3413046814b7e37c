"""The command `certify`: what is proved of a ranker's lists, one JSON line per query."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from rag_robust import terminal
from rag_robust.errors import SuiteError

if TYPE_CHECKING:
    from rag_robust.lone_list import Case, Opened, Rows

    Work = Callable[[Opened, Rows], Iterator[tuple[int, dict[str, Any]]]]

__all__ = [
    "Depth",
    "Device",
    "FreezeQuery",
    "Limit",
    "Out",
    "PerWord",
    "Ranker",
    "Seed",
    "Share",
    "Source",
    "Swaps",
    "Synonyms",
    "TopK",
    "case_of",
    "certify",
    "exit_code",
    "tell_failures",
    "worked",
]

_MOST = 10
"""Places up to which CRQ is printed."""


Source = Annotated[str, typer.Option(help="Passages and queries: wikipedia, tiny, beir:FOLDER, irds:ID …")]
Ranker = Annotated[
    str, typer.Option(help="bm25, dense:MODEL, static:MODEL, cross:MODEL, lm:MODEL, splade:MODEL …")
]
TopK = Annotated[int, typer.Option("--k", "-k", min=1, help="The places that count.")]
Depth = Annotated[int, typer.Option(min=2, help="Passages listed per query.")]
Swaps = Annotated[int, typer.Option(min=0, help="Words replaced per passage at most; 0: any number.")]
Share = Annotated[float | None, typer.Option(help="The same as a share of the words.")]
Synonyms = Annotated[
    str,
    typer.Option(help="neighbours, neighbours:MODEL, wordnet, pairs:FILE, vectors:FILE, options after a ?."),
]
PerWord = Annotated[int | None, typer.Option(min=1, help="Only the first so many substitutes of a word.")]
FreezeQuery = Annotated[bool, typer.Option(help="Words of the query are not replaced.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many queries.")]
Seed = Annotated[int, typer.Option(help="Of every random choice.")]
Device = Annotated[str, typer.Option(help='"cpu", "cuda", "cuda:1" …')]
Out = Annotated[Path | None, typer.Option(help="File for the records; started again, it goes on.")]


def certify(
    corpus: Source = "",
    ranker: Ranker = "",
    family: Annotated[
        str, typer.Option(help="How it is proved; rag-robust list certificates says what each one is.")
    ] = "exact",
    k: TopK = 10,
    depth: Depth = 20,
    swaps: Swaps = 1,
    share: Share = None,
    synonyms: Synonyms = "neighbours",
    per_word: PerWord = None,
    freeze_query: FreezeQuery = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the family's own: name=value.")
    ] = None,
    list_parameters: Annotated[
        bool, typer.Option("--parameters", help="List the family's own parameters and stop.")
    ] = False,
    limit: Limit = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """Prove, query by query, whether replaced words can bring a passage into the top k.

    Example: rag-robust certify --corpus tiny --ranker bm25 --synonyms wordnet --k 3 --depth 8 --out c.jsonl
    """
    from rag_robust.listed import check

    if list_parameters:
        _show_parameters(family)
        return
    from rag_robust.lone_certify import certified

    given = _given(set_ or [])
    check(family, given)
    task = {
        "certify": family,
        "k": k,
        "depth": depth,
        "swaps": swaps,
        "share": share,
        "synonyms": synonyms,
        "per_word": per_word,
        "freeze_query": freeze_query,
        "limit": limit,
        "with": given,
    }
    case = case_of(task, corpus=corpus, ranker=ranker, seed=seed)
    rows, interrupted = worked(
        case, out, certified, device=device, label=f"{family}, {ranker}", lists="queries"
    )
    _report(case, rows, to_file=out is not None)
    raise typer.Exit(130 if interrupted else exit_code(rows))


def case_of(
    task: Mapping[str, Any], *, corpus: str, ranker: str, seed: int, language_model: str = ""
) -> Case:
    """The case of a command's options; what makes no sense is refused before anything is loaded."""
    from rag_robust.listed import check_targets
    from rag_robust.lone_list import Case
    from rag_robust.task import Task

    for name, value in (("corpus", corpus), ("ranker", ranker)):
        if not value:
            raise SuiteError(f"--{name} is missing; --help says what it can be")
    if (share := task["share"]) is not None and not 0 < share < 1:
        raise SuiteError(f"--share {share:g}: expected a share of the words above 0 and below 1")
    if task["depth"] <= task["k"]:
        raise SuiteError(f"--depth {task['depth']} leaves nobody outside the top k = {task['k']}; raise it")
    named = Task.model_validate({"name": "alone", **task})
    check_targets(named)
    return Case(source=corpus, ranker=ranker, task=named, seed=seed, language_model=language_model)


def worked(
    case: Case, out: Path | None, work: Work, *, device: str, label: str, lists: str
) -> tuple[Rows, bool]:
    """Do what is left, on standard output if there is no file; all rows, and whether it was interrupted."""
    from rag_robust.lone_list import Rows, opened

    rows = Rows(None, "")
    try:
        with terminal.progress() as progress:
            at = opened(
                case, cache=terminal.cache_folder(), device=device, say=lambda what: progress(0, 1, what)
            )
            rows = Rows(out, at.key, case.task.runs)
            left = case.task.runs * sum(not rows.done(q.id) for q in at.queries)
            for n, (_, row) in enumerate(work(at, rows), 1):
                if rows.path is None:
                    typer.echo(json.dumps(row, ensure_ascii=False, default=str))
                progress(n, left, label)
    except KeyboardInterrupt:
        again = "the same command goes on where it stopped" if out else "with --out it could go on"
        terminal.err().print(f"interrupted after {len(rows.kept)} {lists}; {again}")
        return rows, True
    return rows, False


def _report(case: Case, rows: Rows, *, to_file: bool) -> None:
    """CRQ for every k up to ten, and the task's own, on the stream that is not full of records."""
    from rag_robust.lone_certify import crq
    from rag_robust.report.words import figure, interval

    task = case.task
    found = crq(rows.kept, task.depth)
    swaps = {0: "any number of words", 1: "1 word"}.get(task.swaps, f"{task.swaps} words")
    title = f"{task.method}: {swaps} per passage, {task.synonyms}"
    table = Table("K", "CRQ@K", "interval at 0.95", "queries (failed)", title=title)
    for k in sorted({*range(1, min(_MOST, task.depth - 1) + 1), task.k}):
        if k in found:
            e = found[k]
            table.add_row(str(k), figure(e.value), interval(e), f"{e.n} ({e.unscored})")
    console = terminal.out() if to_file else terminal.err()
    if found:
        console.print(table)
    tell_failures(rows)
    if any(row.get("alpha") == 1 for row in rows.kept):
        terminal.err().print(f"{task.method} is a baseline: what it calls certified is not proved")
    if rows.path:
        terminal.err().print(f"{len(rows.kept)} records in {rows.path}", markup=False)


def tell_failures(rows: Rows) -> None:
    """The three most frequent reasons for which lists have no result."""
    told = Counter(str(row["failure"]["message"]) for row in rows.kept if "failure" in row)
    for message, n in told.most_common(3):
        terminal.err().print(f"{n} of {len(rows.kept)} failed: {message}", markup=False)


def exit_code(rows: Rows) -> int:
    """4 where nothing could be certified or refuted at all, as for a run."""
    return 4 if rows.kept and all("failure" in row for row in rows.kept) else 0


def _show_parameters(family: str) -> None:
    from rag_robust.listed import parameters

    known = parameters(family)
    if not known:
        terminal.out().print(f"{family} has no parameters of its own")
        return
    table = Table("--set", "default", box=None)
    for name, default in known.items():
        table.add_row(name, "none" if default is None else str(default))
    terminal.out().print(table)


def _given(pairs: list[str]) -> dict[str, Any]:
    """Parameters from "name=value", the value in TOML, or a bare word."""
    given: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise SuiteError(f"--set {pair}: expected name=value, e.g. alpha=0.01")
        try:
            given[name.strip().replace("-", "_")] = tomllib.loads(f"x = {value}")["x"]
        except tomllib.TOMLDecodeError:
            given[name.strip().replace("-", "_")] = value
    return given
