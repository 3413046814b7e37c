"""Report files that are whole or not there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from rag_robust.errors import UsageError

__all__ = ["write_text"]


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text beside its place, then move it there: no reader ever sees half a file.

    Raises:
        UsageError: the path cannot be written, or the disk is full; what was there before stays.
    """
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="\n")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        told = error.strerror or error
        raise UsageError(f"cannot write {path}: {told}; free some space or name another file") from error
