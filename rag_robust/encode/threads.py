"""How many processor threads the models may use."""

from __future__ import annotations

import os

import torch

__all__ = ["use_threads"]


def use_threads(n: int) -> None:
    """From here on, matrix products and the tokenizer use `n` threads; for a process that is ours alone."""
    os.environ["RAYON_NUM_THREADS"] = str(n)  # read by the tokenizer when it first works
    torch.set_num_threads(n)
