"""Substitutions from files with two words a line, such as the lists of PPDB and of antonyms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rag_robust import text
from rag_robust.errors import ModelError
from rag_robust.synonyms.source import Source, grouped

__all__ = ["pairs", "read_pairs"]


def pairs(path: Path, *, antonyms: Path | None = None) -> Source:
    """A source from a file with two words per line, less the pairs of an antonym file.

    The format of the counter-fitting constraint lists; blank lines are skipped, each set is sorted. It is
    called "pairs NAME", by the file.

    Raises:
        ModelError: a file that is missing, or a line that is not two words.
    """
    linked = {frozenset(pair) for pair in read_pairs(path)}
    opposed = {frozenset(pair) for pair in read_pairs(antonyms)} if antonyms else set()
    kept = sorted(sorted(pair) for pair in linked - opposed if len(pair) == 2)
    return Source(f"pairs {path.stem}", grouped([*kept, *((b, a) for a, b in kept)]))


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """The pairs of a file, lower-cased.

    Raises:
        ModelError: a file that is missing, or a line that is not two words.
    """
    if not path.is_file():
        raise ModelError(f"no word pairs at {path}; expected a text file with two words per line")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.lower().split()
        if fields and (len(fields) != 2 or any(text.words(f) != [f] for f in fields)):
            raise ModelError(f'{path}:{number}: expected two words, got "{line}"; mend or delete the line')
        if fields:
            yield fields[0], fields[1]
