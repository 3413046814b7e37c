"""GASLITE at the bar's sizes on an encoder as large as BERT-base: seconds, and how busy the GPU is.

    python benchmarks/gaslite.py --device cuda

No model hub is needed: the weights are random and the tokenizer is MiniLM's. A pass costs what it costs
a trained model of this size; how near a passage comes says nothing, and is not printed. A host wait is a
call that returns only when the GPU has done all it was told to. Counting them slows a run, so they are
counted in one of their own, in its last steps: the race of the starts is over by then, as in most steps.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

from rag_robust import encode
from rag_robust.attacks._search import RACE
from rag_robust.attacks._view import Secrets, Tick, View
from rag_robust.attacks.gaslite import Gaslite
from rag_robust.corpus.concepts import concept
from rag_robust.encode.packaged import located
from rag_robust.encode.tokens import TokenModel, token_model
from rag_robust.seeds import generator

BASE = BertConfig(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072)
SIZES: dict[str, Any] = {"trigger_tokens": 30, "n_grad": 50, "n_cand": 128, "n_flip": 20}
STEPS, MOST_SECONDS = 100, 20.0
RACED, COUNTED = max(RACE), 5


def bar(device: str, config: BertConfig = BASE) -> str:
    """What it ran on ("cuda" or "cpu"), a row for each profile, and the lines that make the host wait."""
    if device == "cuda" and (fault := missing()):
        sys.exit(f"--device cuda: {fault}")
    with tempfile.TemporaryDirectory() as folder:
        model = token_model(encode.load(build(config, Path(folder)), device=device))
    craft(model, "default", RACED + COUNTED)  # warms up
    millions = sum(w.numel() for w in model.encoder.model.parameters()) / 1e6
    name = torch.cuda.get_device_name() if device == "cuda" else "no GPU"
    rows, lines = [], []
    for profile in ("default", "fast"):
        row = {
            "profile": profile,
            "steps": f"{STEPS}",
            **measured(model, profile),
            "host waits per step": "n/a",
        }
        if device == "cuda":
            waits = host_waits(model, profile)
            row["host waits per step"] = f"{waits.total() / COUNTED:.1f}"
            found = ", ".join(f"{where} {n / COUNTED:g}" for where, n in waits.most_common())
            lines.append(f"host waits per step of {profile}: {found}")
        rows.append(row)
    cells = [[*rows[0]], ["---"] * len(rows[0]), *([*row.values()] for row in rows)]
    table = [f"| {' | '.join(row)} |" for row in cells]
    heading = f"{name}, torch {torch.__version__}; {millions:.1f} M random weights; {SIZES}"
    return "\n".join([heading, "", *table, "", *lines])


def missing() -> str:
    """What is needed for a GPU and is not there, and what to do; "" if all is."""
    if not torch.cuda.is_available():
        return f"expected a GPU, torch {torch.__version__} sees none; run this on a machine that has one"
    if shutil.which("nvidia-smi") is None:
        return "expected nvidia-smi, which says how busy the GPU is, found none; it comes with the driver"
    return ""


def build(config: BertConfig, folder: Path) -> str:
    """A sentence-transformers folder: random weights, MiniLM's tokenizer, mean pooling, unit length."""
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder / "bert")
    with located("all-MiniLM-L6-v2") as minilm:
        AutoTokenizer.from_pretrained(minilm).save_pretrained(folder / "bert")
    modules = [
        Transformer(str(folder / "bert"), max_seq_length=256),
        Pooling(config.hidden_size),
        Normalize(),
    ]
    whole = SentenceTransformer(modules=modules, device="cpu")
    whole.save(str(folder / "whole"), create_model_card=False)
    return str(folder / "whole")


def craft(model: TokenModel, profile: str, n_steps: int, tick: Tick = lambda *_: None) -> None:
    """One passage for the concept coffee."""
    coffee = concept("coffee")
    attack = Gaslite(information=coffee.information, profile=profile, n_steps=n_steps, **SIZES)
    secrets = Secrets(coffee.held_in, model=model)
    attack(View(attack.threat, secrets, n_tokens=model.n_tokens, tick=tick), generator(0))


def measured(model: TokenModel, profile: str) -> dict[str, str]:
    """What an attack costs, as the columns of a row; those of a GPU are n/a on a CPU."""
    on_gpu, before = model.matrix.is_cuda, replace(model.work)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    began = time.perf_counter()
    with sampled(on_gpu) as busy:
        craft(model, profile, STEPS)
        if on_gpu:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
    tokens, sequences = model.work.tokens - before.tokens, model.work.forwards - before.forwards
    peak = torch.cuda.max_memory_allocated() / 2**20
    return {
        "wall s": f"{seconds:.1f}",
        "tokens": f"{tokens:,}",
        "tokens/s": f"{tokens / seconds:,.0f}",
        "sequences per step": f"{sequences / STEPS:.0f}",
        f"within {MOST_SECONDS:g} s": "yes" if seconds <= MOST_SECONDS else "no",
        "GPU %, mean (most)": f"{mean(busy):.0f} ({max(busy)})" if busy else "n/a",
        "peak GPU MiB": f"{peak:.0f}" if on_gpu else "n/a",
    }


@contextmanager
def sampled(on_gpu: bool) -> Iterator[list[int]]:
    """The first GPU's utilisation in percent, every tenth of a second of the context, told at its end."""
    found: list[int] = []
    if not on_gpu:
        yield found
        return
    asked = "nvidia-smi -i 0 --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 100"
    with subprocess.Popen(asked.split(), stdout=subprocess.PIPE, text=True) as told:
        try:
            yield found
        finally:
            told.terminate()
            found += [int(line) for line in told.communicate()[0].split() if line.isdecimal()]


def host_waits(model: TokenModel, profile: str) -> Counter[str]:
    """How often each line made the host wait for the GPU in `COUNTED` steps, by torch's own warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        def forget(done: int, _: int) -> None:
            if done == RACED:
                caught.clear()

        torch.cuda.set_sync_debug_mode("warn")
        try:
            craft(model, profile, RACED + COUNTED, forget)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    waits = [w for w in caught if "synchronizing CUDA operation" in str(w.message)]
    return Counter(f"{Path(w.filename).name}:{w.lineno}" for w in waits)
