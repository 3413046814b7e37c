"""Where data lies: the corpora and suites shipped with the package, and data files of other packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from rag_robust.errors import CorpusError, MissingExtra

__all__ = ["data_folder", "package_file"]


def data_folder(name: Literal["corpora", "suites"]) -> Path:
    """The folder of shipped corpora or suites: inside the installed package, else in the checkout.

    Raises:
        CorpusError: neither is there, so the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise CorpusError(
        f"expected the folder {name!r} in {package} or {package.parent}, got neither; reinstall rag-robust"
    )


def package_file(module: str, path: str, *, install: str, purpose: str) -> Path:
    """A data file inside an installed package, found without importing the package.

    Packages that are read as data only are never imported: their licence or their start-up code
    may not suit us, their data does.

    Raises:
        MissingExtra: the package or the file is not there; names `pip install {install}`.
    """
    spec = find_spec(module)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (found := Path(folder) / path).exists():
            return found
    raise MissingExtra(f"{module}/{path}", install, purpose)
