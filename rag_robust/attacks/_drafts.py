"""How a text may go on by one token, as far as a language model finds it likely and a person can read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rag_robust.generate.language_model import LanguageModel

__all__ = ["nexts"]

POOL = 4
"""So many times `n_next` tokens are looked at for `n_next` that can be read."""

Next = tuple[str, float]
"""A text with one token more, and the token's log-probability in nats."""


def nexts(model: LanguageModel, texts: Sequence[str], n_next: int, top_p: float) -> list[list[Next]]:
    """For each text its `n_next` likeliest continuations, no more than make up the share `top_p`."""
    likely = model.next_log_probs(texts)
    best = likely.topk(min(POOL * n_next, likely.shape[1]), dim=1)
    found = []
    for text, logs, tokens in zip(texts, best.values.tolist(), best.indices.tolist(), strict=True):
        longer = model.continued(text, tokens)
        options = [(t, log) for t, log in zip(longer, logs, strict=True) if t != text]
        found.append(_nucleus(options, top_p)[:n_next])
    return found


def _nucleus(options: Sequence[Next], top_p: float) -> list[Next]:
    """The first options, as few as make up the share `top_p` of the probability of all; at least one."""
    shares = np.exp([log for _, log in options])
    before = np.cumsum(shares) - shares
    return [option for option, mass in zip(options, before, strict=True) if mass < top_p * shares.sum()]
