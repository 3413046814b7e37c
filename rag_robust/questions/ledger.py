"""Replies already paid for, appended to a file one by one: cache, checkpoint and resume in one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag_robust.errors import StoreError, UsageError
from rag_robust.generate import TextGenerator
from rag_robust.seeds import digest
from rag_robust.types import Failure

__all__ = ["Budget", "Ledger", "Price", "asked", "price"]

_CHARACTERS = 4
"""Of one token, about, in English; a price made of it is an estimate and says so."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a job would cost at most: new prompts, those known already, tokens in and out, money."""

    n_prompts: int
    n_known: int
    tokens_in: int
    tokens_out: int
    cost: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent: `limit` in the currency of the prices per million tokens (None: no limit)."""

    limit: float | None = None
    in_per_million: float = 0.0
    out_per_million: float = 0.0
    max_new_tokens: int = 1024

    def __post_init__(self) -> None:
        if min(self.in_per_million, self.out_per_million, self.limit or 0) < 0 or self.max_new_tokens < 1:
            raise UsageError(f"expected prices and a limit from 0 and max_new_tokens from 1, got {self}")
        if self.limit is not None and not (self.in_per_million or self.out_per_million):
            raise UsageError("a budget needs the price per million tokens, in or out; give at least one")

    def cost(self, prompt: str) -> float:
        """What one prompt costs at most, tokens being counted as 4 characters each."""
        tokens = -(-len(prompt) // _CHARACTERS)
        return (tokens * self.in_per_million + self.max_new_tokens * self.out_per_million) / 1e6


class Ledger:
    """An append-only file of replies by key; a torn last line is left out and written over.

    `spent` is the most that all sent prompts may have cost: those of the file, whatever stage or start of the
    job sent them, and those that failed since it was opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spent = 0.0
        self._known: dict[str, str] = {}
        if path.is_file():
            self._read()

    def get(self, key: str) -> str | None:
        """The reply kept under a key."""
        return self._known.get(key)

    def keep(self, key: str, reply: str, cost: float = 0.0) -> None:
        """Append a reply and what it cost at most; it is on the disk when this returns."""
        line = json.dumps([key, reply, cost], ensure_ascii=False) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._known[key] = reply

    def _read(self) -> None:
        raw = self.path.read_bytes()
        whole, _, torn = raw.rpartition(b"\n")
        for line in whole.splitlines():
            try:
                key, reply, *cost = json.loads(line)
                self.spent += sum(cost)
            except (ValueError, TypeError) as error:
                raise StoreError(
                    f"{self.path}: a line is broken: {error}; move the file away to start anew"
                ) from error
            self._known[key] = reply
        if torn:
            with self.path.open("rb+") as file:
                file.truncate(len(raw) - len(torn))


def price(prompts: Sequence[str], model: TextGenerator, ledger: Ledger, budget: Budget) -> Price:
    """What `asked` would cost at most, without asking anything."""
    new = [p for p in dict.fromkeys(prompts) if ledger.get(_key(model, p)) is None]
    tokens = sum(-(-len(p) // _CHARACTERS) for p in new)
    known = len(set(prompts)) - len(new)
    return Price(len(new), known, tokens, len(new) * budget.max_new_tokens, sum(map(budget.cost, new)))


def asked(
    prompts: Sequence[str], model: TextGenerator, ledger: Ledger, budget: Budget
) -> Iterator[str | Failure]:
    """A reply per prompt, in order, each kept before the next is asked for.

    The key is a hash of the prompt (which holds the passage) and of the model's fingerprint (name,
    endpoint, parameters): an interrupted job goes on where it stopped, and nothing is paid for
    twice. Over the budget, of which the ledger's `spent` is gone, prompts fail with kind "budget" and are
    not sent. Failures are not kept. Waiting after HTTP 429 is the model's (`generate.openai` heeds
    Retry-After).
    """
    for prompt in prompts:
        key = _key(model, prompt)
        kept = ledger.get(key)
        if kept is not None:
            yield kept
        elif budget.limit is not None and ledger.spent + budget.cost(prompt) > budget.limit:
            yield Failure("budget", f"the budget of {budget.limit:g} is spent")
        else:
            ledger.spent += budget.cost(prompt)
            [reply] = model.generate([prompt])
            if isinstance(reply, str):
                ledger.keep(key, reply, budget.cost(prompt))
            yield reply


def _key(model: TextGenerator, prompt: str) -> str:
    return digest("ledger", model.fingerprint, prompt)
