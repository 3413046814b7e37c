"""The command `geometry`: what of an embedding space makes its retriever easy or hard to poison."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer
from numpy.random import Generator
from rich.table import Table

from rag_robust import terminal

__all__ = ["geometry"]

T = TypeVar("T")

MEANINGS = {
    "query_cosine": "mean cosine of two queries; near 0: isotropic",
    "passage_cosine": "mean cosine of two passages",
    "cross_cosine": "mean cosine of a query and a passage; the higher, the easier to be near all",
    "skewness": "of how often a passage is among the k nearest of a query; high: there are hubs",
    "antihubs": "share of passages that no query has among its k nearest",
    "hub": "the most frequent neighbour: in how many lists, over k",
    "reach": "the same over the queries: what an untouched passage attains of appeared@k",
    "margin": "similarity of the nearest passage less that of the k-th",
    "entry": "similarity of the k-th passage: what an attack has to beat",
}


def geometry(
    encoder: Annotated[str, typer.Option(help="The model: a hub id, a folder, an installed package.")],
    corpus: Annotated[str, typer.Option(help="wikipedia, beir:FOLDER, files:PATTERN …")],
    limit: Annotated[
        int | None, typer.Option(min=2, help="At most so many passages and queries, drawn by the seed.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Neighbours per query.")] = 10,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    device: Annotated[str, typer.Option(help='"cpu", "cuda", "cuda:1" …')] = "cpu",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure an embedding space: anisotropy, hubs, and the margin an attack has to beat.

    Example: rag-robust geometry --encoder all-MiniLM-L6-v2 --corpus wikipedia --limit 2000
    """
    from rag_robust import corpus as corpora
    from rag_robust import encode
    from rag_robust.encode import geometry as space
    from rag_robust.seeds import generator

    loaded = corpora.load(corpus)
    rng = generator(seed, "geometry")
    queries = _drawn(loaded.queries, limit, rng)
    passages = _drawn(loaded.passages, limit, rng)
    terminal.err().print(f"encoding {len(passages):,} passages", markup=False)
    model = encode.load(encoder, device=device, cache=terminal.cache_folder() / "vectors")
    found = asdict(space.geometry(model, queries, passages, k=k, rng=rng))
    if as_json:
        typer.echo(json.dumps({"encoder": model.fingerprint, "corpus": corpus, **found}, indent=1))
    else:
        terminal.out().print(_table(found))


def _drawn(items: Mapping[str, T], limit: int | None, rng: Generator) -> list[T]:
    ids = sorted(items)
    drawn = rng.permutation(len(ids))[:limit]
    return [items[ids[i]] for i in sorted(drawn.tolist())]


def _table(found: Mapping[str, object]) -> Table:
    sizes = f"{found['n_queries']} queries, {found['n_passages']} passages, k = {found['k']}"
    table = Table("", "value", "5 %", "25 %", "50 %", "75 %", "95 %", "what it is", box=None)
    table.title = f"{found['similarity']}, {sizes}"
    for name, meaning in MEANINGS.items():
        value = found[name]
        numbers = [*value.values()] if isinstance(value, dict) else [value]
        cells = [f"{number:.3f}" for number in numbers]
        table.add_row(name, *cells, *[""] * (6 - len(cells)), meaning)
    return table
