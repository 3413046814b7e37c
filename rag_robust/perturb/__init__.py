"""Perturbations by name: of queries ("typo"), of passages ("counterfactual"), or "package.module:function".

A name may carry parameters, "keyboard?share=0.3". The same operators serve suites, the command line
and a plain call, which runs the operator and holds the result against what it promised:

>>> from rag_robust import perturb
>>> perturb.apply("word-order", "What was sold in 1992?", seed=0).result is not None
True
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Literal, cast

from rag_robust.errors import SuiteError, nearest
from rag_robust.perturb import context
from rag_robust.perturb import query as rewordings
from rag_robust.perturb._everyday import everyday
from rag_robust.perturb._rivals import rival, stale_value
from rag_robust.perturb._worded import worded
from rag_robust.perturb.applied import Applied, ChangePassages, checked, checked_passages, drops
from rag_robust.perturb.knowledge import Known, known
from rag_robust.perturb.planted import PLANTS, planted
from rag_robust.perturb.promises import promised
from rag_robust.seeds import generator
from rag_robust.types import Passage, Perturbation, Query

__all__ = [
    "PLANTS",
    "Applied",
    "ChangePassages",
    "Known",
    "apply",
    "apply_to_passages",
    "bare",
    "checked",
    "checked_passages",
    "describe",
    "drops",
    "known",
    "load",
    "load_document",
    "names",
    "planted",
    "promised",
    "revision",
    "rival",
    "stale_value",
    "sweep",
]

_ON_PASSAGES = frozenset(
    "typo keyboard swap omit homoglyph ocr zero_width letter_case synonym drop_stop_words".split()
)
_Operator = Callable[..., object]

_REVISED = {"distractor": 2, "drop_stop_words": 2, "synonym": 2, "word_order": 2}
"""Raised when an operator does something else, so that no old record passes for a new one."""


def names(applies_to: Literal["query", "passages"] = "query") -> list[str]:
    """The perturbations that come with the package; those of words apply to passages as well."""
    return sorted(rewordings.__all__ if applies_to == "query" else {*context.__all__, *_ON_PASSAGES})


def bare(name: str) -> str:
    """An operator's name without its parameters, as Python spells it."""
    return name.partition("?")[0].replace("-", "_")


def describe(name: str) -> str:
    """The first line of what an operator says about itself."""
    attribute = bare(name)
    found = getattr(rewordings, attribute, None) or getattr(context, attribute, None)
    return (inspect.getdoc(found) or "").partition("\n")[0]


def revision(name: str, **parameters: object) -> tuple[object, ...]:
    """What an operator adds to the keys of its records: nothing until it was first revised.

    Of synonyms from the list that comes with the package, also a hash of that list.
    """
    found = _REVISED.get(bare(name))
    options = (option.split("=", 1) for option in name.partition("?")[2].split("&") if "=" in option)
    source = (dict(options) | parameters).get("source", "everyday")
    if found is None:
        return ()
    return (found, everyday().hash) if (bare(name), source) == ("synonym", "everyday") else (found,)


def load(name: str, **parameters: object) -> Perturbation:
    """The perturbation `(text, rng) -> text` of that name, with its parameters set; it is not checked.

    Hyphens and underscores are the same. Parameters are the function's keyword-only ones.

    Raises:
        SuiteError: no such name or parameter (with the nearest known), a value of another type
            than the parameter's default, or a parameter left out that has no default.
    """
    return cast("Perturbation", _loaded(name, rewordings.__all__, rewordings, parameters))


def load_document(name: str, **parameters: object) -> ChangePassages:
    """The change of passages `(passages, query, rng, known) -> passages | None` of that name; not checked.

    A perturbation of words ("ocr", "typo") is done to every passage's text: redrawn up to 8 times
    where it breaks a promise or an answer, and else that passage stays as it is.

    Raises:
        SuiteError: as `load`.
    """
    attribute = bare(name)
    if attribute in _ON_PASSAGES:
        return functools.partial(worded, operator=load(name, **parameters))
    return cast("ChangePassages", _loaded(name, names("passages"), context, parameters))


def apply(
    name: str, text: str, *, seed: int = 0, answers: Sequence[str] = (), **parameters: object
) -> Applied[str]:
    """Reword a text and check the result: `Applied(kind, result, reason, edits, intensity, seed)`.

    Nothing to change and broken promises give no result and a reason; count them with `drops`.

    Raises:
        SuiteError: as `load`.
    """
    rng = generator(seed, "perturb", name, parameters, text)
    return replace(checked(load(name, **parameters), text, rng, answers=answers, kind=name), seed=seed)


def apply_to_passages(
    name: str,
    passages: Sequence[Passage],
    query: Query,
    world: Known,
    *,
    seed: int = 0,
    **parameters: object,
) -> Applied[tuple[Passage, ...]]:
    """Change the passages a generator would be given for a query, and check the result.

    Raises:
        SuiteError: as `load`.
    """
    rng = generator(seed, "perturb", name, parameters, query.id)
    operator = load_document(name, **parameters)
    return replace(checked_passages(operator, passages, query, rng, world, kind=name), seed=seed)


def sweep(name: str, **values: Sequence[object]) -> list[str]:
    """The names of an operator with every combination of parameter values.

    >>> sweep("top", k=(1, 5))
    ['top?k=1', 'top?k=5']
    """
    given = product(*([f"{key}={value}" for value in some] for key, some in values.items()))
    return [f"{name}?{'&'.join(one)}" for one in given]


def _loaded(name: str, own: Sequence[str], where: object, parameters: dict[str, object]) -> _Operator:
    """The function with its parameters, those in the name and those given, all of them looked at."""
    own_name, _, options = name.partition("?")
    function = _external(own_name) if ":" in own_name else _own(own_name, own, where)
    known = {
        p.name: p.default
        for p in inspect.signature(function).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    }
    given = _options(own_name, options, known) | parameters
    for key, value in given.items():
        if key not in known:
            hint = nearest(key, known) if known else "it takes none"
            raise SuiteError(f'perturbation "{own_name}" has no parameter "{key}"; {hint}')
        _check_type(own_name, key, value, known[key])
    for key, default in known.items():
        if default is inspect.Parameter.empty and key not in given:
            raise SuiteError(f'perturbation "{own_name}" needs "{key}"')
    return functools.partial(function, **given) if given else function


def _options(name: str, options: str, known: dict[str, object]) -> dict[str, object]:
    """The parameters written in a name, read as the type of their default."""
    found: dict[str, object] = {}
    for option in filter(None, options.split("&")):
        key, _, value = option.partition("=")
        kind = type(known.get(key, ""))
        try:
            found[key] = kind(value) if kind in (int, float) else value
        except ValueError:
            raise SuiteError(f'perturbation "{name}": {key} is a number, got "{value}"') from None
    return found


def _own(name: str, own: Sequence[str], where: object) -> _Operator:
    attribute = name.replace("-", "_")
    if attribute not in own:
        hint = nearest(name, own)
        raise SuiteError(f'no perturbation "{name}"; {hint}; your own is written "package.module:function"')
    return cast("_Operator", getattr(where, attribute))


def _external(name: str) -> _Operator:
    where, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(where)
    except Exception as error:  # importing runs a person's code, which may raise anything
        told = f"{type(error).__name__}: {error}"
        raise SuiteError(f'cannot import "{where}" for perturbation "{name}" ({told})') from error
    function = getattr(module, attribute, None)
    if not callable(function):
        raise SuiteError(f'perturbation "{name}": "{where}" has no function "{attribute}"')
    return cast("_Operator", function)


def _check_type(name: str, key: str, value: object, default: object) -> None:
    """Refuses a value of another type than the default; a whole number may stand for a float."""
    if default is inspect.Parameter.empty or default is None:
        return
    accepted = (int, float) if type(default) is float else (type(default),)
    if type(value) not in accepted:
        expected, got = type(default).__name__, type(value).__name__
        raise SuiteError(f'perturbation "{name}": {key} is of type {expected}, got {got}: {value!r}')
