"""Attacks that were interrupted, one JSON file each: started again, they go on where they stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_robust.errors import StoreError
from rag_robust.measured import Effort

__all__ = ["Unfinished", "forget"]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The checkpoint of one change; what was spent before an interruption is kept with it."""

    path: Path
    effort: Effort

    def save(self, state: object, /) -> None:
        """Keep a JSON value in place of the one before; a kill leaves the old or the new, never half.

        Raises:
            StoreError: it cannot be written; the attack is not to blame.
        """
        text = json.dumps({"spent": self.effort.spent(), "state": state})
        part = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(text, encoding="utf-8")
            part.replace(self.path)
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error}; free some space, then run again") from error

    def load(self) -> object | None:
        """The value kept last, or None."""
        if not self.path.exists():
            return None
        kept: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        self.effort.carry(kept["spent"])
        state: object = kept["state"]
        return state


def forget(folder: Path | None, key: str) -> None:
    """Drop the checkpoint of a change that is stored."""
    if folder is not None:
        (folder / f"{key}.json").unlink(missing_ok=True)
