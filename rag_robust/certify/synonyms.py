"""Which words an attacker may put in the place of which: the sets a certificate quantifies over.

A source is symmetric and no word is in its own set, whatever it was made from. "Synonym" is the
attacker's word: encoder neighbours contain antonyms, and that is a wider threat, not an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from rag_robust import seeds, text
from rag_robust.errors import ModelError

__all__ = ["Source", "neighbours", "pairs", "report_card", "wordnet"]

_BLOCK = 512
_SLACK = np.float32(1e-4)
_POS = ("noun", "verb", "adj", "adv")


@dataclass(frozen=True, slots=True)
class Source:
    """A named substitution relation: lower-cased word to the words that may replace it, best first.

    Whatever comes in is lower-cased and closed: if u may replace w then w may replace u (added at
    the end of u's set), nothing replaces itself, nothing is listed twice.

    Raises:
        ModelError: an entry that is not exactly one word in the sense of `text.words`.
    """

    name: str
    sets: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sets", MappingProxyType(_closed(self.name, self.sets)))

    @property
    def hash(self) -> str:
        """The name and 12 hex digits of the content: "wordnet:0123456789ab".

        The order of words does not enter; the order inside a set does, since `max_per_word` cuts by it.
        """
        return f"{self.name}:{seeds.digest(dict(self.sets))[:12]}"

    def lookup(self, word: str) -> tuple[str, ...]:
        """The words that may replace this one, lower-cased; none for an unknown word."""
        return self.sets.get(word.lower(), ())


def pairs(path: Path, *, antonyms: Path | None = None) -> Source:
    """A source from a file with two words per line, less the pairs of an antonym file.

    The format of the counter-fitting constraint lists; blank lines are skipped, each set is sorted.

    Raises:
        ModelError: a file that is missing, or a line that is not two words.
    """
    linked = {frozenset(pair) for pair in _read_pairs(path)}
    opposed = {frozenset(pair) for pair in _read_pairs(antonyms)} if antonyms else set()
    kept = sorted(sorted(pair) for pair in linked - opposed if len(pair) == 2)
    return Source(path.stem, _grouped([*kept, *((b, a) for a, b in kept)]))


def wordnet(folder: Path | None = None, *, senses: int | None = 1) -> Source:
    """Synonyms of WordNet: single words that share a synset, so of the same part of speech.

    A word's set holds the members of its first `senses` synsets per part of speech (None: all of
    them), most frequent sense first. The default keeps the sense a reader most likely means; None is
    the wider threat. The folder is `folder`, else $WNHOME/dict, else
    /usr/share/wordnet.

    Raises:
        ModelError: no WordNet there.
    """
    root = folder or (Path(os.environ["WNHOME"]) / "dict" if "WNHOME" in os.environ else None)
    root = root or Path("/usr/share/wordnet")
    absent = [f for pos in _POS for f in (f"index.{pos}", f"data.{pos}") if not (root / f).is_file()]
    if absent:
        raise ModelError(
            f"WordNet not found: no {absent[0]} in {root}; run: apt-get install wordnet-base, or set WNHOME; "
            'the source "neighbours" needs nothing'
        )
    linked = [pair for pos in _POS for pair in _synonyms(root, pos, senses)]
    return Source("wordnet", _grouped(linked))


def neighbours(
    words: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    threshold: float,
    top: int,
    name: str = "neighbours",
) -> Source:
    """A source from an encoder's own token embeddings: its `top` nearest words with cosine >= `threshold`.

    `words[i]` is the token of row i of `vectors`, shape (n, h); only whole alphabetic words take part
    (the first of several spellings that differ in case). Nearest first; the symmetric closure may give
    a word more than `top`. Candidates come from float32 products and are judged by a float64 cosine per
    pair, so that no pair's fate depends on the block it was computed in.

    Raises:
        ModelError: shapes that do not fit, vectors that are not finite, an impossible threshold or top.
    """
    if vectors.ndim != 2 or len(words) != len(vectors) or not np.isfinite(vectors).all():
        raise ModelError(f"expected {len(words)} finite vectors, one per word, got shape {vectors.shape}")
    if not -1 <= threshold <= 1 or top < 1:
        raise ModelError(f"expected -1 <= threshold <= 1 and top >= 1, got {threshold} and {top}")
    rows = _whole_words(words)
    vocabulary = list(rows)
    chosen = vectors[list(rows.values())].astype(np.float64)
    unit = chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    near = _nearest(unit, threshold=threshold, top=top) if len(rows) > 1 else ()
    return Source(name, _grouped((vocabulary[i], vocabulary[j]) for i, j in near))


def report_card(source: Source, texts: Iterable[str]) -> dict[str, float]:
    """How wide a threat the source is: words with a set, mean set size, share of text words it can replace.

    Stop words in the texts count as not substitutable, as in `substitute.variants`.

    Raises:
        ModelError: texts without a single word, of which no share can be had.
    """
    said = [word for one in texts for word in text.words(one)]
    if not said:
        raise ModelError("expected texts with at least one word, got none; give the passages to be certified")
    sizes = [len(options) for options in source.sets.values()]
    open_words = sum(w.lower() not in text.STOP_WORDS and bool(source.lookup(w)) for w in said)
    return {
        "words": float(len(sizes)),
        "mean_set_size": sum(sizes) / len(sizes) if sizes else 0.0,
        "substitutable": open_words / len(said),
    }


def _closed(name: str, sets: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Lower-cased, symmetric, irreflexive; own order first, then what the closure adds, sorted."""
    given = [(w.lower(), u.lower()) for w, options in sorted(sets.items()) for u in options]
    for word in dict.fromkeys(w for pair in given for w in pair):
        if text.words(word) != [word]:
            raise ModelError(f'synonym source "{name}": expected single words, got "{word}"; leave it out')
    back = sorted((u, w) for w, u in given)
    grouped = _grouped((w, u) for w, u in [*given, *back] if w != u)
    return {word: tuple(dict.fromkeys(options)) for word, options in sorted(grouped.items())}


def _grouped(linked: Iterable[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for word, other in linked:
        found.setdefault(word, []).append(other)
    return {word: tuple(options) for word, options in found.items()}


def _read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    if not path.is_file():
        raise ModelError(f"no word pairs at {path}; expected a text file with two words per line")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.lower().split()
        if fields and (len(fields) != 2 or any(text.words(f) != [f] for f in fields)):
            raise ModelError(f'{path}:{number}: expected two words, got "{line}"; mend or delete the line')
        if fields:
            yield fields[0], fields[1]


def _synonyms(root: Path, pos: str, senses: int | None) -> Iterator[tuple[str, str]]:
    """Pairs (lemma, synonym) of one part of speech, by the formats of wndb(5WN)."""
    members: dict[str, list[str]] = {}
    for line in _entries(root / f"data.{pos}"):
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        # adjectives carry a syntactic marker: "galore(ip)"
        members[fields[0]] = [f.partition("(")[0].lower() for f in fields[4 : 4 + 2 * count : 2]]
    for line in _entries(root / f"index.{pos}"):
        lemma, _, synsets, *rest = line.split()
        if text.words(lemma) != [lemma] or "_" in lemma:
            continue
        offsets = rest[-int(synsets) :][:senses]
        shared = (u for o in offsets for u in members[o])
        yield from ((lemma, u) for u in shared if u != lemma and "_" not in u and text.words(u) == [u])


def _entries(path: Path) -> Iterator[str]:
    """The lines of a WordNet file after its licence, which is indented."""
    return (line for line in path.read_text(encoding="utf-8").splitlines() if line[:1].strip())


def _whole_words(words: Sequence[str]) -> dict[str, int]:
    """Lower-cased alphabetic words to their first row."""
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        if word.isalpha() and text.words(word.lower()) == [word.lower()]:
            rows.setdefault(word.lower(), row)
    return rows


def _nearest(unit: NDArray[np.float64], *, threshold: float, top: int) -> Iterator[tuple[int, int]]:
    """Pairs (i, j), j among the `top` nearest of i by cosine, nearest first; `unit` is (n, h), unit rows."""
    n, rough = len(unit), unit.astype(np.float32)
    top = min(top, n - 1)
    for start in range(0, n, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, n))
        close = rough[block] @ rough.T  # (block, n)
        close[np.arange(len(block)), block] = -np.inf
        floor = np.full(len(block), threshold, np.float32) - _SLACK
        crowded = (close >= floor[:, None]).sum(axis=1) > top
        if crowded.any():
            floor[crowded] = np.partition(close[crowded], -top, axis=1)[:, -top] - _SLACK
        i, j = np.nonzero(close >= floor[:, None])
        exact = np.einsum("ph,ph->p", unit[block[i]], unit[j])
        order = np.lexsort((j, -exact, i))
        i, j, exact = i[order], j[order], exact[order]
        place = np.arange(len(i)) - np.searchsorted(i, i)  # position of the pair within its row
        keep = (exact >= threshold) & (place < top)
        yield from zip(block[i[keep]].tolist(), j[keep].tolist(), strict=True)
