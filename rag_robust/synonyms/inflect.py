"""Inflection kept: "cars" for "automobiles" where a source only says "car" for "automobile"."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

from rag_robust import text
from rag_robust.errors import MissingExtra
from rag_robust.synonyms.source import Source, grouped, links, without
from rag_robust.synonyms.wordnet import PARTS

try:
    import lemminflect
except ImportError as error:
    raise MissingExtra("lemminflect", "'rag-robust[words]'", "words in every form") from error

__all__ = ["inflected", "of_one_part"]

_TAGS = {
    "noun": ("NNS",),
    "verb": ("VBD", "VBG", "VBN", "VBZ"),
    "adj": ("JJR", "JJS"),
    "adv": ("RBR", "RBS"),
}


def inflected(source: Source, *, pos: Collection[str] = PARTS, name: str = "") -> Source:
    """A source of lemmas and of their forms: if u may replace w, then u's plural may replace w's, and so on.

    Forms of a lemma are those of the dictionary of lemminflect for the tags of `pos` (NNS; VBD VBG VBN
    VBZ; JJR JJS; RBR RBS); a form that it does not list is not made up, so rare words keep their lemma
    alone. Without a tagger a form may be read otherwise than meant: "saw" is a tool and has seen. Called
    "NAME, inflected" if no name is given.

    Raises:
        MissingExtra: lemminflect is not installed (when this module is imported).
    """
    linked = [(w, u) for w, options in source.sets.items() for u in options]
    forms = [pair for w, u in linked for part in PARTS if part in pos for pair in _agreeing(w, u, part)]
    return Source(name or f"{source.name}, inflected", grouped([*linked, *forms]))


def of_one_part(source: Source) -> Source:
    """The source less pairs of which no part of speech is known that both can be: "sudden suddenly".

    A word can be what the dictionary of lemminflect lists it or its lemma as, in any sentence: no text is
    tagged, so the relation stays one of written words. A word it does not list can be anything. Called
    "NAME, of one part of speech".
    """
    apart = [(w, u) for w, u in links(source) if _parts(w) and _parts(u) and not _parts(w) & _parts(u)]
    return without(source, apart, name=f"{source.name}, of one part of speech")


@cache
def _parts(word: str) -> frozenset[str]:
    return frozenset(lemminflect.getAllLemmas(word))


def _agreeing(word: str, other: str, part: str) -> Iterator[tuple[str, str]]:
    """Forms of two lemmas with the same tag."""
    own, others = _forms(word), _forms(other)
    for tag in _TAGS[part]:
        yield from ((w, u) for w in own.get(tag, ()) for u in others.get(tag, ()) if w != u)


@cache
def _forms(lemma: str) -> dict[str, tuple[str, ...]]:
    """Tag to the dictionary's forms that are single words; a participle it omits is the past tense."""
    listed = lemminflect.getAllInflections(lemma)
    listed = {"VBN": listed["VBD"], **listed} if "VBD" in listed else listed
    return {tag: tuple(f.lower() for f in forms if text.words(f) == [f]) for tag, forms in listed.items()}
