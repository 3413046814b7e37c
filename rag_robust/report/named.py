"""What attacks and systems are called where many stand beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag_robust.attack_units import BASELINES
from rag_robust.report.words import label
from rag_robust.suite import Suite, Task

__all__ = ["line_name", "system_name"]


def line_name(condition: str, task: Task, likes: Sequence[Task]) -> str:
    """The attack, by its surrogates if it has any, and by the parameters that tell it from its likes."""
    if condition != task.method or condition in BASELINES:
        return label(condition, task.model_copy(update={"attack": "another"}))
    return ", ".join([task.method, *_surrogates(task), *_apart(task, likes)])


def system_name(suite: Suite, name: str) -> str:
    """A system as a reader knows it: its name, or what the suite's own is made of."""
    config = suite.system
    if name or config.kind != "pipeline":
        return name or config.kind
    return config.retriever.encoder if config.retriever.kind == "dense" else config.retriever.kind


def _surrogates(task: Task) -> Iterator[str]:
    if task.surrogates:
        yield "from " + " and ".join(name.rpartition("/")[2] for name in task.surrogates)


def _apart(task: Task, likes: Sequence[Task]) -> Iterator[str]:
    for key in sorted({key for like in likes for key in like.parameters}):
        if len({repr(like.parameters.get(key)) for like in likes}) > 1:
            yield f"{key} {task.parameters.get(key, 'as usual')}"
