"""Which words an attacker may put in the place of which: the sets a certificate quantifies over.

A source is symmetric and no word is in its own set, whatever it was made from. "Synonym" is the
attacker's word: encoder neighbours contain antonyms, and that is a wider threat, not an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from rag_robust import seeds, text
from rag_robust.errors import ModelError

__all__ = ["Source", "grouped", "joined", "links", "report_card", "without", "without_stop_words"]


@dataclass(frozen=True)
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

    @cached_property
    def hash(self) -> str:
        """The name and 12 hex digits of the content: "wordnet:0123456789ab".

        The order of words does not enter; the order inside a set does, since `per_word` cuts by it.
        """
        return f"{self.name}:{seeds.digest(dict(self.sets))[:12]}"

    def lookup(self, word: str) -> tuple[str, ...]:
        """The words that may replace this one, lower-cased; none for an unknown word."""
        return self.sets.get(word.lower(), ())


def report_card(source: Source, texts: Iterable[str], other: Source | None = None) -> dict[str, float]:
    """How wide a threat the source is: words with a set, mean set size, share of text words it can replace.

    Stop words in the texts count as not substitutable, as in `space.Substitutions`. With another source
    also "overlap": |A ∩ B| / |A ∪ B| of the unordered pairs A and B that the two link.

    Raises:
        ModelError: texts without a single word, of which no share can be had.
    """
    said = [word for one in texts for word in text.words(one)]
    if not said:
        raise ModelError("expected texts with at least one word, got none; give the passages to be certified")
    sizes = [len(options) for options in source.sets.values()]
    open_words = sum(w.lower() not in text.STOP_WORDS and bool(source.lookup(w)) for w in said)
    card = {
        "words": float(len(sizes)),
        "mean_set_size": sum(sizes) / len(sizes) if sizes else 0.0,
        "substitutable": open_words / len(said),
    }
    return card if other is None else {**card, "overlap": _overlap(source, other)}


def _overlap(source: Source, other: Source) -> float:
    """Jaccard similarity of the pairs two sources link; 1 for two empty ones."""
    one, two = set(links(source)), set(links(other))
    return len(one & two) / len(one | two) if one or two else 1.0


def links(source: Source) -> list[tuple[str, str]]:
    """Every pair of words that may replace each other once, the two and the list in order of the alphabet."""
    return [(w, u) for w, options in source.sets.items() for u in sorted(options) if w < u]


def without(source: Source, opposed: Iterable[tuple[str, str]], *, name: str = "") -> Source:
    """The source less some pairs, such as antonyms; the order inside the sets stays.

    Pairs are of words as written: "hot cold" leaves "hotter" and "colder" linked. Called
    "NAME, no antonyms" if no name is given.
    """
    gone = {frozenset((a.lower(), b.lower())) for a, b in opposed}
    kept = {w: tuple(u for u in us if frozenset((w, u)) not in gone) for w, us in source.sets.items()}
    return Source(name or f"{source.name}, no antonyms", kept)


def without_stop_words(source: Source) -> Source:
    """The source less stop words, which are never replaced but may be put in; named "NAME, no stop words".

    A certificate of random synonyms needs it of classes: a stop word is drawn from itself alone, so a word
    that may become one has another law than it.
    """
    kept = {w: tuple(u for u in us if u not in text.STOP_WORDS) for w, us in source.sets.items()}
    named = f"{source.name}, no stop words"
    return Source(named, {w: us for w, us in kept.items() if w not in text.STOP_WORDS})


def joined(name: str, sources: Iterable[Source]) -> Source:
    """What any of the sources allows; a word's set is those of the sources one after the other."""
    return Source(name, grouped((w, u) for one in sources for w, us in one.sets.items() for u in us))


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
    sets_ = {w: dict.fromkeys(us) for w, us in grouped((w, u) for w, u in given if w != u).items()}
    for w, u in sorted((u, w) for w, us in sets_.items() for u in us if w not in sets_.get(u, ())):
        sets_.setdefault(w, {})[u] = None
    return {word: tuple(options) for word, options in sorted(sets_.items())}
