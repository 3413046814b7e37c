"""Questions with verified answers, written from the tables of a corpus.

Today one fact makes one question (`single`); questions over several passages will stand beside it.
The public names load lazily.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag_robust.questions.question import Question, QuestionSet
    from rag_robust.questions.single import synthesise

__all__ = ["Question", "QuestionSet", "synthesise"]

_WHERE = {"Question": "question", "QuestionSet": "question", "synthesise": "single"}


def __getattr__(name: str) -> Any:  # any type: it is what the module holds under that name
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
