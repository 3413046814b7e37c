"""Completions already paid for, kept in one SQLite file that several processes may share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from rag_robust.errors import TargetError
from rag_robust.seeds import digest
from rag_robust.types import Failure

__all__ = ["Cached", "TextGenerator", "completions"]

_WAIT_S = 60.0
_AT_ONCE = 64  # prompts whose work an interruption may lose
_ALIKE = 512  # lengths in characters that count as one, so that like beginnings stand together
_VARIABLES = 500  # SQLite's smallest limit in use is 999


class TextGenerator(Protocol):
    """Completes prompts; completion i depends on prompt i alone."""

    @property
    def fingerprint(self) -> str:
        """What the completions depend on, in one line: model, weights, settings."""

    def generate(self, prompts: Sequence[str]) -> list[str | Failure]:
        """One completion per prompt, in order; a bad prompt fails alone."""

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        """One completion per prompt, in order; raises `TargetError` if any failed."""


@dataclass(slots=True)
class Cached:
    """A generator that never completes the same prompt twice; failures are tried again.

    The key is a hash of the inner generator's fingerprint and the prompt, so the file may serve
    any number of models. Equal prompts of one call are completed once, prompts of like length together
    and among them those that begin alike in turn.
    """

    inner: TextGenerator
    path: Path
    _ready: bool = field(default=False, init=False, repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """The inner generator's: a cache cannot change a result."""
        return self.inner.fingerprint

    def generate(self, prompts: Sequence[str]) -> list[str | Failure]:
        """One completion per prompt, in order; new ones are written as they come."""
        keys = [digest("answer", self.fingerprint, prompt) for prompt in prompts]
        self._set_up()
        known: dict[str, str | Failure] = dict(self._read(keys))
        missing = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key not in known}
        todo = sorted(missing, key=lambda key: (len(missing[key]) // _ALIKE, missing[key]))
        for start in range(0, len(todo), _AT_ONCE):
            part = todo[start : start + _AT_ONCE]
            made = dict(zip(part, self.inner.generate([missing[key] for key in part]), strict=True))
            self._write({key: text for key, text in made.items() if isinstance(text, str)})
            known |= made
        return [known[key] for key in keys]

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        """One completion per prompt, in order; raises `TargetError` if any failed."""
        return completions(self.generate(prompts))

    def _set_up(self) -> None:
        if self._ready:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # the change to WAL does not wait for other connections, so only one process may do it
        with FileLock(f"{self.path}.lock"), self._open() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)"
            )
        self._ready = True

    def _read(self, keys: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        with self._open() as database:
            for start in range(0, len(keys), _VARIABLES):
                part = keys[start : start + _VARIABLES]
                marks = ",".join("?" * len(part))
                rows = database.execute(f"SELECT key, answer FROM answers WHERE key IN ({marks})", part)
                found.update(rows)
        return found

    def _write(self, answers: Mapping[str, str]) -> None:
        with self._open() as database:
            database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", list(answers.items()))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each use: any thread or process may call."""
        with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as database, database:
            yield database


def completions(results: Sequence[str | Failure]) -> list[str]:
    """The texts alone.

    Raises:
        TargetError: one of them is a failure; the first is named, with how many there are.
    """
    failures = [r for r in results if isinstance(r, Failure)]
    if failures:
        first = failures[0]
        counted = f"{first.message} ({len(failures)} of {len(results)} prompts failed)"
        raise TargetError(counted, first.kind)
    return [r for r in results if isinstance(r, str)]
