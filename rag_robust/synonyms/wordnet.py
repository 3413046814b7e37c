"""Synonyms of an installed WordNet: words that share a sense."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rag_robust import text
from rag_robust.errors import ModelError
from rag_robust.synonyms.source import Source, grouped

__all__ = ["wordnet"]

_POS = ("noun", "verb", "adj", "adv")


def wordnet(folder: Path | None = None, *, senses: int | None = 1) -> Source:
    """Synonyms of WordNet: single words that share a synset, so of the same part of speech.

    A word's set holds the members of its first `senses` synsets per part of speech (None: all of
    them), most frequent sense first. The default keeps the sense a reader most likely means; None is
    the wider threat. The folder is `folder`, else $WNHOME/dict, else
    /usr/share/wordnet.

    Raises:
        ModelError: no WordNet there.
    """
    root = folder or (Path(os.environ["WNHOME"]) / "dict" if "WNHOME" in os.environ else None)
    root = root or Path("/usr/share/wordnet")
    absent = [f for pos in _POS for f in (f"index.{pos}", f"data.{pos}") if not (root / f).is_file()]
    if absent:
        raise ModelError(
            f"WordNet not found: no {absent[0]} in {root}; run: apt-get install wordnet-base, or set WNHOME; "
            'the source "neighbours" needs nothing'
        )
    linked = [pair for pos in _POS for pair in _synonyms(root, pos, senses)]
    return Source("wordnet", grouped(linked))


def _synonyms(root: Path, pos: str, senses: int | None) -> Iterator[tuple[str, str]]:
    """Pairs (lemma, synonym) of one part of speech, by the formats of wndb(5WN)."""
    members: dict[str, list[str]] = {}
    for line in _entries(root / f"data.{pos}"):
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        # adjectives carry a syntactic marker: "galore(ip)"
        members[fields[0]] = [f.partition("(")[0].lower() for f in fields[4 : 4 + 2 * count : 2]]
    for line in _entries(root / f"index.{pos}"):
        lemma, _, synsets, *rest = line.split()
        if text.words(lemma) != [lemma] or "_" in lemma:
            continue
        offsets = rest[-int(synsets) :][:senses]
        shared = (u for o in offsets for u in members[o])
        yield from ((lemma, u) for u in shared if u != lemma and "_" not in u and text.words(u) == [u])


def _entries(path: Path) -> Iterator[str]:
    """The lines of a WordNet file after its licence, which is indented."""
    return (line for line in path.read_text(encoding="utf-8").splitlines() if line[:1].strip())
