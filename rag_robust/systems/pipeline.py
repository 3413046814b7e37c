"""A retriever with a generator behind it: the RAG system that suites put together."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from rag_robust.errors import TargetError, UsageError
from rag_robust.types import Answer, Change, Generate, Hit, Passage, Query, Retriever

__all__ = ["Pipeline"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Search `k` passages, show the best `context` of them to the generator, return both.

    `prompt(query, passages)` builds what the generator reads; without a generator the answer has
    hits and no text. `many` is one search and one generation for all queries and gives what one
    call per query gives, as long as retriever and generator treat each row alone.
    """

    retriever: Retriever
    passages: Mapping[str, Passage]
    generate: Generate | None = None
    prompt: Callable[[str, Sequence[str]], str] | None = None
    k: int = 10
    context: int = 3

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
        rankings = self.retriever.search([query.text for query in queries], self.k)
        _same_length("retriever", "rankings", len(rankings), len(queries))
        if self.generate is None:
            return [Answer(hits=tuple(ranking)) for ranking in rankings]
        read = self.read(queries, [self.texts(ranking) for ranking in rankings])
        return [replace(answer, hits=tuple(ranking)) for answer, ranking in zip(read, rankings, strict=True)]

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
        prompts = [self.prompt(query.text, texts) for query, texts in zip(queries, contexts, strict=True)]
        texts = self.generate(prompts)
        _same_length("generator", "texts", len(texts), len(prompts))
        return [Answer(text=text) for text in texts]

    def texts(self, hits: Sequence[Hit]) -> list[str]:
        """What the generator is shown: title and text of the best `context` hits, best first."""
        shown = hits[: self.context]
        unknown = [hit.passage_id for hit in shown if hit.passage_id not in self.passages]
        if unknown:
            raise TargetError(f'the retriever found passage "{unknown[0]}", which the corpus does not have')
        return [self.passages[hit.passage_id].full for hit in shown]

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
