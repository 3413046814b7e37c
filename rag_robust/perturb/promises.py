"""What an operator promises about its result, each promise a plain function that looks.

A promise of a rewording is `(before, after) -> bool`, one of a change of passages `(Case) -> bool`.
Its name is what a report says when it is broken: "answers kept".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

from rag_robust.perturb.knowledge import Known, asked, entity, named_in, of_other_relation
from rag_robust.perturb.protected import Kind, ordinary_words, spans
from rag_robust.perturb.stated import states
from rag_robust.text import STOP_WORDS, edit_distance, words
from rag_robust.types import Passage, Query

__all__ = [
    "INVISIBLE",
    "LOOK_ALIKE",
    "MEANT",
    "Case",
    "Contract",
    "about_the_entity",
    "added_states_no_answer",
    "answers_gone",
    "answers_kept",
    "begins_alike",
    "content_words_in_order",
    "contract",
    "letters_kept",
    "lines_kept",
    "looks_alike",
    "promised",
    "protected_kept",
    "protected_kept_if_possible",
    "reads_the_same",
    "same_passages",
    "same_words",
    "starts_the_same",
    "text_kept_whole",
    "texts_kept",
    "words_within_two_letters",
]

F = TypeVar("F", bound=Callable[..., Any])

INVISIBLE = "\u200b\u200c\u200d\u2060"
"""Zero-width space, non-joiner, joiner and word joiner."""

LOOK_ALIKE = dict(zip("aceijopsxyABCEHIJKMOPSTXY", "асеіјорѕхуАВСЕНІЈКМОРЅТХУ", strict=True))
"""Latin letters and the Cyrillic ones that look like them."""

MEANT = frozenset(
    "who whom whose what when where which why how not no nor before after above below between under over "
    "until since more most from to off out up down same other only own each all both some against "
    "as of or and than by while during if few once can will".split()
)
"""Small words that carry a question's meaning: dropping one would make it another question.

"can" and "will" are things as well.
"""

_LATIN = str.maketrans({other: latin for latin, other in LOOK_ALIKE.items()})
_CONTRACTED = re.compile(r"['’](?:s|re|m)$")
_VISIBLE = str.maketrans("", "", INVISIBLE)


@dataclass(frozen=True, slots=True)
class Case:
    """The passages a generator would have been given, those it is given, and for which question."""

    before: tuple[Passage, ...]
    after: tuple[Passage, ...]
    query: Query
    known: Known


@dataclass(frozen=True, slots=True)
class Contract:
    """What an operator promises, the protected spans it may touch, and the most it may change.

    `most` is a bound on the intensity, which lies in (0, 1].
    """

    promises: tuple[Callable[..., bool], ...] = ()
    touches: frozenset[Kind] = frozenset()
    most: float = 1.0


def promised(
    *promises: Callable[..., bool], touches: Sequence[Kind] = (), most: float = 1.0
) -> Callable[[F], F]:
    """Declare what an operator promises; `checked` holds every result against it."""

    def attach(operator: F) -> F:
        vars(operator)["contract"] = Contract(promises, frozenset(touches), most)
        return operator

    return attach


def contract(operator: Callable[..., object]) -> Contract:
    """What an operator declared, also where its parameters are set; nothing, if it declared nothing."""
    found = getattr(getattr(operator, "func", operator), "contract", None)
    return found if isinstance(found, Contract) else Contract()


def protected_kept(before: str, after: str, touches: frozenset[Kind] = frozenset()) -> bool:
    """Every quotation, date, number and name stands in the result as often as in the text."""
    kept = Counter(before[s.start : s.end] for s in spans(before) if s.kind not in touches)
    wanted = {one: min(times, _count(before, one)) for one, times in kept.items()}
    return all(one in after and _count(after, one) >= times for one, times in wanted.items())


def _count(text: str, part: str) -> int:
    """How often a part stands by itself: "57" neither in "57.1" nor in "157"."""
    left = r"(?<!\w)(?<!\d[.,])" if part[0].isalnum() else ""
    right = r"(?!\w)(?![.,]\d)" if part[-1].isalnum() else ""
    return len(re.findall(left + re.escape(part) + right, text))


def words_within_two_letters(before: str, after: str) -> bool:
    """As many words, each at a Levenshtein distance of at most 2, and all that is no word the same."""
    one, two = words(before), words(after)
    return len(one) == len(two) and all(
        a == b or edit_distance(a, b) <= 2 for a, b in zip(one, two, strict=True)
    )


def looks_alike(before: str, after: str) -> bool:
    """With look-alike letters read as Latin ones, the texts are equal."""
    return before.translate(_LATIN) == after.translate(_LATIN)


def reads_the_same(before: str, after: str) -> bool:
    """Without characters of no width, the texts are equal."""
    return before.translate(_VISIBLE) == after.translate(_VISIBLE)


def letters_kept(before: str, after: str) -> bool:
    """The texts differ in upper and lower case alone."""
    return unicodedata.normalize("NFC", before.casefold()) == unicodedata.normalize("NFC", after.casefold())


def same_words(before: str, after: str) -> bool:
    """The same words as often, in any order and case."""
    return _folded(before) == _folded(after)


def text_kept_whole(before: str, after: str) -> bool:
    """The text stands in the result, letter by letter."""
    return before in after


def protected_kept_if_possible(before: str, after: str) -> bool:
    """Protected spans are intact wherever an ordinary word could be hit."""
    free = (before[a:b] for a, b in ordinary_words(before))
    return protected_kept(before, after) or not any(
        x.isalpha() and y.isalpha() for word in free for x, y in pairwise(word)
    )


def content_words_in_order(before: str, after: str) -> bool:
    """The words that carry the meaning stand there in their order, whatever comes between them."""
    left = iter(_stem(word) for word in words(after))
    return all(word in left for word in _meant(before))


def _folded(text: str) -> Counter[str]:
    return Counter(word.casefold() for word in words(text))


def _meant(text: str) -> list[str]:
    """Words that are no stop words, or stop words that change the meaning."""
    return [w for w in map(_stem, words(text)) if w in MEANT or w not in STOP_WORDS]


def _stem(word: str) -> str:
    """Without what is contracted: "what's" counts as "what"."""
    return _CONTRACTED.sub("", word.casefold())


def answers_kept(case: Case) -> bool:
    """Every answer that some passage stated is still stated by some passage."""
    return all(_stated(case.after, a) for a in case.query.answers if _stated(case.before, a))


def answers_gone(case: Case) -> bool:
    """No passage, its title included, states an answer in any spelling."""
    return not any(_stated(case.after, answer) for answer in case.query.answers)


def same_passages(case: Case) -> bool:
    """The same passages by id, in the same order; their texts may differ."""
    return [p.id for p in case.before] == [p.id for p in case.after]


def texts_kept(case: Case) -> bool:
    """Every passage is still there, its text whole inside the new one."""
    left = {p.id: p.text for p in case.after}
    return all(p.id in left and p.text in left[p.id] for p in case.before)


def added_states_no_answer(case: Case) -> bool:
    """What was put in, around the old texts and as new passages, states no answer by itself."""
    old = {p.id: p for p in case.before}
    return not any(
        states(_added(old.get(p.id), p), answer) for p in case.after for answer in case.query.answers
    )


def about_the_entity(case: Case) -> bool:
    """Every passage put in names what the question is about, and states another relation of it."""
    fact, old = asked(case.before, case.query, case.known), {p.id for p in case.before}
    added, names = [p for p in case.after if p.id not in old], entity(case.query, fact)
    return all(named_in(p, names) and of_other_relation(p, fact, case.known) for p in added)


def _added(before: Passage | None, after: Passage) -> str:
    """What a passage holds beyond its old version."""
    if before is None or before.title != after.title:
        return after.full
    return after.text.replace(before.text, "\n", 1)


def begins_alike(case: Case) -> bool:
    """One of the two lists of passages is the beginning of the other."""
    shared = min(len(case.before), len(case.after))
    return case.before[:shared] == case.after[:shared]


def lines_kept(case: Case) -> bool:
    """Every passage has the same lines, in any order, and the same first line."""
    pairs = [(a.text.split("\n"), b.text.split("\n")) for a, b in zip(case.before, case.after, strict=True)]
    return all(sorted(a) == sorted(b) for a, b in pairs)


def starts_the_same(case: Case) -> bool:
    """Every passage is the beginning of what it was."""
    return all(a.text.startswith(b.text) for a, b in zip(case.before, case.after, strict=True))


def _stated(passages: Sequence[Passage], answer: str) -> bool:
    return any(states(p.full, answer) for p in passages)
