"""What many tests start from; nothing here imports torch before a test asks for a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from rag_robust import corpus
from rag_robust.text import words
from rag_robust.types import Corpus

if TYPE_CHECKING:
    from rag_robust.encode.sentence_transformers import SentenceEncoder
    from rag_robust.encode.tokens import TokenModel

# what passes here passes elsewhere; `pytest --hypothesis-seed=random` or another profile looks further
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def tiny() -> Corpus:
    """60 passages, 20 queries, hand-made and awkward on purpose; values are frozen, so one is enough."""
    return corpus.load("tiny")


@pytest.fixture(scope="session")
def encoder_folder(tiny: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder: two BERT layers of random weights that know the tiny corpus."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    known = {w.lower() for p in tiny.passages.values() for w in words(p.full)}
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"!?.,:;-'",
        *letters,
        *(f"##{c}" for c in letters),
    ]
    vocabulary += sorted(w for w in known if w.isascii() and w.isalpha() and len(w) > 1)
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.set_num_threads(1)  # tiny matrices: more threads only wait for each other
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.2,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder / "bert")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=96)
    model = SentenceTransformer(modules=[transformer, Pooling(32), Normalize()], device="cpu")
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


@pytest.fixture(scope="session")
def encoder(encoder_folder: Path) -> SentenceEncoder:
    """The random-weight model, loaded."""
    from rag_robust.encode import sentence_transformers

    return sentence_transformers.load(str(encoder_folder))


@pytest.fixture(scope="session")
def token_model(encoder: SentenceEncoder) -> TokenModel:
    """White-box access to it."""
    from rag_robust.encode.tokens import TokenModel

    return TokenModel(encoder)
