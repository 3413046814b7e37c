"""What a defence thinks of passages, kept in a file so that no passage is looked at twice."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_robust import defend
from rag_robust.defend import Tools
from rag_robust.seeds import digest, generator
from rag_robust.types import Passage

__all__ = ["BENIGN", "VERSION", "Suspicions"]

BENIGN = 500
"""Passages of the corpus, drawn by the suite's seed, on which thresholds are set."""

VERSION = 2
"""Raised when the numbers of a filter change, so that none kept before passes for a new one."""

_AT_ONCE = 500
"""Keys that are looked up by one statement."""


class Suspicions:
    """The suspicions of one defence over one corpus.

    A passage of the corpus is judged in the corpus as it was, an inserted one in the corpus with
    everything that was inserted with it. `known` is what this process has asked for so far.
    """

    def __init__(self, name: str, tools: Tools, path: Path, *, seed: int) -> None:
        self.suspicion = defend.load(name)
        self.tools = tools
        self.path = path
        self.seed = seed
        self.known: dict[str, float] = {}
        self._limits: dict[float, float] = {}

    def of(self, passages: Sequence[Passage], inserted: Sequence[Passage] = ()) -> NDArray[np.float64]:
        """Suspicions, shape (n,); `inserted` are all the passages that were put into the corpus."""
        among = {p.id for p in inserted}
        world = sorted(p.full for p in inserted)
        keys = [digest(p.full, world if p.id in among else [])[:24] for p in passages]
        missing = dict(zip(keys, passages, strict=True))
        self._read([key for key in missing if key not in self.known])
        missing = {key: p for key, p in missing.items() if key not in self.known}
        for own in (False, True):
            part = {k: p for k, p in missing.items() if (p.id in among) == own}
            if part:
                self._judge(part, self.tools.seeing(inserted) if own else self.tools)
        return np.array([self.known[key] for key in keys], np.float64)

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
        new = dict(zip(passages, values.tolist(), strict=True))
        with self._file() as file:
            file.executemany("INSERT OR REPLACE INTO suspicions VALUES (?, ?)", list(new.items()))
        self.known |= new

    def _read(self, keys: list[str]) -> None:
        """Learn what other processes, or other runs, have found out."""
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            with self._file() as file:
                rows = file.execute(f"SELECT key, value FROM suspicions WHERE key IN ({marks})", some)
                self.known |= {key: math.nan if value is None else value for key, value in rows}

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        """The file, open for one transaction; processes wait for each other."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=60)) as file, file:
            file.execute("CREATE TABLE IF NOT EXISTS suspicions (key TEXT PRIMARY KEY, value REAL)")
            yield file
