"""What happens to a passage: its evidence is taken out, or it says the same in other words.

The two document conditions of RARE with post-conditions that are checked here, on the text itself:
an operator returns None when it cannot keep its promise, and never a passage that breaks it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from numpy.random import Generator

from rag_robust.errors import UsageError
from rag_robust.perturb.stated import states
from rag_robust.text import STOP_WORDS, sentences, words

__all__ = ["OPENINGS", "evidence_removed", "lexically_different"]

_LEAST_WORDS = 5
_RULE = re.compile(r"\s*\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?\s*$")
_CELL = re.compile(r"(?<!\\)\|")
_UNIT = re.compile(r"(?P<name>.*\S)\s*\((?P<unit>[^()]+)\)$")
_UNIT_IN_CAPTION = re.compile(r", in (?P<unit>[^\d,.;:][^,.;:]*)")
_LONGEST_CAPTION = 3
_ATTRIBUTE = frozenset({"attribute", "field", "indicator", "item", "measure", "metric", "property"})
_DATED = re.compile(r"\d{4}(-\d{2}){0,2}$")
_FRAMES = (
    "for {label}, {clauses}.",
    "looking at {label}, {clauses}.",
    "as to {label}, {clauses}.",
)
_IN = ("in {label}, {clauses}.", "during {label}, {clauses}.", "as of {label}, {clauses}.")
_DATED_FRAMES = {4: _IN, 7: _IN, 10: ("on {label}, {clauses}.", "as of {label}, {clauses}.")}
_BARE = ("{clauses}.", "here, {clauses}.", "next, {clauses}.")
_LEADS = ("Told in sentences:", "Put into words:", "Written out, line by line:")
_VERBS = ("was", "is given as", "is listed as", "is recorded as")
OPENINGS = (
    "Furthermore,",
    "In addition,",
    "Besides this,",
    "As a matter of record,",
    "It is worth noting that",
    "Moreover,",
    "According to the same account,",
    "To give more detail,",
    "Along similar lines,",
    "For completeness,",
    "What is more,",
    "By way of background,",
    "Readers may also find it useful that",
    "Another point deserves mention:",
)


def evidence_removed(text: str, answers: Sequence[str]) -> str | None:
    """The text without anything that states one of the answers, or None if that cannot be had.

    Table rows and sentences that hold an answer are dropped; headers stay. If an answer runs over
    the end of a sentence or line, the whole paragraph goes. None if an answer is still there (in a
    header) or fewer than 5 words are left. A text that states no answer comes back as it is.

    *Source*: RARE's "lexically similar, answer removed". Its code deletes the sentence that a
    language model named and never looks whether the answer is gone; here that is the post-condition.

    Raises:
        UsageError: no answers, or a blank one: nothing could be verified.
    """
    if not answers:
        raise UsageError("expected at least one answer to remove the evidence for, got none")

    def stated(part: str) -> bool:
        return any(states(part, answer) for answer in answers)

    for drop in (_drop_sentences, _drop_paragraphs):
        left = drop(text, stated) if stated(text) else text
        if not stated(left):
            return left if len(words(left)) >= _LEAST_WORDS else None
    return None


def lexically_different(
    text: str, answers: Sequence[str], rng: Generator, *, ceiling: float = 0.95
) -> str | None:
    """The same facts in other words: tables become sentences, prose is reordered and reconnected.

    A row of a table reads "In 1992, life expectancy was 57.1 years." or "For Kenya, ...", from its
    label, the column headers and the units in their brackets or in the caption (", in years").
    Post-conditions: every answer that stood in the text still does, letter by letter; the Jaccard
    similarity of the two sets of word types is at most `ceiling`; the text is not the original.
    None if they cannot be met.

    *Source*: RARE's "lexically different, answer kept", there a translation to French and back
    whose result is not checked. Ours keeps more of the vocabulary, needs no model, and is checked.
    """
    if not 0 < ceiling <= 1:
        raise UsageError(f"expected 0 < ceiling <= 1, got {ceiling:g}")
    kept = tuple(answer for answer in answers if answer in text)
    teller = _Teller(kept, STOP_WORDS.union(words(text)), rng)
    blocks = list(_blocks(text))
    result = "\n\n".join(filter(None, (_retold(blocks, i, teller) for i in range(len(blocks)))))
    lost = not words(result) or any(answer not in result for answer in kept)
    return None if result == text or lost or _jaccard(text, result) > ceiling else result


def _is_row(line: str) -> bool:
    return line.lstrip().startswith("|")


def _blocks(text: str) -> Iterator[list[str]]:
    """Runs of lines: a table, or a paragraph of prose (blank lines part them and are left out)."""
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        if block and (not line.strip() or _is_row(line) != _is_row(block[0])):
            yield block
            block = []
        if line.strip():
            block.append(line)


def _drop_sentences(text: str, stated: Callable[[str], bool]) -> str:
    """Without the rows and, line by line, the sentences that state an answer."""
    kept: list[str] = []
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if not stated(line) or _is_header(lines, i):
            kept.append(line)
        elif not _is_row(line):
            rest = " ".join(s for s in sentences(line) if not stated(s))
            kept.extend([rest] if rest else [])
    return "\n".join(kept).strip("\n")


def _drop_paragraphs(text: str, stated: Callable[[str], bool]) -> str:
    """Without those, and then without the paragraphs of prose that still state an answer."""
    blocks = _blocks(_drop_sentences(text, stated))
    return "\n\n".join("\n".join(b) for b in blocks if _is_row(b[0]) or not stated("\n".join(b)))


def _is_header(lines: Sequence[str], i: int) -> bool:
    return _is_row(lines[i]) and i + 1 < len(lines) and _RULE.match(lines[i + 1]) is not None


@dataclass(frozen=True, slots=True)
class _Teller:
    """What rewording needs to know: the answers to keep, the words that are not names, the dice."""

    kept: tuple[str, ...]
    common: frozenset[str]
    rng: Generator

    def one_of(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]


def _retold(blocks: Sequence[list[str]], i: int, teller: _Teller) -> str:
    """Block i in other words; a table and the lines that introduce it stay in this order."""
    prose = " ".join(line.strip() for line in blocks[i])
    if _is_header(blocks[i], 0):
        caption = " ".join(blocks[i - 1]) if i and not _is_row(blocks[i - 1][0]) else ""
        return _table_as_prose([_cells(line) for line in (blocks[i][0], *blocks[i][2:])], caption, teller)
    introduces = i + 1 < len(blocks) and _is_header(blocks[i + 1], 0)
    if introduces and len(sentences(prose)) <= _LONGEST_CAPTION:
        return f"{teller.one_of(_LEADS)} {prose}"
    return _reframed(sentences(prose), teller)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _CELL.split(line.strip().removeprefix("|").removesuffix("|"))]


def _table_as_prose(rows: Sequence[Sequence[str]], caption: str, teller: _Teller) -> str:
    """One sentence per row: its label, then "column was cell unit" for every other column."""
    header, *body = rows
    shared = _UNIT_IN_CAPTION.search(caption)
    columns = [_named(name, shared["unit"] if shared else "") for name in header[1:]]
    told = []
    for label, *cells in body:
        named = [(column, cell) for column, cell in zip(columns, cells, strict=False) if cell]
        if header[0].lower() in _ATTRIBUTE and len(header) == 2:
            named, label = [((_lowered(label), ""), cell) for _, cell in named], ""
        clauses = " and ".join(_clause(*column, cell, teller) for column, cell in named)
        frames = _DATED_FRAMES[len(label)] if _DATED.match(label) else _FRAMES if label else _BARE
        sentence = teller.one_of(frames).format(label=label, clauses=clauses)
        told.append(sentence[0].upper() + sentence[1:] if clauses else "")
    return " ".join(sentence for sentence in told if sentence)


def _named(column: str, shared: str) -> tuple[str, str]:
    """A column's name as it stands in a sentence, and the unit of its numbers."""
    own = _UNIT.match(column)
    return (_lowered(own["name"]), own["unit"]) if own else (_lowered(column), shared)


def _clause(name: str, unit: str, cell: str, teller: _Teller) -> str:
    measured = f"{cell} {unit}" if unit and cell[-1].isdigit() else cell
    return f"{name} {teller.one_of(_VERBS)} {measured}"


def _lowered(text: str) -> str:
    """With a small first letter, unless the first word is written in capitals ("GDP")."""
    return text[:1].lower() + text[1:] if not text[1:2].isupper() else text


def _reframed(parts: Sequence[str], teller: _Teller) -> str:
    """The sentences in another order, each behind a connective of its own."""
    order = teller.rng.permutation(len(parts))
    if len(parts) > 1 and (order[:-1] < order[1:]).all():
        order = order[::-1]
    openings = teller.rng.permutation(len(OPENINGS))
    return " ".join(
        f"{OPENINGS[openings[n % len(openings)]]} {_joined_on(parts[i], teller)}" for n, i in enumerate(order)
    )


def _joined_on(sentence: str, teller: _Teller) -> str:
    """With a small first letter, unless it begins with a name or an answer would be spoilt."""
    first = words(sentence)[:1]
    small = _lowered(sentence)
    spoilt = any(answer in sentence and answer not in small for answer in teller.kept)
    return small if first and first[0].lower() in teller.common and not spoilt else sentence


def _jaccard(a: str, b: str) -> float:
    left, right = ({word.casefold() for word in words(text)} for text in (a, b))
    return len(left & right) / len(left | right) if left | right else 1.0
