"""Inserting a passage into a copy of an index, beside building the index again with the passage in it.

Printed per factory string: seconds to insert and search 100 queries, seconds to rebuild and search, their
ratio, and whether both found the same.
"""

from __future__ import annotations

import time

import numpy as np

from rag_robust import index
from rag_robust.index.changed import changed

N, DIM, QUERIES = 20_000, 384, 100


def main() -> None:
    rng = np.random.default_rng(0)
    vectors, new, queries = (rng.normal(size=(n, DIM)).astype(np.float32) for n in (N, 5, QUERIES))
    for rows in (vectors, new, queries):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    print(f"{N} vectors of {DIM}, 5 inserted, {QUERIES} queries, k = 10")
    for factory in ("Flat", "SQ8", "IVF64,Flat"):
        search = "nprobe=64" if factory.startswith("IVF") else ""  # all cells: training differs with 5 more
        base = index.build(vectors, factory, similarity="cosine", search=search)
        started = time.perf_counter()
        _, ours = changed(base, inserted=new, removed=np.empty(0, np.int64)).search(queries, 10)
        insert = time.perf_counter() - started
        started = time.perf_counter()
        again = index.build(np.concatenate([vectors, new]), factory, similarity="cosine", search=search)
        _, theirs = again.search(queries, 10)
        rebuild = time.perf_counter() - started
        same = (np.sort(ours) == np.sort(theirs)).mean()
        print(
            f"{factory:12} insert {insert:6.3f} s   rebuild {rebuild:6.3f} s   "
            f"ratio {insert / rebuild:5.2f}   same hits {same:.3f}"
        )


if __name__ == "__main__":
    main()
