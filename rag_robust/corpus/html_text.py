"""The text of an HTML page as markdown: headings, paragraphs, fields and tables, without scripts."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["page"]

_HIDDEN = frozenset({"noscript", "script", "style", "svg", "template"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CELLS = frozenset({"td", "th"})
_ROWS = frozenset({"table", "tbody", "tfoot", "thead", "tr"})
_BOLD = frozenset({"b", "strong"})
_BLOCKS = frozenset(_HEADINGS) | frozenset(
    "address article aside blockquote body dd details div dl dt figcaption figure footer form header "
    "hr li main nav ol p pre section summary table ul".split()
)
_MARK = "\0"
"""Where bold print begins and ends, until a paragraph is whole."""


def page(html: str) -> tuple[str, str]:
    """Title and text of an HTML page.

    The title is the first `<h1>`, else `<title>`, else the first heading, else "". The text is the
    markdown of the page, so that whatever reads markdown knows what a place is about: `<h1>` to `<h6>`
    are lines of "#", a paragraph all in bold is "**bold**", a definition list lines "term: definition",
    table rows lines "| cell | cell |" behind their `<caption>`, with a line of dashes under a first row of
    `<th>`. Blocks are parted by a blank line, a table stays together. A line of the page's own that begins
    like a heading gets a backslash, a "|" inside a cell is "/".
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end()
    lines = (_line(line) for line in "".join(reader.parts).split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    tops = [text for level, text in reader.headings if level == 1]
    rest = [text for _, text in reader.headings]
    return next(filter(None, [*tops[:1], " ".join("".join(reader.title).split()), *rest[:1]]), ""), text


def _line(line: str) -> str:
    """A line without spare white space; in bold if all of it is."""
    bare = re.sub(r"[^\S\n]+", " ", line).strip()
    bold = re.fullmatch(rf"{_MARK}([^{_MARK}]*[^\s{_MARK}])\s*{_MARK}", bare)
    return f"**{bold[1].strip()}**" if bold else " ".join(bare.replace(_MARK, "").split())


class _Reader(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self.title: list[str] = []
        self._hidden = 0
        self._in_title = False
        self._level = 0  # of the open heading, whose words are in `_said`
        self._said: list[str] = []
        self._row: list[tuple[str, list[str]]] | None = None
        self._first_row = False
        self._after = ""  # what parts a term from its next definition; "" outside of definitions
        self._defining = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in _HIDDEN
        self._in_title = tag == "title" and not self._hidden and not self.title
        if tag in _ROWS | _CELLS | _BLOCKS:
            self._end_heading()
        if tag in _ROWS:
            self._end_row()
            self._first_row |= tag == "table"
        if tag in _CELLS:
            self._row = [*(self._row or []), (tag, [])]
        elif tag in _HEADINGS and self._row is None:
            self._level = _HEADINGS[tag]
        elif tag in {"dt", "dd"} and self._row is None:
            self._term(tag)
        else:
            self._say(self._break(tag))

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        self._in_title &= tag != "title"
        if tag in _HEADINGS:
            self._end_heading()
        if tag in _ROWS:
            self._end_row()
        self._defining &= tag not in {"dd", "dl"}
        if tag not in {"dt", "dd", "tr", *_CELLS}:
            self._say(self._break(tag))

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._in_title:
            self.title.append(data)
            return
        text = re.sub(r"\s+", " ", data.replace(_MARK, ""))
        if re.match(r" ?#{1,6}(?: |$)", text) and self._begins_line():
            text = text.replace("#", "\\#", 1)
        self._say(text)

    def end(self) -> None:
        """Close what the page left open."""
        self._end_heading()
        self._end_row()

    def _say(self, text: str) -> None:
        """Put words where they belong: into the open heading, the open cell, or the text."""
        if self._level:
            self._said.append(text)
        elif self._row:
            self._row[-1][1].append(text.replace("|", "/"))
        elif text:
            self.parts.append(text)

    def _begins_line(self) -> bool:
        """True if what is said next would stand at the start of a line of the text."""
        before = "".join(self.parts[-3:]).rstrip(f" {_MARK}")
        return not self._level and not self._row and before[-1:] in ("", "\n")

    def _term(self, tag: str) -> None:
        """Begin a term of a definition list, or one of its definitions."""
        self._defining = tag == "dd"
        marked = "".join(self.parts[-2:]).rstrip(f" {_MARK}").endswith(":")
        self.parts.append("\n" if tag == "dt" else " " if marked else self._after)
        self._after = ": " if tag == "dt" else "; "

    def _end_heading(self) -> None:
        told = " ".join("".join(self._said).replace(_MARK, "").split())
        if self._level and told:
            self.headings.append((self._level, told))
            self.parts.append(f"\n\n{'#' * self._level} {told}\n\n")
        self._level, self._said = 0, []

    def _end_row(self) -> None:
        cells = [" ".join("".join(said).replace(_MARK, "").split()) for _, said in self._row or ()]
        if any(cells):
            self.parts.append(f"\n| {' | '.join(cells)} |")
            if self._first_row and len(cells) > 1 and all(tag == "th" for tag, _ in self._row or ()):
                self.parts.append(f"\n|{' --- |' * len(cells)}")
            self._first_row = False
        self._row = None

    def _break(self, tag: str) -> str:
        inside = self._level or self._row is not None or self._defining
        if tag in _BOLD:
            return _MARK
        if tag == "br":
            return " " if inside else "\n"
        if tag in _BLOCKS:
            return " " if inside else "\n\n"
        return ""
