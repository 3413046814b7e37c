"""As many questions as were asked for, in stated shares of the patterns, every dropped draft counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from rag_robust.errors import CorpusError, UsageError, nearest
from rag_robust.questions.absent import unanswerables
from rag_robust.questions.check import Check, reason
from rag_robust.questions.compose import composed
from rag_robust.questions.draft import PATTERNS, Draft, Scene
from rag_robust.questions.mentions import spelled
from rag_robust.questions.paths import chains, singles
from rag_robust.questions.question import Question, QuestionSet
from rag_robust.questions.stars import inverted_stars, stars
from rag_robust.questions.times import comparisons, temporals
from rag_robust.questions.verbalise import Verbaliser
from rag_robust.questions.wordings import WORDS, Words
from rag_robust.questions.world import World

__all__ = ["SHARES", "drafts", "write_questions"]

SHARES: Mapping[str, float] = {
    "single": 0.10,
    "chain": 0.20,
    "star": 0.20,
    "inverted star": 0.10,
    "comparison": 0.15,
    "temporal": 0.15,
    "unanswerable": 0.10,
}
"""Of the questions asked for; what a pattern cannot give, the others do."""

_DRAWS, _LEAST_DRAWS = 50, 20_000
"""Draws of conditions per question that is asked for, and for few questions."""

_WRITERS: Mapping[str, Callable[[Scene], Iterator[Draft]]] = {
    "single": singles,
    "chain": chains,
    "star": stars,
    "inverted star": inverted_stars,
    "comparison": comparisons,
    "temporal": temporals,
    "unanswerable": unanswerables,
}


def write_questions(
    world: World,
    count: int,
    *,
    seed: int = 0,
    shares: Mapping[str, float] = SHARES,
    wordings: Mapping[str, Words] = WORDS,
    first: Iterable[Draft] = (),
    extra_checks: Sequence[Check] = (),
    degree: int | None = None,
    tick: Callable[[int, int], None] = lambda _written, _count: None,
) -> QuestionSet:
    """At most `count` verified questions of all patterns, or what the corpus gives, with the reasons.

    Drafts of a pattern come in the order of the seed and end; each becomes a question or a counted
    reason. Patterns get their `shares`; what one cannot fill goes to the others in proportion, but
    never to unanswerable questions, of which any number could be made.
    `first` are drafts to try before all others (those of an earlier run). The result depends on the
    content of the corpus, the seed and the arguments, not on the order of documents; ids depend on
    the graph query alone. `degree` caps how many continuations are tried at one place: 12 unless
    more questions are asked for than 12 per fact of the graph. `tick` hears how many questions of
    `count` stand, also while none is found.

    *Source*: RARE-Get (arXiv 2506.00789). There a language model writes and judges, paths may
    revisit nodes, the first four edges of a star are taken, leaks are looked for case-sensitively,
    and how many items fell is not told.

    Raises:
        UsageError: count below 1, or shares that are none.
        CorpusError: no question stands; says why the drafts fell.
    """
    if count < 1:
        raise UsageError(f"expected to be asked for at least 1 question, got {count}")
    for name in shares:
        if name not in _WRITERS:
            raise UsageError(f'no pattern "{name}"; {nearest(name, PATTERNS)}')
    if not shares or min(shares.values()) < 0 or sum(shares.values()) <= 0:
        raise UsageError(f"expected shares above 0, got {dict(shares)}")
    verbaliser = Verbaliser(world.graph, seed, world.articled, wordings)
    writing = _Writing(world, verbaliser, extra_checks, lambda: tick(len(writing.questions), count))
    writing.take(first, count)
    most = max(_LEAST_DRAWS, _DRAWS * count)
    scene = Scene(
        world.graph, seed, degree or max(12, -(-count // len(world.graph.edges))), most, writing.tick
    )
    streams = drafts(scene, [name for name in PATTERNS if shares.get(name, 0) > 0])
    exhausted = writing.fill(streams, count, shares)
    if not writing.questions:
        told = ", ".join(f"{n} {why}" for why, n in sorted(writing.reasons().items())) or "no draft at all"
        raise CorpusError(f"no question stands (dropped: {told}); use a corpus with more facts")
    ordered = sorted(writing.questions, key=lambda q: (PATTERNS.index(q.pattern), scene.rank(q.query.id)))
    dropped_by = {name: dict(sorted(n.items())) for name, n in sorted(writing.dropped.items())}
    return QuestionSet(tuple(ordered), dict(sorted(writing.reasons().items())), count, dropped_by, exhausted)


def drafts(scene: Scene, patterns: Iterable[str]) -> dict[str, Iterator[Draft]]:
    """The drafts of each pattern, made when they are asked for."""
    return {name: _WRITERS[name](scene) for name in patterns}


class _Writing:
    """The questions that stand so far, and what fell."""

    def __init__(
        self,
        world: World,
        verbaliser: Verbaliser,
        extra_checks: Sequence[Check],
        tick: Callable[[], None],
    ) -> None:
        self._compose = partial(composed, world, verbaliser)
        self._extra = extra_checks
        self.tick = tick
        self._seen: set[str] = set()
        self.questions: list[Question] = []
        self.dropped: dict[str, Counter[str]] = {}

    def take(self, found: Iterable[Draft], n: int) -> int:
        """Up to `n` questions from the drafts; how many were written."""
        written = 0
        if n < 1:
            return 0
        for n_judged, draft in enumerate(found):
            if n_judged % 100 == 0:
                self.tick()
            question = self._judged(draft)
            if isinstance(question, str):
                self.dropped.setdefault(draft.pattern, Counter())[question] += 1
                continue
            self._seen |= {spelled(question.query.text), question.query.id}
            self.questions.append(question)
            written += 1
            if written == n:
                break
        return written

    def fill(
        self, streams: Mapping[str, Iterator[Draft]], count: int, shares: Mapping[str, float]
    ) -> tuple[str, ...]:
        """Round after round, what is missing is shared among the patterns that still have drafts.

        Unanswerable questions never stand in for others: they have their first share and no more.
        """
        alive = dict(streams)
        exhausted: list[str] = []
        written = Counter(question.pattern for question in self.questions)
        while alive and len(self.questions) < count:
            wanted = _wanted(count, {name: shares[name] for name in alive}, written, len(self.questions))
            for name, n in wanted.items():
                got = self.take(alive[name], n)
                written[name] += got
                if got < n:
                    del alive[name]
                    exhausted.append(name)
            alive.pop("unanswerable", None)
        return tuple(exhausted)

    def reasons(self) -> Counter[str]:
        """What fell, over all patterns."""
        return sum(self.dropped.values(), Counter())

    def _judged(self, draft: Draft) -> Question | str:
        question = self._compose(draft)
        if isinstance(question, str):
            return question
        if question.query.id in self._seen or spelled(question.query.text) in self._seen:
            return "duplicate question"
        return reason(question, self._extra) or question


def _wanted(
    count: int, shares: Mapping[str, float], written: Mapping[str, int], so_far: int
) -> dict[str, int]:
    """How many more of each pattern, which together are exactly what is missing."""
    missing = count - so_far
    total = sum(shares.values())
    aims = {name: max(0.0, count * share / total - written.get(name, 0)) for name, share in shares.items()}
    scale = sum(aims.values())
    if scale <= 0:
        aims, scale = dict(shares), total
    exact = {name: missing * aim / scale for name, aim in aims.items()}
    wanted = {name: int(n) for name, n in exact.items()}
    rest = missing - sum(wanted.values())
    for name in sorted(exact, key=lambda n: (wanted[n] - exact[n], n))[:rest]:
        wanted[name] += 1
    return wanted
