"""Random passage: a copy of a passage drawn from the corpus, the rate that chance alone reaches.

A metric that this row can win is broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from rag_robust.attacks._view import View
from rag_robust.types import Budget, Change, Passage, ThreatModel

__all__ = ["RandomPassage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPassage:
    """Inserts copies of `passages` different passages.

    Parameters:
        passages: how many (as many as the attack that is compared with it inserts)
    """

    tools: ClassVar[frozenset[str]] = frozenset()

    passages: int = 1

    @property
    def threat(self) -> ThreatModel:
        """Reads the corpus."""
        return ThreatModel(frozenset({"corpus"}), "insert", Budget(passages=self.passages))

    def __call__(self, view: View, rng: Generator) -> Change:
        """The copies; fewer where the corpus is smaller."""
        ids = sorted(view.passages)
        drawn = rng.choice(len(ids), size=min(self.passages, len(ids)), replace=False)
        originals = [view.passages[ids[i]] for i in drawn]
        return Change(inserted=tuple(Passage(id=f"random-{i}", text=p.full) for i, p in enumerate(originals)))


SMOKE: dict[str, object] = {}
