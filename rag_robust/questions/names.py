"""One key for all names of one thing: case, accents, articles, company forms, stated abbreviations."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag_robust.text import normalise
from rag_robust.types import Corpus

__all__ = ["Names", "articles", "key", "names"]

_COMPANY = re.compile(
    r"[,\s]+(?:inc|incorporated|corp|corporation|ltd|limited|llc|plc|ag|gmbh|sa|nv|holdings?)\.?$"
)
_STATED = re.compile(
    r"(?<!\w)(?P<long>[A-Z][\w'’-]+(?: (?:[A-Z][\w'’-]+|of|the|and|for))+) \((?P<short>[A-Z]{2,8})\)"
)


@dataclass(frozen=True, slots=True)
class Names:
    """Which surfaces name the same thing; `shown` is the one to write, `aliases` all of them."""

    shown: Mapping[str, str]
    aliases: Mapping[str, tuple[str, ...]]
    same: Mapping[str, str]

    def of(self, surface: str) -> str:
        """The name to write for a surface: the same for all that name one thing."""
        found = key(surface)
        return self.shown.get(self.same.get(found, found), surface)


def key(surface: str) -> str:
    """The normal form without a leading article, a company form and a final full stop."""
    bare = normalise(surface).removeprefix("the ").strip(" .,")
    return _COMPANY.sub("", bare) or bare


def names(corpus: Corpus, surfaces: Iterable[str], *, given: Mapping[str, str] | None = None) -> Names:
    """The names of a corpus: equal keys, abbreviations it states itself, and those of `given`.

    "European Central Bank (ECB)" makes ECB an alias if the corpus explains ECB in no other way.
    `given` maps further aliases to names. The name to write is the most frequent surface, the
    first in the alphabet among equals. *Differs from RARE*, which lower-cases and keeps no alias.
    """
    counted = Counter(surfaces)
    same = _abbreviations(corpus) | {key(alias): key(name) for alias, name in (given or {}).items()}
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for surface in sorted(counted, key=lambda s: (-counted[s], s)):
        groups[same.get(key(surface), key(surface))].append(surface)
    shown = {one: found[0] for one, found in groups.items()}
    spelled = {alias: name for name, alias in _short_forms(corpus, same)} | dict(given or {})
    for alias in sorted(spelled):
        owner = same.get(key(alias), key(alias))
        if owner in groups and alias not in groups[owner]:
            groups[owner].append(alias)
    aliases = {shown[one]: tuple(found) for one, found in groups.items()}
    return Names(shown, aliases, same)


def _abbreviations(corpus: Corpus) -> dict[str, str]:
    """Key of a short form to key of the long one, where the corpus explains it in one way only."""
    meant: defaultdict[str, set[str]] = defaultdict(set)
    for passage in corpus.passages.values():
        for match in _STATED.finditer(passage.text):
            initials = "".join(w[0] for w in match["long"].split() if w[0].isupper())
            if initials.endswith(match["short"]):
                kept = (
                    match["long"].split()[-len(match["short"]) :]
                    if len(initials) > len(match["short"])
                    else None
                )
                meant[key(match["short"])].add(key(" ".join(kept) if kept else match["long"]))
    return {short: next(iter(longs)) for short, longs in sorted(meant.items()) if len(longs) == 1}


def _short_forms(corpus: Corpus, same: Mapping[str, str]) -> list[tuple[str, str]]:
    found = {
        match["short"]
        for passage in corpus.passages.values()
        for match in _STATED.finditer(passage.text)
        if key(match["short"]) in same
    }
    return [(same[key(short)], short) for short in sorted(found)]


def articles(texts: Sequence[str], names: Sequence[str]) -> frozenset[str]:
    """The names that running text mostly writes with "the" before them ("the United States")."""
    wanted = sorted(names, key=lambda n: (-len(n), n))
    pattern = re.compile(rf"(?<!\w)(?P<the>[Tt]he )?(?P<name>{'|'.join(map(re.escape, wanted))})(?!\w)")
    with_, without = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for text in texts:
        for line in text.split("\n"):
            if not line.lstrip().startswith(("|", "#")) and not re.match(r"[\w ]+: ", line):
                for match in pattern.finditer(line):
                    (with_ if match["the"] else without)[match["name"]] += 1
    return frozenset(name for name in names if with_[name] > without[name])
