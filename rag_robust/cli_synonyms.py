"""The command `synonyms`: the report card of a source, how wide a threat it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from rag_robust import terminal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["synonyms"]

MEANINGS = {
    "words": "that have a set",
    "mean_set_size": "words that may replace one of them",
    "substitutable": "share of the words of the texts that can be replaced",
    "overlap": "pairs that both sources link, over those that either does",
}


def synonyms(
    name: Annotated[str, typer.Argument(help="wordnet, neighbours:MODEL, pairs:FILE, vectors:FILE …")],
    corpus: Annotated[str, typer.Option(help="Texts: wikipedia, tiny, beir:FOLDER …")] = "wikipedia",
    limit: Annotated[int, typer.Option(min=1, help="At most so many passages of it.")] = 200,
    against: Annotated[str, typer.Option(help="Another source, for the overlap.")] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """The report card of a source of synonyms: its hash, its size, and what of a text it can replace.

    Example: rag-robust synonyms neighbours:all-MiniLM-L6-v2 --against wordnet
    """
    from rag_robust import corpus as corpora
    from rag_robust import synonyms as sources
    from rag_robust.synonyms.source import report_card
    from rag_robust.text import order_key

    for wanted in filter(None, (name, against)):
        sources.check(wanted)
    passages = corpora.load(corpus).passages
    texts = [passages[i].full for i in sorted(passages, key=order_key)[:limit]]
    source = sources.load(name, _words)
    other = sources.load(against, _words) if against else None
    card = report_card(source, texts, other)
    if as_json:
        about = {"source": name, "hash": source.hash, "corpus": corpus, "passages": len(texts)}
        typer.echo(json.dumps({**about, **card}, indent=1))
        return
    table = Table("", "", "what it is", box=None, title=f"{source.hash}, {len(texts)} passages of {corpus}")
    for key, value in card.items():
        table.add_row(key, f"{value:,.0f}" if key == "words" else f"{value:.3f}", MEANINGS[key])
    terminal.out().print(table)


def _words(encoder: str) -> tuple[Sequence[str], NDArray[np.float32]] | None:
    """An encoder's words and their vectors; there is no ranker here whose own they could be."""
    from rag_robust import encode
    from rag_robust.assemble import white_box

    model = white_box(encode.load(encoder)) if encoder else None
    return model.words() if model else None
