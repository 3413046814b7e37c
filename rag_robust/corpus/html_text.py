"""The text of an HTML page: paragraphs, headings and tables, without scripts and styles."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["page"]

_HIDDEN = frozenset({"noscript", "script", "style", "template"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = _HEADINGS | frozenset(
    "address article aside blockquote body dd details div dl dt figcaption figure footer form header "
    "hr li main nav ol p pre section summary table ul".split()
)


def page(html: str) -> tuple[str, str]:
    """Title and text of an HTML page.

    The title is the first heading, else `<title>`, else "". Blocks are parted by a blank line,
    table rows become lines `| cell | cell |`, so that a table stays together when it is chunked.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in "".join(reader.parts).split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    named = (" ".join("".join(parts).split()) for parts in (reader.heading, reader.title))
    return next(filter(None, named), ""), text


class _Reader(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.heading: list[str] = []
        self.title: list[str] = []
        self._hidden = 0
        self._open = ""
        self._in_row = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in _HIDDEN
        if tag == "title" or (tag in _HEADINGS and not "".join(self.heading).strip()):
            self._open = tag
        self.parts.append(self._break(tag))
        self._in_row = self._in_row or tag == "tr"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))
        if tag == self._open:
            self._open = ""
        self._in_row = self._in_row and tag not in {"table", "tr"}  # </tr> may be left out
        self.parts.append({"tr": " |", "td": "", "th": ""}.get(tag, self._break(tag)))

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if self._open == "title":
            self.title.append(data)
            return
        if self._open:
            self.heading.append(data)
        self.parts.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> str:
        if tag in {"td", "th"}:
            return " | "
        if tag in {"br", "tr"}:
            return " " if tag == "br" and self._in_row else "\n"
        if tag in _BLOCKS:
            return " " if self._in_row else "\n\n"
        return ""
