"""What a word-substitution attacker may make of one text: the one set that attacks and certificates share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from math import floor

from rag_robust import text as strings
from rag_robust.synonyms.source import Source

__all__ = ["Slot", "Space", "Substitutions"]


@dataclass(frozen=True, slots=True)
class Slot:
    """A word of a text that may be replaced: characters `start` to `end`, and what may stand there.

    `options` are written as the word there is (all capitals, a capital, or small), and none of them is it.
    Each is one word so written: a letter whose capital is a letter and a mark (ǰ, ΐ) would make it two.
    """

    start: int
    end: int
    word: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Space:
    """Every version of `text` with at most `swaps` of its `slots` replaced; a choice maps slots to words."""

    text: str
    slots: tuple[Slot, ...]
    swaps: int

    @property
    def size(self) -> int:
        """How many versions there are, the text itself among them: sum of e_r(|S_1|, …, |S_m|), r <= swaps.

        e_r is the elementary symmetric polynomial; exact in whole numbers.
        """
        counts = [1] + [0] * self.swaps
        for slot in self.slots:
            for r in range(self.swaps, 0, -1):
                counts[r] += counts[r - 1] * len(slot.options)
        return sum(counts)

    def write(self, choice: Mapping[int, str]) -> str:
        """The text with the chosen words in their slots."""
        parts, last = [], 0
        for i in sorted(choice):
            slot = self.slots[i]
            parts += [self.text[last : slot.start], choice[i]]
            last = slot.end
        return "".join([*parts, self.text[last:]])

    def choices(self, swaps: int) -> Iterator[dict[int, str]]:
        """Every choice of exactly `swaps` slots, in reading order."""
        for places in combinations(range(len(self.slots)), swaps):
            for words in product(*(self.slots[i].options for i in places)):
                yield dict(zip(places, words, strict=True))

    def singles(self) -> Iterator[str]:
        """Every version with exactly one word replaced."""
        return (self.write(choice) for choice in self.choices(1)) if self.swaps else iter(())

    def versions(self) -> Iterator[str]:
        """Every version, the text itself first, then those with one word replaced, then two and so on."""
        return (self.write(c) for r in range(min(self.swaps, len(self.slots)) + 1) for c in self.choices(r))


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitutions:
    """A threat: at most `swaps` words of a text (None: any number) and a `share` of them, by `source`.

    Words are those of `text.words`; stop words are never replaced, with `freeze_query` nor are words of
    the query. `per_word` keeps the first members of each set.
    """

    source: Source
    swaps: int | None = 1
    share: float | None = None
    per_word: int | None = None
    freeze_query: bool = False
    _known: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The source's content hash and what narrows it: "wordnet:0123456789ab, first 5 per word"."""
        narrowed = [
            *([f"first {self.per_word} per word"] if self.per_word is not None else []),
            *([f"at most {self.share:g} of the words"] if self.share is not None else []),
            *(["query words frozen"] if self.freeze_query else []),
        ]
        return ", ".join([self.source.hash, *narrowed])

    @property
    def key(self) -> tuple[str, int | None]:
        """What decides which versions a text has."""
        return self.name, self.swaps

    def space(self, text: str, query: str = "") -> Space:
        """What may become of a text that is ranked for `query`.

        R = min(swaps, floor(share · words)): a share is of all words of the text, as `text.words` counts.
        """
        frozen = strings.STOP_WORDS
        if self.freeze_query:
            frozen |= {word.lower() for word in strings.words(query)}
        spans = list(strings.word_spans(text))
        slots = [
            Slot(a, b, text[a:b], self._options(text[a:b]))
            for a, b in spans
            if text[a:b].lower() not in frozen
        ]
        slots = [slot for slot in slots if slot.options]
        limits = [len(slots)]
        limits += [self.swaps] if self.swaps is not None else []
        limits += [floor(self.share * len(spans) + 1e-9)] if self.share is not None else []
        return Space(text, tuple(slots), min(limits))

    def _options(self, word: str) -> tuple[str, ...]:
        if word not in self._known:
            written = dict.fromkeys(_written_like(word, u) for u in self.source.lookup(word)[: self.per_word])
            self._known[word] = tuple(u for u in written if u != word and strings.words(u) == [u])
        return self._known[word]


def _written_like(before: str, after: str) -> str:
    if before.isupper() and len(before) > 1:
        return after.upper()
    return after[:1].upper() + after[1:] if before[:1].isupper() else after
