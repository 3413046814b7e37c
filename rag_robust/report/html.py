"""The report as one HTML file that needs nothing else: no network, no scripts from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rag_robust.gates import Result
from rag_robust.report.files import write_text
from rag_robust.report.page import MARKS, page
from rag_robust.report.susceptibility import number
from rag_robust.report.words import figure, interval, visible
from rag_robust.store import Store

__all__ = ["to_html", "write_html"]

_TEMPLATES = Path(__file__).with_name("templates")


def to_html(store: Store, result: Result | None = None) -> str:
    """The report of a run folder. The same folder gives the same text; `result` is its judgement, if at hand.

    Every text is escaped, for passages are hostile by design; should one get through all the
    same, the page's own policy runs no script but ours, which it names by its hash.
    """
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    template = _environment().get_template("report.html")
    words = {"number": number, "figure": figure, "interval": interval}
    return template.render(
        page=page(store, result), marks=MARKS, script=script, script_hash=_hash(script), **words
    )


def write_html(store: Store, path: Path, result: Result | None = None) -> None:
    """Write `to_html` to a file that is whole or not there.

    Raises:
        UsageError: the path cannot be written, or the disk is full.
    """
    write_text(path, to_html(store, result))


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_plain,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _plain(value: object) -> object:
    """Characters that cannot be seen are spelt out wherever a text is put in."""
    return visible(value) if type(value) is str else value


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
