"""From a suite's tables to living objects: corpora, the system under test, concepts, questions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rag_robust import corpus as corpora
from rag_robust import encode, generate, systems
from rag_robust.corpus.build import shorten
from rag_robust.corpus.concepts import Concept, concept
from rag_robust.errors import SuiteError, nearest
from rag_robust.retrieve.rerank import Reranked
from rag_robust.retrieve.scores import bi_encoder
from rag_robust.seeds import digest, generator
from rag_robust.suite import GeneratorConfig, RerankerConfig, Suite, Task
from rag_robust.systems.function import Insert, Returned, function
from rag_robust.systems.http import http
from rag_robust.systems.pipeline import Pipeline
from rag_robust.types import Answer, Corpus, Encoder, Generate, Passage, Query, Retriever, Score, System

if TYPE_CHECKING:
    from rag_robust.certify.synonyms import Source
    from rag_robust.encode.tokens import TokenModel
    from rag_robust.questions import Question, QuestionSet

__all__ = ["Session", "World"]

NEIGHBOUR_COSINE = 0.6
NEIGHBOURS = 8
"""Synonyms "neighbours": at most so many words, at least this near in the encoder's own embeddings."""


def _files(name: str) -> str:
    """A hash of what a model folder holds, by name, size and time; "" for a hub id."""
    if not Path(name).is_dir():
        return ""
    files = sorted(p for p in Path(name).rglob("*") if p.is_file())
    return digest([(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files])[:16]


@dataclass(frozen=True, slots=True)
class World:
    """A corpus with the system under test over it.

    `fingerprint` names all that can change a ranking, `reader` all that can change an answer to
    given passages ("" without a generator). `encoder` is what a white-box
    attacker reads: the victim's own, or the surrogate the suite names. `score` is the stage that
    decides the final ranking, where it can be asked for single passages.
    """

    corpus: Corpus
    system: System
    fingerprint: str
    reader: str = ""
    encoder: Encoder | None = None
    score: Score | None = None


class Session:
    """Everything a suite needs, made when it is first asked for and then kept.

    A `sketch` loads corpora but no model: enough to count what a run would do, not to do it.
    `say` is told what is being made, since the first time takes a while.
    """

    def __init__(
        self,
        suite: Suite,
        *,
        device: str = "cpu",
        cache_folder: Path,
        system: System | None = None,
        sketch: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.suite = suite
        self.say = say
        self.sketch = sketch
        self.system = system
        self.device = device
        self.folder = cache_folder
        self.corpus = cache(self._load_corpus)
        self.world = cache(self._world)
        self.encoder = cache(self._encoder)
        self.generator = cache(self._generator)
        self.token_model = cache(self._token_model)
        self.questions = cache(self._questions)
        self.synonyms = cache(self._synonyms)

    def concept(self, task: Task) -> Concept:
        """The concept an attack task is about."""
        if task.concept is None:
            raise SuiteError(f'task "{task.name}": threat {task.knows} needs concept = "concepts/…"')
        return concept(task.concept)

    def _load_corpus(self, source: str = "") -> Corpus:
        """The suite's corpus, or for question tasks the one they are written from; no system yet."""
        config = self.suite.corpus
        if source and source != config.source:
            return corpora.load(source, seed=self.suite.seed)
        loaded = corpora.load(
            config.source,
            queries=config.queries,
            n_passages=config.passages,
            n_queries=config.limit,
            seed=self.suite.seed,
        )
        return shorten(loaded, config.max_words) if config.max_words else loaded

    def _world(self, source: str = "") -> World:
        corpus = self.corpus(source)
        config = self.suite.system
        if self.sketch:
            return World(corpus, lambda _: Answer(), "")
        if self.system is not None:
            named = getattr(self.system, "fingerprint", None) or f"unknown, asked anew: {uuid.uuid4()}"
            return World(corpus, self.system, f"given object {named}")
        if config.kind == "pipeline":
            return self._pipeline(corpus)
        if config.kind == "function":
            insert = cast(Insert, systems.load(config.insert)) if config.insert else None
            answer = cast(Callable[[Query], Returned], systems.load(config.target or ""))
            system = function(answer, insert=insert)
        else:
            system = http(config.url or "", insert_url=config.insert_url, remove_url=config.remove_url)
        surrogate = self.encoder(config.surrogate, "float32") if config.surrogate else None
        named = f"{config.model_dump_json()} {getattr(system, 'fingerprint', None) or ''}"
        return World(corpus, system, named, encoder=surrogate)

    def _pipeline(self, corpus: Corpus) -> World:
        from rag_robust.generate.prompts import rag_prompt

        config = self.suite.system
        retriever, fingerprint = self._retriever(corpus.passages)
        encoder, score = None, None
        if config.retriever.kind != "bm25":
            encoder = self.encoder(config.retriever.encoder, config.retriever.dtype)
        if encoder is not None and config.retriever.kind == "dense" and config.retriever.index == "Flat":
            score = bi_encoder(encoder)
        if config.reranker is not None:
            score = self._score(config.reranker)
            retriever = Reranked(retriever, score, corpus.passages, config.reranker.depth)
            fingerprint += f" | {config.reranker.model_dump_json()} {_files(config.reranker.model)}"
        surrogate = self.encoder(config.surrogate, "float32") if config.surrogate else encoder
        reader = self.generator(config.generator) if config.generator else None
        system = Pipeline(
            retriever,
            corpus.passages,
            reader,
            rag_prompt if reader else None,
            k=max(10, config.context),
            context=config.context,
        )
        described = (
            f"{getattr(reader, 'fingerprint', config.generator)} context={config.context}" if reader else ""
        )
        return World(corpus, system, fingerprint, described, surrogate, score)

    def _retriever(self, passages: Mapping[str, Passage]) -> tuple[Retriever, str]:
        config = self.suite.system.retriever
        stages: list[Retriever] = []
        names: list[str] = []
        if config.kind in {"dense", "hybrid"}:
            from rag_robust.retrieve.dense import dense

            encoder = self.encoder(config.encoder, config.dtype)
            self.say(f"encoding {len(passages):,} passages")
            found = dense(
                encoder,
                passages,
                factory=config.index,
                search=config.search,
                device=self.device,
                cache=self.folder / "indexes",
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

    def _encoder(self, name: str, dtype: encode.Dtype) -> Encoder:
        self.say(f"loading {name}")
        return encode.load(name, dtype=dtype, device=self.device, cache=self.folder / "vectors")

    def _generator(self, config: GeneratorConfig) -> Generate:
        self.say(f"loading {config.model}")
        return generate.load(config.model_dump(exclude_none=True), device=self.device, cache=self.folder)

    def _score(self, config: RerankerConfig) -> Score:
        if config.kind == "bi-encoder":
            return bi_encoder(self.encoder(config.model, "float32"))
        if config.kind == "cross-encoder":
            from rag_robust.retrieve.cross_encoder import cross_encoder

            return cross_encoder(config.model, device=self.device)
        from rag_robust.generate.huggingface import weights
        from rag_robust.retrieve.query_likelihood import query_likelihood

        model, tokenizer = weights(config.model, cache=self.folder / "models")
        return query_likelihood(model, tokenizer)

    def _token_model(self, source: str = "") -> TokenModel | None:
        encoder = self.world(source).encoder
        if encoder is None or encoder.fingerprint.startswith("hashed"):
            return None
        from rag_robust.encode.tokens import token_model

        return token_model(encoder)

    def _questions(self, task_name: str) -> QuestionSet:
        from rag_robust.perturb.document import evidence_removed, lexically_different
        from rag_robust.perturb.stated import states
        from rag_robust.questions import synthesise

        def gold(question: Question) -> Passage:
            return corpus.passages[question.fact.passage_id]

        def quiet_title(question: Question) -> bool:
            return not any(states(gold(question).title, answer) for answer in question.query.answers)

        def removable(question: Question) -> bool:
            return evidence_removed(gold(question).text, question.query.answers) is not None

        def rewordable(question: Question) -> bool:
            rng = generator(self.suite.seed, "rewordable", question.query.id)
            return lexically_different(gold(question).text, question.query.answers, rng) is not None

        task = self.suite.select(task_name)
        corpus = self.corpus(task.questions or "")
        return synthesise(
            corpus,
            task.limit or 20,
            rng=generator(self.suite.seed, "questions", task.name),
            extra_checks=(
                ("title states the answer", quiet_title),
                ("evidence cannot be removed", removable),
                ("passage cannot be worded differently", rewordable),
            ),
        )

    def _synonyms(self, name: str) -> Source:
        from rag_robust.certify import synonyms

        if self.sketch:
            return synonyms.Source("", {})
        kind, _, rest = name.partition(":")
        if kind == "pairs":
            return synonyms.pairs(Path(rest))
        if kind == "wordnet":
            return synonyms.wordnet(Path(rest) if rest else None)
        if kind != "neighbours":
            raise SuiteError(
                f'no synonym source "{name}"; {nearest(name, ["neighbours", "pairs:", "wordnet"])}'
            )
        model = self.token_model()
        if model is None:
            raise SuiteError(
                'synonyms = "neighbours" needs an encoder with tokens; use "wordnet" or "pairs:FILE"'
            )
        self.say("finding the neighbours of every word")
        words, vectors = model.words()
        return synonyms.neighbours(words, vectors, threshold=NEIGHBOUR_COSINE, top=NEIGHBOURS)
