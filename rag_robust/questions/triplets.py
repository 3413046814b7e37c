"""Facts out of tables: who, what, which value, when, and the cell where it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from rag_robust.questions.sections import ABOUT, DATE, NAMED, Sections
from rag_robust.questions.tables import Table, tables
from rag_robust.text import normalise
from rag_robust.types import Corpus, Fact, Passage

__all__ = ["SAME_RELATION", "Stated", "from_tables", "stated"]

SAME_RELATION: Mapping[str, str] = {
    "euro reference rate on the last working day": "year-end euro reference rate",
    "last euro reference rate": "year-end euro reference rate",
    "neighbours by land": "number of neighbours by land",
}
"""Relations that tables name in their own way, and the name we use."""

_ONLY_DATE = re.compile(rf"{DATE}$")
_DATES = re.compile(DATE)
_MEASURE = re.compile(rf"^(?P<what>[^,:;]+?) (?:of|for|in|on) {DATE}")
_UNIT_IN_CAPTION = re.compile(rf", in (?P<unit>(?!{DATE})[^,;:]+)")
_UNIT_IN_NAME = re.compile(r"^(?P<name>.*\S) (?:in (?P<plain>[^()]+)|\((?P<bracket>[^()]+)\))$")
_ATTRIBUTE_COLUMNS = frozenset(
    "attribute characteristic feature field indicator item measure metric parameter property quantity "
    "setting spec specification".split()
)
_DATE_COLUMNS = frozenset({"as of", "date", "month", "period", "year"})
_EMPTY = frozenset({"", "-", "–", "—", ".", "..", "...", "?", "n/a", "na", "n.a.", "none", "null"})


_Rule = Callable[[Table, tuple[str, str], str, str], tuple[str, str, str]]
"""(table, whom it is about and when, label, column) to (subject, relation, valid)."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact and the unit its table gives it ("" if it names none).

    `evidence` is the span of its row, `header` that from the heading or caption that is used to the
    header row, `kind` what the column of the subject is called, if the rows are things.
    """

    fact: Fact
    unit: str
    evidence: tuple[int, int] = (0, 0)
    header: tuple[int, int] = (0, 0)
    kind: str = ""


def from_tables(corpus: Corpus) -> list[Fact]:
    """The facts of all markdown tables, in the order of passage id and place, by three rules.

    1. Rows of dates: every label in the first column is a year or a date. The label is when, the
       column header what; heading, caption ("What of Who, ..." or "Who: what") or title say who, as
       `sections.Sections.about` reads them.
    2. Rows of attributes: two columns, the first called "Measure", "Indicator" or the like. The
       label is what; who as above, a single date in the caption or the nearest heading with one when.
    3. Rows of things: otherwise. The label is who, the column header what, a single date in the
       caption when; column headers that are dates are when, and the caption what.

    In rule 3, a column of dates called "Year", "Date" or the like says when for its row, and a header
    that is only the noun of a longer phrase in the caption ("Rate" under "Last euro reference rates
    of 2010") takes the phrase. An undated value whose relation is dated elsewhere in the corpus is
    named after its document ("population in the country profile", from the title "Country profile:
    Kenya"), or it would contradict the dated ones. Empty cells and tables that do not say whom they
    are about give nothing; a bare number is nobody's name.
    """
    return [found.fact for found in stated(corpus)]


def stated(corpus: Corpus) -> list[Stated]:
    """As `from_tables`, with units: from brackets or "in ..." in the header, else the caption."""
    sections = Sections(corpus)
    found = [
        (corpus.passages[passage_id], one)
        for passage_id in sorted(corpus.passages)
        for table in tables(corpus.passages[passage_id].text)
        for one in _facts(table, corpus.passages[passage_id], sections)
    ]
    dated = {one.fact.relation for _, one in found if one.fact.valid}
    return [_told_apart(one, passage, dated) for passage, one in found]


def _told_apart(one: Stated, passage: Passage, dated: set[str]) -> Stated:
    fact = one.fact
    kind, colon, _ = passage.title.partition(":")
    if fact.valid or not colon or fact.relation not in dated:
        return one
    return replace(one, fact=replace(fact, relation=f"{fact.relation} in the {_lowered(kind)}"))


def _facts(table: Table, passage: Passage, sections: Sections) -> Iterator[Stated]:
    """The facts of one table: (subject, column or label, valid) for each cell but the labels."""
    labels = [row[0].text for row in table.rows]
    kind = ""
    if labels and all(_ONLY_DATE.match(label) for label in labels):
        rule: _Rule = _dated_rows
    elif len(table.header) == 2 and table.header[0].lower() in _ATTRIBUTE_COLUMNS:
        rule = _attribute_rows
    else:
        rule, kind = _thing_rows, table.header[0].lower()
    when = _date_column(table) if rule is _thing_rows else 0
    about, dated = sections.about(passage, table.start, table.caption), sections.date(passage, table.start)
    day = _single_date(table.caption)
    told = about.who, day or ("" if _DATES.search(table.caption) else dated.who)
    top = min(a for a, b in (table.top, about.span, ((0, 0) if day else dated.span)) if b), table.top[1]
    for row in table.rows:
        for i, (column, cell) in enumerate(zip(table.header[1:], row[1:], strict=True), 1):
            subject, name, valid = rule(table, told, row[0].text, column)
            valid = row[when].text if when else valid
            if i == when or not any(c.isalpha() for c in subject) or not name or cell.text.lower() in _EMPTY:
                continue
            relation, unit = _split_unit(name, table.caption)
            fact = Fact(subject, relation, cell.text, valid, passage.id, cell.start, cell.end)
            yield Stated(fact, unit, (row[0].start, row[-1].end), top, kind)


def _date_column(table: Table) -> int:
    """The first column after the labels that holds dates only and is called so; 0 if there is none."""
    for i, name in enumerate(table.header[1:], 1):
        if name.lower() in _DATE_COLUMNS and all(_ONLY_DATE.match(row[i].text) for row in table.rows):
            return i
    return 0


def _dated_rows(_table: Table, told: tuple[str, str], label: str, column: str) -> tuple[str, str, str]:
    return told[0], column, label


def _attribute_rows(_table: Table, told: tuple[str, str], label: str, _column: str) -> tuple[str, str, str]:
    return told[0], label, told[1]


def _thing_rows(table: Table, told: tuple[str, str], label: str, column: str) -> tuple[str, str, str]:
    measure = _MEASURE.match(table.caption)
    if _ONLY_DATE.match(column):
        about = ABOUT.match(table.caption) or NAMED.match(table.caption)
        return label, about["what"] if about else re.split("[,;:]", table.caption)[0], column
    return label, _phrase(column, measure["what"] if measure else ""), told[1]


def _phrase(column: str, phrase: str) -> str:
    """The caption's phrase around the column's noun: "Rate", "Last rates at noon": "Last rate at noon"."""
    noun = re.compile(rf"\b{re.escape(column)}(?:e?s)?\b", re.IGNORECASE)
    return noun.sub(column.lower(), phrase, count=1) if noun.search(phrase) else column


def _single_date(caption: str) -> str:
    dates = set(_DATES.findall(caption))
    return dates.pop() if len(dates) == 1 else ""


def _split_unit(name: str, caption: str) -> tuple[str, str]:
    """The relation by its usual name, and the unit of its values."""
    match = _UNIT_IN_NAME.match(name)
    in_caption = _UNIT_IN_CAPTION.search(caption)
    unit = match["bracket"] or match["plain"] if match else in_caption["unit"] if in_caption else ""
    bare = match["name"] if match and match["bracket"] else name
    relation = _lowered(" ".join(bare.split()))
    return SAME_RELATION.get(normalise(relation), relation), unit.strip()


def _lowered(text: str) -> str:
    """With a small first letter, unless the first word is written in capitals ("GDP")."""
    return text[:1].lower() + text[1:] if not text[1:2].isupper() else text
