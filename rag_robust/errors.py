"""Every error a person can meet, and what it means.

RagRobustError
├── UsageError          the input is wrong: expected, got, what to do (exit 2)
│   ├── SuiteError      a suite file: unknown key, unknown name, impossible value
│   ├── CorpusError     a corpus: missing file, broken line, duplicate id
│   ├── ModelError      a model or index: not found, refused, not a number
│   ├── StoreError      a run folder: another suite's, unreadable, disk full
│   └── MissingExtra    a library that is not installed, with the command that installs it
├── ThreatModelError    an attack asked its view for what it did not declare
├── BudgetError         an attack spent, or proposed, more than its budget
└── TargetError         the system under test failed (becomes a `Failure`, never a score)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BudgetError",
    "CorpusError",
    "MissingExtra",
    "ModelError",
    "RagRobustError",
    "StoreError",
    "SuiteError",
    "TargetError",
    "ThreatModelError",
    "UsageError",
    "nearest",
]


class RagRobustError(Exception):
    """The root of every error raised on purpose."""


class UsageError(RagRobustError):
    """The input is wrong; the message says what was expected, what came and what to do."""


class SuiteError(UsageError):
    """A suite file cannot be used as it stands."""


class CorpusError(UsageError):
    """A corpus cannot be read or makes no sense."""


class ModelError(UsageError):
    """A model or index was not found, was refused, or returned something unusable."""


class StoreError(UsageError):
    """A run folder cannot be used."""


class MissingExtra(UsageError):
    """A library is missing; the message carries the command that installs it."""

    def __init__(self, library: str, install: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {library}, which is not installed; run: pip install {install}")
        self.library = library
        self.install = install


class ThreatModelError(RagRobustError):
    """An attack asked for something its threat model does not declare."""


class BudgetError(RagRobustError):
    """An attack went over its budget; the record becomes a failure, not a success."""


class TargetError(RagRobustError):
    """The system under test failed; `kind` is the `FailureKind` its record gets."""

    def __init__(self, message: str, kind: str = "crash") -> None:
        super().__init__(message)
        self.kind = kind


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest known name, and all of them.

    >>> nearest("gaslit", ["gaslite", "stuffing"])
    'did you mean "gaslite"? known: gaslite, stuffing'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f'did you mean "{close[0]}"? ' if close else ""
    return f"{hint}known: {', '.join(names)}"
