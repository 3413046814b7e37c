"""Static embeddings: a text is the mean of its words' vectors, whatever stands around them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust import text as strings
from rag_robust.errors import CorpusError, ModelError
from rag_robust.retrieve.hits import check_change, check_k
from rag_robust.seeds import digest
from rag_robust.types import Change, Hit, Passage

if TYPE_CHECKING:
    from rag_robust.encode.tokens import TokenModel

__all__ = ["Static", "StaticIndex", "from_encoder", "from_file", "static"]

Similarity = Literal["cosine", "dot"]


@dataclass(frozen=True)
class Static:
    """Ranks texts by word vectors: row i of `vectors`, shape (V, h), is the vector of `words[i]`.

    With w_1 ... w_n the words of a text (`text.words`, lower-cased) that have a vector, repeated ones too,
    the text is v = 1/n Σ e(w_i); words without one play no part. The score is <v(query), v(text)>, or with
    "cosine" the cosine of the two; it is 0 where either has no known word. A score depends on its own pair
    alone, bit for bit.

    Raises:
        ModelError: words and vectors that do not fit, a word twice, or vectors that are not finite.
    """

    name: str
    words: tuple[str, ...]
    vectors: NDArray[np.float32]
    similarity: Similarity = "cosine"

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.words) != len(self.vectors) or not self.vectors.size:
            raise ModelError(
                f'static vectors "{self.name}": expected one vector for each of {len(self.words)} words, '
                f"got shape {self.vectors.shape}"
            )
        if len(self.rows) < len(self.words) or not np.isfinite(self.vectors).all():
            raise ModelError(f'static vectors "{self.name}": a word comes twice, or a vector is not finite')

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """A word to its row."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def longest(self) -> float:
        """The greatest length of a word's vector."""
        return float(np.sqrt(np.square(self.vectors, dtype=np.float64).sum(axis=1)).max())

    @property
    def fingerprint(self) -> str:
        """What a ranking depends on besides the corpus, in one line."""
        numbers = hashlib.sha256(np.ascontiguousarray(self.vectors).tobytes()).hexdigest()
        return f"static {self.name} {digest(self.words, numbers)[:12]} similarity={self.similarity}"

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Scores (n,) of texts for one query."""
        return self.compare(query, *self.sums(texts))

    def sums(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Σ e(w_i) of each text, (n, h), and how many words that are, (n,)."""
        known = [[self.rows[w] for w in map(str.lower, strings.words(t)) if w in self.rows] for t in texts]
        out = np.zeros((len(texts), self.vectors.shape[1]), np.float64)
        for row, words in zip(out, known, strict=True):
            row += self.vectors[words].sum(axis=0, dtype=np.float64)
        return out, np.array([len(words) for words in known], np.int64)

    def compare(
        self, query: str, sums: NDArray[np.float64], counts: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Scores (n,) of texts given by what `sums` says of them."""
        products = np.multiply(sums, self.direction(query), order="C").sum(axis=1)
        lengths = np.sqrt(np.square(sums).sum(axis=1)) if self.similarity == "cosine" else counts
        scores: NDArray[np.float64] = np.divide(products, lengths, out=np.zeros(len(sums)), where=lengths > 0)
        return scores

    def direction(self, query: str) -> NDArray[np.float64]:
        """The query's vector (h,), of unit length for "cosine"; zeros where no word of it is known."""
        (total,), (count,) = self.sums([query])
        length = np.sqrt(np.square(total).sum()) if self.similarity == "cosine" else float(count)
        return np.asarray(total / length) if length > 0 else total


@dataclass(frozen=True, slots=True, eq=False)
class StaticIndex:
    """Every passage scored for every query; made by `static`.

    `names` and `keys` give a passage's id and `order_key` per row of `sums` (n, h) and `counts` (n,).
    """

    model: Static
    passages: Mapping[str, Passage]
    names: tuple[str, ...]
    keys: NDArray[np.uint64]
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def fingerprint(self) -> str:
        """What a ranking depends on besides the corpus, in one line."""
        return self.model.fingerprint

    def search(self, texts: Sequence[str], k: int) -> list[list[Hit]]:
        """The `k` best hits per text, with the scores of `Static.score`."""
        check_k(k)
        return [self._one(text, k) for text in texts]

    def changed(self, change: Change) -> StaticIndex:
        """The retriever over the changed corpus; a passage depends on no other.

        Raises:
            CorpusError: an inserted id is taken, an edited one unknown.
        """
        new = {p.id: p for p in check_change(change, self.passages)}
        if not new:
            return self
        sums, counts = self.model.sums([p.full for p in new.values()])
        kept = [i for i, name in enumerate(self.names) if name not in new]
        names = (*(self.names[i] for i in kept), *new)
        return replace(
            self,
            passages={**self.passages, **new},
            names=names,
            keys=_keys(names),
            sums=np.concatenate([self.sums[kept], sums]),
            counts=np.concatenate([self.counts[kept], counts]),
        )

    def _one(self, text: str, k: int) -> list[Hit]:
        scores = self.model.compare(text, self.sums, self.counts)
        found = np.flatnonzero(scores >= np.partition(scores, -k)[-k]) if len(scores) > k else slice(None)
        places = np.arange(len(scores))[found]
        order = places[np.lexsort((places, self.keys[places], -scores[places]))][:k]
        return [Hit(self.names[i], float(scores[i])) for i in order]


def static(model: Static, passages: Mapping[str, Passage]) -> StaticIndex:
    """A retriever that scores every passage's full text by its words' vectors.

    Raises:
        CorpusError: there is no passage.
    """
    if not passages:
        raise CorpusError("expected at least one passage to index, got an empty corpus")
    names = tuple(sorted(passages))
    sums, counts = model.sums([passages[i].full for i in names])
    return StaticIndex(model, passages, names, _keys(names), sums, counts)


def from_encoder(model: TokenModel, *, similarity: Similarity = "cosine") -> Static:
    """Word vectors from an encoder's own input embeddings: the words that are one token to it."""
    words, vectors = model.words()
    return Static(model.encoder.name, tuple(words), vectors, similarity)


def from_file(path: Path, *, similarity: Similarity = "cosine") -> Static:
    """Word vectors from a text file with a word and its h numbers per line, as GloVe and word2vec write them.

    A first line with two numbers, as word2vec writes it, is skipped; of words that differ in case the
    first counts.

    Raises:
        ModelError: no such file, or lines that are not a word and the same number of finite numbers.
    """
    if not path.is_file():
        raise ModelError(f"no word vectors at {path}; expected a text file with a word and numbers per line")
    found: dict[str, NDArray[np.float32]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        word, *fields = line.rstrip().split(" ")
        if (number == 1 and len(fields) == 1) or not word:
            continue
        try:
            found.setdefault(word.lower(), np.array(fields, np.float32))
        except ValueError as error:
            raise ModelError(f'{path}:{number}: expected a word and numbers, got "{line[:40]}"') from error
    if len({len(vector) for vector in found.values()}) != 1:
        raise ModelError(f"{path}: expected vectors of one length, got none or several; mend the file")
    return Static(path.stem, tuple(found), np.stack(list(found.values())), similarity)


def _keys(names: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([int(strings.order_key(name), 16) for name in names], np.uint64)
