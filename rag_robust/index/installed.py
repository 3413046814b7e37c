"""Which FAISS packages are installed: they share one folder, so there may be only one."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import distributions
from importlib.util import find_spec

from rag_robust.errors import ModelError

__all__ = ["check_faiss", "faiss_packages", "has_faiss"]

_PREFIXES = ("faiss-cpu", "faiss-gpu", "faiss-cuda")


def faiss_packages() -> list[str]:
    """Names of the installed packages that own the folder `faiss/`, sorted."""
    return _found(tuple(sys.path))


@cache
def _found(path: tuple[str, ...]) -> list[str]:
    """What is installed there; every package's metadata is read, so once per process is enough."""
    names = {(d.metadata["Name"] or "").lower().replace("_", "-") for d in distributions(path=list(path))}
    return sorted(n for n in names if n == "faiss" or n.startswith(_PREFIXES))


def has_faiss() -> bool:
    """Whether `import faiss` would find something."""
    return find_spec("faiss") is not None


def check_faiss() -> None:
    """Refuse to go on with no FAISS, or with two packages that overwrite each other's files.

    Raises:
        ModelError: with the commands that repair it.
    """
    found = faiss_packages()
    if len(found) > 1:
        raise ModelError(
            f"{' and '.join(found)} are installed together and overwrite each other's files; keep one: "
            f"pip uninstall -y {' '.join(found)} && pip install {found[0]}"
        )
    if not found and not has_faiss():
        raise ModelError(
            "no FAISS is installed; run: pip install 'rag-robust[cpu]' "
            "(CUDA 12: 'rag-robust[gpu]', CUDA 13: 'rag-robust[gpu13]')"
        )
