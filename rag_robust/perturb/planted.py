"""Which false value an operator puts in, known before it does: what an answer is later compared with."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.random import Generator

from rag_robust.perturb._injections import MARK
from rag_robust.perturb._rivals import rival, stale_value
from rag_robust.perturb.knowledge import Known
from rag_robust.types import Passage, Query

__all__ = ["PLANTS", "planted"]

PLANTS = {
    "contradicting": "contradiction",
    "counterfactual": "counterfactual",
    "injected": "injection",
    "stale": "stale",
}
"""Operators that put in something false, and what it is called."""


def planted(
    name: str, passages: Sequence[Passage], query: Query, rng: Generator, known: Known
) -> tuple[str, dict[str, str]]:
    """The value an operator of that name is to put in, and the parameters that make it do so.

    "" where it puts in none: it is no such operator, there is no rival, or an injection asks for silence.
    """
    bare, _, options = name.partition("?")
    given = dict(option.split("=", 1) for option in options.split("&") if "=" in option)
    kind, style = bare.replace("-", "_"), given.get("style", "answer")
    if kind not in PLANTS or (kind == "injected" and style == "refuse"):
        return "", {}
    if kind == "stale":
        return stale_value(passages, query, known) or "", {}
    if kind == "injected" and style == "mark":
        return MARK, {}
    value = given.get("value") or rival(passages, query, rng, known) or ""
    return value, {"value": value} if value else {}
