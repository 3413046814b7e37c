"""Dense retrieval: an encoder, an index, and what both find in a changed corpus."""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from rag_robust import index as indexes
from rag_robust.errors import CorpusError, ModelError
from rag_robust.index.changed import Changed, Fillable
from rag_robust.index.changed import changed as insert
from rag_robust.index.order import top
from rag_robust.retrieve.hits import check_change, check_k
from rag_robust.seeds import digest
from rag_robust.text import order_key
from rag_robust.types import Change, Encoder, Hit, Passage

__all__ = ["Dense", "dense"]

_ENCODED_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A retriever over vectors of passages; made by `dense`.

    `names` and `keys` give the passage id and its `order_key` per position of the index, `places`
    the position of a passage id that is in the corpus now, `blocks` the vectors in order of position.
    """

    encoder: Encoder
    index: Fillable | Changed
    blocks: tuple[NDArray[np.float32], ...]
    names: tuple[str, ...]
    keys: NDArray[np.uint64]
    places: Mapping[str, int]

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the passages now in the corpus, in the order of `vectors`."""
        return tuple(self.names[i] for i in self._alive())

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Vectors (n, dim) of the passages now in the corpus; a copy only in a changed one."""
        return self.blocks[0] if len(self.blocks) == 1 else np.concatenate(self.blocks)[self._alive()]

    @property
    def fingerprint(self) -> str:
        """What a ranking depends on besides the corpus, in one line."""
        return f"dense {self.encoder.fingerprint} | {self.index.fingerprint}"

    @property
    def rule(self) -> str:
        """How inserted passages came in: "merged empty twin", "cloned and added", or "" if none did."""
        return self.index.rule if isinstance(self.index, Changed) else ""

    def search(self, texts: Sequence[str], k: int) -> list[list[Hit]]:
        """The `k` best hits per text, fewer if the corpus or the index has no more."""
        check_k(k)
        return self.search_vectors(self.encoder.encode(texts, "query"), k) if texts else []

    def search_vectors(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        """The `k` best hits per query vector (n, dim); see `index.order.top` for order and ties.

        For exact indexes a score depends on query and passage alone, bit for bit.

        Raises:
            ModelError: vectors of another length, or not finite.
        """
        check_k(k)
        queries = np.ascontiguousarray(vectors, np.float32)
        rankings = top(self.index, queries, k, rows=self._rows, keys=self.keys)
        return [
            [Hit(self.names[i], s) for i, s in zip(positions.tolist(), scores.tolist(), strict=True)]
            for positions, scores in rankings
        ]

    def changed(self, change: Change) -> Dense:
        """The retriever over the changed corpus; inserted and edited passages are encoded as text.

        Raises:
            CorpusError: an inserted id is taken, an edited one unknown.
            ModelError: the index cannot be added to.
        """
        passages = check_change(change, self.places)
        if not passages:
            return self
        vectors = _encoded(self.encoder, passages)
        removed = np.array(sorted(self.places[i] for i in change.edited), np.int64)
        new = {p.id: i for i, p in enumerate(passages, len(self.names))}
        return replace(
            self,
            index=insert(self.index, inserted=vectors, removed=removed),
            blocks=(*self.blocks, vectors),
            names=(*self.names, *new),
            keys=np.concatenate([self.keys, _keys(new)]),
            places=ChainMap(new, cast("MutableMapping[str, int]", self.places)),
        )

    def _alive(self) -> list[int]:
        return sorted(self.places.values())

    def _rows(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = np.empty((len(positions), self.encoder.dim), np.float32)
        start = 0
        for block in self.blocks:
            here = (positions >= start) & (positions < start + len(block))
            rows[here] = block[positions[here] - start]
            start += len(block)
        return rows


def dense(
    encoder: Encoder,
    passages: Mapping[str, Passage],
    *,
    factory: str = "Flat",
    search: str = "",
    device: str = "cpu",
    cache: Path | None = None,
) -> Dense:
    """Encode and index the passages, or read both from `cache` if they were made before.

    Passages stand in the index in the order of `order_key`, so the mapping's order cannot matter.
    Vectors are cached by encoder and passages, trained indexes also by factory and parameters;
    processes that want the same at the same time wait for the first.

    Raises:
        CorpusError: there is no passage.
        ModelError: the encoder returned something unusable, or the index was refused.
    """
    if not passages:
        raise CorpusError("expected at least one passage to index, got an empty corpus")
    ordered = [passages[i] for i in sorted(passages, key=lambda i: (order_key(i), i))]
    names = tuple(p.id for p in ordered)
    if cache is None:
        vectors = _encoded(encoder, ordered)
        index = indexes.build(vectors, factory, similarity=encoder.similarity, search=search, device=device)
    else:
        made = _digest(encoder, ordered)
        vectors = _stored_vectors(encoder, ordered, cache / f"vectors-{made}.npy")
        folder = cache / f"index-{digest(made, factory, search)[:16]}"
        index = _stored_index(vectors, folder, encoder=encoder, factory=factory, search=search, device=device)
    return Dense(encoder, index, (vectors,), names, _keys(names), {n: i for i, n in enumerate(names)})


def _keys(names: Iterable[str]) -> NDArray[np.uint64]:
    return np.array([int(order_key(name), 16) for name in names], np.uint64)


def _digest(encoder: Encoder, passages: Sequence[Passage]) -> str:
    total = hashlib.sha256(encoder.fingerprint.encode())
    for passage in passages:
        total.update(json.dumps([passage.id, passage.full]).encode())
    return total.hexdigest()[:16]


def _encoded(encoder: Encoder, passages: Sequence[Passage]) -> NDArray[np.float32]:
    """Vectors (n, dim) of the passages' full texts, checked for shape and finiteness."""
    vectors = encoder.encode([p.full for p in passages], "passage")
    expected = (len(passages), encoder.dim)
    if vectors.shape != expected:
        raise ModelError(
            f"expected vectors of shape {expected} from {encoder.fingerprint}, got {vectors.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise ModelError(
            f'the encoder gave no finite vector for passage "{passages[bad[0]].id}" ({bad.size} in all); '
            "check its text, or use dtype float32"
        )
    return np.ascontiguousarray(vectors, np.float32)


def _stored_vectors(encoder: Encoder, passages: Sequence[Passage], path: Path) -> NDArray[np.float32]:
    """The vectors of the file, memory-mapped; it is written first if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            part = path.with_suffix(".part")
            shape = (len(passages), encoder.dim)
            file = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
            for start in range(0, len(passages), _ENCODED_AT_ONCE):
                some = passages[start : start + _ENCODED_AT_ONCE]
                file[start : start + len(some)] = _encoded(encoder, some)
            file.flush()
            del file
            part.replace(path)
    vectors: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return vectors


def _stored_index(
    vectors: NDArray[np.float32], folder: Path, *, encoder: Encoder, factory: str, search: str, device: str
) -> Fillable:
    """The trained index of the folder, built and saved first if it is not there."""
    if factory == "Flat":  # made from the vectors as fast as it could be read
        return indexes.build(vectors, factory, similarity=encoder.similarity, search=search, device=device)
    from rag_robust.index import faiss

    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "meta.json").exists():
            index = faiss.build(vectors, factory, similarity=encoder.similarity, search=search, device=device)
            faiss.save(index, folder)
    return faiss.load(folder, device=device)
