"""Two FAISS packages overwrite each other's files; one is asked for."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

from rag_robust.errors import MissingExtra, ModelError
from rag_robust.index import build, installed


def pretend(monkeypatch, tmp_path, *names: str) -> None:
    """Only these packages can be imported and are installed."""
    for name in names:
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "faiss", raising=False)


@pytest.mark.parametrize("name", ["faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs", "faiss-gpu-cu12", "Faiss_CPU"])
def test_one_package_is_fine(name: str, monkeypatch, tmp_path) -> None:
    pretend(monkeypatch, tmp_path, name, "faissknn")
    assert installed.faiss_packages() == [name.lower().replace("_", "-")]
    installed.check_faiss()


def test_two_packages_are_refused_with_the_commands_that_repair_it(monkeypatch, tmp_path) -> None:
    pretend(monkeypatch, tmp_path, "faiss-cpu", "faiss-gpu")
    with pytest.raises(ModelError) as caught:
        installed.check_faiss()
    assert "faiss-cpu and faiss-gpu are installed together" in str(caught.value)
    assert "pip uninstall -y faiss-cpu faiss-gpu && pip install faiss-cpu" in str(caught.value)


def test_no_package_is_refused_with_the_command_that_installs_one(monkeypatch, tmp_path) -> None:
    pretend(monkeypatch, tmp_path)
    assert not installed.has_faiss()
    with pytest.raises(ModelError, match=r"rag-robust\[cpu\]"):
        installed.check_faiss()


def test_flat_needs_no_faiss_and_everything_else_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.delitem(sys.modules, "rag_robust.index.faiss", raising=False)
    assert type(build(np.ones((3, 2), np.float32), "Flat", similarity="dot")).__name__ == "TorchIndex"
    with pytest.raises(MissingExtra, match=r"pip install 'rag-robust\[cpu\]'"):
        importlib.import_module("rag_robust.index.faiss")
