"""Encoding beside sentence-transformers' own `encode`, same model, same texts, one thread, in one run.

Both group by length; ours never pads and is bit-stable. Printed: CPU seconds, best of two, and their ratio.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from rag_robust import corpus, encode

N = 300


def cpu_seconds(call) -> tuple[float, object]:
    times = []
    for _ in range(2):
        started = time.process_time()
        result = call()
        times.append(time.process_time() - started)
    return min(times), result


def main() -> None:
    torch.set_num_threads(1)
    texts = [p.full for p in list(corpus.load("wikipedia").passages.values())[:N]]
    encoder = encode.load("all-MiniLM-L6-v2")
    ours, a = cpu_seconds(lambda: encoder.encode(texts, "passage"))
    theirs, b = cpu_seconds(lambda: encoder.model.encode(texts, show_progress_bar=False))
    print(f"{N} Wikipedia leads, all-MiniLM-L6-v2, one thread, torch {torch.__version__}")
    print(f"sentence-transformers encode  {theirs:6.2f} CPU s")
    print(f"rag_robust encode             {ours:6.2f} CPU s   ratio {ours / theirs:.2f}")
    print(f"largest difference of a vector's component {np.abs(np.asarray(a) - np.asarray(b)).max():.1e}")


if __name__ == "__main__":
    main()
