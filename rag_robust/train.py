"""Train a ranker against substitutions: on texts whose words were drawn anew, which is CertDR's noise.

A smoothed ranker (`certify.percentile`, `certify.mean`) reads texts of random synonyms, which its model never
saw; training on such texts is what keeps its quality. What comes out is a folder in the format of
sentence-transformers, a ranker like any other: "dense:FOLDER" or "cross:FOLDER".
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import (
    CrossEncoder,
    CrossEncoderTrainer,
    CrossEncoderTrainingArguments,
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.cross_encoder.losses import RankNetLoss
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import PrinterCallback
from transformers.utils import logging as transformers_logging

from rag_robust import seeds
from rag_robust.certify._smooth import Noise, law
from rag_robust.certify.ranking import version
from rag_robust.encode.packaged import located
from rag_robust.errors import CorpusError, MissingExtra, ModelError, UsageError
from rag_robust.retrieve.bm25 import bm25
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Corpus, Passage, Query

__all__ = ["CPU", "GPU", "Device", "Example", "Size", "bi_encoder", "cross_encoder", "examples", "noisy"]

Device = Literal["cpu", "cuda"]

_NO_CARD = [{"text": ""}]
"""Examples for a model card that is not written; without them the trainer looks for some, with a bar."""


@dataclass(frozen=True, slots=True)
class Example:
    """A query, a passage that answers it, and one that does not."""

    query: Query
    passage: Passage
    negative: Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How long and how wide: `steps` of `batch` examples, a tenth for warm-up; texts cut at `max_tokens`."""

    steps: int
    batch: int
    learning_rate: float
    max_tokens: int
    bf16: bool = False


CPU = Size(steps=200, batch=16, learning_rate=5e-5, max_tokens=64)
"""Minutes of one core for a model of three or six layers."""

GPU = Size(steps=5_000, batch=128, learning_rate=2e-5, max_tokens=256, bf16=True)
"""Minutes of one GPU for a model of twelve layers; needs a corpus with tens of thousands of judgements."""


def examples(corpus: Corpus, *, hardest: int = 20, seed: int = 0) -> list[Example]:
    """Every relevant pair of a corpus with one of the `hardest` unjudged passages that BM25 finds for it.

    Raises:
        CorpusError: no query has a relevant passage in the corpus and another one beside it.
    """
    index = bm25(corpus.passages)
    made = []
    for query_id in sorted(corpus.qrels):
        grades, query = corpus.qrels[query_id], corpus.queries[query_id]
        (found,) = index.search([query.text], hardest + len(grades))
        others = [h.passage_id for h in found if h.passage_id not in grades][:hardest]
        for passage_id in sorted(i for i, grade in grades.items() if grade > 0 and i in corpus.passages):
            if others:
                rng = seeds.generator(seed, "negative", query_id, passage_id)
                negative = corpus.passages[others[int(rng.integers(len(others)))]]
                made.append(Example(query, corpus.passages[passage_id], negative))
    if not made:
        raise CorpusError(
            "expected queries with a relevant passage and others like it, got none; name a corpus"
        )
    return made


def noisy(
    given: Sequence[Example], allowed: Substitutions, *, cap: int | None = None, seed: int = 0
) -> list[Example]:
    """The examples with every word of both passages drawn from its perturbation set, once and for all.

    A passage becomes one version of the law that `certify.percentile` and `certify.mean` smooth with; it is
    the same wherever the passage stands, unless `allowed` freezes the words of the query. Titles and queries
    stay as they are.

    *Source*: Wu et al., CertDR (CIKM 2022), noise training: one static copy of every document. *Where we
    differ*: what is drawn is the threat's, so that training and certificate speak of one set.
    """
    shared = Noise(allowed, "", cap)

    def drawn(passage: Passage, query: Query) -> Passage:
        noise = Noise(allowed, query.text, cap) if allowed.freeze_query else shared
        (text,) = law(passage.text, noise).draw(seeds.generator(seed, "noise", passage.id, passage.text), 1)
        return version(passage, text)

    return [replace(e, passage=drawn(e.passage, e.query), negative=drawn(e.negative, e.query)) for e in given]


def bi_encoder(
    name: str, given: Sequence[Example], out: Path, *, size: Size = CPU, seed: int = 0, device: Device = "cpu"
) -> Path:
    """Train a sentence encoder to put a query nearest to its passage; returns the folder `out`.

    The loss is -log softmax over the batch's passages and negatives of 20 cos (`MultipleNegativesRanking`),
    with the model's own prompts. CertDR has a hinge on pairs, and a cross-encoder.

    Raises:
        UsageError: there are no examples.
        ModelError: no such model here.
        MissingExtra: the trainer's library is not installed.
    """
    _prepare(given)
    with _seeded(seed), located(name) as where:
        with _named(name):
            model = SentenceTransformer(where, device=device)
        model.model_card_data.widget = _NO_CARD
        own = model.prompts or {}
        passage = next((found for n in ("document", "passage", "corpus") if (found := own.get(n))), "")
        prompts = {"query": own.get("query") or "", "positive": passage, "negative": passage}
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                **_settings(out, size, seed, device), prompts=prompts if any(prompts.values()) else None
            ),
            train_dataset=Dataset.from_dict(
                {
                    "query": [e.query.text for e in given],
                    "positive": [e.passage.full for e in given],
                    "negative": [e.negative.full for e in given],
                }
            ),
            loss=MultipleNegativesRankingLoss(model),
        )
        return _trained(model, trainer, size, out)


def cross_encoder(
    name: str, given: Sequence[Example], out: Path, *, size: Size = CPU, seed: int = 0, device: Device = "cpu"
) -> Path:
    """Train a model that reads query and passage together to score the passage higher; returns `out`.

    From a cross-encoder, or from any encoder, whose head then starts from chance drawn by `seed`. The loss is
    the logistic one on each pair, -log sigmoid(s(q, d+) - s(q, d-)) (`RankNet`), where CertDR has a hinge.

    Raises:
        UsageError: there are no examples.
        ModelError: no such model here.
        MissingExtra: the trainer's library is not installed.
    """
    _prepare(given)
    with _seeded(seed), located(name) as where:
        with _named(name):
            model = CrossEncoder(where, num_labels=1, device=device)
        model.model_card_data.widget = _NO_CARD
        trainer = CrossEncoderTrainer(
            model=model,
            args=CrossEncoderTrainingArguments(**_settings(out, size, seed, device)),
            train_dataset=Dataset.from_dict(
                {
                    "query": [e.query.text for e in given],
                    "docs": [[e.passage.full, e.negative.full] for e in given],
                    "labels": [[1.0, 0.0] for _ in given],
                }
            ),
            loss=RankNetLoss(model),
        )
        return _trained(model, trainer, size, out)


def _settings(
    out: Path, size: Size, seed: int, device: Device
) -> dict[str, Any]:  # Any: what the trainer takes
    """What both trainers are told; nothing is logged, kept in between, or sent anywhere."""
    return {
        "output_dir": str(out),
        "max_steps": size.steps,
        "per_device_train_batch_size": size.batch,
        "learning_rate": size.learning_rate,
        "warmup_steps": size.steps // 10,
        "bf16": size.bf16,
        "seed": seed,
        "use_cpu": device == "cpu",
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def _trained(
    model: SentenceTransformer | CrossEncoder,
    trainer: SentenceTransformerTrainer | CrossEncoderTrainer,
    size: Size,
    out: Path,
) -> Path:
    """Train on texts cut at the size's tokens, and save a model that reads as many as it did before."""
    reads = model.max_seq_length
    model.max_seq_length = min(size.max_tokens, reads or size.max_tokens)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    model.max_seq_length = reads
    model.save_pretrained(str(out), create_model_card=False)
    return out


def _prepare(given: Sequence[Example]) -> None:
    """Refuse what cannot be trained, and no bars but our own."""
    if not given:
        raise UsageError("expected examples to train on, got none; make some with train.examples")
    if find_spec("accelerate") is None:
        raise MissingExtra("accelerate", '"rag-robust[train]"', "training")
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What a model that cannot be loaded is called."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"no model {name!r} to train ({reason}); give a folder, a hub id or a weight package"
        ) from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The trainer draws from global generators; they are as before when it is done."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
