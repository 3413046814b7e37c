"""Corpora: one call reads any of them, whatever it is stored as."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

from rag_robust.corpus import beir, economy, fanoutqa, files, irds, wikipedia
from rag_robust.corpus.build import build, limit_queries, sample
from rag_robust.corpus.data import data_folder
from rag_robust.errors import CorpusError, nearest
from rag_robust.types import Corpus

__all__ = ["describe", "load", "names"]


def load(
    source: str,
    *,
    queries: str | None = None,
    n_passages: int | None = None,
    n_queries: int | None = None,
    seed: int = 0,
) -> Corpus:
    """A corpus by its source, cut to size.

    Sources: `tiny`, `wikipedia`, `economy` (built in), `economy:100` (larger), `beir:PATH` or
    `beir:PATH#split`, `hf:org/name` or `hf:/local/folder`, `irds:beir/scifact/test`,
    `files:docs/**/*.md`. Passages with neither title nor text are left out, with a warning (`build.build`).

    Args:
        source: one of the above.
        queries: "fanoutqa", the default with `wikipedia`, or "fanoutqa-joined" (`fanoutqa.joined`), for
            answering; possible only there.
        n_passages: keep exactly so many, all relevant ones among them (`build.sample`).
        n_queries: keep at most so many (`build.limit_queries`), before passages are sampled.
        seed: of both choices.

    Raises:
        CorpusError: the source is unknown or cannot be read.
        MissingExtra: a package that the source needs is not installed.
    """
    if queries is not None and (source != "wikipedia" or queries not in _QUERIES):
        raise CorpusError(
            f'expected queries = "fanoutqa" or "fanoutqa-joined" with the corpus "wikipedia", got '
            f'"{queries}" with "{source}"; leave queries out: the corpus brings its own'
        )
    corpus = _wikipedia(queries) if queries else _read(source)
    if n_queries is not None:
        corpus = limit_queries(corpus, n_queries, seed=seed)
    if n_passages is not None:
        corpus = sample(corpus, n_passages, seed=seed)
    return corpus


def names() -> list[str]:
    """The names of the built-in corpora, in order."""
    return sorted(_BUILT_IN)


def describe(name: str) -> str:
    """What a built-in corpus is, in one line, from its manifest."""
    manifest = data_folder("corpora") / f"{name}.toml"
    if not manifest.is_file():
        return "60 hand-written passages and 20 queries, for tests"
    what: str = tomllib.loads(manifest.read_text(encoding="utf-8"))["what"]
    return what


def _read(source: str) -> Corpus:
    kind, colon, rest = source.partition(":")
    if colon and kind in _FORMATS:
        if not rest:
            raise CorpusError(f'expected something after "{source}", e.g. a path or a name, got nothing')
        return _FORMATS[kind](rest)
    if source in _BUILT_IN:
        return _BUILT_IN[source]()
    known = [*_BUILT_IN, *(f"{name}:" for name in _FORMATS)]
    raise CorpusError(f'expected a corpus, got "{source}"; {nearest(kind + colon, known)}')


def _tiny() -> Corpus:
    return beir.read(data_folder("corpora") / "tiny")


def _wikipedia(queries: str = "fanoutqa") -> Corpus:
    corpus = wikipedia.read()
    return build(corpus.passages.values(), *_QUERIES[queries](corpus.passages), where="wikipedia")


def _beir(place: str) -> Corpus:
    folder, mark, split = place.rpartition("#")
    if not mark or Path(place).is_dir():
        return beir.read(Path(place))
    return beir.read(Path(folder), split=split)


def _huggingface(name: str) -> Corpus:
    from rag_robust.corpus import huggingface  # loads datasets

    return huggingface.read(name)


_QUERIES = {"fanoutqa": fanoutqa.queries, "fanoutqa-joined": fanoutqa.joined}
_BUILT_IN: dict[str, Callable[[], Corpus]] = {
    "economy": economy.read,
    "tiny": _tiny,
    "wikipedia": _wikipedia,
}
_FORMATS: dict[str, Callable[[str], Corpus]] = {
    "beir": _beir,
    "economy": economy.sized,
    "files": files.read,
    "hf": _huggingface,
    "irds": irds.read,
}
