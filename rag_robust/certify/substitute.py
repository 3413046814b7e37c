"""Texts with one word replaced: the one enumeration that attacks and certificates share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from rag_robust import text as strings
from rag_robust.certify.synonyms import Source

__all__ = ["Swap", "variants"]


@dataclass(frozen=True, slots=True)
class Swap:
    """One replacement: characters `start` to `end` of a text, `before` there, `after` in its place."""

    start: int
    end: int
    before: str
    after: str


def variants(
    text: str, source: Source, *, frozen: Collection[str] = (), max_per_word: int | None = None
) -> list[tuple[Swap, str]]:
    """Every text with exactly one word replaced by a member of its set, each text once, in reading order.

    Words are those of `text.words` (a hyphenated or elided word is one word); stop words and the
    lower-cased words of `frozen` are not replaced. `max_per_word` keeps the first members of each set.
    The new word is written as the old one was: all capitals, a capital, or small. The text itself is
    never among its variants.
    """
    fixed = strings.STOP_WORDS | {word.lower() for word in frozen}
    found: dict[str, Swap] = {}
    for start, end in strings.word_spans(text):
        before = text[start:end]
        if before.lower() in fixed:
            continue
        for word in source.lookup(before)[:max_per_word]:
            after = _written_like(before, word)
            found.setdefault(f"{text[:start]}{after}{text[end:]}", Swap(start, end, before, after))
    found.pop(text, None)
    return [(swap, changed) for changed, swap in found.items()]


def _written_like(before: str, after: str) -> str:
    if before.isupper() and len(before) > 1:
        return after.upper()
    return after[:1].upper() + after[1:] if before[:1].isupper() else after
