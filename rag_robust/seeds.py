"""One root seed, one generator per name: order cannot matter."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.random import Generator

__all__ = ["digest", "generator"]


def digest(*parts: object) -> str:
    """A SHA-256 hex string of JSON-serialisable parts; equal parts, equal digest, on any machine."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def generator(seed: int, *names: object) -> Generator:
    """A generator for one purpose, from the root seed and the names of that purpose.

    It depends on nothing else: not on how many were made before, nor by which worker.
    """
    entropy = int(digest("generator", seed, *names), 16)
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))
