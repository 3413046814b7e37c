"""Attacks: what someone could put into, or do to, the corpus. A name is a module of this folder."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re

from rag_robust.errors import SuiteError, nearest
from rag_robust.types import Attack

__all__ = [
    "attack_class",
    "describe",
    "identity",
    "kinds",
    "load",
    "names",
    "parameter_help",
    "parameters",
    "tools",
]

TOOLS = frozenset({"encoder", "language_model", "space"})
"""What an attack may use besides its view: its own encoder and language model, the suite's synonyms.

One that uses a "masked_model" has to say so.
"""

_KINDS: dict[str, type] = {"int": int, "str": str, "float": float, "bool": bool}

_BLOCK = "\nParameters:\n"
_PARAMETER = re.compile(r"    (\w+): (.+)")


@functools.cache
def names() -> tuple[str, ...]:
    """Every attack of the package, found by looking, not by importing."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def attack_class(name: str) -> type[Attack]:
    """The class behind a name: a module of this folder, or "package.module:Class".

    Raises:
        SuiteError: there is none; the message names the nearest.
    """
    module, _, attribute = name.partition(":")
    if not attribute:
        if name.replace("-", "_") not in names():
            raise SuiteError(
                f'no attack "{name}"; {nearest(name, names())}; your own: "package.module:Class"'
            )
        module = f"{__name__}.{name.replace('-', '_')}"
    try:
        loaded = importlib.import_module(module)
        found: type[Attack] = getattr(loaded, attribute or loaded.__all__[0])
    except (ImportError, AttributeError) as error:
        raise SuiteError(f'attack "{name}" cannot be loaded: {error}') from error
    return found


def parameters(name: str) -> dict[str, object]:
    """Parameters of an attack and their defaults (`dataclasses.MISSING`: must be given)."""
    return {f.name: f.default for f in dataclasses.fields(attack_class(name))}  # type: ignore[arg-type]


def tools(attack: Attack) -> frozenset[str]:
    """Which of `TOOLS` an attack says, by an attribute `tools`, that it uses; all if it says nothing.

    It is given no other, and only what it uses is part of its keys.
    """
    said: frozenset[str] = getattr(attack, "tools", TOOLS)
    return frozenset(said)


def identity(attack: Attack) -> tuple[object, ...]:
    """What of an attack can change what it writes: its class, its module's `VERSION`, its parameters.

    A module raises its `VERSION` when the same parameters come to write something else; one that states
    none adds nothing.
    """
    version = getattr(importlib.import_module(type(attack).__module__), "VERSION", 0)
    made = dataclasses.asdict(attack)  # type: ignore[call-overload]
    return (type(attack).__qualname__, *filter(None, [version]), made)


def kinds(name: str) -> dict[str, type]:
    """The type of each parameter that is a whole number, a number, a text or a yes or no."""
    fields = dataclasses.fields(attack_class(name))  # type: ignore[arg-type]
    called = {f.name: getattr(f.type, "__name__", str(f.type)) for f in fields}
    return {key: _KINDS[kind] for key, kind in called.items() if kind in _KINDS}


def parameter_help(name: str) -> dict[str, str]:
    """What each parameter of an attack does and where it comes from, in one line; "" if that is not told.

    Read from the docstring of its class, where a block "Parameters:" at the end has a line
    `name: what it does (source)` for each; lines that are indented further go on.
    """
    told: dict[str, str] = {}
    last = ""
    for line in (inspect.getdoc(attack_class(name)) or "").partition(_BLOCK)[2].splitlines():
        if found := _PARAMETER.match(line):
            last = found[1]
            told[last] = found[2].strip()
        elif last and line.startswith("     "):
            told[last] += f" {line.strip()}"
        else:
            break
    return {key: told.get(key, "") for key in parameters(name)}


def load(name: str, **given: object) -> Attack:
    """The attack of that name with these parameters.

    Raises:
        SuiteError: unknown attack or parameter, or one that is missing or impossible.
    """
    known = parameters(name)
    for key in given:
        if key not in known:
            raise SuiteError(f'attack {name} has no parameter "{key}"; {nearest(key, known)}')
    typed = kinds(name)
    for key, value in given.items():
        kind = typed.get(key, object)
        fits = isinstance(value, (int, float) if kind is float else kind)
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise SuiteError(f"attack {name}: {key} is of type {kind.__name__}, got {value!r}")
        if isinstance(value, int) and value < 0:
            raise SuiteError(f"attack {name}: {key} cannot be negative, got {value}")
    missing = [key for key, default in known.items() if default is dataclasses.MISSING and key not in given]
    if missing:
        raise SuiteError(f"attack {name} needs {', '.join(missing)}")
    try:
        return attack_class(name)(**given)
    except (TypeError, ValueError) as error:
        raise SuiteError(f"attack {name}: {error}") from error


def describe(name: str) -> str:
    """The first line of the attack's module."""
    module = importlib.import_module(attack_class(name).__module__)
    return (module.__doc__ or "").strip().splitlines()[0]
