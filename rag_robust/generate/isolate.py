"""Isolate, then aggregate: each passage is read alone, so a hostile one speaks for no other.

Let y_1 … y_n be the answers to n shown passages, each read alone. A passage changes its own answer and no
other's, so an attacker who put h of the n passages there decides h of the answers and nothing else.

**Claim.** `withstands` gives the largest h for which no choice of h passages to replace and no h answers to
replace theirs with make the aggregate wrong (-1: it is wrong as it is).

- "majority": an answer is a vote for its normal form, silence is none, and the form with most votes is the
  answer (of equals, the first in alphabetical order). Removing h votes leaves the right forms at least
  M = min { m : sum over right forms of max(0, votes - m) <= h }; a wrong form has at most W + h, W its votes
  now, and a new one h. So it stays right if M > W + h. Ties count as lost, everything else is exact.
- "keywords": a word is kept if at least mu(v) of the v answers that are not silent hold it,
  mu(v) = max(1, ceil(min(alpha v, beta))), and the kept words are the context of a last prompt. For every
  choice of the n - h passages that stay and every number of replaced ones that speak, what may be kept is
  known exactly: words that are kept whatever is added, and any subset of those that lack at most so many
  votes. A new word must not get in; then there are finitely many contexts, and all are tried. More than
  `most` of them prove nothing.

*Source*: Xiang et al., RobustRAG (arXiv 2405.15556), secure keyword aggregation and majority voting. *Where
we differ*: theirs takes phrases from a tagger and bounds the kept words once; here words are those of the
text that are no stop words, which needs no model, and the sets that can be reached are enumerated.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, combinations, takewhile
from typing import Literal

from rag_robust.text import STOP_WORDS, normalise, words

__all__ = ["REFUSAL", "Isolate", "ballot", "keywords", "majority", "withstands"]

REFUSAL = "I don't know"
"""What is said where no passage said anything."""

_SILENT = re.compile(
    r"(i )?(do not|don['’]?t) know|(i am|i['’]m) not sure|no answer|not (stated|mentioned|given)"
)
_EDGE = re.compile(r"^\W+|\W+$")

Final = Callable[[frozenset[str]], str]
"""From the kept words to the answer."""


@dataclass(frozen=True, slots=True)
class Isolate:
    """How the answers to single passages become one.

    `alpha` and `beta` are the share and the number of speaking answers that a keyword needs, whichever is
    less; `most` is how many last prompts a proof may cost.
    """

    kind: Literal["majority", "keywords"] = "majority"
    alpha: float = 0.3
    beta: float = 3.0
    most: int = 64

    def least(self, speaking: int) -> int:
        """mu: how many of so many speaking answers a keyword needs."""
        return max(1, math.ceil(min(self.alpha * speaking, self.beta) - 1e-9))


def ballot(answer: str) -> str:
    """What an answer counts as: its normal form without marks at the ends, "" where it says nothing."""
    form = _EDGE.sub("", normalise(answer))
    return "" if _SILENT.match(form) else form


def majority(answers: Sequence[str]) -> str:
    """The normal form of most answers; of equals the first in alphabetical order."""
    votes = Counter(filter(None, map(ballot, answers)))
    return min(votes, key=lambda form: (-votes[form], form), default=REFUSAL)


def keywords(answers: Sequence[str], how: Isolate) -> frozenset[str]:
    """The words that enough of the answers hold."""
    found = [held for held in map(_held, answers) if held]
    counts = Counter(chain.from_iterable(found))
    return frozenset(word for word, n in counts.items() if n >= how.least(len(found)))


def withstands(answers: Sequence[str], how: Isolate, right: Callable[[str], bool], final: Final) -> int:
    """How many of the n shown passages may be hostile and the answer stays right; -1 if it is wrong already.

    `right` judges an answer, `final` answers from keywords; a majority asks for nothing.
    """

    @cache
    def kept(context: frozenset[str]) -> bool:
        return bool(context) and right(final(context))

    if how.kind == "majority":
        holds = partial(_votes_hold, answers, right)
    else:
        holds = partial(_words_hold, answers, how, kept)
    return sum(1 for _ in takewhile(holds, range(len(answers) + 1))) - 1


def _votes_hold(answers: Sequence[str], right: Callable[[str], bool], hostile: int) -> bool:
    if not hostile:
        return right(majority(answers))
    votes = Counter(filter(None, map(ballot, answers)))
    good = [n for form, n in votes.items() if right(form)]
    wrong = max((n for form, n in votes.items() if not right(form)), default=0)
    left = next(m for m in range(len(answers) + 1) if sum(max(0, n - m) for n in good) <= hostile)
    return left > wrong + hostile


def _words_hold(
    answers: Sequence[str], how: Isolate, kept: Callable[[frozenset[str]], bool], hostile: int
) -> bool:
    contexts: set[frozenset[str]] = set()
    for context in _contexts([_held(answer) for answer in answers], how, hostile):
        if context is None:
            return False
        contexts.add(context)
        if len(contexts) > how.most:
            return False
    return all(map(kept, sorted(contexts, key=sorted)))


def _contexts(found: Sequence[frozenset[str]], how: Isolate, hostile: int) -> Iterator[frozenset[str] | None]:
    """Every set of words that may be kept where so many answers are the attacker's; None is any set."""
    for staying in combinations(found, len(found) - hostile):
        for speaking in range(hostile + 1):
            yield from _reached([held for held in staying if held], speaking, how)


def _reached(
    staying: Sequence[frozenset[str]], speaking: int, how: Isolate
) -> Iterator[frozenset[str] | None]:
    """Every set of words that may be kept beside so many answers of the attacker's; None if it may be any."""
    counts = Counter(chain.from_iterable(staying))
    least = how.least(len(staying) + speaking)
    if speaking >= least:
        yield None
        return
    sure = frozenset(word for word, n in counts.items() if n >= least)
    open_ = sorted(word for word, n in counts.items() if n < least <= n + speaking)
    subsets = chain.from_iterable(combinations(open_, size) for size in range(len(open_) + 1))
    yield from (sure | frozenset(some) for some in subsets)


def _held(answer: str) -> frozenset[str]:
    """The words of an answer that mean something; none where it says nothing."""
    form = ballot(answer)
    return frozenset(word for word in words(form) if word not in STOP_WORDS)
