"""Small sentence-transformers models of every kind: random weights, tokenizers that know the texts given."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    LayerNorm,
    Normalize,
    Pooling,
    Transformer,
)
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase

HIDDEN = 32
SPARE = 40
"""Rows of an embedding table beyond the vocabulary, as T5 and Qwen have them."""

Texts = Sequence[str]


@dataclass(frozen=True)
class Kind:
    """A kind of model: its tokenizer, its architecture, what follows it, its prompts and similarity."""

    tokenizer: Callable[[Texts], PreTrainedTokenizerBase]
    architecture: str
    settings: dict[str, object]
    pooling: str = "mean"
    include_prompt: bool = True
    after: Callable[[], list[torch.nn.Module]] = lambda: [Normalize()]
    prompts: dict[str, str] = field(default_factory=dict)
    similarity: str = "cosine"


def _trained(tokenizer: Tokenizer, trainer: object, texts: Texts) -> dict:
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]


def _byte_pairs(texts: Texts, special: list[str], size: int = 700) -> dict:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    model = _trained(tokenizer, trainer, texts)
    return {"vocab": model["vocab"], "merges": [tuple(m) for m in model["merges"]]}


def _unigram(texts: Texts, special: list[str]) -> list[tuple[str, float]]:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=600, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    vocabulary = {piece: round(score, 3) for piece, score in _trained(tokenizer, trainer, texts)["vocab"]}
    return [(piece, vocabulary[piece]) for piece in (*special, *sorted(vocabulary.keys() - {*special}))]


def _framed(tokenizer: PreTrainedTokenizerBase, template: str, token: str) -> PreTrainedTokenizerBase:
    known = [(token, tokenizer.convert_tokens_to_ids(token))]
    processor = processors.TemplateProcessing(single=template, pair=f"{template} $B", special_tokens=known)
    tokenizer.backend_tokenizer.post_processor = processor
    return tokenizer


def bert(texts: Texts) -> PreTrainedTokenizerBase:
    """WordPiece, lower case, [CLS] and [SEP]."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [f"##{c}" for c in sorted({c for text in texts for c in text.lower()})]  # else in random order
    trainer = trainers.WordPieceTrainer(
        vocab_size=700, special_tokens=[*special, *letters], show_progress=False
    )
    vocabulary = _trained(tokenizer, trainer, texts)["vocab"]
    return transformers.BertTokenizerFast(vocab=vocabulary, clean_up_tokenization_spaces=True)


def roberta(texts: Texts) -> PreTrainedTokenizerBase:
    """Byte-level BPE; a word's first letter carries the space before it; <s> and </s>."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    return transformers.RobertaTokenizerFast(**_byte_pairs(texts, special))


def xlm_roberta(texts: Texts) -> PreTrainedTokenizerBase:
    """SentencePiece Unigram, <s> and </s>."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    return transformers.XLMRobertaTokenizerFast(vocab=_unigram(texts, special))


def t5(texts: Texts) -> PreTrainedTokenizerBase:
    """SentencePiece Unigram, only </s>, and <extra_id_0> and so on at the end."""
    return transformers.T5TokenizerFast(vocab=_unigram(texts, ["<pad>", "</s>", "<unk>"]), extra_ids=10)


def gpt2(texts: Texts) -> PreTrainedTokenizerBase:
    """Byte-level BPE that adds no special token."""
    tokenizer = transformers.GPT2TokenizerFast(**_byte_pairs(texts, ["<|endoftext|>"]))
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def qwen2(texts: Texts) -> PreTrainedTokenizerBase:
    """Byte-level BPE, <|endoftext|> at the end, padded on the left, with the marks of a chat."""
    made = transformers.Qwen2TokenizerFast(**_byte_pairs(texts, ["<|endoftext|>"]), padding_side="left")
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    made.add_tokens(["<think>"])
    return _framed(made, "$A <|endoftext|>", made.eos_token)


def llama(texts: Texts) -> PreTrainedTokenizerBase:
    """SentencePiece BPE with bytes to fall back to, <s> in front."""
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=special, show_progress=False)
    model = _trained(tokenizer, trainer, texts)
    merges = [tuple(m) for m in model["merges"]]
    made = transformers.LlamaTokenizerFast(vocab=model["vocab"], merges=merges)
    made.pad_token = made.eos_token
    return _framed(made, "<s> $A", made.bos_token)


_BERT = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 160,
    "initializer_range": 0.2,
}
_DECODER = _BERT | {"num_key_value_heads": 2}
_GPT2 = {"n_embd": HIDDEN, "n_head": 4, "n_layer": 2, "n_positions": 160, "initializer_range": 0.2}
_T5 = {"d_model": HIDDEN, "d_kv": 8, "d_ff": 64, "num_heads": 4, "num_layers": 2}
_ASK = {"query": "query: ", "document": "passage: "}
_INSTRUCT = {"query": "Instruct: find passages that answer\nQuery:"}
_REPRESENT = {kind: f"Represent the {kind}: " for kind in _ASK}


def _dense() -> list[torch.nn.Module]:
    return [Dense(HIDDEN, 24, bias=False, activation_function=torch.nn.Identity()), Normalize()]


def _dense_norm() -> list[torch.nn.Module]:
    return [Dense(HIDDEN, 24), LayerNorm(24)]


KINDS = {
    "bert-mean": Kind(bert, "Bert", _BERT),
    "bert-cls-prompts": Kind(bert, "Bert", _BERT, pooling="cls", after=list, prompts=_ASK),
    "bert-dense-norm-dot": Kind(bert, "Bert", _BERT, after=_dense_norm, similarity="dot"),
    "roberta": Kind(roberta, "Roberta", _BERT),
    "roberta-prompt-unpooled": Kind(roberta, "Roberta", _BERT, include_prompt=False, prompts=_ASK),
    "xlm-roberta-prompts": Kind(xlm_roberta, "XLMRoberta", _BERT, prompts=_ASK),
    "t5-dense": Kind(t5, "T5", _T5, after=_dense),
    "t5-prompt-unpooled": Kind(t5, "T5", _T5, include_prompt=False, prompts=_REPRESENT),
    "gpt2-no-special-dot": Kind(gpt2, "GPT2", _GPT2, "weightedmean", after=list, similarity="dot"),
    "qwen2-last": Kind(qwen2, "Qwen2", _DECODER, "lasttoken", prompts=_INSTRUCT),
    "llama-last-dot": Kind(llama, "Llama", _DECODER, "lasttoken", after=list, similarity="dot"),
}


def build(name: str, texts: Texts, folder: Path) -> Path:
    """A sentence-transformers folder of that kind."""
    kind = KINDS[name]
    tokenizer = kind.tokenizer(texts)
    own = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("pad", "bos", "eos")}
    config = getattr(transformers, f"{kind.architecture}Config")(
        **kind.settings, **own, vocab_size=len(tokenizer) + SPARE
    )
    torch.manual_seed(0)
    encoder_only = "EncoderModel" if kind.architecture == "T5" else "Model"
    getattr(transformers, kind.architecture + encoder_only)(config).save_pretrained(folder / "transformer")
    tokenizer.save_pretrained(folder / "transformer")
    first = Transformer(str(folder / "transformer"), max_seq_length=96)
    pooling = Pooling(HIDDEN, kind.pooling, include_prompt=kind.include_prompt)
    whole = SentenceTransformer(
        modules=[first, pooling, *kind.after()],
        prompts=kind.prompts or None,
        similarity_fn_name=kind.similarity,
        device="cpu",
    )
    whole.save(str(folder / "model"), create_model_card=False)
    return folder / "model"
