"""The command `perturb`: one operator on one text, on the lines of a file, or on a test set."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag_robust import terminal
from rag_robust.errors import SuiteError, UsageError, nearest

if TYPE_CHECKING:
    from rag_robust.perturb import Applied
    from rag_robust.types import Passage

__all__ = ["perturb"]

# Any: a line of a JSON file, before anything has looked at it
Row = Mapping[str, Any]


def perturb(
    name: Annotated[str, typer.Argument(help='"typo", "keyboard?share=0.3"; `list perturbations` has all.')],
    text: Annotated[str | None, typer.Option(help="A query, or with --query a passage.")] = None,
    file: Annotated[
        Path | None, typer.Option(help='A text per line, "-" for standard input; .jsonl: questions.')
    ] = None,
    query: Annotated[str, typer.Option(help="What the passage is shown for.")] = "",
    answer: Annotated[list[str] | None, typer.Option(help="An answer to it; may be repeated.")] = None,
    corpus: Annotated[str, typer.Option(help="Where other passages and facts come from.")] = "",
    seed: Annotated[int, typer.Option(help="Of every choice.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line each, dropped ones too.")] = False,
) -> None:
    """Change a text as a suite would, hold the result against what the operator promises, and print it.

    What breaks a promise is dropped, and counted on standard error.

    Example: rag-robust perturb typo --text "Which country has the longest coast?"
    """
    rows = list(_given(text, file))
    _check(name)
    told = [_applied(name, row, (query, answer or [], corpus), seed) for row in rows]
    for row, (applied, result) in zip(rows, told, strict=True):
        if as_json or (file is not None and file.suffix == ".jsonl"):
            facts = {k: v for k, v in asdict(applied).items() if k not in ("result", "kind")}
            made = {**row, "perturbed": result, "perturbation": {"name": name, **facts}}
            typer.echo(json.dumps(made, ensure_ascii=False))
        elif result is not None:
            typer.echo(result)
    dropped = [applied for applied, result in told if result is None]
    for reason in sorted({applied.reason for applied in dropped}):
        n = sum(applied.reason == reason for applied in dropped)
        terminal.err().print(f"{n} of {len(rows)} dropped: {name}: {reason}", markup=False, soft_wrap=True)


def _check(name: str) -> None:
    """Refuse a name that is neither an operator on queries nor one on passages."""
    from rag_robust import perturb as operators

    bare = name.partition("?")[0]
    known = {*operators.names(), *operators.names("passages")}
    if ":" not in bare and bare.replace("-", "_") not in known:
        raise SuiteError(f'no perturbation "{bare}"; {nearest(bare, known)}')


def _given(text: str | None, file: Path | None) -> Iterator[Row]:
    """What is to be changed, one row each with at least its text."""
    if (text is None) == (file is None):
        raise UsageError("expected --text TEXT or --file FILE, got " + ("both" if text else "neither"))
    if file is None:
        yield {"text": text}
        return
    lines = (sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")).splitlines()
    for number, line in enumerate(lines, 1):
        if file.suffix == ".jsonl" and line.strip():
            yield _row(line, f"{file}:{number}")
        elif line.strip():
            yield {"text": line}


def _row(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{where}: expected a JSON object, got {line[:40]!r} ({error})") from error
    if not isinstance(row, dict) or not isinstance(row.get("question", row.get("text")), str):
        raise UsageError(f'{where}: expected an object with "question" or "text", got {line[:60]!r}')
    return row


def _applied(
    name: str, row: Row, shown_for: tuple[str, Sequence[str], str], seed: int
) -> tuple[Applied[Any], str | None]:
    """What was done to a row, and the new text; several passages are parted by an empty line."""
    from rag_robust import perturb as operators

    query, answers, source = shown_for
    text = str(row.get("question", row.get("text")))
    known = [*answers, *map(str, row.get("answers", ()))]
    bare = operators.bare(name)
    if not query and (bare in operators.names() or ":" in bare):
        reworded = operators.apply(name, text, seed=seed, answers=known)
        return reworded, reworded.result
    changed = _on_passage(name, text, (query, known, source), seed)
    return changed, None if changed.result is None else "\n\n".join(p.full for p in changed.result)


def _on_passage(
    name: str, text: str, shown_for: tuple[str, Sequence[str], str], seed: int
) -> Applied[tuple[Passage, ...]]:
    from rag_robust import perturb as operators
    from rag_robust.corpus.build import build
    from rag_robust.questions.world import extracted
    from rag_robust.types import Passage, Query

    query, answers, source = shown_for
    if not query:
        raise UsageError(f'"{name}" changes passages: say what for, with --query and --answer')
    passage = Passage("the text", text)
    corpus = build([passage, *(p for p in _others(source) if p.text != text)])
    world = operators.known(corpus, [one.fact for one in extracted(corpus).triplets])
    asked = Query("the query", query, tuple(answers))
    return operators.apply_to_passages(name, [passage], asked, world, seed=seed)


@lru_cache(maxsize=1)
def _others(source: str) -> tuple[Passage, ...]:
    """The passages of a corpus, loaded once; none of none."""
    from rag_robust import corpus as corpora

    return tuple(corpora.load(source).passages.values()) if source else ()
