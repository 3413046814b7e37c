"""Whom a place in a document is about: the headings it stands under, the caption beside it, or the title."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from rag_robust.text import STOP_WORDS, normalise
from rag_robust.types import Corpus, Passage

__all__ = ["ABOUT", "DATE", "NAME", "NAMED", "About", "Sections", "is_prose"]

DATE = r"\b[12]\d{3}(?:-\d{2}(?:-\d{2})?)?\b"
_DATES = re.compile(DATE)
_CAPITAL = r"(?![a-z\d_])\w[^\s,:;()]*"
_LINK = r"(?:(?:and|da|de|del|des|du|la|of|the|van|von) )*(?:d['’])?"
NAME = rf"{_CAPITAL}(?: {_LINK}{_CAPITAL})*(?: \([^)]+\))?"
ABOUT = re.compile(rf"^(?P<what>.+?) (?:of|for|in) (?:the )?(?P<who>{NAME})")
NAMED = re.compile(rf"^(?P<who>{NAME}): *(?P<what>\S.*)")
_PROFILE = re.compile(rf"^\w+ [a-z]\w*: (?P<who>{NAME})$")
_PLAIN = re.compile(rf"(?:[Tt]he )?(?P<who>{NAME}(?: [a-z][\w-]*)?(?: \d[\w.-]*)?)")

_HEADING = re.compile(r" {0,3}(?P<marks>#{1,6})[ \t]+(?P<text>.*?)[ \t]*#*[ \t]*")
_ADDRESS = re.compile(r"\S*(?:://|@)\S*")
_NUMBERED = re.compile(r"^(?:\d+(?:\.\d+)*\.?|[A-Z]\.|[IVX]+\.) +")
_LONE_WORDS, _LONE_LEVEL = 6, 7
_VERBS = frozenset(
    "are be been being can could did do does had has have is may might must shall should was were will would "
    "he her his i it its our she their there these they this those us we you your".split()
)
"""Words of sentences that captions do without."""

_TOPICS = frozenset(
    "about abstract accessories account accounts acknowledgements activities address amounts analysis "
    "annex annual appendix approach articles assets background balance basics benefits billing branches "
    "budget business capacity care categories changelog chapter cleaning clients climate code codes "
    "company comparison conclusion conclusions consumption contact contacts content contents context "
    "contract contracts costs count culture current customers data dates day definitions deliverables "
    "deliveries delivery demographics departments description details development dimensions discounts "
    "discussion disposal document documents economy education electrical emergency employees environment "
    "error errors events example examples exercise expenses facilities facts faq fault faults features "
    "fees figure figures finance finances financial findings floor floors forecast general geography "
    "getting glossary goals government group guide handbook hardware headcount health highlights history "
    "holidays hours income index industry info information infrastructure installation insurance "
    "introduction inventory invoices issues items key landscape language languages law lease lecture "
    "legend lesson level license links list location locations main maintenance management manual market "
    "markets measures mechanical meetings members messages method methodology methods metrics milestones "
    "miscellaneous module money monthly names nature news note notes number numbers office offices old "
    "opening operations options order ordering orders outlook output overview page parameters part "
    "partners parts payment payments people performance personnel phase physical places plan plans policy "
    "politics population prices privacy process product production products profile profit program "
    "programme programmes programs progress project projects properties purpose quarterly questions "
    "ranking rates ratings readme recycling references refund refunds region regions related release "
    "religion rent repair repairs report reports requirements research resources results return returns "
    "revenue revenues review risk risks rooms round safety salaries salary sales schedule scope section "
    "see services settings setup shipping sites size society software sources spare specification "
    "specifications sport sports staff stage standing standings started statement statistics status step "
    "stock structure subsidiaries summary suppliers support table tables tariffs team teams technical "
    "technology terms timeline title total totals tourism trade trades training transport transportation "
    "trends troubleshooting types unit units update updates usage useful values versions vision volume "
    "warehouse warranties warranty weather week weekly work year yearly years".split()
)
"""Words of headings that say what a section is about and not whom."""

_ABSTRACT = re.compile(r"[a-z]{3,}(?:tions?|ments?|bility)")
"""Nouns that name nobody: "calibration", "measurements"."""


@dataclass(frozen=True, slots=True)
class About:
    """A name or a date ("" if none is named for sure), and the heading's place: (0, 0) for the rest."""

    who: str
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class _Heading:
    level: int
    text: str
    span: tuple[int, int]


class Sections:
    """The headings of a corpus, and what they say about whom a place is about."""

    def __init__(self, corpus: Corpus) -> None:
        small: Counter[str] = Counter()
        for passage in corpus.passages.values():
            for word in re.findall(r"[^\W\d_]+", _ADDRESS.sub(" ", passage.text)):
                small[word.casefold()] += 1 if word[0].islower() else -1
        self._common = frozenset(word for word, n in small.items() if n >= 0)
        self._headings = {i: _headings(p) for i, p in corpus.passages.items()}
        self._continued = _continued(corpus, self._headings)

    def about(self, passage: Passage, at: int, caption: str = "") -> About:
        """Whom what stands at `at` is about.

        The nearest heading that is a name, or names one as "Sales of Germany" does, past those that
        only say what is told ("Overview"). A caption that names another contradicts it. Without
        such a heading the caption; the title only where no section has begun, in this passage or before.
        """
        under = _above(self._headings[passage.id], at)
        captioned = self._who(caption)
        for heading in under:
            who = self._who(heading.text) or self._plain(heading.text)
            if who:
                agreed = not captioned or _holds(who, captioned) or _holds(captioned, who)
                return About(who if agreed else "", heading.span)
            if not self._topical(heading.text):
                return About(captioned)
        if captioned or passage.id in self._continued:
            return About(captioned)
        if under:
            return About(self._who(passage.title) or self._plain(passage.title))
        title = passage.title.strip()
        return About(self._who(title) or ("" if _DATES.search(title) or is_prose(title) else title))

    def date(self, passage: Passage, at: int) -> About:
        """The date of the nearest heading that has one; "" if it has several."""
        for heading in _above(self._headings[passage.id], at):
            if dates := set(_DATES.findall(heading.text)):
                return About(dates.pop(), heading.span) if len(dates) == 1 else About("")
        return About("")

    def _who(self, text: str) -> str:
        """Whom "What of Who", "Who: what" or "Country profile: Who" names."""
        if is_prose(text):
            return ""
        found = (about["who"].strip() for rule in (ABOUT, NAMED, _PROFILE) if (about := rule.match(text)))
        return next((who for who in found if not self._topical(who)), "")

    def _plain(self, text: str) -> str:
        """The text if it is a name: "Berlin", "Paris office"."""
        match = _PLAIN.fullmatch(text)
        if not match or is_prose(text) or _DATES.search(text):
            return ""
        words = re.findall(r"[^\W\d_]+", match["who"])
        proper = [w for w in words if not w[0].islower() and not self._usual(w)]
        return match["who"] if proper and not self._usual(words[0]) else ""

    def _topical(self, text: str) -> bool:
        """True if no word of the text can name anybody."""
        return all(self._usual(word) for word in re.findall(r"[^\W\d_]+", text))

    def _usual(self, word: str) -> bool:
        small = word.casefold()
        listed = small in _TOPICS or small in STOP_WORDS or small in self._common
        return listed or _ABSTRACT.fullmatch(small) is not None


def is_prose(text: str) -> bool:
    """True if a line is a sentence and no caption: it has a verb or a pronoun that captions do without."""
    return not _VERBS.isdisjoint(
        w.casefold() for w in re.findall(r"\w+", text) if not w.isupper() or len(w) == 1
    )


def _holds(name: str, other: str) -> bool:
    return normalise(other) in normalise(name)


def _headings(passage: Passage) -> list[_Heading]:
    """Lines that begin with "#", and short lines that are a paragraph of their own and no sentence.

    Beside lines with "#" the latter count only in bold: there, a plain one may be a byline.
    """
    found = []
    lines = passage.text.split("\n")
    marked_up = any(_HEADING.fullmatch(line) for line in lines)
    at, fenced = 0, False
    for i, line in enumerate(lines):
        span, at = (at, at + len(line)), at + len(line) + 1
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        marked = _HEADING.fullmatch(line)
        lone = _lone(lines, i) and (not marked_up or line.lstrip().startswith(("**", "__")))
        text = _NUMBERED.sub("", (marked["text"] if marked else line).strip(" *_:\t"))
        if text and not fenced and (marked or lone):
            level = len(marked["marks"]) if marked else _LONE_LEVEL
            found.append(_Heading(0 if normalise(text) == normalise(passage.title) else level, text, span))
    return found


def _lone(lines: list[str], i: int) -> bool:
    """True for a short line between blank ones that ends like no sentence, list, field or table."""
    line = lines[i].strip()
    alone = not any(near.strip() for near in (*lines[max(0, i - 1) : i], *lines[i + 1 : i + 2]))
    below = any(later.strip() for later in lines[i + 1 :])
    plain = line.strip("*_")
    return (
        alone
        and below
        and len(plain.split()) <= _LONE_WORDS
        and plain[:1].isupper()
        and plain[-1:] not in ".!?;,"
        and not re.search(r"[|:=]", plain.rstrip(":"))
    )


def _above(headings: list[_Heading], at: int) -> list[_Heading]:
    """The headings that a place stands under, the nearest first, but for the document's own title."""
    under: list[_Heading] = []
    for heading in headings:
        if heading.span[0] < at:
            under = [*(h for h in under if h.level < heading.level), heading]
    return [heading for heading in reversed(under) if heading.level]


def _continued(corpus: Corpus, headings: dict[str, list[_Heading]]) -> frozenset[str]:
    """The passages of documents in which a section has begun before, by ids such as "file.md#0001"."""
    begun: defaultdict[str, bool] = defaultdict(bool)
    found = set()
    for passage_id in sorted(corpus.passages):
        document, mark, _ = passage_id.rpartition("#")
        if mark and begun[document]:
            found.add(passage_id)
        begun[document] |= any(heading.level for heading in headings[passage_id])
    return frozenset(found)
