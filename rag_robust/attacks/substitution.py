"""Substitution: words of a passage are replaced by words the task allows, by a ladder of searches.

All of them stay in the same space, the one that certificates are about; they differ in what they read of
the victim and in how hard they look. `random` and `bm25` ask nothing, `greedy`, `beam` and `exact` ask
for scores, `decision` for ranks only, `gradient` has an encoder in hand, `prada` learns one to imitate the
victim from its list. Where `exact` fails, the list is certified.
*Source*: the threat of Wu et al., PRADA, TOIS 2022, and Certified Robustness to Word Substitution Ranking
Attack, CIKM 2022; each search names its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from numpy.random import Generator

from rag_robust.attacks import _swaps
from rag_robust.attacks._constraints import Constraint, every, fluent, keeping, plain, similar
from rag_robust.attacks._swaps import Oracle, Search, Trail, together
from rag_robust.attacks._view import View
from rag_robust.errors import SuiteError, TargetError, nearest
from rag_robust.types import Budget, Change, ThreatModel

__all__ = ["Substitution"]

READS = {
    "random": (),
    "bm25": (),
    "greedy": ("scores",),
    "beam": ("scores",),
    "exact": ("scores",),
    "decision": ("ranks",),
    "gradient": ("gradients", "scores"),
    "prada": ("gradients", "ranks"),
}
"""What each search reads of the victim besides the queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitution:
    """Edits the one target it gets furthest with; how many words is the task's to say (`swaps`, `share`).

    Parameters:
        search: random, bm25, greedy, decision, beam, gradient, prada or exact
        width: versions that a beam goes on with (ours: 5 to 10 are usual)
        check: whether gradient tries its words by the victim's scores, not by the encoder it has in hand
        n_tried: words of greatest first-order gain that gradient tries per step (ours)
        n_words: most important words that prada tries to replace, 0 for all (PRADA: 10)
        radius: how far prada moves a token, in mean lengths of embeddings (ours; PRADA's 45 bounds nothing)
        steps: how often prada moves it (PRADA: 3)
        max_versions: where more than two words may be replaced, exact refuses a passage with more (ours)
        max_calls: versions the victim is asked about at most, 0 for no limit; the best till then is proposed
        min_similarity: least cosine to the passage as it was, by the attacker's own encoder, 0 for none
        max_perplexity: greatest perplexity by the attacker's own language model, 0 for none
        max_spamicity: greatest share of the passage written for the query, 0 for none (PAT, without idf)
        protected: phrases between semicolons of which no word may be replaced
    """

    search: str = "greedy"
    width: int = 5
    check: bool = True
    n_tried: int = 10
    n_words: int = 10
    radius: float = 1.0
    steps: int = 3
    max_versions: int = 20_000
    max_calls: int = 0
    min_similarity: float = 0.0
    max_perplexity: float = 0.0
    max_spamicity: float = 0.0
    protected: str = ""

    def __post_init__(self) -> None:
        if self.search not in READS:
            raise SuiteError(f'attack substitution: no search "{self.search}"; {nearest(self.search, READS)}')
        if not (self.width and self.n_tried and self.steps and self.radius):
            raise SuiteError("attack substitution: width, n_tried, steps and radius begin above 0")

    @property
    def tools(self) -> frozenset[str]:
        """The task's substitutions, and what its constraints measure with."""
        used = {"space"} | ({"language_model"} if self.max_perplexity else set())
        return frozenset(used | ({"encoder"} if self.min_similarity else set()))

    @property
    def threat(self) -> ThreatModel:
        """Reads the query and what its search asks; the words it may replace are counted by the space."""
        reads = {"queries", *READS[self.search]}
        if self.search == "gradient" and not self.check:
            reads.discard("scores")
        return ThreatModel(frozenset(reads), "edit", Budget(passages=1, oracle_calls=self.max_calls or None))

    def __call__(self, view: View, rng: Generator) -> Change:
        """The edited passage, or no change where no allowed version is better."""
        query = view.queries[0].text
        allows = self._constraint(view, query)
        trails = [Trail(target, view.space(target), allows) for target in view.targets]
        whole = self._asked(view, trails) if READS[self.search] else self._unasked(trails, query, rng)
        changed = [trail for trail in trails if trail.choice]
        best = max(changed, key=_reached, default=None)
        view.notes.update(self._note(view, best or (trails[0] if trails else None)), finished=whole)
        return Change(edited={best.target.id: best.write(best.choice)} if best else {})

    def _unasked(self, trails: Sequence[Trail], query: str, rng: Generator) -> bool:
        """Searches that know nothing of the victim: one passage at random, or words of the query in all."""
        if self.search == "bm25":
            for trail in trails:
                _swaps.lexical(trail, query)
        elif some := [trail for trail in trails if not trail.full]:
            _swaps.drawn(some[int(rng.integers(len(some)))], rng)
        return True

    def _asked(self, view: View, trails: Sequence[Trail]) -> bool:
        """Searches that ask for values: all passages side by side; False if calls ran out."""
        search, oracle = self._searches(view, trails)
        limit = view.threat.budget.oracle_calls
        return together(search, oracle, lambda: inf if limit is None else limit - view.calls)

    def _searches(self, view: View, trails: Sequence[Trail]) -> tuple[list[Search], Oracle]:
        """A search per passage, and whom they ask."""
        if self.search == "prada":
            from rag_robust.attacks._prada import Climb, imitated, prada

            surrogate, climb = imitated(view), Climb(self.radius, self.steps)
            return [prada(trail, surrogate, climb, self.n_words) for trail in trails], _ranks(view)
        if self.search == "gradient":
            from rag_robust.attacks._first_order import aimed, first_order

            white = aimed(view)
            oracle = _scores(view) if self.check else Oracle(white.similarities, lambda p: p.full)
            return [first_order(trail, white, self.n_tried) for trail in trails], oracle
        if self.search == "beam":
            return [_swaps.beam(trail, self.width) for trail in trails], _scores(view)
        if self.search == "exact":
            return [_swaps.exact(self._enumerable(trail)) for trail in trails], _scores(view)
        oracle = _ranks(view) if self.search == "decision" else _scores(view)
        return [_swaps.greedy(trail) for trail in trails], oracle

    def _enumerable(self, trail: Trail) -> Trail:
        space = trail.space
        if space.swaps > 2 and space.size > self.max_versions:
            raise TargetError(
                f"exact: expected two swaps or at most {self.max_versions} versions, {trail.target.id} has "
                f"{space.swaps} swaps and {space.size} versions; lower swaps or per_word, or use beam",
                "not_applicable",
            )
        return trail

    def _constraint(self, view: View, query: str) -> Constraint:
        found: list[Constraint] = []
        if phrases := [phrase for phrase in self.protected.split(";") if phrase.strip()]:
            found.append(keeping(phrases))
        if self.max_spamicity:
            found.append(plain(query, self.max_spamicity))
        if self.min_similarity:
            found.append(similar(view.encoder, self.min_similarity))
        if self.max_perplexity:
            found.append(fluent(view.language_model, self.max_perplexity))
        return every(found)

    def _note(self, view: View, trail: Trail | None) -> dict[str, object]:
        """What is kept beside the change: the words, the calls, and how far the values went."""
        note: dict[str, object] = {"search": self.search, "calls": view.calls, "swaps": []}
        if trail is None:
            return note
        note |= {"target": trail.target.id, "swaps": [list(pair) for pair in trail.swaps]}
        if not trail.trace:
            return note
        if "ranks" in READS[self.search]:
            ranks = [int(-value) for value in trail.trace]
            return note | {"trace": ranks, "rank_before": ranks[0], "rank_after": ranks[-1]}
        trace = trail.trace
        return note | {"trace": list(trace), "score_before": trace[0], "score_after": trace[-1]}


def _reached(trail: Trail) -> float:
    """What the victim gives for the best version; where it was not asked, the words replaced."""
    return trail.trace[-1] if trail.trace else float(len(trail.choice))


def _scores(view: View) -> Oracle:
    """Values are the victim's scores; equal texts are one."""
    query = view.queries[0]
    return Oracle(lambda new: view.scores(query, [p.full for p in new]).tolist(), lambda p: p.full)


def _ranks(view: View) -> Oracle:
    """Values are the victim's ranks, the first the greatest."""
    query = view.queries[0]
    return Oracle(lambda new: (-view.rank(query, new)).tolist(), lambda p: (p.id, p.full))


SMOKE = {"search": "random"}
