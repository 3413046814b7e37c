"""The precision in which a gradient attack looks its candidates over, before the best are judged in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rag_robust.encode.tokens import TokenModel

__all__ = ["check_precision", "screen"]

_PRECISIONS = ("bfloat16", "float32")


def check_precision(name: str) -> None:
    """Refuse a precision that there is not.

    Raises:
        ValueError: it is none of bfloat16 and float32.
    """
    if name not in _PRECISIONS:
        raise ValueError(f"screening is one of {', '.join(_PRECISIONS)}, got {name!r}")


def screen(model: TokenModel, precision: str) -> TokenModel:
    """The model in that precision; float32 is the model itself."""
    return model if precision == "float32" else model.low
