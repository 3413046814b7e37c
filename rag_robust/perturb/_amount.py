"""More text, less text, the same text in another order: what operators on passages are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, product

from numpy.random import Generator

from rag_robust.perturb.document import OPENINGS
from rag_robust.perturb.stated import states
from rag_robust.text import STOP_WORDS, sentences, word_spans, words
from rag_robust.types import Passage, Query

__all__ = ["SOURCES", "cut", "inserted", "near_copies", "padded", "rows_shuffled", "sentences_of"]

SOURCES = 12
"""How many passages padding is taken from."""

_LEAST_WORDS = 5
_NEAR = 0.7
_NO_PROSE = ("|", "#")
_RULE = re.compile(r"\s*\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?\s*$")


def inserted(passages: Sequence[Passage], more: Sequence[Passage], rng: Generator) -> list[Passage]:
    """The passages in their order, with others at places that are drawn one by one."""
    made = list(passages)
    for passage in more:
        made.insert(int(rng.integers(len(made) + 1)), passage)
    return made


def sentences_of(passages: Sequence[Passage], query: Query) -> list[str]:
    """Whole sentences of prose, of at least 5 words, that state no answer."""
    lines = (line for p in passages for line in p.text.split("\n") if not line.lstrip().startswith(_NO_PROSE))
    whole = (s.strip() for s in chain.from_iterable(map(sentences, lines)))
    return [
        s
        for s in dict.fromkeys(whole)
        if s[-1] in ".!?" and len(words(s)) >= _LEAST_WORDS and not any(states(s, a) for a in query.answers)
    ]


def padded(passage: Passage, pads: Sequence[str], factor: float) -> Passage | None:
    """The passage between sentences of about `factor` times its words; None if not half can be had."""
    wanted = factor * len(words(passage.text))
    taken, had = [], 0
    for pad in pads:
        if had >= wanted:
            break
        taken.append(pad)
        had += len(words(pad))
    if had < wanted / 2:
        return None
    half = (len(taken) + 1) // 2
    parts = (" ".join(taken[:half]), passage.text, " ".join(taken[half:]))
    return replace(passage, text="\n\n".join(filter(None, parts)))


def near_copies(passage: Passage, copies: int, rng: Generator) -> list[Passage]:
    """Up to so many copies, each with another connective before one of its sentences."""
    pairs = list(product(OPENINGS, _sentence_starts(passage.text)))
    drawn = (pairs[int(i)] for i in rng.permutation(len(pairs)))
    texts = (f"{passage.text[:at]}{opening} {_begun_small(passage.text[at:])}" for opening, at in drawn)
    near = [text for text in texts if _jaccard(passage.text, text) >= _NEAR]
    return [replace(passage, id=f"{passage.id}~{n}", text=near[n]) for n in range(min(copies, len(near)))]


def _begun_small(text: str) -> str:
    """With a small first letter, if the first word is too common to be a name."""
    common = {word.lower() for word in words(text)[:1]} <= STOP_WORDS
    return text[:1].lower() + text[1:] if common else text


def _sentence_starts(text: str) -> list[int]:
    """Where sentences of prose begin; the beginning of the text if it has none."""
    starts = []
    for line in re.finditer(r"[^\n]+", text):
        if not line[0].lstrip().startswith(_NO_PROSE):
            at = 0
            for sentence in sentences(line[0]):
                at = line[0].index(sentence, at)
                starts.append(line.start() + at)
                at += len(sentence)
    return starts or [0]


def _jaccard(a: str, b: str) -> float:
    left, right = ({word.casefold() for word in words(text)} for text in (a, b))
    return len(left & right) / max(1, len(left | right))


def rows_shuffled(text: str, rng: Generator) -> str:
    """The text with the rows under every table's header in another order, if two of them differ."""
    lines = text.split("\n")
    for start, end in _bodies(lines):
        order = [int(i) for i in rng.permutation(end - start)]
        rows = [lines[start + i] for i in order]
        lines[start:end] = rows if rows != lines[start:end] else rows[::-1]
    return "\n".join(lines)


def _bodies(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the rows of tables stand that come after a header and its rule."""
    start = None
    for i, line in enumerate([*lines, ""]):
        row = line.lstrip().startswith("|")
        if start is None and row and i and _RULE.fullmatch(line) and lines[i - 1].lstrip().startswith("|"):
            start = i + 1
        elif start is not None and not row:
            yield start, i
            start = None


def cut(text: str, share: float) -> str:
    """The text up to the end of that share of its words, of at least 5."""
    spans = word_spans(text)
    left = max(_LEAST_WORDS, int(share * len(spans)))
    return text if left >= len(spans) else text[: spans[left - 1][1]]
