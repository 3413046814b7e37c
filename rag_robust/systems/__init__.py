"""Systems under test: which changed worlds they can live in, and how a name finds one."""

from __future__ import annotations

import importlib
from typing import Protocol, runtime_checkable

from rag_robust.errors import UsageError
from rag_robust.types import Change, Changeable

__all__ = ["Selective", "applicable", "load"]


@runtime_checkable
class Selective(Protocol):
    """A changeable system that cannot live in every changed world, and says in which it cannot."""

    def why_not(self, change: Change, /) -> str | None:
        """None if `changed(change)` would work, else the reason in half a sentence."""


def applicable(system: object, change: Change) -> str | None:
    """None if the system can live in the changed world, else the sentence for NOT APPLICABLE.

    Rewording queries needs nothing from the system. Inserted and edited passages need a
    `Changeable` one, and a `Selective` one may still refuse.
    """
    if not change.touches_corpus:
        return None
    if not isinstance(system, Changeable):
        verb = "insert" if change.inserted else "edit"
        return f"not applicable: the system offers no way to {verb} passages"
    reason = system.why_not(change) if isinstance(system, Selective) else None
    return None if reason is None else f"not applicable: {reason}"


def load(target: str) -> object:
    """The object that "package.module:name" names (dots after the colon go into attributes).

    Raises:
        UsageError: the text has another form, the module cannot be imported, or it has no such name.
    """
    where, colon, name = target.partition(":")
    if not (where and colon and name):
        raise UsageError(f'a target is written "package.module:name", got "{target}"')
    try:
        found: object = importlib.import_module(where)
    except Exception as error:  # importing runs a person's code, which may raise anything
        told = f"{type(error).__name__}: {error}"
        raise UsageError(f'cannot import "{where}" ({told}); is its folder on PYTHONPATH?') from error
    for part in name.split("."):
        if not hasattr(found, part):
            known = ", ".join(n for n in dir(found) if not n.startswith("_")) or "nothing public"
            raise UsageError(f'"{where}" has no "{part}" (looking for "{target}"); it has {known}')
        found = getattr(found, part)
    return found
