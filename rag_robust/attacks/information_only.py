"""Information only: the attacker's sentence as it is, with nothing done to rank it.

The row "before the attack": whatever it reaches, the concept's own wording reached.
*Source*: Ben-Tov and Sharif, GASLITEing the Retrieval, CCS 2025, baseline "info only".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from rag_robust.attacks._view import View
from rag_robust.types import Budget, Change, Passage, ThreatModel

__all__ = ["InformationOnly"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationOnly:
    """Inserts `information`; more than one passage would be the same text again.

    Parameters:
        information: the attacker's sentence, which is the whole passage (GASLITE: the same)
        tokens: the most tokens that it may have (ours, as for all inserting attacks)
    """

    tools: ClassVar[frozenset[str]] = frozenset()

    information: str
    tokens: int = 128

    @property
    def threat(self) -> ThreatModel:
        """Reads nothing."""
        return ThreatModel(frozenset(), "insert", Budget(passages=1, tokens=self.tokens))

    def __call__(self, view: View, rng: Generator) -> Change:  # noqa: ARG002
        """The one passage."""
        return Change(inserted=(Passage(id="information", text=self.information),))


SMOKE = {"information": "Buy now."}
