"""How a source of synonyms is named in a suite: KIND[:PLACE][?OPTION=VALUE&…], read and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rag_robust.errors import SuiteError, nearest
from rag_robust.synonyms.wordnet import PARTS

__all__ = ["KINDS", "OPTIONS", "Named", "read"]

KINDS: dict[str, frozenset[str]] = {
    "neighbours": frozenset({"threshold", "top"}),
    "pairs": frozenset(),
    "vectors": frozenset({"counterfit", "first", "threshold", "top"}),
    "wordnet": frozenset({"pos", "senses"}),
}
"""What a source may be made from, and the options of each."""

OPTIONS = frozenset({"antonyms", "cap", "inflect", "parts", "stop"})
"""The options of every kind."""

_NEAR = {"neighbours": {"threshold": 0.6, "top": 8}, "vectors": {"threshold": 0.7, "top": 50}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A source's name, taken apart; `place` is a file, a folder or an encoder, "" for none."""

    kind: str
    place: str = ""
    senses: int | None = 1
    pos: tuple[str, ...] = PARTS
    threshold: float = 0.0
    top: int = 1
    first: int | None = None
    counterfit: bool = False
    antonyms: str = ""
    inflect: bool = False
    parts: bool = False
    stop: bool = True
    cap: int | None = None


def read(name: str) -> Named:
    """The name taken apart.

    Raises:
        SuiteError: an unknown kind or option, or a value that it cannot have; the nearest is named.
    """
    front, _, back = name.partition("?")
    kind, _, place = front.partition(":")
    if kind not in KINDS:
        raise SuiteError(f'no synonym source "{name}"; {nearest(kind, KINDS)}')
    if kind in {"pairs", "vectors"} and not place:
        raise SuiteError(f'synonyms = "{name}" names no file; write "{kind}:FILE"')
    pairs = [_option(name, kind, pair) for pair in back.split("&") if pair]
    given = dict(pairs)
    if len(given) < len(pairs):
        raise SuiteError(f'synonyms = "{name}" says an option twice')
    return Named(kind=kind, place=place, **{**_NEAR.get(kind, {}), **given})


def _option(name: str, kind: str, pair: str) -> tuple[str, Any]:
    key, _, value = pair.partition("=")
    known = KINDS[kind] | OPTIONS
    if key not in known:
        raise SuiteError(f'synonyms = "{name}": {kind} has no option "{key}"; {nearest(key, known)}')
    expected, reads = _VALUES[key]
    try:
        return key, reads(value)
    except ValueError as error:
        raise SuiteError(f'synonyms = "{name}": expected {key} = {expected}, got "{value}"') from error


def _positive(value: str) -> int:
    if int(value) < 1:
        raise ValueError(value)
    return int(value)


def _cosine(value: str) -> float:
    if not -1 <= float(value) <= 1:
        raise ValueError(value)
    return float(value)


def _parts(value: str) -> tuple[str, ...]:
    given = value.split(",")
    if not set(given) <= set(PARTS):
        raise ValueError(value)
    return tuple(part for part in PARTS if part in given)


def _senses(value: str) -> int | None:
    return None if value == "all" else _positive(value)


def _switch(value: str) -> bool:
    if value not in {"0", "1"}:
        raise ValueError(value)
    return value == "1"


def _place(value: str) -> str:
    if not value:
        raise ValueError(value)
    return value


_VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "antonyms": ('"wordnet" or a file', _place),
    "cap": ("a whole number above 0", _positive),
    "counterfit": ("0 or 1", _switch),
    "first": ("a whole number above 0", _positive),
    "inflect": ("0 or 1", _switch),
    "parts": ("0 or 1", _switch),
    "pos": (f"some of {','.join(PARTS)}", _parts),
    "senses": ('a whole number above 0, or "all"', _senses),
    "stop": ("0 or 1", _switch),
    "threshold": ("a cosine from -1 to 1", _cosine),
    "top": ("a whole number above 0", _positive),
}
