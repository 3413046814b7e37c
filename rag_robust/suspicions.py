"""What a defence thinks of passages, kept in a file so that no passage is looked at twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from rag_robust import defend
from rag_robust.defend import Tools
from rag_robust.seeds import digest, generator
from rag_robust.types import Passage

__all__ = ["BENIGN", "Suspicions"]

BENIGN = 500
"""Passages of the corpus, drawn by the suite's seed, on which thresholds are set."""


class Suspicions:
    """The suspicions of one defence over one corpus.

    A passage of the corpus is judged in the corpus as it was, an inserted one in the corpus with
    everything that was inserted with it.
    """

    def __init__(self, name: str, tools: Tools, path: Path, *, seed: int) -> None:
        self.suspicion = defend.load(name)
        self.tools = tools
        self.path = path
        self.seed = seed
        self._known: dict[str, float] = {}
        self._limits: dict[float, float] = {}

    def of(self, passages: Sequence[Passage], inserted: Sequence[Passage] = ()) -> NDArray[np.float64]:
        """Suspicions, shape (n,); `inserted` are all the passages that were put into the corpus."""
        among = {p.id for p in inserted}
        world = sorted(p.full for p in inserted)
        keys = [digest(p.full, world if p.id in among else [])[:24] for p in passages]
        missing = dict(zip(keys, passages, strict=True))
        if missing.keys() - self._known.keys():
            self._read()
        missing = {key: p for key, p in missing.items() if key not in self._known}
        for own in (False, True):
            part = {k: p for k, p in missing.items() if (p.id in among) == own}
            if part:
                self._judge(part, self.tools.seeing(inserted) if own else self.tools)
        return np.array([self._known[key] for key in keys], np.float64)

    def flagged(
        self, passages: Sequence[Passage], inserted: Sequence[Passage] = (), *, rate: float
    ) -> NDArray[np.bool_]:
        """Which passages are more suspicious than all but a share `rate` of the corpus, shape (n,)."""
        if rate not in self._limits:
            self._limits[rate] = defend.threshold(self.of(self._benign()), rate)
        return self.of(passages, inserted) > self._limits[rate]

    def _benign(self) -> list[Passage]:
        ids = sorted(self.tools.passages)
        drawn = generator(self.seed, "benign").permutation(len(ids))[:BENIGN]
        return [self.tools.passages[ids[i]] for i in sorted(drawn.tolist())]

    def _judge(self, passages: dict[str, Passage], tools: Tools) -> None:
        values = self.suspicion(list(passages.values()), tools)
        self._known |= dict(zip(passages, values.tolist(), strict=True))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self._read()), encoding="utf-8")
            part.replace(self.path)

    def _read(self) -> dict[str, float]:
        """What is known here, with what other processes have written."""
        if self.path.exists():
            self._known = json.loads(self.path.read_text(encoding="utf-8")) | self._known
        return self._known
