"""A corpus from a folder of text, markdown and HTML files, cut into passages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rag_robust.corpus.build import build
from rag_robust.corpus.chunk import chunk
from rag_robust.corpus.html_text import page
from rag_robust.errors import CorpusError
from rag_robust.types import Corpus, Passage

__all__ = ["read"]

_MARKDOWN = frozenset({".markdown", ".md"})
_HTML = frozenset({".htm", ".html"})
_KNOWN = _MARKDOWN | _HTML | {".txt"}
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*")


def read(pattern: str) -> Corpus:
    """A corpus of the files that match a pattern such as `docs/**/*.md`; a folder means all in it.

    Reads .txt, .md and .html; other files that match are left out. Each file is chunked
    (`chunk.chunk`), and its passages are called `path#0000`, `path#0001`, ..., the path being
    relative to the pattern's part before the first wildcard. HTML is read as markdown
    (`html_text.page`). The title is the file's first heading, of HTML the first `<h1>` or `<title>`,
    else the file's name. There are no queries.

    Raises:
        CorpusError: nothing matches, the pattern is malformed, or a file is not UTF-8.
    """
    base, wild = _parts(pattern)
    try:
        paths = sorted(p for p in base.glob(wild) if p.is_file() and p.suffix.lower() in _KNOWN)
    except ValueError as error:
        raise CorpusError(f'expected a pattern such as docs/**/*.md, got "{pattern}": {error}') from error
    if not paths:
        raise CorpusError(
            f'expected {", ".join(sorted(_KNOWN))} files, got none for "{pattern}" in {base.resolve()}'
        )
    found = (p for path in paths for p in _passages(path, path.relative_to(base).as_posix()))
    return build(found, where=pattern)


def _parts(pattern: str) -> tuple[Path, str]:
    """The folder before the first wildcard, and the pattern below it."""
    path = Path(pattern)
    if path.is_dir():
        return path, "**/*"
    fixed = Path(path.anchor)
    parts = path.parts[1:] if path.anchor else path.parts
    n = next((i for i, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts) - 1)
    return fixed.joinpath(*parts[:n]), "/".join(parts[n:])


def _passages(path: Path, name: str) -> Iterator[Passage]:
    text, title = _decoded(path), ""
    if path.suffix.lower() in _HTML:
        title, text = page(text)
    elif path.suffix.lower() in _MARKDOWN:
        title = _first_heading(text)
    if text.strip():
        for i, part in enumerate(chunk(text)):
            yield Passage(f"{name}#{i:04d}", part, title or path.name)


def _decoded(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{path}: expected UTF-8 text, got {error}; save the file as UTF-8 or leave it out"
        ) from error


def _first_heading(text: str) -> str:
    """The first `# heading` outside a fenced block of code."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and (match := _HEADING.fullmatch(line)) and match[1]:
            return match[1]
    return ""
