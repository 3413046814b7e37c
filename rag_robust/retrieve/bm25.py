"""BM25: words in common, weighted by how rare they are and how long the passage is."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray

from rag_robust.errors import CorpusError, UsageError
from rag_robust.retrieve.hits import check_change, check_k
from rag_robust.text import order_key
from rag_robust.types import Change, Hit, Passage

__all__ = ["BM25", "bm25", "tokens"]

# bm25s opens its own logger to DEBUG on import, and every handler of the program would print that
logging.getLogger("bm25s").setLevel(logging.WARNING)

_WORD = re.compile(r"\w+", re.UNICODE)


def tokens(text: str, stop_words: frozenset[str] = frozenset()) -> list[str]:
    """Runs of letters, digits and underscores in lower case, without the stop words; no stemming.

    Each run is lower-cased by itself, so that what it becomes does not depend on its neighbours.
    """
    return [word for word in map(str.lower, _WORD.findall(text)) if word not in stop_words]


@dataclass(frozen=True, slots=True, eq=False)
class BM25:
    """A BM25 index beside the word lists it was made from; made by `bm25`.

    `words` gives the words of each passage as numbers, `vocabulary` a word's number, `names` and
    `keys` the id and its `order_key` per position of the engine, which is None without any word,
    `mean` the words per passage.
    """

    k1: float
    b: float
    stop_words: frozenset[str]
    vocabulary: Mapping[str, int]
    words: Mapping[str, tuple[int, ...]]
    names: tuple[str, ...]
    keys: NDArray[np.uint64]
    engine: Any
    mean: float

    @property
    def fingerprint(self) -> str:
        """What a ranking depends on besides the corpus, in one line."""
        stop = " ".join(sorted(self.stop_words))
        return f"bm25 lucene k1={self.k1} b={self.b} tokens={_WORD.pattern} stop=[{stop}]"

    def search(self, texts: Sequence[str], k: int) -> list[list[Hit]]:
        """The `k` best hits per text; passages that share no word with it are not hits."""
        check_k(k)
        return [self._one(text, k) for text in texts]

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Scores (n,) of any texts by this index's idf and mean length, which do not move.

        For the full text of an indexed passage it is the score of `search`, bit for bit.
        """
        return self.weigh(query, *self.count(query, texts))

    def count(self, query: str, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How often each word of `terms(query)` is in each text, (n, m), and how long each is, (n,)."""
        terms = self.terms(query)
        frequencies = np.zeros((len(texts), len(terms)), np.int64)
        lengths = np.zeros(len(texts), np.int64)
        for i, text in enumerate(texts):
            words = tokens(text, self.stop_words)
            lengths[i] = len(words)
            found = Counter(words)
            frequencies[i] = [found[term] for term in terms]
        return frequencies, lengths

    def weigh(
        self,
        query: str,
        frequencies: NDArray[np.int64],
        lengths: NDArray[np.int64],
        *,
        drift: tuple[int, float] = (0, 0.0),
    ) -> NDArray[np.float64]:
        """Scores (n,) of texts that hold the query's words that often, (n, m), and are that long, (n,).

        `drift` adds to the number of passages with a word, and to the mean length: what edits elsewhere
        in the corpus may do to both. A word in no passage weighs as n = 0 in the formula of `bm25`.
        """
        scores = np.zeros(len(lengths), np.float64)
        mean = self.mean + drift[1]
        if not mean > 0:
            return scores
        norms = self.k1 * ((1 - self.b) + self.b * lengths / mean)
        terms = self.terms(query)
        weights = [self._idf(term, drift[0]) for term in terms]
        for word in tokens(query, self.stop_words):
            j = terms.index(word)
            held = frequencies[:, j] > 0  # 0 / 0 where k1 = 0
            scores[held] += weights[j] * (frequencies[held, j] / (norms[held] + frequencies[held, j]))
        return scores

    def terms(self, query: str) -> list[str]:
        """The words of a query, each once, in order."""
        return list(dict.fromkeys(tokens(query, self.stop_words)))

    def _idf(self, word: str, drift: int) -> float:
        number, n_passages = self.vocabulary.get(word), len(self.names)
        held = 0 if number is None else int(np.diff(self.engine.scores["indptr"][number : number + 2])[0])
        held = min(max(held + drift, 0), n_passages)
        return math.log(1 + (n_passages - held + 0.5) / (held + 0.5))

    def changed(self, change: Change) -> BM25:
        """The retriever over the changed corpus, indexed anew: every idf and the mean length move.

        Only inserted and edited passages are split into words again.

        Raises:
            CorpusError: an inserted id is taken, an edited one unknown.
        """
        passages = check_change(change, self.words)
        if not passages:
            return self
        vocabulary = dict(self.vocabulary)
        fresh = {p.id: _numbers(p, self.stop_words, vocabulary) for p in passages}
        return _indexed(self.k1, self.b, self.stop_words, vocabulary, {**self.words, **fresh})

    def _one(self, text: str, k: int) -> list[Hit]:
        known = [self.vocabulary[w] for w in tokens(text, self.stop_words) if w in self.vocabulary]
        if not known or self.engine is None:
            return []
        scores = self.engine.get_scores_from_ids(known)
        found = np.flatnonzero(scores > 0)
        if len(found) > k:
            kth = np.partition(scores[found], -k)[-k]
            found = found[scores[found] >= kth]
        order = found[np.lexsort((found, self.keys[found], -scores[found]))][:k]
        return [Hit(self.names[i], float(scores[i])) for i in order]


def bm25(
    passages: Mapping[str, Passage],
    *,
    k1: float = 1.2,
    b: float = 0.75,
    stop_words: frozenset[str] = frozenset(),
) -> BM25:
    """Index the passages' full texts for BM25 in Lucene's variant, in float64.

    With N passages, n of them holding word w, tf its count and |p| the passage's words,
    `score(q, p) = sum_w ln(1 + (N - n + 1/2) / (n + 1/2)) * tf / (tf + k1 (1 - b + b |p| / mean))`,
    summed over the words of the query, repeated ones too. Words are `tokens`; stop words are kept
    unless given.

    Raises:
        CorpusError: there is no passage.
        UsageError: k1 below 0, or b outside [0, 1].

    *Source*: Kamphuis et al. 2020, "Which BM25 Do You Mean?", variant "Lucene (accurate)"; scores
    by bm25s. Unlike bm25s, which breaks ties by position, hits are in the house's total order.
    """
    if not passages:
        raise CorpusError("expected at least one passage to index, got an empty corpus")
    if k1 < 0 or not 0 <= b <= 1:
        raise UsageError(f"expected k1 >= 0 and b in [0, 1] for BM25, got k1={k1}, b={b}")
    vocabulary: dict[str, int] = {}
    words = {i: _numbers(passages[i], stop_words, vocabulary) for i in sorted(passages)}
    return _indexed(k1, b, stop_words, vocabulary, words)


def _numbers(passage: Passage, stop_words: frozenset[str], vocabulary: dict[str, int]) -> tuple[int, ...]:
    """The passage's words as numbers; new words get the next ones."""
    return tuple(vocabulary.setdefault(w, len(vocabulary)) for w in tokens(passage.full, stop_words))


def _indexed(
    k1: float,
    b: float,
    stop_words: frozenset[str],
    vocabulary: dict[str, int],
    words: dict[str, tuple[int, ...]],
) -> BM25:
    engine: Any = None
    if any(words.values()):  # the mean length is a divisor
        engine = bm25s.BM25(k1=k1, b=b, method="lucene", dtype="float64")
        engine.index((list(words.values()), vocabulary), create_empty_token=False, show_progress=False)
    keys = np.array([int(order_key(name), 16) for name in words], np.uint64)
    mean = float(np.mean([len(numbers) for numbers in words.values()]))
    return BM25(k1, b, stop_words, vocabulary, words, tuple(words), keys, engine, mean)
