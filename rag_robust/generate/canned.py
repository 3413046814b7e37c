"""A generator that answers from a table: for tests, examples and dry runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rag_robust.seeds import digest
from rag_robust.types import Failure

__all__ = ["Canned", "canned"]


@dataclass(frozen=True, slots=True)
class Canned:
    """Answers by a function of the prompt; `fingerprint` names the table it was made from."""

    answer: Callable[[str], str]
    fingerprint: str

    def generate(self, prompts: Sequence[str]) -> list[str | Failure]:
        """One answer per prompt, in order."""
        return [self.answer(prompt) for prompt in prompts]

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        """One answer per prompt, in order."""
        return [self.answer(prompt) for prompt in prompts]


def canned(answers: Mapping[str, str] | Callable[[str], str] | None = None, default: str = "") -> Canned:
    """Answer a prompt from a table or by a function.

    With a table: the entry of the prompt itself, else of the longest key that is part of the prompt
    (of equally long ones the first in alphabetical order), else `default`.
    """
    if callable(answers):
        named = getattr(answers, "__qualname__", type(answers).__qualname__)
        return Canned(answers, f"canned {getattr(answers, '__module__', '')}.{named}")
    table = dict(answers or {})
    keys = sorted(table, key=lambda key: (-len(key), key))

    def answer(prompt: str) -> str:
        found = prompt if prompt in table else next((key for key in keys if key in prompt), None)
        return default if found is None else table[found]

    return Canned(answer, f"canned {digest(table, default)[:16]}")
