"""Metrics by name: from the records of one task to one number per query, NaN where unscored.

A metric is a public function `f(records, corpus, *, ...)` of a module in this folder: a file dropped
here is found. The records passed are the clean ones of a task and those of one other condition
(or clean ones only); question metrics get all conditions. Values come in the order in which
query ids first appear.
"""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import ModuleType
from typing import Any, cast

from rag_robust.errors import SuiteError, nearest
from rag_robust.types import Metric

__all__ = ["bounds", "describe", "load", "names", "of_change", "of_judgements"]

_IR = ("AP", "R@100", "RR@10", "Success@10", "nDCG@10")
_DROP = " drop"
_USUAL_K = 10


def names() -> list[str]:
    """Metrics that can be loaded, cut-offs at their usual place; any other cut-off works too.

    Every other `ir_measures` name works as well, e.g. "P(rel=2)@5".
    """
    ours = (f"{name}@{_USUAL_K}" if _takes_k(f) else name for name, f, _ in _functions())
    return sorted([*ours, *_IR, *(measure + _DROP for measure in _IR)])


def load(name: str) -> Metric:
    """The metric called `name`: "appeared@10", "wins-over-gold", "nDCG@10", "nDCG@10 drop", "my.module:mine".

    Raises:
        SuiteError: no such metric, a cut-off too many, too few or below 1.
    """
    found = _find(name)
    if found is None:
        from rag_robust.metrics import ir

        measure = name.removesuffix(_DROP)
        if not ir.known(measure):
            raise SuiteError(f'no metric "{name}"; {nearest(name, names())}')
        return ir.drop(measure) if name.endswith(_DROP) else ir.effectiveness(measure)
    function, _, k = found
    if _takes_k(function) != (k is not None):
        what = f'needs a cut-off, e.g. "{name}@{_USUAL_K}"' if k is None else "takes no cut-off"
        raise SuiteError(f'the metric "{name}" {what}')
    return cast(Metric, function if k is None else partial(function, k=k))


def describe(name: str) -> str:
    """What the metric says, in one line."""
    load(name)
    found = _find(name)
    if found is not None:
        return (inspect.getdoc(found[0]) or "").partition("\n")[0]
    measure = name.removesuffix(_DROP)
    if name.endswith(_DROP):
        return f"How much {measure} falls from the clean ranking to the judged one."
    return f"{measure} of the judged ranking, computed by ir_measures in our order of hits."


def bounds(name: str) -> tuple[float, float]:
    """The least and the greatest value the metric can take; infinite where its author names none.

    A module states bounds other than (0, 1) as `BOUNDS = {"best_rank": lambda k: (1.0, k + 1.0)}`,
    the value a pair or a function of the cut-off.
    """
    load(name)
    found = _find(name)
    if found is None:
        if name.endswith(_DROP):
            return (-math.inf, math.inf) if name.startswith("Num") else (-1.0, 1.0)
        return (0.0, math.inf) if name.startswith("Num") else (0.0, 1.0)
    function, module, k = found
    usual = (0.0, 1.0) if module.__name__.startswith(f"{__name__}.") else (-math.inf, math.inf)
    stated = getattr(module, "BOUNDS", {}).get(function.__name__, usual)
    low, high = stated(k) if callable(stated) else stated
    return float(low), float(high)


def of_change(name: str) -> bool:
    """Whether the metric measures the change, not the query: then queries of one change say it once.

    A module names such metrics in `OF_CHANGE`.
    """
    found = _find(name)
    return found is not None and found[0].__name__ in getattr(found[1], "OF_CHANGE", ())


def of_judgements(name: str) -> bool:
    """Whether it is a measure of `ir_measures`, or the loss of one: it says nothing of unjudged queries."""
    return _find(name) is None


def _find(name: str) -> tuple[Callable[..., Any], ModuleType, int | None] | None:
    """The function of a name, the module it is in and its cut-off; None if it is not one of ours."""
    bare, at, cut = name.rpartition("@") if "@" in name else (name, "", "")
    found = _imported(bare) if ":" in bare else _ours(bare.replace("-", "_"))
    if found is None:
        return None
    if at and not (cut.isdecimal() and int(cut) >= 1):
        raise SuiteError(f'the cut-off of "{name}" is a whole number from 1, got "{cut}"')
    return *found, int(cut) if at else None


def _imported(name: str) -> tuple[Callable[..., Any], ModuleType]:
    where, _, what = name.partition(":")
    try:
        module = importlib.import_module(where)
    except ImportError as error:
        raise SuiteError(f'the metric "{name}" cannot be imported: {error}') from error
    function = getattr(module, what, None)
    if not callable(function):
        public = [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]
        raise SuiteError(f'no function "{what}" in {where}; {nearest(what, public)}')
    return function, module


@cache
def _ours(name: str) -> tuple[Callable[..., Any], ModuleType] | None:
    return next(((function, module) for known, function, module in _functions() if known == name), None)


def _functions() -> Iterator[tuple[str, Callable[..., Any], ModuleType]]:
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for name in module.__all__:
            if _is_metric(getattr(module, name)):
                yield name, getattr(module, name), module


def _is_metric(thing: object) -> bool:
    """Whether it takes (records, corpus) and everything else by keyword."""
    if not inspect.isfunction(thing):
        return False
    parameters = list(inspect.signature(thing).parameters.values())
    rest = all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters[2:])
    return [p.name for p in parameters[:2]] == ["records", "corpus"] and rest


def _takes_k(function: Callable[..., Any]) -> bool:
    return "k" in inspect.signature(function).parameters
