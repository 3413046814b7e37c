"""The same question as other people would put it: order, grammar, small words, manners, and asides."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from numpy.random import Generator

from rag_robust import synonyms
from rag_robust.errors import SuiteError, TargetError
from rag_robust.perturb._everyday import everyday
from rag_robust.perturb.promises import MEANT
from rag_robust.perturb.protected import free_words, spans
from rag_robust.text import STOP_WORDS, word_spans

if TYPE_CHECKING:
    from rag_robust.synonyms.source import Source

__all__ = ["asked_of", "framed", "misspoken", "replaced", "shortened", "turned", "with_aside"]

_BOTH_WAYS = (("is", "are"), ("was", "were"), ("has", "have"), ("does", "do"), ("a", "an"), ("in", "at"))
_SWAPPED = dict(_BOTH_WAYS) | {two: one for one, two in _BOTH_WAYS}
_ARTICLES = frozenset({"the", "a", "an"})
_TIME = re.compile(r"(?P<what>\S.*?)\s+(?P<when>(?:in|by|at|during|since|on|as of)\s+)$", re.DOTALL)
_SHORT = (
    *(("what is", "what's"), ("who is", "who's"), ("where is", "where's"), ("how is", "how's")),
    *(("it is", "it's"), ("that is", "that's"), ("i am", "i'm"), ("who are", "who're")),
)
_ASIDES = (
    "I am asking because a friend of mine wants to know.",
    "I have been wondering about this since breakfast.",
    "It came up in a conversation the other day.",
    "My printer has been acting up all morning.",
    "I am writing a short piece on the subject.",
    "We talked about it over lunch, by the way.",
    "I once read something about it in a waiting room.",
    "The weather here has been lovely, incidentally.",
    "My neighbour and I have a bet on this.",
    "I could not find it in the book on my desk.",
)


_IDLE = STOP_WORDS - MEANT
_CLAUSES = frozenset(
    "that whose which where who whom when while after before since until because although if or and than "
    "between".split()
)
_BE = frozenset({"is", "are", "was", "were"})
_PARTICIPLE = re.compile(r"\w+ed|born|built|held|made|won|written|known|given|seen|taken|begun|set")


def replaced(text: str, rng: Generator, source: str, share: float) -> str:
    """A `share` of the words, at least one, replaced by words of a source of synonyms; no protected span."""
    from rag_robust.synonyms.space import Substitutions

    if not 0 < share <= 1:
        raise SuiteError(f"synonym: expected 0 < share <= 1, got {share:g}")
    space = Substitutions(source=_source(source), swaps=None).space(text)
    free = set(free_words(text))
    slots = [i for i, slot in enumerate(space.slots) if (slot.start, slot.end) in free]
    wanted = max(1, round(share * len(word_spans(text))))
    chosen = [slots[int(i)] for i in rng.permutation(len(slots))[:wanted]]
    return space.write({i: space.slots[i].options[rng.integers(len(space.slots[i].options))] for i in chosen})


@lru_cache(maxsize=4)
def _source(name: str) -> Source:
    return everyday() if name == "everyday" else synonyms.load(name)


def shortened(text: str, rng: Generator, share: float) -> str:
    """Without a `share`, at least one, of the stop words that carry no meaning."""
    if not 0 < share <= 1:
        raise SuiteError(f"drop-stop-words: expected 0 < share <= 1, got {share:g}")
    dated = {s.start for s in spans(text) if s.kind in ("date", "number")}
    small = [(a, b) for a, b in free_words(text) if text[a:b].lower() in _IDLE and b + 1 not in dated]
    if len(small) == len(word_spans(text)):
        return text
    wanted = max(1, round(share * len(small)))
    chosen = sorted((int(i) for i in rng.permutation(len(small))[:wanted]), reverse=True)
    for start, end in (small[i] for i in chosen):
        text = text[:start] + text[end:].lstrip(" ")
    return text


def misspoken(text: str, rng: Generator, edits: int) -> str:
    """With `edits` errors in small words: agreement, preposition, a wrong or a missing article."""
    if edits < 1:
        raise SuiteError(f"grammar: expected edits >= 1, got {edits}")
    options = []
    for start, end in free_words(text):
        word = text[start:end].lower()
        options += [(start, end, _cased(_SWAPPED[word], text[start]))] if word in _SWAPPED else []
        followed = text[end : end + 1] == " " and text[end + 1 : end + 2].isalpha()
        options += [(start, end + 1, "")] if word in _ARTICLES and followed else []
    order = [options[int(i)] for i in rng.permutation(len(options))]
    chosen = {start: (start, end, made) for start, end, made in reversed(order)}
    places = list(dict.fromkeys(start for start, _, _ in order))[:edits]
    for start, end, made in sorted((chosen[p] for p in places), reverse=True):
        text = text[:start] + made + text[end:]
    return text


def turned(text: str, rng: Generator) -> str:
    """A closing "in 1992" brought to the front, or two neighbours swapped; protected spans move as one."""
    kept = spans(text)
    units = sorted([(s.start, s.end) for s in kept] + free_words(text))
    swaps = [(a, b) for a, b in pairwise(units) if _may_swap(text, a, b)]
    front = _fronted(text, kept[-1].start, kept[-1].end) if kept else text
    if front != text and (not swaps or rng.integers(2)):
        return front
    if not swaps:
        return text
    (a, b), (c, d) = swaps[rng.integers(len(swaps))]
    return text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def _may_swap(text: str, one: tuple[int, int], two: tuple[int, int]) -> bool:
    """Whether two units differ, stand a space apart, touch no other word, and may change places.

    One is a stop word; beside a protected span one that carries no meaning, for of verbs and names the order
    says who did what to whom.
    """
    outside = text[: one[0]][-1:], text[two[1] :][:1]
    apart = text[one[1] : two[0]] == " " and not any(map(str.isalnum, outside))
    said = {text[slice(*unit)].casefold() for unit in (one, two)}
    kept = any(span.start < unit[1] and unit[0] < span.end for span in spans(text) for unit in (one, two))
    return apart and len(said) == 2 and not said.isdisjoint(_IDLE if kept else STOP_WORDS)


def _fronted(text: str, start: int, end: int) -> str:
    """From "What was it in 1992?" to "In 1992, what was it?"; the text if it does not end so.

    Nor where the time may belong to a part of the sentence alone: another time or number, a clause, a choice
    ("in 1952 or in 1982"), or what is described ("the city founded in 1850").
    """
    match, close = _TIME.fullmatch(text[:start]), text[end:]
    if match is None or close.strip(" ?.!") or _attached(match["what"]):
        return text
    when, what = match["when"].strip(), match["what"]
    return f"{when[0].upper()}{when[1:]} {text[start:end]}, {_begun_small(what)}{close.strip()}"


def _attached(what: str) -> bool:
    """Whether a time behind these words may not be said of all of them."""
    said = [what[a:b].casefold() for a, b in word_spans(what)]
    if any(s.kind in ("date", "number") for s in spans(what)) or not _CLAUSES.isdisjoint(said[1:]):
        return True
    done = [i for i, word in enumerate(said) if i and _PARTICIPLE.fullmatch(word) and said[i - 1] not in _BE]
    return bool(done) and (done[-1] == len(said) - 1 or not _BE.isdisjoint(said[: done[-1]]))


def framed(text: str, rng: Generator, frames: Sequence[str], *, casual: bool = False) -> str:
    """The text in one of the frames; "{q}" takes it as it is, "{s}" with a small first letter."""
    if not word_spans(text):
        return text
    frame, said = frames[int(rng.integers(len(frames)))], text.strip()
    for long, short in _SHORT if casual else ():
        found = re.search(rf"\b{long}\b(?! not)", said, re.IGNORECASE)
        said = said if found is None else said.replace(found[0], _cased(short, found[0][0]), 1)
    made = frame.format(q=said, s=_begun_small(said))
    return made if casual or made[-1] in ".?!" else f"{made}."


def with_aside(text: str, rng: Generator, sentence: str) -> str:
    """The text as it is, with a sentence before or behind it that has nothing to do with it."""
    if not word_spans(text):
        return text
    aside = sentence or _ASIDES[rng.integers(len(_ASIDES))]
    closed = text if text.rstrip()[-1:] in ".?!" else f"{text}."
    return f"{aside} {text}" if rng.integers(2) else f"{closed} {aside}"


def asked_of(text: str, by: str, model: str, api_key_env: str) -> str:
    """What a person's own function, or an OpenAI-compatible endpoint, makes of the text.

    Raises:
        SuiteError: no such function, or an address without a model.
        TargetError: the endpoint failed.
    """
    if by.startswith(("http://", "https://")):
        from rag_robust.generate.openai import openai_compatible

        if not model:
            raise SuiteError(f'paraphrase: by = "{by}" is an endpoint; say which model')
        return openai_compatible(by, model, api_key_env=api_key_env)([_PROMPT.format(text=text)])[0]
    made = _function(by)(text)
    if not isinstance(made, str):
        raise TargetError(f'paraphrase: "{by}" gave {type(made).__name__}, expected a text', "parse")
    return made


_PROMPT = (
    "Put this question in other words. Keep every name, number, date and quotation letter by letter, do not "
    "answer it, and reply with the new question alone.\n\n{text}"
)


def _function(by: str) -> Callable[[str], object]:
    where, _, attribute = by.partition(":")
    try:
        found = getattr(importlib.import_module(where), attribute, None)
    except (ImportError, ValueError) as error:
        raise SuiteError(f'paraphrase: cannot import "{where}" ({type(error).__name__}: {error})') from error
    if not callable(found):
        raise SuiteError(f'paraphrase: expected by = "package.module:function" or an address, got "{by}"')
    return cast("Callable[[str], object]", found)


def _begun_small(text: str) -> str:
    """With a small first letter, unless a protected span or "I" stands there."""
    first = text[: word_spans(text)[0][1]] if word_spans(text) else ""
    protected = any(s.start < len(first) for s in spans(text))
    return text if protected or first == "I" or not first[:1].isascii() else text[:1].lower() + text[1:]


def _cased(word: str, like: str) -> str:
    return word[0].upper() + word[1:] if like.isupper() else word
