"""The commands `corpus list`, `corpus info` and `corpus convert`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rag_robust import terminal

__all__ = ["corpus_app"]

corpus_app = typer.Typer(no_args_is_help=True, help="Look at a corpus, or write it as a BEIR folder.")


@corpus_app.command("list")
def corpus_list() -> None:
    """The corpora that come with the package."""
    from rag_robust import corpus as corpora

    table = Table("corpora", "", box=None)
    for name in corpora.names():
        table.add_row(name, corpora.describe(name))
    terminal.out().print(table)


@corpus_app.command("info")
def corpus_info(source: str, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Sizes and digest of a corpus: a name, or beir:FOLDER, hf:NAME, irds:ID, files:PATTERN."""
    from rag_robust import corpus as corpora

    loaded = corpora.load(source)
    lengths = [len(p.full.split()) for p in loaded.passages.values()]
    facts = {
        "source": source,
        "passages": len(loaded.passages),
        "queries": len(loaded.queries),
        "judgements": sum(map(len, loaded.qrels.values())),
        "mean words": round(sum(lengths) / len(lengths), 1),
        "digest": loaded.digest,
    }
    typer.echo(json.dumps(facts, indent=1) if as_json else "\n".join(f"{k}: {v}" for k, v in facts.items()))


@corpus_app.command("convert")
def corpus_convert(source: str, folder: Path) -> None:
    """Write a corpus as a BEIR folder."""
    from rag_robust import corpus as corpora
    from rag_robust.corpus import beir

    beir.write(corpora.load(source), folder)
    terminal.err().print(f"wrote {folder}", markup=False)
