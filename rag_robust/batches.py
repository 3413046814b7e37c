"""Texts that a model reads together: of one length, so that nothing is padded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

__all__ = ["of_one_shape"]

Shape = TypeVar("Shape", int, tuple[int, int])


def of_one_shape(shapes: Sequence[Shape], most: Callable[[Shape], int]) -> Iterator[list[int]]:
    """Rows of one shape, the largest first, at most `most(shape)` of them together."""
    same: dict[Shape, list[int]] = {}
    for row, shape in enumerate(shapes):
        same.setdefault(shape, []).append(row)
    for shape in sorted(same, reverse=True):
        step = most(shape)
        for start in range(0, len(same[shape]), step):
            yield same[shape][start : start + step]
