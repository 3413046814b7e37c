"""Facts out of lines "Field: value": front matter, infoboxes, records in JSON and YAML, two-column lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rag_robust.questions.evidence import Triplet
from rag_robust.questions.sections import About, Sections
from rag_robust.questions.tables import tables
from rag_robust.questions.values import read
from rag_robust.text import word_spans
from rag_robust.types import Corpus, Fact, Passage

__all__ = ["from_fields"]

_FIELD = re.compile(
    r"^[ \t]*(?:[-*+] )?(?:\*\*|__|\")?(?P<field>[^\W\d_][\w /()'’-]{1,60}?)(?:\*\*|__|\")?[ \t]*[:=]"
    r"(?:\*\*|__)?[ \t]+[\"']?(?P<value>[^\s\"'|{\[][^\n|]*?)[\"']?,?[ \t]*$"
)
_LISTED = re.compile(
    r"^[ \t]*\|[ \t]*(?P<field>[^\W\d_][^|\n]{1,60}?)[ \t]*\|[ \t]*(?P<value>[^|\n]+?)[ \t]*\|?$"
)
_FLOW = re.compile(r"^(?P<before>[ \t]*[\w \"-]+:[ \t]*)\[(?P<value>[^\]\n]+)\],?[ \t]*$")
_NAMES = frozenset({"name", "title", "subject", "entity", "company", "organisation", "organization"})
_META = frozenset(
    {"note", "source", "sources", "see also", "warning", "example", "http", "https", "url", "id"}
)
_FIELD_WORDS, _VALUE_WORDS = 6, 14
_ONE = frozenset("headquarters means news premises series species works".split())
"""Words with an s that are singular as well."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A field, its value, and where the value and the whole line stand."""

    field: str
    value: str
    start: int
    span: tuple[int, int]


def from_fields(corpus: Corpus) -> Iterator[Triplet]:
    """The facts of blocks of at least two lines "Field: value", in the order of passage id.

    The subject is the value of a field such as "name" or "title" in the block, else whom heading, line
    above or title name (`sections.Sections.about`). "a; b" and "[a, b]" give one fact each. A plural field
    with names as values gives the singular relation ("Neighbours: Sweden", neighbour).
    """
    sections = Sections(corpus)
    for passage_id in sorted(corpus.passages):
        passage = corpus.passages[passage_id]
        for above, block in _blocks(passage.text):
            about = sections.about(passage, block[0].span[0], above.strip("#*: "))
            yield from _facts(passage, about, above, block)


def _blocks(text: str) -> Iterator[tuple[str, list[_Line]]]:
    """Runs of fields, each with the line above it."""
    block: list[_Line] = []
    above = last = ""
    at = 0
    tabled = [(table.top[0], table.end) for table in tables(text)]
    for line in text.split("\n"):
        found = None if any(a <= at < b for a, b in tabled) else _field(line, at)
        if found:
            above = last if not block else above
            block.append(found)
        elif line.strip(" \t-{}[],"):
            if len(block) > 1:
                yield above, block
            block, last = [], line
        at += len(line) + 1
    if len(block) > 1:
        yield above, block


def _field(line: str, at: int) -> _Line | None:
    match = _FLOW.match(line)
    field = match["before"].strip().rstrip(":").strip('"') if match else ""
    if not match:
        match = _FIELD.match(line) or _LISTED.match(line)
        if not match:
            return None
        field = match["field"].strip()
    value = match["value"]
    sentence = value[-1] in ".!?" and len(value.split()) > 4
    if field.casefold() in _META or sentence or len(field.split()) > _FIELD_WORDS:
        return None
    return _Line(field, value, at + match.start("value"), (at, at + len(line)))


def _facts(passage: Passage, about: About, above: str, block: list[_Line]) -> Iterator[Triplet]:
    named = next((line for line in block if line.field.casefold() in _NAMES), None)
    subject = named.value if named else about.who
    for line in block:
        if line is named or not any(c.isalpha() for c in subject):
            continue
        start, end = (named.span[0], line.span[1]) if named and named.span < line.span else line.span
        header = (
            named.span
            if named and named.span > line.span
            else about.span
            if about.span[1]
            else _place(passage.text, above)
        )
        for value, begin in _values(line):
            if len(word_spans(value)) <= _VALUE_WORDS:
                place = (passage.id, begin, begin + len(value))
                fact = Fact(subject, _relation(line.field, value), value, "", *place)
                yield Triplet(fact, (start, end), "key-value", header)


def _place(text: str, above: str) -> tuple[int, int]:
    at = text.find(above) if above else 0
    return at, at + len(above)


def _values(line: _Line) -> Iterator[tuple[str, int]]:
    """The parts between semicolons (in brackets: commas), each with its place."""
    mark = ";" if ";" in line.value else ", " if '", "' in line.value else "\0"
    cuts = [-len(mark), *(m.start() for m in re.finditer(re.escape(mark), line.value)), len(line.value)]
    for before, after in pairwise(cuts):
        raw = line.value[before + len(mark) : after]
        bare = raw.strip(" \"'")
        if bare:
            yield bare, line.start + before + len(mark) + raw.index(bare)


def _relation(field: str, value: str) -> str:
    """The field in lower case unless it is an abbreviation; singular if it names things."""
    first, _, rest = " ".join(field.replace("_", " ").split()).partition(" ")
    plural = re.fullmatch(r"\w{3,}[^siu]s", first) and first.casefold() not in _ONE
    if plural and read(value).kind == "name":
        first = f"{first[:-3]}y" if first.endswith("ies") else first[:-1]
    first = first if first[1:2].isupper() else first.lower()
    return f"{first} {rest}".strip()
