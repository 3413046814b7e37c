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
from rag_robust.defend import Tools
from rag_robust.errors import SuiteError
from rag_robust.retrieve.rerank import Reranked
from rag_robust.retrieve.scores import bi_encoder
from rag_robust.seeds import digest, generator
from rag_robust.suite import GeneratorConfig, RerankerConfig, Suite
from rag_robust.suspicions import Suspicions
from rag_robust.systems.function import Insert, Returned, function
from rag_robust.systems.http import http
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Answer, Corpus, Encoder, Generate, Passage, Query, Retriever, Score, System

if TYPE_CHECKING:
    from rag_robust.certify.synonyms import Source
    from rag_robust.encode.masked import MaskedModel
    from rag_robust.encode.tokens import TokenModel
    from rag_robust.generate.language_model import LanguageModel
    from rag_robust.questions import QuestionSet

__all__ = ["Session", "World"]


def _files(name: str) -> str:
    """A hash of what a model folder holds, by name, size and time; "" for a hub id."""
    if not Path(name).is_dir():
        return ""
    files = sorted(p for p in Path(name).rglob("*") if p.is_file())
    return digest([(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files])[:16]


def _white_box(encoder: Encoder | None) -> TokenModel | None:
    """The white-box side of an encoder; None where it has no tokens."""
    if encoder is None or encoder.fingerprint.startswith("hashed"):
        return None
    from rag_robust.encode.tokens import token_model

    return token_model(encoder)


SEEN = 20
"""Queries of the corpus that a defender has seen."""


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


class Session:
    """Everything a suite needs, made when it is first asked for and then kept.

    A `sketch` loads corpora but no model: enough to count what a run would do, not to do it.
    `say` is told what is being made, since the first time takes a while. `unfinished` is where
    interrupted attacks are kept (None: nowhere).
    """

    def __init__(
        self,
        suite: Suite,
        *,
        device: str = "cpu",
        cache_folder: Path,
        system: System | None = None,
        sketch: bool = False,
        unfinished: Path | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.suite = suite
        self.say = say
        self.sketch = sketch
        self.system = system
        self.device = device
        self.folder = cache_folder
        self.unfinished = unfinished
        self.corpus = cache(self._load_corpus)
        self.world = cache(self._world)
        self.encoder = cache(self._encoder)
        self.generator = cache(self._generator)
        self.token_model = cache(self._token_model)
        self.surrogate = cache(self._surrogate)
        self.language_model = cache(self._language_model)
        self.masked_model = cache(self._masked_model)
        self.questions = cache(self._questions)
        self.suspicions = cache(self._suspicions)
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
        encoder, score, ranked_by = None, None, None
        if config.retriever.kind != "bm25":
            encoder = self.encoder(config.retriever.encoder, config.retriever.dtype)
        if encoder is not None and config.retriever.kind == "dense" and config.retriever.index == "Flat":
            score, ranked_by = bi_encoder(encoder), encoder
        if config.reranker is not None:
            ranked_by = None
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
        return World(corpus, system, fingerprint, described, surrogate, score, ranked_by)

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
        return _white_box(self.world(source).encoder)

    def _surrogate(self, name: str) -> TokenModel | None:
        return _white_box(self.encoder(name, "float32"))

    @property
    def tool_names(self) -> str:
        """The language models of attackers and filters, and a hash of the files of those that are folders."""
        names = (self.suite.language_model, self.suite.masked_model)
        return " ".join(f"{name} {_files(name)}".strip() for name in names)

    def _language_model(self) -> LanguageModel:
        from rag_robust.generate.language_model import language_model

        name = self.suite.language_model
        self.say(f"loading {name}")
        return language_model(name, cache=self.folder / "models", device=self.device)

    def _masked_model(self) -> MaskedModel:
        from rag_robust.encode.masked import masked_model

        self.say(f"loading {self.suite.masked_model}")
        return masked_model(self.suite.masked_model, device=self.device)

    def _suspicions(self, name: str) -> Suspicions:
        """What a defence thinks of passages, with the victim's models and some queries it has seen."""
        corpus, encoder, model = self.corpus(), self.world("").encoder, self.token_model("")
        ids = sorted(corpus.queries)
        seen = generator(self.suite.seed, "seen by the defender").permutation(len(ids))[:SEEN]
        tools = Tools(
            language_model=self.language_model,
            token_model=(lambda: model) if model else None,
            encoder=(lambda: encoder) if encoder else None,
            masked_model=self.masked_model,
            passages=corpus.passages,
            queries=[corpus.queries[ids[i]].text for i in sorted(seen.tolist())],
        )
        made = digest(name, self.tool_names, encoder and encoder.fingerprint, corpus.digest)
        path = self.folder / "suspicions" / f"{made[:16]}.json"
        return Suspicions(name, tools, path, seed=self.suite.seed)

    def _questions(self, task_name: str) -> QuestionSet:
        from rag_robust.written import questions

        task = self.suite.select(task_name)
        return questions(self.corpus(task.questions or ""), task, self.suite.seed)

    def _synonyms(self, name: str) -> Source:
        from rag_robust.certify.synonyms import Source
        from rag_robust.written import synonyms

        if self.sketch:
            return Source("", {})
        self.say(f"making the synonyms {name}")
        return synonyms(name, self.token_model)
