"""What the command line needs of a terminal and a machine: consoles, progress, cache folder, no sockets."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rag_robust.errors import SuiteError

__all__ = ["cache_folder", "err", "out", "progress", "refuse_sockets"]


def out() -> Console:
    """Standard output: data."""
    return Console()


def err() -> Console:
    """Standard error: progress, logs, errors."""
    return Console(stderr=True, highlight=False)


def cache_folder() -> Path:
    """Where embeddings, indexes and answers are kept: $RAG_ROBUST_CACHE, else the user's cache folder."""
    return Path(os.environ.get("RAG_ROBUST_CACHE") or platformdirs.user_cache_dir("rag_robust"))


@contextmanager
def progress() -> Iterator[Callable[[float, float, str], None]]:
    """A bar with the time left on a terminal, elsewhere a line per task and tenth; on standard error."""
    console = err()
    started = begun = time.monotonic()
    last = ("", 0)

    def left(done: float, planned: float) -> str:
        nonlocal begun
        if done <= 0:  # loading is no measure of what follows
            begun = time.monotonic()
        if done <= max(0.0, planned / 100):  # nor is a first small thing, behind which a model was made ready
            return ""
        seconds = max(0.0, (time.monotonic() - begun) * (planned - done) / done)
        return f"about {int(seconds // 60)}:{int(seconds % 60):02d} left"

    if not console.is_terminal or os.environ.get("CI"):

        def line(done: float, planned: float, label: str) -> None:
            nonlocal last
            now = (label, int(10 * done / planned) if planned else 0)
            if now != last:
                console.print(
                    f"{time.monotonic() - started:6.0f} s  {label}  {left(done, planned)}", markup=False
                )
            last = now

        yield line
        return
    columns = (
        BarColumn(24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0, left="")

        def move(done: float, planned: float, label: str) -> None:
            bar.update(
                task, completed=done, total=planned or 1.0, description=label, left=left(done, planned)
            )

        yield move


def refuse_sockets() -> None:
    """From here on, connecting anywhere but to this machine is an error."""

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event != "socket.connect" or not isinstance(args[1], tuple):
            return
        host = str(args[1][0])
        if not (host.startswith("127.") or host in {"::1", "localhost"}):
            raise SuiteError(f"--offline: a connection to {host} was refused")

    sys.addaudithook(hook)
