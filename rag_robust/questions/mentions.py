"""Which passages hold a phrase: the answer as one integer with a bit per passage, found once per phrase."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from operator import and_, or_

from rag_robust.text import normalise
from rag_robust.types import Corpus

__all__ = ["Mentions", "holds", "spelled"]

_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W_]+(?:['’\-][^\W_]+)*")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


@lru_cache(maxsize=1 << 16)
def spelled(text: str) -> str:
    """The words and numbers of a text between single spaces: "1,250.5 Zürich" is " 1250.5 zurich "."""
    found = _TOKEN.findall(text.casefold() if text.isascii() else normalise(text))
    return " ".join(["", *(t.replace(",", "") if _GROUPED.fullmatch(t) else t for t in found), ""])


def holds(text: str, phrase: str) -> bool:
    """True if the words of the phrase stand in the text in a row, numbers as whole numbers."""
    wanted = spelled(phrase)
    return wanted != " " and wanted in spelled(text)


class Mentions:
    """The passages of a corpus by the phrases they hold; bit i belongs to `ids[i]`."""

    def __init__(self, corpus: Corpus) -> None:
        self.ids: Sequence[str] = sorted(corpus.passages)
        self.bit = {passage_id: 1 << i for i, passage_id in enumerate(self.ids)}
        self._texts = [spelled(corpus.passages[i].full) for i in self.ids]
        words: defaultdict[str, int] = defaultdict(int)
        for i, text in enumerate(self._texts):
            for word in set(text.split()):
                words[word] |= 1 << i
        self._words = dict(words)
        self._found: dict[str, int] = {}

    def of(self, phrase: str) -> int:
        """The passages that hold the phrase, as bits."""
        found = self._found.get(phrase)
        if found is None:
            found = self._found[phrase] = self._search(spelled(phrase))
        return found

    def all_of(self, phrases: Iterable[str]) -> int:
        """The passages that hold every phrase; all passages if there is none."""
        return reduce(and_, map(self.of, phrases), (1 << len(self.ids)) - 1)

    def any_of(self, phrases: Iterable[str]) -> int:
        """The passages that hold at least one of the phrases."""
        return reduce(or_, map(self.of, phrases), 0)

    def passages(self, bits: int) -> list[str]:
        """The ids of the bits, in order."""
        found = []
        while bits:
            low = bits & -bits
            found.append(self.ids[low.bit_length() - 1])
            bits ^= low
        return found

    def _search(self, phrase: str) -> int:
        words = phrase.split()
        if not words:
            return 0
        near = reduce(and_, (self._words.get(word, 0) for word in words))
        if len(words) == 1:
            return near
        exact = 0
        while near:
            low = near & -near
            exact |= low if phrase in self._texts[low.bit_length() - 1] else 0
            near ^= low
        return exact
