"""A ranker from one word: what finds candidates, and what scores any text for a query."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rag_robust.errors import ModelError, UsageError, nearest
from rag_robust.retrieve.bm25 import bm25
from rag_robust.types import Corpus, Passage, Retriever, Score

if TYPE_CHECKING:
    from rag_robust.retrieve.static import StaticIndex

__all__ = ["KINDS", "ranker", "static_ranker"]

Made = tuple[Retriever, Score]

KINDS = {
    "bm25": "words in common, by the corpus' own idf",
    "cross": "a cross-encoder over the candidates of BM25",
    "dense": "a sentence encoder",
    "lm": "a language model's likelihood of the query, over the candidates of BM25",
    "splade": "a SPLADE model over the candidates of BM25",
    "static": "the mean of word vectors: of an encoder's input embeddings, or of a file",
}
"""What may stand before the colon, in a few words."""

DEFAULTS = {"dense": "all-MiniLM-L6-v2", "lm": "SmolLM2-135M-Instruct", "splade": "SPLADE-tiny"}
"""The model of a kind that is named alone; "static" takes that of "dense"."""


def ranker(spec: str, corpus: Corpus, *, cache: Path | None = None, device: str = "cpu") -> Made:
    """The retriever that finds candidates and the score that ranks them, by "kind" or "kind:model".

    Kinds are those of `KINDS`; a score of one's own is "package.module:name". "bm25", "dense" and "static"
    find by their own score, so their hits are in its order; of all others the first stage is BM25, and
    its candidates are yet to be put in the order of the score (`rerank.Reranked` does that). "static"
    takes the name of an encoder, or a file of word vectors. `cache` keeps vectors and unpacked weights.

    Raises:
        UsageError: no such kind, a kind without its model, or a score that cannot be loaded.
        CorpusError: the corpus is empty.
        ModelError: no such model here.
    """
    kind, colon, name = spec.partition(":")
    if kind not in KINDS:
        if not colon:
            raise UsageError(
                f'no ranker "{spec}"; {nearest(kind, KINDS)}; your own score is written package.module:name'
            )
        score = _own(spec)
        return bm25(corpus.passages), score
    name = name or DEFAULTS.get(kind.replace("static", "dense"), "")
    if bool(name) is (kind == "bm25"):
        wanted = "bm25" if kind == "bm25" else f"{kind}:MODEL, a folder or a hub id"
        raise UsageError(f'expected a ranker "{wanted}", got "{spec}"')
    makers: dict[str, Callable[[], Made]] = {
        "bm25": lambda: _bm25(corpus.passages),
        "cross": lambda: (bm25(corpus.passages), _cross(name, device)),
        "dense": lambda: _dense(name, corpus.passages, cache, device),
        "lm": lambda: (bm25(corpus.passages), _likelihood(name, cache, device)),
        "splade": lambda: (bm25(corpus.passages), _splade(name, device)),
        "static": lambda: static_ranker(name, corpus.passages, device),
    }
    return makers[kind]()


def _bm25(passages: Mapping[str, Passage]) -> Made:
    index = bm25(passages)
    return index, index.score


def _dense(name: str, passages: Mapping[str, Passage], cache: Path | None, device: str) -> Made:
    from rag_robust import encode
    from rag_robust.retrieve.dense import dense
    from rag_robust.retrieve.scores import bi_encoder

    encoder = encode.load(name, device=device, cache=cache / "vectors" if cache else None)
    found = dense(encoder, passages, device=device, cache=cache / "indexes" if cache else None)
    return found, bi_encoder(encoder)


def static_ranker(name: str, passages: Mapping[str, Passage], device: str) -> tuple[StaticIndex, Score]:
    """Mean word vectors, those of an encoder or of a file.

    Raises:
        ModelError: no such model or file here, or one without word vectors.
    """
    from rag_robust import encode
    from rag_robust.retrieve.static import from_encoder, from_file, static

    if Path(name).is_file():
        model = from_file(Path(name))
    elif name == "hashed":
        raise ModelError('"hashed" has no word vectors; name a sentence encoder or a file of word vectors')
    else:
        from rag_robust.encode.tokens import token_model

        encoder = encode.load(name, device=device)
        model = from_encoder(token_model(encoder), similarity=encoder.similarity)
    return static(model, passages), model.score


def _splade(name: str, device: str) -> Score:
    from rag_robust.retrieve.splade import splade

    return splade(name, device=device)


def _cross(name: str, device: str) -> Score:
    from rag_robust.retrieve.cross_encoder import cross_encoder

    return cross_encoder(name, device=device)


def _likelihood(name: str, cache: Path | None, device: str) -> Score:
    from rag_robust.generate.huggingface import weights
    from rag_robust.retrieve.query_likelihood import query_likelihood

    # the fused attention of a CPU gives a row other last bits at another place in the batch
    attention = "eager" if device == "cpu" else None
    model, tokenizer = weights(name, cache=cache / "models" if cache else None, attention=attention)
    return query_likelihood(model.to(device), tokenizer)  # type: ignore[arg-type]


def _own(spec: str) -> Score:
    """A person's score, "package.module:name"."""
    module, _, name = spec.partition(":")
    hint = f"your own is written package.module:name; {nearest(module, KINDS)}"
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # importing runs a person's code, which may raise anything
        told = f"{type(error).__name__}: {error}"
        raise UsageError(f'ranker "{spec}" cannot be loaded ({told}); {hint}') from error
    if not callable(found):
        raise UsageError(f'ranker "{spec}" is a {type(found).__name__}; expected a function; {hint}')
    return cast("Score", found)
