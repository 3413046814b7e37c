"""The prompts of a RAG reader; passages are data and cannot leave their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from string import Template

__all__ = ["rag_prompt"]

_MARK = re.compile(r"\[(\s*\d+\s*)\]")
_ROLE = re.compile(r"\b(context|question|answer|system|user|assistant)(\s*):", re.IGNORECASE)


def rag_prompt(query: str, passages: Sequence[str]) -> str:
    """What the generator reads for a query and the passages found for it, best first.

    Each passage stands on one line behind its number in square brackets. Within passages and query
    line breaks become spaces, and what could pass for the prompt's own marks loses its form:
    "[2]" becomes "(2)", "Question:" becomes "Question -", "<|" and "|>" lose their bar. Without
    passages the closed-book form is used. The wording is in `prompts/*.txt`.
    """
    if not passages:
        return _template("closed_book").substitute(question=_line(query))
    context = "\n".join(f"[{i}] {_line(passage)}" for i, passage in enumerate(passages, 1))
    return _template("rag").substitute(context=context, question=_line(query))


@cache
def _template(name: str) -> Template:
    return Template((files(__package__) / "prompts" / f"{name}.txt").read_text(encoding="utf-8").strip())


def _line(text: str) -> str:
    text = _MARK.sub(r"(\1)", " ".join(text.split()))
    text = text.replace("<|", "<").replace("|>", ">")
    return _ROLE.sub(r"\1\2 -", text)
