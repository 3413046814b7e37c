"""Other passages that state a fact: near-duplicates, and those that hold all of its words."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from rag_robust.questions.evidence import Triplet, doubtful
from rag_robust.questions.graph import Evidence
from rag_robust.questions.mentions import Mentions, spelled
from rag_robust.questions.names import Names
from rag_robust.questions.typed import sentence_spans
from rag_robust.text import STOP_WORDS
from rag_robust.types import Corpus

__all__ = ["SIMILAR", "copied", "near_duplicates"]

SIMILAR = 0.8
"""Share of word 3-grams that two near-duplicates have in common (Jaccard)."""

_WORDS, _ROWS, _BANDS = 3, 3, 24


def near_duplicates(corpus: Corpus, *, similar: float = SIMILAR) -> dict[str, frozenset[str]]:
    """By passage, the others that have at least this share of word 3-grams in common with it.

    Candidates come from 24 bands of 3 minimum hashes (two texts of Jaccard 0.8 share a band with
    probability above 1 - 10^-7) and are then compared exactly, so no pair of passages is looked
    at without a reason.
    """
    ids = sorted(corpus.passages)
    grams = [_grams(corpus.passages[i].full) for i in ids]
    rng = np.random.Generator(np.random.Philox(7))
    factors = rng.integers(1, 2**31, size=(_ROWS * _BANDS, 1), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    buckets: defaultdict[tuple[int, bytes], list[int]] = defaultdict(list)
    for i, found in enumerate(grams):
        hashes = np.fromiter(found, dtype=np.uint64, count=len(found))
        least = ((hashes[None, :] * factors) >> np.uint64(16)).min(axis=1).reshape(_BANDS, _ROWS)
        for band, row in enumerate(least):
            buckets[band, row.tobytes()].append(i)
    near: defaultdict[str, set[str]] = defaultdict(set)
    for i, j in sorted({(i, j) for held in buckets.values() for i in held[:50] for j in held if i < j}):
        if len(grams[i] & grams[j]) >= similar * len(grams[i] | grams[j]):
            near[ids[i]].add(ids[j])
            near[ids[j]].add(ids[i])
    return {passage_id: frozenset(found) for passage_id, found in sorted(near.items())}


def copied(corpus: Corpus, mentions: Mentions, names: Names) -> Callable[[Triplet, str], Iterator[Evidence]]:
    """A function of a triplet and its subject that gives the further passages that state it.

    In these one sentence or line, neither denied nor hedged, holds the value as written and beside it
    a name of the subject, the date and every word of the relation; in near-duplicates of the
    triplet's own passage, value and name are enough.
    """
    near = near_duplicates(corpus)

    def found(one: Triplet, subject: str) -> Iterator[Evidence]:
        fact = one.fact
        called = names.aliases.get(subject, (fact.subject,))
        bits = mentions.any_of(called) & mentions.of(fact.object) & ~mentions.bit[fact.passage_id]
        bits &= mentions.of(fact.valid) if fact.valid else bits
        if not bits:
            return
        twins = near.get(fact.passage_id, frozenset())
        content = [word for word in spelled(fact.relation).split() if word not in STOP_WORDS]
        parts = [fact.valid, *content] if fact.valid else content
        for passage_id in mentions.passages(bits):
            text = corpus.passages[passage_id].text
            for start, end in _units(text):
                unit = text[start:end]
                if _says(unit, fact.object, called, [] if passage_id in twins else parts) and not doubtful(
                    unit
                ):
                    yield Evidence(passage_id, start, end, "copy")
                    break

    return found


def _says(unit: str, value: str, called: Iterable[str], parts: Iterable[str]) -> bool:
    """True if the unit holds the value, and beside it one of the names and every part."""
    text, wanted = spelled(unit), spelled(value)
    if wanted not in text:
        return False
    rest = text.replace(wanted, " | ", 1)
    return any(spelled(name) in rest for name in called) and all(spelled(part) in rest for part in parts)


def _units(text: str) -> list[tuple[int, int]]:
    """Sentences, and lines that are none."""
    told = sentence_spans(text)
    lines = [m.span() for m in re.finditer(r"[^\n]+", text)]
    return [*told, *(line for line in lines if not any(line[0] <= a and b <= line[1] for a, b in told))]


def _grams(text: str) -> set[int]:
    found = spelled(text).split()
    pieces = {" ".join(found[i : i + _WORDS]) for i in range(max(1, len(found) - _WORDS + 1))}
    return {int.from_bytes(hashlib.blake2b(p.encode(), digest_size=8).digest()) for p in pieces}
