"""From a suite's tables to living objects: corpora, the system under test, concepts, questions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from rag_robust import corpus as corpora
from rag_robust import encode, generate, synonyms
from rag_robust.corpus.build import shorten
from rag_robust.corpus.concepts import Concept, concept
from rag_robust.defend import Tools, uses
from rag_robust.errors import SuiteError
from rag_robust.seeds import digest
from rag_robust.suite import GeneratorConfig, Suite
from rag_robust.suspicions import VERSION, Suspicions
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.task import Task
from rag_robust.types import Corpus, Encoder, Generate, System
from rag_robust.worlds import World, files_hash, world

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag_robust.encode.tokens import TokenModel
    from rag_robust.generate.language_model import LanguageModel
    from rag_robust.generate.masked import MaskedModel
    from rag_robust.questions import QuestionSet
    from rag_robust.questions import World as Facts
    from rag_robust.written import Sheet

__all__ = ["Session", "allowed", "white_box"]


def white_box(encoder: Encoder | None) -> TokenModel | None:
    """The white-box side of an encoder; None where it has no tokens."""
    if encoder is None or encoder.fingerprint.startswith("hashed"):
        return None
    from rag_robust.encode.tokens import token_model

    return token_model(encoder)


def allowed(task: Task, source: Source) -> Substitutions:
    """What a task allows to be replaced by what stands in a source."""
    return Substitutions(
        source=source,
        swaps=task.swaps or None,
        share=task.share,
        per_word=task.per_word,
        freeze_query=task.freeze_query,
    )


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
        self._concepts = cache(concept)
        self._corpora = cache(self._load_corpus)
        self._worlds = cache(self._world)
        self.encoder = cache(self._encoder)
        self.generator = cache(self._generator)
        self._token_models = cache(self._token_model)
        self.surrogate = cache(self._surrogate)
        self.language_model = cache(self._language_model)
        self.masked_model = cache(self._masked_model)
        self.sheet = cache(self._sheet)
        self._facts = cache(self._read_facts)
        self._suspected = cache(self._suspicions)
        self._sources = cache(self._synonyms)

    def concept(self, task: Task) -> Concept:
        """The concept an attack task is about."""
        if task.concept is None:
            raise SuiteError(f'task "{task.name}": threat {task.knows} needs concept = "concepts/…"')
        return self._concepts(task.concept)

    def corpus(self, source: str = "") -> Corpus:
        """The corpus of that name, "" for the suite's; with no system over it."""
        return self._corpora(self._short(source))

    def world(self, source: str = "", system: str = "") -> World:
        """A corpus with one of the suite's systems over it."""
        return self._worlds(self._short(source), system)

    def world_of(self, task: Task) -> World:
        """The world a task asks its queries in."""
        return self.world(task.source, task.system)

    def _short(self, source: str) -> str:
        """The suite's own corpus is "", by whatever name, so that it is made once."""
        return "" if source == self.suite.corpus.source else source

    def token_model(self, system: str = "") -> TokenModel | None:
        """The white-box side of a system's encoder; None where it has none."""
        return self._token_models(system)

    def suspicions(self, name: str, system: str = "", seen: tuple[str, ...] = ()) -> Suspicions:
        """What a defence before one of the suite's systems thinks of passages; `seen`: queries it knows."""
        return self._suspected(name, system, seen)

    def synonyms(self, name: str, system: str = "") -> Source:
        """Which words may replace which: a list, or neighbours in a system's encoder."""
        return self._sources(name, system)

    def substitutions(self, task: Task) -> Substitutions:
        """What a task allows to be replaced: one set for its attack, or its certificate."""
        return allowed(task, self.synonyms(task.synonyms, task.system))

    def _world(self, source: str, system: str) -> World:
        return world(self, self._corpora(source), system)

    def _load_corpus(self, source: str) -> Corpus:
        """The suite's corpus for "", or for question tasks another they are written from; no system yet."""
        config = self.suite.corpus
        if source:
            return corpora.load(source, seed=self.suite.seed)
        loaded = corpora.load(
            config.source,
            queries=config.queries,
            n_passages=config.passages,
            n_queries=config.limit,
            seed=self.suite.seed,
        )
        return shorten(loaded, config.max_words) if config.max_words else loaded

    def _encoder(self, name: str, dtype: encode.Dtype) -> Encoder:
        self.say(f"loading {name}")
        return encode.load(name, dtype=dtype, device=self.device, cache=self.folder / "vectors")

    def _generator(self, config: GeneratorConfig) -> Generate:
        self.say(f"loading {config.model}")
        return generate.load(config.model_dump(exclude_none=True), device=self.device, cache=self.folder)

    def _token_model(self, system: str) -> TokenModel | None:
        return white_box(self.world("", system).encoder)

    def _surrogate(self, name: str) -> TokenModel | None:
        return white_box(self.encoder(name, "float32"))

    def tool_names(self, used: Collection[str]) -> str:
        """Those of the attackers' and filters' models that are used, folders with a hash of their files."""
        names = {"language_model": self.suite.language_model, "masked_model": self.suite.masked_model}
        return " ".join(f"{n} {files_hash(n)}".strip() for tool, n in names.items() if tool in used)

    def _language_model(self) -> LanguageModel:
        from rag_robust.generate.language_model import language_model

        name = self.suite.language_model
        self.say(f"loading {name}")
        return language_model(name, cache=self.folder / "models", device=self.device)

    def _masked_model(self) -> MaskedModel:
        from rag_robust.generate.masked import masked_model

        self.say(f"loading {self.suite.masked_model}")
        return masked_model(self.suite.masked_model, device=self.device)

    def _suspicions(self, name: str, system: str, seen: tuple[str, ...]) -> Suspicions:
        """What a defence thinks of passages, with the victim's models and queries it has seen."""
        encoder, model = self.world("", system).encoder, self.token_model(system)
        corpus = self.corpus()
        tools = Tools(
            language_model=self.language_model,
            token_model=(lambda: model) if model else None,
            encoder=(lambda: encoder) if encoder else None,
            masked_model=self.masked_model,
            passages=corpus.passages,
            queries=seen,
        )
        models = self.tool_names(uses(name))
        made = digest(VERSION, name, models, encoder and encoder.fingerprint, corpus.digest, seen)
        path = self.folder / "suspicions" / f"{made[:16]}.sqlite"
        return Suspicions(name, tools, path, seed=self.suite.seed)

    def questions(self, task_name: str) -> QuestionSet:
        """The questions of a task, in the order they are asked in."""
        return self.sheet(task_name).written

    def _sheet(self, task_name: str) -> Sheet:
        from rag_robust.written import sheet

        task = self.suite.select(task_name)
        return sheet(self.corpus(task.source), task, self.suite.seed, partial(self._facts, task.source))

    def _read_facts(self, source: str) -> Facts:
        from rag_robust.questions import prepare

        self.say("reading the corpus for facts")
        return prepare(self.corpus(source))

    def _synonyms(self, name: str, system: str) -> Source:
        if self.sketch:
            synonyms.check(name)
            return Source("", {})
        self.say(f"making the synonyms {name}")
        return synonyms.load(name, partial(self._words, system))

    def _words(self, system: str, encoder: str) -> tuple[Sequence[str], NDArray[np.float32]] | None:
        """Words of an encoder, or of a system's own, with their vectors; None where it has no tokens."""
        model = self.surrogate(encoder) if encoder else self.token_model(system)
        return model.words() if model else None
