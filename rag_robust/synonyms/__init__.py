"""Word substitutions: where the sets come from, and what they make of one text.

Attacks and certificates both take a `space.Substitutions`, so that what is tried and what is proved
are over the same texts. A suite names a source in one line, `KIND[:PLACE][?OPTION=VALUE&…]`:

    wordnet                                 wordnet:FOLDER?senses=all&pos=noun,verb
    neighbours:ENCODER?threshold=0.7&top=5  neighbours, of the ranker's own encoder
    pairs:FILE
    vectors:FILE?threshold=0.7&top=50&first=50000&counterfit=1

and with any of them antonyms=wordnet or antonyms=FILE, inflect=1, parts=1, stop=0, cap=N, done in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rag_robust.errors import ModelError, SuiteError
from rag_robust.synonyms._named import KINDS, Named, read
from rag_robust.synonyms.wordnet import ANYWHERE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag_robust.synonyms.source import Source

__all__ = ["check", "describe", "load", "names"]

Words = Callable[[str], "tuple[Sequence[str], NDArray[np.float32]] | None"]
"""An encoder's name, "" for the ranker's own, to its words and their input embeddings, shape (n, h).

None where it has no tokens.
"""

_ABOUT = {
    "neighbours": "an encoder's own nearest words, antonyms among them: an attack set",
    "neighbours:ENCODER": "the same of a named encoder, for rankers that have none",
    "pairs:FILE": "a file with two words per line, such as PPDB's",
    "vectors:FILE": "nearest words in a file of word vectors, such as GloVe or counter-fitted ones",
    "wordnet": "words that share a sense",
    "?antonyms=…": "less the pairs of a file, or of WordNet",
    "?cap=…": "made transitive, in classes of at most so many words",
    "?inflect=1": "plurals for plurals, past tenses for past tenses",
    "?parts=1": "only words that can be of one part of speech",
    "?stop=0": "no stop word is put in; with ?cap=… what random synonyms need to certify",
}


def names() -> list[str]:
    """Every kind of source, and what may follow any of them."""
    return list(_ABOUT)


def describe(name: str) -> str:
    """What a kind of source is, its own options, whether it is there, and what to do if not."""
    kind = name.partition(":")[0]
    options = ", ".join(sorted(KINDS.get(kind, ())))
    parts = [_ABOUT[name], *([f"options {options}"] if options else []), _standing(name)]
    return "; ".join(part for part in parts if part)


def _standing(name: str) -> str:
    if name == "neighbours":
        return "needs nothing but a ranker with an encoder"
    if name in {"?inflect=1", "?parts=1"}:
        there = find_spec("lemminflect") is not None
        return "lemminflect is installed" if there else "missing: pip install 'rag-robust[words]'"
    return _where_wordnet() if name == "wordnet" else ""


def _where_wordnet() -> str:
    from rag_robust.synonyms.wordnet import find

    try:
        return f"found in {find()}"
    except ModelError:
        return "missing: apt-get install wordnet-base, or set WNHOME"


def check(name: str) -> None:
    """Refuses what no source is called; nothing is loaded.

    Raises:
        SuiteError: an unknown kind or option, or a value that it cannot have; the nearest is named.
    """
    read(name)


def load(name: str, words: Words | None = None, *, vocabulary: Collection[str] | None = None) -> Source:
    """The substitutions of a name, see above; `words` is asked for an encoder's, if they are neighbours.

    With a `vocabulary`, a file of vectors is only read for these words.

    Raises:
        SuiteError: an unknown kind or option, or neighbours where no encoder has tokens.
        ModelError: a file or WordNet that is missing or broken.
        MissingExtra: inflect=1 or parts=1 without lemminflect.
    """
    wanted = read(name)
    if wanted.kind == "wordnet":
        found = _wordnet(wanted)
    else:
        found = _inflected(wanted, _without_antonyms(wanted, _listed(wanted, words, vocabulary)))
    if wanted.parts:
        from rag_robust.synonyms.inflect import of_one_part

        found = of_one_part(found)
    if not wanted.stop:
        from rag_robust.synonyms.source import without_stop_words

        found = without_stop_words(found)
    if wanted.cap is None:
        return found
    from rag_robust.synonyms.classes import cliques

    return cliques(found, wanted.cap)


def _listed(wanted: Named, words: Words | None, vocabulary: Collection[str] | None) -> Source:
    """The source of a kind that knows no parts of speech."""
    from rag_robust.synonyms.neighbours import neighbours
    from rag_robust.synonyms.pairs import pairs

    if wanted.kind == "pairs":
        return pairs(Path(wanted.place))
    if wanted.kind == "vectors":
        called = f"vectors {Path(wanted.place).stem}"
        known, vectors = _read_vectors(wanted, vocabulary)
    else:
        called = f"neighbours of {wanted.place}" if wanted.place else "neighbours"
        known, vectors = _of_encoder(wanted.place, words)
    narrowed = (
        f"{called}{', counter-fitted' * wanted.counterfit}, cosine {wanted.threshold:g}, top {wanted.top}"
    )
    return neighbours(known, vectors, threshold=wanted.threshold, top=wanted.top, name=narrowed)


def _of_encoder(place: str, words: Words | None) -> tuple[Sequence[str], NDArray[np.float32]]:
    if words is None:
        raise SuiteError(
            'synonyms = "neighbours" are for rankers; use "wordnet", "pairs:FILE" or "vectors:FILE" here'
        )
    found = words(place)
    if found is None:
        raise SuiteError(
            f'synonyms = "neighbours{place and ":" + place}" need an encoder with tokens, and '
            f'{place or "the ranker"} has none; name one, as in synonyms = "{ANYWHERE}", '
            'or use "wordnet", "pairs:FILE" or "vectors:FILE"'
        )
    return found


def _read_vectors(
    wanted: Named, vocabulary: Collection[str] | None
) -> tuple[Sequence[str], NDArray[np.float32]]:
    from rag_robust.synonyms.vectors import read_vectors

    words, vectors = read_vectors(Path(wanted.place), first=wanted.first, vocabulary=vocabulary)
    if not wanted.counterfit:
        return words, vectors
    from rag_robust.synonyms.counterfit import counterfit
    from rag_robust.synonyms.source import links
    from rag_robust.synonyms.wordnet import wordnet, wordnet_antonyms

    return words, counterfit(words, vectors, synonyms=links(wordnet()), antonyms=wordnet_antonyms())


def _wordnet(wanted: Named) -> Source:
    """WordNet; to be inflected part by part, for a form of a verb is none of a noun."""
    from rag_robust.synonyms.source import joined
    from rag_robust.synonyms.wordnet import wordnet

    folder = _folder(wanted)
    whole = _without_antonyms(wanted, wordnet(folder, senses=wanted.senses, pos=wanted.pos))
    if not wanted.inflect:
        return whole
    parts = [wordnet(folder, senses=wanted.senses, pos=(part,)) for part in wanted.pos]
    formed = [
        _inflected(wanted, _without_antonyms(wanted, one), (part,))
        for one, part in zip(parts, wanted.pos, strict=True)
    ]
    return joined(f"{whole.name}, inflected", formed)


def _folder(wanted: Named) -> Path | None:
    return Path(wanted.place) if wanted.kind == "wordnet" and wanted.place else None


def _without_antonyms(wanted: Named, source: Source) -> Source:
    from rag_robust.synonyms.pairs import read_pairs
    from rag_robust.synonyms.source import without
    from rag_robust.synonyms.wordnet import wordnet_antonyms

    if not wanted.antonyms:
        return source
    if wanted.antonyms != "wordnet":
        return without(source, read_pairs(Path(wanted.antonyms)))
    return without(source, wordnet_antonyms(_folder(wanted)))


def _inflected(wanted: Named, source: Source, pos: Sequence[str] | None = None) -> Source:
    if not wanted.inflect:
        return source
    from rag_robust.synonyms.inflect import inflected

    return inflected(source, pos=pos) if pos else inflected(source)
