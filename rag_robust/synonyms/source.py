"""Which words an attacker may put in the place of which: the sets a certificate quantifies over.

A source is symmetric and no word is in its own set, whatever it was made from. "Synonym" is the
attacker's word: encoder neighbours contain antonyms, and that is a wider threat, not an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from rag_robust import seeds, text
from rag_robust.errors import ModelError

__all__ = ["Source", "grouped", "report_card"]


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


def report_card(source: Source, texts: Iterable[str]) -> dict[str, float]:
    """How wide a threat the source is: words with a set, mean set size, share of text words it can replace.

    Stop words in the texts count as not substitutable, as in `space.Substitutions`.

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


def grouped(linked: Iterable[Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Pairs (word, other) as sets, in the order they come."""
    found: dict[str, list[str]] = {}
    for word, other in linked:
        found.setdefault(word, []).append(other)
    return {word: tuple(options) for word, options in found.items()}


def _closed(name: str, sets: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Lower-cased, symmetric, irreflexive; own order first, then what the closure adds, sorted."""
    given = [(w.lower(), u.lower()) for w, options in sorted(sets.items()) for u in options]
    for word in dict.fromkeys(w for pair in given for w in pair):
        if text.words(word) != [word]:
            raise ModelError(f'synonym source "{name}": expected single words, got "{word}"; leave it out')
    back = sorted((u, w) for w, u in given)
    sets_ = grouped((w, u) for w, u in [*given, *back] if w != u)
    return {word: tuple(dict.fromkeys(options)) for word, options in sorted(sets_.items())}
