"""Ways to get through a list of work: one after the other, or in processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import TypeVar

__all__ = ["processes", "serial"]

T = TypeVar("T")
R = TypeVar("R")


def serial(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results in the order of the items, one at a time."""
    return map(function, items)


def processes(n: int) -> Callable[[Callable[[T], R], Iterable[T]], Iterator[R]]:
    """An executor of `n` fresh processes; results come as they are finished.

    Processes are spawned, never forked: a forked copy of a process with running threads hangs.
    """

    def execute(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(n, mp_context=context) as pool:
            waiting = {pool.submit(function, item) for item in items}
            try:
                while waiting:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            finally:
                for future in waiting:
                    future.cancel()

    return execute
