"""Words put for their synonym class before anything is scored: no swap inside a class can be seen.

Claim. Let c map each word to the representative of its class (`synonyms.classes`) and a text word by word.
The ranker s(c(q), c(d)) gives every version of d the score of d if all swaps stay inside classes: lower =
upper, with no text scored but the listed ones.

Why. A version differs from d in words that are members of the same class, which c maps to one word; words
are found by `text.words`, where a word ends does not depend on which word it is, so nothing else moves.

Swaps that cross a cut. Every known source has a giant component (WordNet's: 16,163 words), so classes are cut
at `cap` words, which need not hold all sets of the source; cap and links cut are in the `ranker`. What an
attacker can make of c(d) is then: at most R of its words put for the representatives of the other classes
that their sets reach. With at most `max_versions` such texts all of them are scored and the bound is exact;
with more there is none.

What it costs is quality: the model sees fewer words. nDCG@10 of BM25 on Cranfield under WordNet is .364 as it
is, .352, .357, .337, .323 with a cap of 12, 20, 50, 100, and .266 uncut, with 30 % of all words one word. The
query is written in canonical words too, and the certified ranker is "the model on canonical words", not the
model. Listed passages only.

Source. Jones et al. 2020, "Robust Encodings" (RobEn), for classification; the ranking form, the query in
canonical words and the bound for crossing swaps are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust import text as strings
from rag_robust.certify.ranking import Bounds, Ranking, decide, version
from rag_robust.synonyms.classes import classes
from rag_robust.synonyms.source import Source, links
from rag_robust.synonyms.space import Slot, Space, Substitutions
from rag_robust.types import Certificate, Passage

__all__ = ["canon", "certify"]


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,  # noqa: ARG001 (families share a signature; nothing is drawn here)
    *,
    k: int,
    cap: int | None = 20,
    max_versions: int = 200,
) -> Certificate:
    """Prove that no swap moves the canonical ranker's top `k`; its order is that of canonical scores.

    `cap` is the most words of a class, None for connected components; swaps that cross the cut are tried one
    by one, at most `max_versions` per passage. Or cut the source itself (`synonyms.classes.cliques`), which
    is another and a transitive threat.

    Raises:
        UsageError: k < 1, or no outsider.
        ModelError: a cap below 1, or the scorer did not return one finite number per text.
    """
    ranking.check(k)
    known, ranker = _classes(_Same(allowed.source), cap)
    spaces = [_crossing(space, known) for space in ranking.spaces(allowed)]
    open_ = np.array([space.size > max_versions for space in spaces])
    families = [
        [version(p, t) for t in ([p.text] if cut else space.versions())]
        for p, space, cut in zip(ranking.passages, spaces, open_, strict=True)
    ]
    asked = replace(ranking, query=replace(ranking.query, text=canon(ranking.query.text, known)))
    texts = [[canon(v.full, known) for v in family] for family in families]
    scores = asked.grouped(texts)
    clean, best = np.array([s[0] for s in scores]), np.array([s.max() for s in scores])
    return decide(
        "canonical",
        ranking,
        allowed,
        Bounds(
            lower=clean,
            upper=np.where(open_, np.inf, best),
            samples=len({text for family in texts for text in family}),
            ranker=ranker,
            scores=clean,
            witness=_witness(ranking.passages, families, scores, k),
            reason=f"{open_.sum()} passages have more than {max_versions} versions across classes; raise cap "
            "or max_versions, or take a source cut into cliques",
        ),
        k=k,
    )


def canon(text: str, known: Mapping[str, str]) -> str:
    """The text with every word of a class as its representative, in small letters; all else as it is."""
    parts, last = [], 0
    for start, end in strings.word_spans(text):
        parts += [text[last:start], known.get(text[start:end].lower(), text[start:end])]
        last = end
    return "".join([*parts, text[last:]])


def _crossing(space: Space, known: Mapping[str, str]) -> Space:
    """The space with one option for each canonical word that a slot can come to besides its own."""
    slots = [replace(slot, options=_foreign(slot, known)) for slot in space.slots]
    slots = [slot for slot in slots if slot.options]
    return Space(space.text, tuple(slots), min(space.swaps, len(slots)))


def _foreign(slot: Slot, known: Mapping[str, str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for option in slot.options:
        found.setdefault(canon(option, known), option)
    found.pop(canon(slot.word, known), None)
    return tuple(found.values())


def _witness(
    passages: Sequence[Passage],
    families: Sequence[Sequence[Passage]],
    scores: Sequence[NDArray[np.float64]],
    k: int,
) -> Passage | None:
    """The best version of any passage outside the best k as they stand, if one of those does not beat it."""
    order = sorted(range(len(passages)), key=lambda i: (-scores[i][0], strings.order_key(passages[i].id)))
    j = max(order[k:], key=lambda i: float(scores[i].max()))
    within = scores[j].max() >= min(scores[i][0] for i in order[:k])
    return families[j][int(scores[j].argmax())] if within else None


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A source that equals itself alone: its classes are made once for all queries of a run."""

    source: Source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.source is self.source

    def __hash__(self) -> int:
        return id(self.source)


@lru_cache(maxsize=2)
def _classes(source: _Same, cap: int | None) -> tuple[Mapping[str, str], str]:
    """The classes, and the ranker that they make of the model, in words."""
    known, linked = classes(source.source, cap), links(source.source)
    cut = sum(known[w] != known[u] for w, u in linked)
    size = "connected components" if cap is None else f"classes of at most {cap}"
    return known, f"the model on canonical words, {size}, {cut} of {len(linked)} links cut"
