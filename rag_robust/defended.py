"""The system as a task asks it: as deep as the task looks, and behind a defence if it names one."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from rag_robust import systems
from rag_robust.errors import TargetError
from rag_robust.suspicions import Suspicions
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Answer, Change, Changeable, Hit, Passage, Query, System
from rag_robust.worlds import World

__all__ = ["Flag", "Guarded", "guarded", "sized"]


class Flag(Protocol):
    """A filter at one rate."""

    def __call__(self, passages: Sequence[Passage], inserted: Sequence[Passage], /) -> NDArray[np.bool_]:
        """Which passages are dropped, shape (n,), where `inserted` were put into the corpus."""


def sized(system: System, task: Task) -> System:
    """The system as deep as the task looks, without its generator unless the task asks for it."""
    if not isinstance(system, Pipeline):
        return system
    if task.generate:
        return replace(system, k=max(task.depth, system.context))
    return replace(system, k=task.depth, context=1, generate=None)


def guarded(world: World, task: Task, suspicions: Suspicions, rate: float) -> Guarded:
    """The system of a task behind one of its defences."""
    flag = cast(Flag, partial(suspicions.flagged, rate=rate))
    system = sized(world.system, task)
    depth = max(task.depth, system.context) if isinstance(system, Pipeline) else task.depth
    return Guarded(system, depth, world.corpus.passages, flag)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A system whose flagged hits are dropped; a pipeline fills its list again from deeper places.

    The generator of a pipeline reads what is left.
    """

    system: System
    depth: int
    passages: Mapping[str, Passage]
    flag: Flag
    inserted: tuple[Passage, ...] = ()

    def __call__(self, query: Query, /) -> Answer:
        """Answer one query."""
        return self.many([query])[0]

    def many(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer `n` queries.

        Raises:
            TargetError: a system that is no pipeline has read its hits before they were filtered.
        """
        system = self.system
        if not isinstance(system, Pipeline):
            return self._filtered([system(query) for query in queries])
        rankings = self._deep(system, queries)
        if system.generate is None:
            return [Answer(hits=hits) for hits in rankings]
        read = system.read(queries, [system.texts(hits) for hits in rankings])
        return [replace(answer, hits=hits) for answer, hits in zip(read, rankings, strict=True)]

    def why_not(self, change: Change, /) -> str | None:
        """Why the change cannot be made, if it cannot."""
        reason = systems.applicable(self.system, change)
        return reason and reason.removeprefix("not applicable: ")

    def changed(self, change: Change, /) -> Guarded:
        """The same defence before the changed system."""
        if not isinstance(self.system, Changeable):
            raise TargetError("the system cannot live in a changed corpus", "not_applicable")
        new = {p.id: p for p in (*change.inserted, *change.edited.values())}
        over = ChainMap(new, cast("MutableMapping[str, Passage]", self.passages))
        # an edited passage is a new text as well: it is judged in the corpus as the edit left it
        return replace(self, system=self.system.changed(change), passages=over, inserted=tuple(new.values()))

    def _deep(self, system: Pipeline, queries: Sequence[Query]) -> list[tuple[Hit, ...]]:
        """The first `depth` hits that are not flagged, asking for twice as many until there are enough."""
        k = 2 * self.depth
        while True:
            found = [a.hits for a in replace(system, k=k, context=1, generate=None).many(queries)]
            kept = self._kept(found)
            short = [len(left) < self.depth for left in kept]
            if not any(few and len(hits) == k for few, hits in zip(short, found, strict=True)):
                return [left[: self.depth] for left in kept]
            k *= 2

    def _filtered(self, answers: Sequence[Answer]) -> list[Answer]:
        if any(answer.text is not None for answer in answers):
            message = "the generator read the hits before a filter could; only a pipeline's can be held back"
            raise TargetError(message, "not_applicable")
        return [Answer(hits=hits) for hits in self._kept([answer.hits for answer in answers])]

    def _kept(self, rankings: Sequence[Sequence[Hit]]) -> list[tuple[Hit, ...]]:
        """The rankings without flagged hits; every passage is looked at once, all in one go."""
        ids = dict.fromkeys(hit.passage_id for hits in rankings for hit in hits)
        known = [self.passages[i] for i in ids if i in self.passages]
        flags = self.flag(known, self.inserted).tolist() if known else []
        flagged = {p.id for p, flag in zip(known, flags, strict=True) if flag}
        return [tuple(hit for hit in hits if hit.passage_id not in flagged) for hits in rankings]
