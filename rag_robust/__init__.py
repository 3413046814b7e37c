"""How retrievers, rankers and RAG systems behave when the world is hostile or merely messy.

The public names load lazily: importing this package imports neither torch nor faiss.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "Answer": "types",
    "Budget": "types",
    "Change": "types",
    "Corpus": "types",
    "Estimate": "types",
    "Hit": "types",
    "Passage": "types",
    "Query": "types",
    "Record": "types",
    "ThreatModel": "types",
    "RagRobustError": "errors",
}

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
