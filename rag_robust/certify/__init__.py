"""Certificates: proofs about a ranking's top k, found by their module's name.

A method is a module of this folder with one public function `certify`; a user's own is
`package.module:name`. Listing the methods imports none of them.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import cast

from rag_robust.errors import SuiteError, nearest
from rag_robust.types import Certificate

__all__ = ["load", "names", "revision"]

_PARTS = frozenset({"ranking"})
"""Modules of this folder that are no method: what methods are made of."""

_REVISED = {"canonical": 2, "certdr": 2, "masking": 2, "mean": 2}
"""Raised when a method's certificates mean something else, so that no old record passes for a new one."""


def names() -> list[str]:
    """The certificate methods that ship with the package, sorted."""
    found = {m.name for m in pkgutil.iter_modules(__path__)} - _PARTS
    return sorted(name.replace("_", "-") for name in found if not name.startswith("_"))


def revision(name: str) -> tuple[int, ...]:
    """What a method adds to the keys of its records: nothing until it was first revised."""
    found = _REVISED.get(name.replace("_", "-"))
    return () if found is None else (found,)


def load(name: str) -> Callable[..., Certificate]:
    """The `certify` function of a method, or a user's own callable "package.module:name".

    Raises:
        SuiteError: no such method, or the user's module or name cannot be found.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        if name.replace("_", "-") not in names():
            raise SuiteError(
                f'no certificate "{name}"; {nearest(name, names())}; your own is written package.module:name'
            )
        module, attribute = f"{__name__}.{name.replace('-', '_')}", "certify"
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # importing runs a person's code, which may raise anything
        told = f"{type(error).__name__}: {error}"
        raise SuiteError(
            f'certificate "{name}" cannot be loaded ({told}); expected package.module:name'
        ) from error
    if not callable(found):
        raise SuiteError(f'certificate "{name}" is a {type(found).__name__}; expected a function')
    return cast("Callable[..., Certificate]", found)
