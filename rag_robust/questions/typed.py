"""Facts out of sentences by typed patterns: known names, a word for the relation, one value of its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rag_robust.questions.evidence import Triplet
from rag_robust.questions.sections import NAME
from rag_robust.questions.values import DATE
from rag_robust.text import sentences
from rag_robust.types import Corpus, Fact, Passage

__all__ = ["FRAMES", "PHRASES", "Frame", "from_patterns", "gazetteer", "sentence_spans"]

_AMOUNT = r"(?:US\$|[$€£¥])?\s?\d+(?:,\d{3})*(?:\.\d+)?(?: (?:thousand|million|billion|trillion))?"
_PLACE = rf"{NAME}\.?"


@dataclass(frozen=True, slots=True)
class Frame:
    """What a sentence must hold to state a relation: a trigger, one known name, one value, one date.

    `kind` is what the name must be ("" for any), `dated` whether exactly one date must stand there.
    """

    relation: str
    trigger: str
    value: str
    kind: str = ""
    dated: bool = True


FRAMES: tuple[Frame, ...] = (
    Frame(
        "life expectancy",
        r"life expectancy|could expect to live|years? ahead of them",
        r"\d+(?:\.\d+)? years?",
        "country",
    ),
    Frame(
        "GDP per head",
        r"\bGDP\b.*\bper (?:head|capita)|\bper (?:head|capita)\b.*\b(?:GDP|income|economy)|"
        r"\b(?:GDP|income|economy)\b.*\bper (?:head|capita)",
        r"\$?\d+(?:,\d{3})*(?:\.\d+)? ?(?:US dollars|dollars|euros)",
        "country",
    ),
    Frame(
        "population",
        r"population|inhabitants|\blived in\b|\bhome to\b|\bhad\b",
        r"\d+(?:,\d{3})*(?:\.\d+)? (?:(?:thousand|million|billion) )?(?:people|inhabitants)",
        "country",
    ),
    Frame(
        "highest euro reference rate",
        r"\bhighest\b.*\brate\b|\brate\b.*\bhighest\b|\brate\b.*\bno higher than\b",
        r"\d+(?:\.\d+)?",
        "currency",
    ),
    Frame(
        "lowest euro reference rate",
        r"\blowest\b.*\brate\b|\brate\b.*\blowest\b|\brate\b.*\bno lower than\b",
        r"\d+(?:\.\d+)?",
        "currency",
    ),
    Frame("revenue", r"\brevenues?\b|\bsales\b|\bturnover\b", rf"{_AMOUNT}"),
    Frame("net income", r"\bnet (?:income|profit)\b", rf"{_AMOUNT}"),
    Frame("number of employees", r"\bemploy(?:s|ed|ees)\b", r"\d+(?:,\d{3})* (?:people|employees|staff)"),
)
"""Frames for figures; a sentence that fits several, or holds two names, values or dates, gives nothing."""

PHRASES: tuple[tuple[str, str], ...] = (
    ("capital", rf"^The capital(?: city)? of (?:the )?(?P<s>{NAME}) is (?P<o>{_PLACE})$"),
    ("capital", rf"^(?P<o>{NAME}) is the capital(?: city)? of (?:the )?(?P<s>{NAME})$"),
    ("capital", rf"^In (?:the )?(?P<s>{NAME}), (?P<o>{NAME}) is the capital(?: city)?$"),
    ("capital", rf"^As its capital, (?:the )?(?P<s>{NAME}) has (?P<o>{_PLACE})$"),
    ("region", rf"^(?:The )?(?P<s>{NAME}) (?:lies|is located|is situated) in (?P<o>{_PLACE})$"),
    ("region", rf"^The data place (?:the )?(?P<s>{NAME}) in (?P<o>{_PLACE})$"),
    ("region", rf"^By region, (?:the )?(?P<s>{NAME}) is counted as part of (?P<o>{_PLACE})$"),
    ("region", rf"^Among the regions of the world, (?:the )?(?P<s>{NAME}) belongs to (?P<o>{_PLACE})$"),
    ("currency", rf"^The currency of (?:the )?(?P<s>{NAME}) is the (?P<o>[\w ]+)$"),
    ("currency", rf"^People in (?:the )?(?P<s>{NAME}) pay with the (?P<o>[\w ]+)$"),
    ("currency", rf"^(?:The )?(?P<s>{NAME}) uses the (?P<o>[\w ]+) as its currency$"),
    ("currency", rf"^In (?:the )?(?P<s>{NAME}), money is counted in the (?P<o>[\w ]+)$"),
    ("currency code", rf"^The currency code of (?:the )?(?P<s>{NAME}) is (?P<o>[A-Z]{{3}})$"),
    (
        "currency code",
        rf"^Amounts in the currency of (?:the )?(?P<s>{NAME}) carry the code (?P<o>[A-Z]{{3}})$",
    ),
    (
        "currency code",
        rf"^In lists of currencies, that of (?:the )?(?P<s>{NAME}) has the code (?P<o>[A-Z]{{3}})$",
    ),
    ("currency code", rf"^The code (?P<o>[A-Z]{{3}}) stands for the currency of (?:the )?(?P<s>{NAME})$"),
    ("founding year", rf"^(?:The )?(?P<s>{NAME}) was (?:founded|established|set up) in (?P<o>{DATE})"),
    ("founder", rf"^(?:The )?(?P<s>{NAME}) was founded by (?P<o>{NAME})(?: in {DATE})?$"),
    ("headquarters", rf"^(?:The )?(?P<s>{NAME}) (?:is|are) (?:headquartered|based) in (?P<o>{_PLACE})$"),
    ("headquarters", rf"^The headquarters of (?:the )?(?P<s>{NAME}) (?:is|are) in (?P<o>{_PLACE})$"),
    (
        "acquisition",
        rf"^(?P<s>{NAME}) (?:acquired|bought|took over) (?P<o>{NAME})(?: (?:in|on) (?P<d>{DATE}))?$",
    ),
    (
        "chief executive",
        rf"^(?P<o>{NAME}) is the (?:CEO|chief executive(?: officer)?) of (?:the )?(?P<s>{NAME})$",
    ),
    (
        "chief executive",
        rf"^The (?:CEO|chief executive(?: officer)?) of (?:the )?(?P<s>{NAME}) is (?P<o>{NAME})$",
    ),
    ("chief executive", rf"^(?P<s>{NAME})'s (?:CEO|chief executive(?: officer)?) is (?P<o>{NAME})$"),
    ("author", rf"^(?P<s>{NAME}) was written by (?P<o>{NAME})$"),
    ("official language", rf"^The official language of (?:the )?(?P<s>{NAME}) is (?P<o>{NAME})$"),
)
"""Whole sentences, without their full stop, with a subject `s`, an object `o` and maybe a date `d`."""

_COMPILED = [(relation, re.compile(pattern)) for relation, pattern in PHRASES]
_NO_KINDS = frozenset(
    {"code", "description", "entry", "full name", "id", "item", "key", "label", "name", "title"}
)
"""Headers of columns that list things without saying what they are."""

_TITLED = re.compile(
    rf"^(?P<what>.+?) of (?:the )?(?P<who>{NAME})(?:, {DATE})?$|^(?P<kind>\w+) \w+: (?P<n>{NAME})$"
)
_DATES = re.compile(DATE)


def from_patterns(
    corpus: Corpus, names: Mapping[str, str], *, frames: Iterable[Frame] = FRAMES
) -> Iterator[Triplet]:
    """The facts of sentences, in the order of passage id; `names` maps known names to their kinds.

    A frame wants exactly one known name of its kind, one value and, if dated, one date, which
    are all in the sentence itself; a sentence that fits two frames gives nothing, and so does a change
    "by 4 million". The phrases of
    `PHRASES` bring their own ends.
    """
    if not names:
        known = re.compile(r"(?!)")
    else:
        longest = sorted(names, key=lambda n: (-len(n), n))
        known = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)")
    compiled = [
        (
            f,
            re.compile(f.trigger, re.IGNORECASE),
            re.compile(rf"(?<![\w.,$€£¥])(?<!\bby ){f.value}(?![\w%]|[.,]\d)"),
        )
        for f in frames
    ]
    for passage_id in sorted(corpus.passages):
        passage = corpus.passages[passage_id]
        for start, end in sentence_spans(passage.text):
            sentence = passage.text[start:end]
            found = [*_phrased(passage, sentence, start)]
            yield from found or _framed(passage, (sentence, start), (known, names), compiled)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where the sentences of the text are; table rows and lines of fields are none."""
    spans = []
    for line in re.finditer(r"[^\n]+", text):
        if line.group().lstrip().startswith(("|", "#")):
            continue
        at = 0
        for sentence in sentences(line.group()):
            at = line.group().index(sentence, at)
            spans.append((line.start() + at, line.start() + at + len(sentence)))
            at += len(sentence)
    return spans


def gazetteer(corpus: Corpus, found: Iterable[Triplet]) -> dict[str, str]:
    """Known names and their kinds: whom tables, fields and titles are about.

    The kind is the header of the column that lists the name ("Currency"), or the first word of a
    title such as "Country profile: Kenya"; "" if nothing says it. Names of objects whose relation
    is called like a kind ("currency") are of that kind.
    """
    kinds: dict[str, str] = {}
    triplets = list(found)
    for passage_id in sorted(corpus.passages):
        if match := _TITLED.match(corpus.passages[passage_id].title):
            _learn(kinds, match["n"] or match["who"], (match["kind"] or "").lower())
    for one in triplets:
        _learn(kinds, one.fact.subject, one.kind)
    listed = set(kinds.values())
    for one in triplets:
        if one.fact.relation in listed and one.value.kind == "name":
            _learn(kinds, one.fact.object, one.fact.relation)
    return kinds


def _learn(kinds: dict[str, str], name: str, kind: str) -> None:
    if any(c.isalpha() for c in name):
        kinds[name] = kinds.get(name) or ("" if kind in _NO_KINDS else kind)


def _phrased(passage: Passage, sentence: str, at: int) -> Iterator[Triplet]:
    """The facts of a sentence that is one of the phrases as a whole."""
    bare = sentence[:-1] if sentence.endswith(".") else sentence
    for relation, pattern in _COMPILED:
        if match := pattern.match(bare):
            start, end = match.span("o")
            valid = match["d"] or "" if "d" in pattern.groupindex else ""
            fact = Fact(match["s"], relation, match["o"], valid, passage.id, at + start, at + end)
            yield Triplet(fact, (at, at + len(sentence)), "patterns")
            return


def _framed(
    passage: Passage,
    where: tuple[str, int],
    known: tuple[re.Pattern[str], Mapping[str, str]],
    compiled: list[tuple[Frame, re.Pattern[str], re.Pattern[str]]],
) -> Iterator[Triplet]:
    """The fact of a sentence that fits exactly one frame."""
    sentence, at = where
    fits = [
        (frame, values)
        for frame, trigger, value in compiled
        if trigger.search(sentence) and (values := _undated(value, sentence))
    ]
    if len(fits) != 1 or len(fits[0][1]) != 1:
        return
    frame, [value] = fits[0]
    kinds = known[1]
    subjects = {
        m.group()
        for m in known[0].finditer(sentence)
        if frame.kind in ("", kinds[m.group()]) and not _overlap(m.span(), value.span())
    }
    dates = [m.group() for m in _DATES.finditer(sentence) if not _overlap(m.span(), value.span())]
    if len(subjects) == 1 and len(set(dates)) == frame.dated:
        start, end = value.span()
        fact = Fact(
            subjects.pop(),
            frame.relation,
            value.group(),
            "".join(dates[:1]),
            passage.id,
            at + start,
            at + end,
        )
        yield Triplet(fact, (at, at + len(sentence)), "patterns")


def _undated(value: re.Pattern[str], sentence: str) -> list[re.Match[str]]:
    return [m for m in value.finditer(sentence) if not _DATES.fullmatch(m.group())]


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]
