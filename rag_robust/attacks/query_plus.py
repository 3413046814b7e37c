"""Query+: the query is put in front of the passage, the crudest edit there is and hard to beat.

An upper reference for word substitutions, not one of them: the passage gets longer, and every word and
mark of the query counts as one inserted.
*Source*: the baseline Query+ of PAT (Liu et al., CCS 2022) and IDEM (Chen et al., ACL Findings 2023).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from numpy.random import Generator

from rag_robust.attacks._view import View
from rag_robust.text import changed_tokens
from rag_robust.types import Budget, Change, ThreatModel

__all__ = ["QueryPlus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlus:
    """Edits the first of its targets, which is the nearest to the top; knows nothing but the query."""

    tools: ClassVar[frozenset[str]] = frozenset()

    @property
    def threat(self) -> ThreatModel:
        """Reads the query; as long as that is, as long is the edit."""
        return ThreatModel(frozenset({"queries"}), "edit", Budget(passages=1))

    def __call__(self, view: View, rng: Generator) -> Change:  # noqa: ARG002
        """The passage with the query in front of its text, no change without a passage."""
        query = view.queries[0].text
        for target in view.targets[:1]:
            edited = replace(target, text=f"{query} {target.text}")
            view.notes.update(target=target.id, words=changed_tokens(target.full, edited.full))
            return Change(edited={target.id: edited})
        return Change()


SMOKE: dict[str, object] = {}
