"""Defences: filters that say how suspicious a passage looks, and the threshold a false-alarm rate buys.

A name is a module of this folder, with a function `suspicion(passages, tools)` that gives n numbers,
larger for more suspicious; a number depends on its own passage and the tools, never on its neighbours.
"""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
from numpy.typing import NDArray

from rag_robust.defend._tools import Defence, Tools
from rag_robust.errors import SuiteError, UsageError, nearest

__all__ = ["Defence", "Tools", "check", "describe", "load", "names", "threshold", "uses"]


def names() -> list[str]:
    """Every defence of the package, found by looking, not by importing."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def _module(name: str) -> str:
    if name.replace("-", "_") not in names():
        own = 'your own: "package.module:function"'
        raise SuiteError(f'no defence "{name}"; {nearest(name, names())}; {own}')
    return f"{__name__}.{name.replace('-', '_')}"


def check(name: str) -> None:
    """Refuse a name that no filter has, without loading what the filter is made of.

    Raises:
        SuiteError: there is none; the message names the nearest.
    """
    if ":" not in name:
        _module(name)


def load(name: str) -> Defence:
    """The filter of that name: a module of this folder, or "package.module:function".

    Raises:
        SuiteError: there is none; the message names the nearest.
    """
    module, _, attribute = name.partition(":")
    try:
        loaded = importlib.import_module(module if attribute else _module(name))
        found: Defence = getattr(loaded, attribute or "suspicion")
    except (ImportError, AttributeError) as error:
        raise SuiteError(f'defence "{name}" cannot be loaded: {error}') from error
    return found


def describe(name: str) -> str:
    """The first line of the defence's module."""
    module = importlib.import_module(load(name).__module__)
    return (module.__doc__ or "").strip().splitlines()[0]


def uses(name: str) -> frozenset[str]:
    """Which of "language_model", "masked_model" and "queries" of its tools a filter uses.

    A module says so in `USES`; one that does not may use them all.
    """
    module = importlib.import_module(load(name).__module__)
    return frozenset(getattr(module, "USES", ("language_model", "masked_model", "queries")))


def threshold(benign: NDArray[np.float64], rate: float) -> float:
    """The smallest t such that at most `rate` of the benign passages have suspicion > t.

    With n benign values and m the greatest whole number with m / n <= rate, t is the (m + 1)-th
    largest value (−∞ if m = n). Exact: #{s > t} <= m, and every t' < t has #{s > t'} >= m + 1.
    Values equal to t are not flagged, so ties cost detections and never false alarms. For one more
    passage, exchangeable with the n, P(suspicion > t) <= (m + 1) / (n + 1), whatever the
    distribution: the argument of split conformal prediction.

    Raises:
        UsageError: no benign values, one that is not a number, or a rate outside [0, 1].
    """
    values = _finite(benign)
    if not 0 <= rate <= 1:
        raise UsageError(f"expected a false-alarm rate in [0, 1], got {rate}")
    n = len(values)
    m = max(i for i in (int(rate * n) - 1, int(rate * n), int(rate * n) + 1) if i == 0 or 0 < i / n <= rate)
    return float(np.sort(values)[n - 1 - m]) if m < n else -np.inf


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise UsageError(f"expected benign suspicions, at least one and all finite, got {values!r:.60}")
    return values
