"""Synonyms and antonyms of an installed WordNet: words that share a sense, and words opposed in one."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from rag_robust import text
from rag_robust.errors import ModelError
from rag_robust.synonyms.source import Source, grouped

__all__ = ["ANYWHERE", "PARTS", "find", "wordnet", "wordnet_antonyms"]

PARTS = ("noun", "verb", "adj", "adv")
"""Parts of speech, by the names of WordNet's files."""

ANYWHERE = "neighbours:all-MiniLM-L6-v2"
"""The source that every machine with the weight packages has, whatever the ranker."""

Folder = Path | zipfile.Path

_LETTERS = dict(zip("nvasr", ("noun", "verb", "adj", "adj", "adv"), strict=True))


def wordnet(
    folder: Path | None = None, *, senses: int | None = 1, pos: Sequence[str] = PARTS, name: str = ""
) -> Source:
    """Synonyms of WordNet: single words that share a synset, so of the same part of speech.

    A word's set holds the members of its first `senses` synsets per part of speech (None: all of
    them), most frequent sense first. The default keeps the sense a reader most likely means; None is
    the wider threat. Which part of speech a written word has is not asked: a set is the union over
    `pos`, nouns first, so "run" has words for the noun and for the verb. Where it lies: see `find`.

    Raises:
        ModelError: no WordNet there, or no such part of speech.
    """
    unknown = sorted(set(pos) - set(PARTS))
    if unknown or not pos:
        raise ModelError(
            f"expected parts of speech of {', '.join(PARTS)}, got {', '.join(unknown) or 'none'}"
        )
    root = find(folder)
    chosen = [part for part in PARTS if part in pos]
    narrowed = [
        *([f"{'all' if senses is None else f'first {senses}'} senses"] if senses != 1 else []),
        *([f"only {' '.join(chosen)}"] if len(chosen) < len(PARTS) else []),
    ]
    linked = [pair for part in chosen for pair in _synonyms(root, part, senses)]
    return Source(name or ", ".join(["wordnet", *narrowed]), grouped(linked))


def wordnet_antonyms(folder: Path | None = None) -> frozenset[tuple[str, str]]:
    """Pairs of single words that WordNet opposes in some sense, each in order of the alphabet.

    Its "!" pointers, from word to word: "hot cold", and not "torrid cold", which it opposes indirectly.

    Raises:
        ModelError: no WordNet there.
    """
    root = find(folder)
    entries = {part: list(_synsets(root, part, " ! ")) for part in PARTS}  # both ends have a pointer
    members = {(part, fields[0]): _members(fields) for part in PARTS for fields in entries[part]}
    opposed = (
        (members[part, fields[0]][source], members[_LETTERS[letter], offset][target])
        for part in PARTS
        for fields in entries[part]
        for offset, letter, source, target in _opposites(fields)
    )
    return frozenset((min(pair), max(pair)) for pair in opposed if all(map(_single, pair)))


def find(folder: Path | None = None) -> Folder:
    """Where WordNet's data files lie: in `folder`, its `dict`, or, as NLTK has it, `corpora/wordnet`.

    NLTK's may be a zip file. Without a folder: in $WNHOME if that is set; else /usr/share/wordnet, then the
    folders of $NLTK_DATA and ~/nltk_data.

    Raises:
        ModelError: nowhere there.
    """
    places = [folder] if folder else _usual()
    candidates = [c for place in places for c in _within(place)]
    for root in candidates:
        if not _absent(root):
            return root
    raise ModelError(
        f"WordNet not found: no {_absent(places[0])[0]} in {places[0]}; "
        "run: apt-get install wordnet-base, or set WNHOME; "
        f'without it use the neighbours of an encoder, "{ANYWHERE}"'
    )


def _usual() -> list[Path]:
    if "WNHOME" in os.environ:
        return [Path(os.environ["WNHOME"])]
    nltk = [Path(p) for p in os.environ.get("NLTK_DATA", "").split(os.pathsep) if p]
    return [Path("/usr/share/wordnet"), *nltk, Path("~/nltk_data").expanduser()]


def _within(place: Path) -> Iterator[Folder]:
    yield from (place, place / "dict", place / "corpora" / "wordnet")
    packed = place / "corpora" / "wordnet.zip"
    if packed.is_file():
        yield zipfile.Path(packed) / "wordnet"


def _absent(root: Folder) -> list[str]:
    """Files of WordNet that are not there."""
    return [f for part in PARTS for f in (f"index.{part}", f"data.{part}") if not (root / f).is_file()]


def _synonyms(root: Folder, part: str, senses: int | None) -> Iterator[tuple[str, str]]:
    """Pairs (lemma, synonym) of one part of speech, by the formats of wndb(5WN)."""
    members = {fields[0]: _members(fields) for fields in _synsets(root, part)}
    for line in _entries(root / f"index.{part}"):
        lemma, _, synsets, *rest = line.split()
        if not _single(lemma):
            continue
        offsets = rest[-int(synsets) :][:senses]
        shared = (u for o in offsets for u in members[o])
        yield from ((lemma, u) for u in shared if u != lemma and _single(u))


def _synsets(root: Folder, part: str, mark: str = "") -> Iterator[list[str]]:
    """Fields of each synset with this mark: offset, file, kind, n, n × (word, id), m, m × (pointer: 4)."""
    entries = (line.split(" | ")[0] for line in _entries(root / f"data.{part}"))
    return (entry.split() for entry in entries if mark in entry)


def _members(fields: Sequence[str]) -> list[str]:
    """The words of a synset; adjectives carry a syntactic marker: "galore(ip)"."""
    end = 4 + 2 * int(fields[3], 16)
    return [field.partition("(")[0].lower() for field in fields[4:end:2]]


def _opposites(fields: Sequence[str]) -> Iterator[tuple[str, str, int, int]]:
    """The synset and letter of each "!" pointer, and which word here it opposes to which there."""
    start = 4 + 2 * int(fields[3], 16)
    marks = range(start + 1, start + 1 + 4 * (int(fields[start]) + 1), 4)
    for begin, end in pairwise(marks):
        symbol, offset, letter, ends = fields[begin:end]
        if symbol == "!" and ends != "0000":
            yield offset, letter, int(ends[:2], 16) - 1, int(ends[2:], 16) - 1


def _single(word: str) -> bool:
    return "_" not in word and text.words(word) == [word]


def _entries(path: Folder) -> Iterator[str]:
    """The lines of a WordNet file after its licence, which is indented."""
    return (line for line in path.read_text(encoding="utf-8").splitlines() if line[:1].strip())
