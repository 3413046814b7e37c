"""Questions with verified answers: facts of a corpus as a graph, and questions that query it.

`prepare` reads a corpus, `write_questions` asks over one fact or several; `synthesise` asks over
single table cells, which is all that a suite's question task needs. The public names load lazily.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag_robust.questions.question import Question, QuestionSet
    from rag_robust.questions.quota import write_questions
    from rag_robust.questions.single import synthesise
    from rag_robust.questions.world import World, prepare

__all__ = ["Question", "QuestionSet", "World", "prepare", "synthesise", "write_questions"]

_WHERE = {
    "Question": "question",
    "QuestionSet": "question",
    "World": "world",
    "prepare": "world",
    "synthesise": "single",
    "write_questions": "quota",
}


def __getattr__(name: str) -> Any:  # any type: it is what the module holds under that name
    if name in _WHERE:
        return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
