"""Concepts: the queries people ask about one thing, and what an attacker wants them to read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_robust.corpus.data import data_folder
from rag_robust.errors import CorpusError, nearest
from rag_robust.types import Query

__all__ = ["Concept", "concept", "names"]

_KEYS = frozenset({"description", "held_in", "held_out", "information", "name", "schema"})


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of the "knows what" threat model.

    `information` is the attacker's sentence. The attacker sees the queries `held_in` and is
    judged on `held_out` alone.
    """

    name: str
    information: str
    held_in: tuple[Query, ...]
    held_out: tuple[Query, ...]


def concept(name_or_path: str) -> Concept:
    """The concept "coffee" (or "concepts/coffee"), or one from the path of a .toml file.

    Keys: `schema = 1`, `name`, `description`, `information`, `held_in` and `held_out` (lists of
    query texts). Queries are called `coffee-in-01`, ..., `coffee-out-01`, ...

    Raises:
        CorpusError: no such concept, or the file is not as described.
    """
    path = _path(name_or_path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path}: expected a concept in TOML, got {error}") from error
    _check_keys(data, path)
    name, information = (_text(data, key, path) for key in ("name", "information"))
    inside, outside = (_texts(data, key, path) for key in ("held_in", "held_out"))
    if twice := sorted(t for t in {*inside, *outside} if (inside + outside).count(t) > 1):
        raise CorpusError(f'{path}: expected each query once, got "{twice[0]}" again')
    return Concept(name, information, _queries(f"{name}-in", inside), _queries(f"{name}-out", outside))


def names() -> list[str]:
    """The names of the shipped concepts."""
    return sorted(path.stem for path in (data_folder("corpora") / "concepts").glob("*.toml"))


def _path(name_or_path: str) -> Path:
    if name_or_path.endswith(".toml"):
        return Path(name_or_path)
    name = name_or_path.removeprefix("concepts/")
    if name not in names():
        raise CorpusError(
            f'expected a concept or the path of a .toml file, got "{name_or_path}"; {nearest(name, names())}'
        )
    return data_folder("corpora") / "concepts" / f"{name}.toml"


def _check_keys(data: Mapping[str, Any], path: Path) -> None:
    for key in sorted(data.keys() - _KEYS):
        raise CorpusError(f'{path}: expected known keys, got "{key}"; {nearest(key, _KEYS)}')
    for key in sorted(_KEYS - data.keys()):
        raise CorpusError(f'{path}: expected the key "{key}", got none')
    if data["schema"] != 1 or isinstance(data["schema"], bool):
        raise CorpusError(f"{path}: expected schema = 1, got {data['schema']!r}")
    _text(data, "description", path)


def _text(data: Mapping[str, Any], key: str, path: Path) -> str:
    value = data[key]
    if not isinstance(value, str) or not value.strip():
        raise CorpusError(f"{path}: expected a non-empty string as {key}, got {value!r}")
    return value


def _texts(data: Mapping[str, Any], key: str, path: Path) -> list[str]:
    value = data[key]
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and v.strip() for v in value):
        raise CorpusError(f"{path}: expected a list of query texts as {key}, got {value!r:.80}")
    return value


def _queries(prefix: str, texts: list[str]) -> tuple[Query, ...]:
    return tuple(Query(f"{prefix}-{i:02d}", text) for i, text in enumerate(texts, 1))
