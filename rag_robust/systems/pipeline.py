"""A retriever with a generator behind it: the RAG system that suites put together."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from rag_robust.errors import TargetError, UsageError
from rag_robust.generate.isolate import REFUSAL, Isolate, keywords, majority, withstands
from rag_robust.types import Answer, Change, Generate, Hit, Passage, Query, Retriever

__all__ = ["Pipeline"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Search `k` passages, show the best `context` of them to the generator, return both.

    `prompt(query, passages)` builds what the generator reads; without a generator the answer has
    hits and no text. With `isolate` every passage is read alone and the answers become one. `many`
    is one search and one generation for all queries, of each distinct prompt once, and gives what one call
    per query gives, as long as retriever and generator treat each row alone.
    """

    retriever: Retriever
    passages: Mapping[str, Passage]
    generate: Generate | None = None
    prompt: Callable[[str, Sequence[str]], str] | None = None
    k: int = 10
    context: int = 3
    isolate: Isolate | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.context <= self.k:
            raise UsageError(f"expected 1 <= context <= k, got context={self.context}, k={self.k}")
        if self.generate is not None and self.prompt is None:
            raise UsageError("a pipeline with a generator needs a prompt builder; pass prompt=")

    def __call__(self, query: Query, /) -> Answer:
        """Answer one query."""
        return self.many([query])[0]

    def many(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer `n` queries with one search and one generation."""
        if not queries:
            return []
        found = self.find(queries)
        if self.generate is None:
            return found
        read = self.read(queries, [self.texts(one.hits) for one in found])
        return [replace(answer, hits=one.hits) for answer, one in zip(read, found, strict=True)]

    def find(self, queries: Sequence[Query]) -> list[Answer]:
        """What is found for `n` queries, the first `k` hits each; nothing is generated."""
        rankings = self.retriever.search([query.text for query in queries], self.k)
        _same_length("retriever", "rankings", len(rankings), len(queries))
        return [Answer(hits=tuple(ranking)) for ranking in rankings]

    def read(self, queries: Sequence[Query], contexts: Sequence[Sequence[str]]) -> list[Answer]:
        """Answer query i from the texts `contexts[i]` alone, all of them; nothing is searched.

        Raises:
            TargetError: the pipeline has no generator, or it returned another number of texts.
        """
        if self.generate is None or self.prompt is None:
            raise TargetError(
                "not applicable: the pipeline has no generator to give passages to", "not_applicable"
            )
        if len(queries) != len(contexts):
            raise UsageError(f"expected one context per query, got {len(contexts)} for {len(queries)}")
        if not queries:
            return []
        asked = [self.prompts(query, texts) for query, texts in zip(queries, contexts, strict=True)]
        made = iter(self._completed([prompt for prompts in asked for prompt in prompts]))
        ballots = [[next(made) for _ in prompts] for prompts in asked]
        alone = [i for i, texts in enumerate(contexts) if texts and self.isolate is not None]
        said = {i: one for i, (one, *_) in enumerate(ballots)}
        said |= dict(zip(alone, self._together([(queries[i], ballots[i]) for i in alone]), strict=True))
        return [Answer(text=said[i]) for i in range(len(queries))]

    def prompts(self, query: Query, texts: Sequence[str]) -> list[str]:
        """What the generator completes to answer from these texts; nothing without one.

        With `isolate`, a prompt per text; the one from the keywords that these lead to is not among them.
        """
        if self.prompt is None:
            return []
        if self.isolate is None or not texts:
            return [self.prompt(query.text, texts)]
        return [self.prompt(query.text, [text]) for text in texts]

    def withstands(self, query: Query, texts: Sequence[str], right: Callable[[str], bool]) -> int | None:
        """How many of these texts may be hostile and the answer stays right (`generate.isolate.withstands`).

        -1 if it is wrong as it is, None without `isolate`.
        """
        if self.isolate is None or self.generate is None or not texts:
            return None
        ballots = self._completed(self.prompts(query, texts))
        return withstands(ballots, self.isolate, right, lambda kept: self._from_words([(query, kept)])[0])

    def _together(self, cases: Sequence[tuple[Query, Sequence[str]]]) -> list[str]:
        """One answer per query from the answers to its passages."""
        if self.isolate is None or self.isolate.kind == "majority":
            return [majority(ballots) for _, ballots in cases]
        return self._from_words([(query, keywords(ballots, self.isolate)) for query, ballots in cases])

    def _from_words(self, cases: Sequence[tuple[Query, frozenset[str]]]) -> list[str]:
        """One answer per query from keywords alone; without any, that nothing is known."""
        if self.prompt is None:
            return [REFUSAL] * len(cases)
        prompts = [self.prompt(query.text, [", ".join(sorted(kept))]) for query, kept in cases if kept]
        made = iter(self._completed(prompts) if prompts else ())
        return [next(made) if kept else REFUSAL for _, kept in cases]

    def _completed(self, prompts: Sequence[str]) -> list[str]:
        """A text per prompt; the generator is given each distinct one once."""
        if self.generate is None:
            return []
        distinct = list(dict.fromkeys(prompts))
        texts = self.generate(distinct)
        _same_length("generator", "texts", len(texts), len(distinct))
        made = dict(zip(distinct, texts, strict=True))
        return [made[prompt] for prompt in prompts]

    def texts(self, hits: Sequence[Hit]) -> list[str]:
        """What the generator is shown: title and text of the best `context` hits, best first."""
        return [passage.full for passage in self.shown(hits[: self.context])]

    def shown(self, hits: Sequence[Hit]) -> list[Passage]:
        """The passages of hits, in their order.

        Raises:
            TargetError: the corpus does not have one of them.
        """
        unknown = [hit.passage_id for hit in hits if hit.passage_id not in self.passages]
        if unknown:
            raise TargetError(f'the retriever found passage "{unknown[0]}", which the corpus does not have')
        return [self.passages[hit.passage_id] for hit in hits]

    def changed(self, change: Change, /) -> Pipeline:
        """The pipeline over the changed corpus; rewording is done by whoever asks the queries."""
        if not change.touches_corpus:
            return self
        over = _overlay(self.passages, change)
        return replace(self, retriever=self.retriever.changed(change), passages=over)


def _overlay(passages: Mapping[str, Passage], change: Change) -> Mapping[str, Passage]:
    """The corpus with the change laid over it; the corpus is neither copied nor touched."""
    new = {passage.id: passage for passage in change.inserted}
    taken = [i for i in new if i in passages]
    if taken:
        raise UsageError(f'inserted passage "{taken[0]}" has the id of a corpus passage; choose another id')
    missing = [i for i in change.edited if i not in passages]
    if missing:
        raise UsageError(f'edited passage "{missing[0]}" is not in the corpus; insert it instead')
    over = {**new, **change.edited}
    # ChainMap writes to its first map only, so the corpus may be any read-only mapping
    return ChainMap(over, cast("MutableMapping[str, Passage]", passages))


def _same_length(who: str, what: str, got: int, expected: int) -> None:
    if got != expected:
        raise TargetError(f"the {who} returned {got} {what} for {expected} queries; expected one each")
