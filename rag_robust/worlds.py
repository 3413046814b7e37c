"""A world: a corpus with one of the suite's systems over it, made of the models the suite names."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rag_robust import systems
from rag_robust.generate.isolate import Isolate
from rag_robust.retrieve.rankers import static_ranker
from rag_robust.retrieve.rerank import Reranked
from rag_robust.retrieve.scores import bi_encoder
from rag_robust.retrieve.static import StaticIndex
from rag_robust.seeds import digest
from rag_robust.suite import GeneratorConfig, RerankerConfig, RetrieverConfig, SystemConfig
from rag_robust.systems.function import Insert, Returned, function
from rag_robust.systems.http import http
from rag_robust.systems.pipeline import Pipeline
from rag_robust.types import Answer, Corpus, Encoder, Passage, Query, Retriever, Score, System

if TYPE_CHECKING:
    from rag_robust.assemble import Session

__all__ = ["World", "files_hash", "world"]


@dataclass(frozen=True, slots=True)
class World:
    """A corpus with the system under test over it.

    `fingerprint` names all that can change a ranking, `reader` all that can change an answer to
    given passages ("" without a generator). `encoder` is what a white-box
    attacker reads: the victim's own, or the surrogate the suite names. `score` is the stage that
    decides the final ranking, where it can be asked for single passages. `ranked_by` is the
    encoder whose similarity is the ranking itself: an exact index, and nothing after it.
    """

    corpus: Corpus
    system: System
    fingerprint: str
    reader: str = ""
    encoder: Encoder | None = None
    score: Score | None = None
    ranked_by: Encoder | None = None


def world(session: Session, corpus: Corpus, name: str) -> World:
    """The system of that name over a corpus; an object the caller gave stands for the suite's own, ""."""
    config = session.suite.described(name)
    if session.sketch:
        return World(corpus, lambda _: Answer(), name)
    if session.system is not None and not name:
        named = getattr(session.system, "fingerprint", None) or f"unknown, asked anew: {uuid.uuid4()}"
        return World(corpus, session.system, f"given object {named}")
    if config.kind == "pipeline":
        return _pipeline(session, corpus, config)
    if config.kind == "function":
        insert = cast(Insert, systems.load(config.insert)) if config.insert else None
        answer = cast(Callable[[Query], Returned], systems.load(config.target or ""))
        system = function(answer, insert=insert)
    else:
        system = http(config.url or "", insert_url=config.insert_url, remove_url=config.remove_url)
    surrogate = session.encoder(config.surrogate, "float32") if config.surrogate else None
    named = f"{config.model_dump_json()} {getattr(system, 'fingerprint', None) or ''}"
    return World(corpus, system, named, encoder=surrogate)


def files_hash(name: str) -> str:
    """A hash of what a model folder holds, by name, size and time; "" for a hub id."""
    if not Path(name).is_dir():
        return ""
    files = sorted(p for p in Path(name).rglob("*") if p.is_file())
    return digest([(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files])[:16]


def _pipeline(session: Session, corpus: Corpus, config: SystemConfig) -> World:
    from rag_robust.generate.prompts import rag_prompt

    retriever, fingerprint = _retriever(session, config.retriever, corpus.passages)
    encoder, score, ranked_by = None, None, None
    if config.retriever.encodes:
        encoder = session.encoder(config.retriever.encoder, config.retriever.dtype)
    if encoder is not None and config.retriever.kind == "dense" and config.retriever.index == "Flat":
        score, ranked_by = bi_encoder(encoder), encoder
    if isinstance(retriever, StaticIndex):
        score = retriever.model.score
    if config.reranker is not None:
        ranked_by = None
        score = _score(session, config.reranker)
        retriever = Reranked(retriever, score, corpus.passages, config.reranker.depth)
        fingerprint += f" | {config.reranker.model_dump_json()} {files_hash(config.reranker.model)}"
    surrogate = session.encoder(config.surrogate, "float32") if config.surrogate else encoder
    how = config.generator.isolate if config.generator else None
    reader = session.generator(_alone(config.generator)) if config.generator else None
    system = Pipeline(
        retriever,
        corpus.passages,
        reader,
        rag_prompt if reader else None,
        k=max(10, config.context),
        context=config.context,
        isolate=Isolate(how) if how else None,
    )
    described = (
        f"{getattr(reader, 'fingerprint', config.generator)} context={config.context}" if reader else ""
    )
    described += f" {system.isolate}" if system.isolate else ""
    return World(corpus, system, fingerprint, described, surrogate, score, ranked_by)


def _alone(config: GeneratorConfig) -> GeneratorConfig:
    """The model by itself: however its answers are put together, it is loaded once."""
    return config.model_copy(update={"isolate": None})


def _retriever(
    session: Session, config: RetrieverConfig, passages: Mapping[str, Passage]
) -> tuple[Retriever, str]:
    if config.kind == "static":
        index, _ = static_ranker(config.encoder, passages, session.device)
        return index, index.fingerprint
    stages: list[Retriever] = []
    names: list[str] = []
    if config.encodes:
        from rag_robust.retrieve.dense import dense

        encoder = session.encoder(config.encoder, config.dtype)
        session.say(f"encoding {len(passages):,} passages")
        found = dense(
            encoder,
            passages,
            factory=config.index,
            search=config.search,
            device=session.device,
            cache=session.folder / "indexes",
        )
        stages.append(found)
        names.append(f"{encoder.fingerprint} {config.index} {config.search}".strip())
    if config.kind in {"bm25", "hybrid"}:
        from rag_robust.retrieve.bm25 import bm25

        stages.append(bm25(passages))
        names.append("bm25 k1=1.2 b=0.75")
    if len(stages) == 1:
        return stages[0], names[0]
    from rag_robust.retrieve.hybrid import rrf, weighted

    fused = rrf(stages) if config.fusion == "rrf" else weighted(stages, config.weights)
    return fused, f"{config.fusion} {config.weights} of {' and '.join(names)}"


def _score(session: Session, config: RerankerConfig) -> Score:
    if config.kind == "bi-encoder":
        return bi_encoder(session.encoder(config.model, "float32"))
    if config.kind == "cross-encoder":
        from rag_robust.retrieve.cross_encoder import cross_encoder

        return cross_encoder(config.model, device=session.device)
    if config.kind == "splade":
        from rag_robust.retrieve.splade import splade

        return splade(config.model, device=session.device)
    from rag_robust.generate.huggingface import weights
    from rag_robust.retrieve.query_likelihood import query_likelihood

    # on a CPU, where it stays, the fused attention gives a row other last bits at another place in the batch
    model, tokenizer = weights(config.model, cache=session.folder / "models", attention="eager")
    return query_likelihood(model, tokenizer)
