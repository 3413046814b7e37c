"""The most that replaced words can do to a BM25 score, without a single call of the scorer.

Claim. s(q, d) = Σ_t idf_t · tf_t / (tf_t + K(|d|)), idf and mean length fixed, depends on a version of d
through its counts tf of the query's words and its length alone. u_j is the greatest s over all (tf, |d|) that
at most R swaps reach: exact, so u_j is the score of a version, which is the witness where it breaks the list.

Why. Words of the index (runs of letters, digits, underscores) never span two words of `text.words`, so a
swap changes counts and length by what the old and the new word hold, whatever stands elsewhere. s grows with
each tf (idf > 0) and falls with length. So in one slot an option counts only if no other option, nor the word
itself, gives at least its counts with at most its length, and what is reached is a set of sums (tf, |d|),
each kept with the fewest swaps that reach it. A swap may bring one query word or several ("state-of-the-art"
holds four), take one away, or change the length: all are sums.

Too many sums (`max_states`): u_j is s at the R greatest gains of every count by itself and the R greatest
cuts of the length: sound, not exact, no witness.

Scope. Where the ranking lists every passage of the index, this certifies the first stage. The index's
statistics stay as they are: an edited passage that is indexed anew moves idf and mean length for all. With
`reindexed` = m, bounds hold for an index in which up to m listed passages are edited: document frequencies
within m of theirs, the mean length within m times the greatest change of a length over the number of
passages.

Source. The problem is item 3 of a ladder of additive closed forms; the exact solution is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rag_robust import text as strings
from rag_robust.certify.ranking import Bounds, Ranking, decide, version
from rag_robust.errors import TargetError
from rag_robust.retrieve.bm25 import BM25, tokens
from rag_robust.synonyms.space import Space, Substitutions
from rag_robust.types import Certificate, Passage

__all__ = ["certify"]

Move = tuple[int, ...]
"""What swaps add to the count of each of the query's words, and in the last place to the length."""

Choice = tuple[tuple[int, str], ...]
"""Slots and what stands there, in reading order."""


def certify(
    ranking: Ranking,
    allowed: Substitutions,
    rng: Generator | None = None,  # noqa: ARG001 (families share a signature; nothing is drawn here)
    *,
    k: int,
    max_states: int = 4096,
    reindexed: int = 0,
) -> Certificate:
    """Prove that no version of any outsider enters BM25's top `k`, or show the one that does.

    `max_states` caps the sums that are kept per passage. `reindexed` passages may be indexed anew with
    their edits; for 0 the statistics stand and bounds are exact.

    Raises:
        UsageError: k < 1, or no outsider.
        TargetError: "not_applicable", the scorer is not that of a `retrieve.bm25.BM25`.
    """
    ranking.check(k)
    index = getattr(ranking.score, "__self__", None)
    if not isinstance(index, BM25):
        raise TargetError("the closed form of BM25 needs BM25.score as the scorer", "not_applicable")
    swaps = _Swaps(index, ranking.query.text, allowed, max_states, tuple(index.terms(ranking.query.text)))
    reached = [swaps.reach(p.text) for p in ranking.passages]
    full = [p.full for p in ranking.passages]
    counts = np.column_stack(index.count(ranking.query.text, full))  # (n, m + 1), the length last
    moved = reindexed * swaps.stretch(ranking.passages) / len(index.names) if reindexed else 0.0
    moved *= 1 + 1e-9  # a mean rounds
    clean = swaps.weigh(counts)
    sizes = [len(r.moves) for r in reached]
    states = np.repeat(counts, sizes, axis=0) + np.concatenate([r.moves for r in reached])
    scores = np.split(swaps.weigh(states, (-reindexed, moved)), np.cumsum(sizes)[:-1])
    return decide(
        "bm25",
        ranking,
        allowed,
        Bounds(
            lower=swaps.weigh(counts, (reindexed, -moved)),
            upper=np.array([s.max() for s in scores]),
            samples=0,
            scores=clean if reindexed else None,
            witness=None if reindexed else _witness(scores, reached, ranking, k, float(clean[:k].min())),
            reason=_reason(reached, max_states, reindexed),
        ),
        k=k,
    )


@dataclass(frozen=True, slots=True)
class _Reached:
    """Sums (S, m + 1) that swaps of one text can add, and the choices that do; none for a mere ceiling."""

    moves: NDArray[np.int64]
    space: Space | None = None
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class _Swaps:
    """What swaps do to the counts of one query's words; each distinct word is looked at once."""

    index: BM25
    query: str
    allowed: Substitutions
    max_states: int
    terms: tuple[str, ...]
    known: dict[str, dict[Move, str]] = field(init=False, default_factory=dict)

    def weigh(self, counts: NDArray[np.int64], drift: tuple[int, float] = (0, 0.0)) -> NDArray[np.float64]:
        """Scores (n,) of counts and lengths (n, m + 1)."""
        return self.index.weigh(self.query, counts[:, :-1], counts[:, -1], drift=drift)

    def reach(self, text: str) -> _Reached:
        """Everything that swaps of a text can add; most texts hold no word that matters."""
        nothing = (0,) * (len(self.terms) + 1)
        if not any(map(self.moves, strings.words(text))):
            return _Reached(np.array([nothing]), None, ((),))
        space = self.allowed.space(text, self.query)
        slots = [(i, found) for i, s in enumerate(space.slots) if (found := self.moves(s.word))]
        sums: dict[Move, Choice] = {nothing: ()}
        for i, found in slots:
            _extend(sums, i, found, space.swaps)
            if len(sums) > self.max_states:
                return _Reached(_ceiling([list(found) for _, found in slots], space.swaps))
        return _Reached(np.array(list(sums)), space, tuple(sums.values()))

    def moves(self, word: str) -> Mapping[Move, str]:
        """What each option of a word adds, the first of equal ones, without those that another one beats."""
        if word not in self.known:
            self.known[word] = self._moves(word)
        return self.known[word]

    def stretch(self, passages: Sequence[Passage]) -> int:
        """The most by which allowed swaps can change the length of any of the passages."""
        spaces = [self.allowed.space(p.text, self.query) for p in passages]
        return max(
            space.swaps
            * max(
                (abs(self._held(u)[-1] - self._held(s.word)[-1]) for s in space.slots for u in s.options),
                default=0,
            )
            for space in spaces
        )

    def _moves(self, word: str) -> dict[Move, str]:
        if self._harmless(word):
            return {}
        before = self._held(word)
        found: dict[Move, str] = {(0,) * len(before): word}
        for slot in self.allowed.space(word, self.query).slots:
            for option in slot.options:
                after = self._held(option)
                found.setdefault(tuple(a - b for a, b in zip(after, before, strict=True)), option)
        return {m: u for m, u in found.items() if any(m) and not any(_beats(o, m) for o in found)}

    def _harmless(self, word: str) -> bool:
        """Whether no option of a word plainly adds anything: one word for one, none of the query's."""
        options = self.allowed.source.lookup(word)
        plain = all(u.isalnum() and u.isascii() for u in (word, *options))
        return not options or (plain and self.index.stop_words.union(self.terms).isdisjoint(options))

    def _held(self, text: str) -> Move:
        """How often the query's words are in a text, and its length, in words of the index."""
        own = tokens(text, self.index.stop_words)
        return (*(own.count(term) for term in self.terms), len(own))


def _extend(sums: dict[Move, Choice], slot: int, found: Mapping[Move, str], swaps: int) -> None:
    """Add to the sums those with one of the slot's options; of equal sums the one with fewest swaps stays."""
    for total, choice in list(sums.items()):
        if len(choice) == swaps:
            continue
        for move, option in found.items():
            new = tuple(a + b for a, b in zip(total, move, strict=True))
            if new not in sums or len(sums[new]) > len(choice) + 1:
                sums[new] = (*choice, (slot, option))


def _beats(other: Move, move: Move) -> bool:
    """Whether another option gives at least the counts, with at most the length."""
    return (
        other != move
        and other[-1] <= move[-1]
        and all(a >= b for a, b in zip(other[:-1], move[:-1], strict=True))
    )


def _ceiling(slots: Sequence[Sequence[Move]], swaps: int) -> NDArray[np.int64]:
    """More than any choice of so many slots can add, (1, m + 1): every count and the length by itself."""
    most = np.array([np.max(moves, axis=0) for moves in slots])
    most[:, -1] = [-min(move[-1] for move in moves) for moves in slots]
    gains = np.sort(np.maximum(most, 0), axis=0)[::-1][:swaps].sum(axis=0)
    gains[-1] *= -1
    return np.asarray(gains[None])


def _witness(
    scores: Sequence[NDArray[np.float64]], reached: Sequence[_Reached], ranking: Ranking, k: int, floor: float
) -> Passage | None:
    """The best version of an outsider that is known to exist, if it scores at least `floor`."""
    known = [j for j in range(k, len(reached)) if reached[j].choices]
    j = max(known, key=lambda i: float(scores[i].max()), default=k)
    if j not in known or scores[j].max() < floor:
        return None
    passage, space = ranking.passages[j], reached[j].space
    choice = reached[j].choices[int(scores[j].argmax())]
    return version(passage, space.write(dict(choice)) if space else passage.text)


def _reason(reached: Sequence[_Reached], max_states: int, reindexed: int) -> str:
    open_ = sum(not r.choices for r in reached)
    told = (
        [f"{open_} passages reach more than {max_states} sums of counts; raise max_states"] if open_ else []
    )
    told += [f"an index with {reindexed} edits has other statistics; try reindexed = 0"] if reindexed else []
    return " and ".join(told)
