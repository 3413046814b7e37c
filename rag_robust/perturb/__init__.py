"""Perturbations of texts by name: "typo", or a person's own "package.module:function"."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import cast

from rag_robust.errors import SuiteError, nearest
from rag_robust.perturb import query
from rag_robust.types import Perturbation

__all__ = ["load", "names"]


def names() -> list[str]:
    """The perturbations of queries that come with the package."""
    return sorted(query.__all__)


def load(name: str, **parameters: object) -> Perturbation:
    """The perturbation `(text, rng) -> text` of that name, with its parameters set.

    Hyphens and underscores are the same. Parameters are the function's keyword-only ones.

    Raises:
        SuiteError: no such name or parameter (with the nearest known), or a value of another type
            than the parameter's default.
    """
    function = _external(name) if ":" in name else _own(name)
    known = {
        p.name: p.default
        for p in inspect.signature(function).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for key, value in parameters.items():
        if key not in known:
            hint = nearest(key, known) if known else "it takes none"
            raise SuiteError(f'perturbation "{name}" has no parameter "{key}"; {hint}')
        _check_type(name, key, value, known[key])
    return functools.partial(function, **parameters) if parameters else function


def _own(name: str) -> Callable[..., str]:
    attribute = name.replace("-", "_")
    if attribute not in query.__all__:
        hint = nearest(name, names())
        raise SuiteError(f'no perturbation "{name}"; {hint}; your own is written "package.module:function"')
    return cast("Callable[..., str]", getattr(query, attribute))


def _external(name: str) -> Callable[..., str]:
    where, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(where)
    except Exception as error:  # importing runs a person's code, which may raise anything
        told = f"{type(error).__name__}: {error}"
        raise SuiteError(f'cannot import "{where}" for perturbation "{name}" ({told})') from error
    function = getattr(module, attribute, None)
    if not callable(function):
        raise SuiteError(f'perturbation "{name}": "{where}" has no function "{attribute}"')
    return cast("Callable[..., str]", function)


def _check_type(name: str, key: str, value: object, default: object) -> None:
    """Refuses a value of another type than the default; a whole number may stand for a float."""
    if default is inspect.Parameter.empty or default is None:
        return
    accepted = (int, float) if type(default) is float else (type(default),)
    if type(value) not in accepted:
        expected, got = type(default).__name__, type(value).__name__
        raise SuiteError(f'perturbation "{name}": {key} is of type {expected}, got {got}: {value!r}')
