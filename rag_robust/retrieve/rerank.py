"""A second look: the first stage's best hits, ordered again by a ranker."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from rag_robust.errors import CorpusError, ModelError, UsageError
from rag_robust.retrieve.hits import best, check_change, check_k
from rag_robust.types import Change, Hit, Passage, Retriever, Score

__all__ = ["Reranked"]


@dataclass(frozen=True, slots=True)
class Reranked:
    """A retriever whose hits are the `depth` best of another, ordered by `score` on their texts."""

    retriever: Retriever
    score: Score
    passages: Mapping[str, Passage]
    depth: int = 100

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise UsageError(f"expected depth >= 1 passages to re-rank, got {self.depth}")

    def search(self, texts: Sequence[str], k: int) -> list[list[Hit]]:
        """The `k` best hits per text, at most `depth`, with the ranker's scores.

        Raises:
            CorpusError: the first stage found a passage without a text.
            ModelError: the ranker returned another number of scores, or one that is not finite.
        """
        check_k(k)
        first = self.retriever.search(texts, self.depth)
        return [self._again(text, hits, k) for text, hits in zip(texts, first, strict=True)]

    def changed(self, change: Change) -> Reranked:
        """Both stages over the changed corpus.

        Raises:
            CorpusError: an inserted id is taken, an edited one unknown.
        """
        new = {passage.id: passage for passage in check_change(change, self.passages)}
        if not new:
            return self
        passages = ChainMap(new, cast("MutableMapping[str, Passage]", self.passages))
        return replace(self, retriever=self.retriever.changed(change), passages=passages)

    def _again(self, text: str, hits: Sequence[Hit], k: int) -> list[Hit]:
        ids = sorted(hit.passage_id for hit in hits)  # the ranker must not see the first order
        unknown = [i for i in ids if i not in self.passages]
        if unknown:
            raise CorpusError(
                f'passage "{unknown[0]}" was found but its text is not in the corpus to re-rank'
            )
        scores = self.score(text, [self.passages[i].full for i in ids]) if ids else np.empty(0)
        if scores.shape != (len(ids),) or not np.isfinite(scores).all():
            raise ModelError(f"expected {len(ids)} finite scores from the ranker, got {scores!r}")
        return best(zip(ids, scores.tolist(), strict=True), k)
