"""White-box access to an encoder: token ids, vectors of ids, gradients at chosen positions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rag_robust.encode.sentence_transformers import MIN_ROWS, TOKENS_PER_BATCH, SentenceEncoder, cast
from rag_robust.errors import ModelError
from rag_robust.types import Encoder, Kind, Work

__all__ = ["Embed", "TokenModel", "token_model"]

Embed = Callable[[Sequence[str], Kind], NDArray[np.float32]]
"""What an encoder does to texts."""

ANCHORS = ("the", "house", "xq")
"""Words that a token may continue when it is tried for a place inside a word."""


def token_model(encoder: Encoder) -> TokenModel:
    """The white-box side of an encoder.

    Raises:
        ModelError: this encoder has no tokens and gradients to offer.
    """
    inner = getattr(encoder, "encoder", encoder)
    if not isinstance(inner, SentenceEncoder):
        raise ModelError(
            f"gradients need a sentence-transformers model, got {type(inner).__name__}; "
            "use a black-box attack, or name a surrogate encoder"
        )
    return TokenModel(inner)


@dataclass(frozen=True)
class TokenModel:
    """Token ids in, vectors and gradients out; V tokens, vectors of length dim, embeddings of length h.

    A `target` is one vector (dim,) for all rows or one per row (n, dim). `work` counts what was computed.
    """

    encoder: SentenceEncoder
    work: Work = field(default_factory=Work, compare=False)

    @cached_property
    def low(self) -> TokenModel:
        """The same model in bfloat16, for screening: about twice as fast where the processor has it."""
        same = {id(self._tokenizer): self._tokenizer}  # to copy a vocabulary takes longer than the weights
        model = cast(copy.deepcopy(self.encoder.model, same), torch.bfloat16)
        low = TokenModel(replace(self.encoder, model=model), self.work)
        low.__dict__["allowed"] = self.allowed
        return low

    @cached_property
    def n_weights(self) -> int:
        """Weights that every token passes: all but the embedding tables."""
        model = self.encoder.model
        tables = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
        return sum(p.numel() for p in model.parameters() if id(p) not in tables)

    @property
    def cosine(self) -> bool:
        """True if the similarity is cosine and vectors are unit length."""
        return self.encoder.similarity == "cosine"

    @property
    def matrix(self) -> torch.Tensor:
        """The input embedding table W, shape (V, h); V may be larger than the vocabulary."""
        return self._layer.weight.detach()

    @cached_property
    def gram(self) -> torch.Tensor:
        """WᵀW, shape (h, h): ‖W g‖² = gᵀ WᵀW g, so a gradient over V tokens is normed without forming it."""
        table = self.matrix.float()
        return table.T @ table

    @cached_property
    def allowed(self) -> torch.Tensor:
        """Which tokens an attacker may write, shape (V,): printable ASCII, none with a meaning of its own.

        Special, unused and added tokens are out: a passage that steers the model by its control
        tokens is another attack. A token also has to survive decode and encode, by itself or after
        one of the anchors: as a word of its own, or as the continuation of one.
        """
        texts = self._texts([[i] for i in range(len(self.matrix))])
        tokenizer = self._tokenizer
        banned = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
        plain = [
            i not in banned and bool(t.strip()) and t.isascii() and t.isprintable() and not _reserved(t)
            for i, t in enumerate(texts)
        ]
        left = [i for i, good in enumerate(plain) if good]
        again = self._plain([texts[i].strip() for i in left])
        ok = {i for i, a in zip(left, again, strict=True) if a == [i]}
        for before in self._plain(ANCHORS):
            left = [i for i in left if i not in ok]
            survives = self._survive([[*before, i] for i in left])
            ok |= {i for i, good in zip(left, survives, strict=True) if good}
        return torch.tensor([i in ok for i in range(len(texts))], device=self.encoder.model.device)

    def words(self) -> tuple[list[str], NDArray[np.float32]]:
        """Alphabetic words that are one token in the middle of a text, with their input embeddings (n, h)."""
        known = [t.strip().lower() for t in self._texts([[i] for i in range(len(self.matrix))])]
        texts = list(dict.fromkeys(t for t in known if len(t) > 2 and t.isalpha()))
        rows = self._plain([f" {t}" for t in texts])
        found = {t: r[0] for t, r in zip(texts, rows, strict=True) if len(r) == 1 and self.allowed[r[0]]}
        return list(found), self.matrix[list(found.values())].float().cpu().numpy()

    @property
    def _tokenizer(self) -> Any:  # transformers types it differently in every release
        return self.encoder.model.tokenizer

    def _plain(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of texts by themselves, no prompt and no special tokens."""
        tokenizer = self._tokenizer.backend_tokenizer  # three times faster here than through its wrapper
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return [found.ids for found in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def _texts(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """The text of each row of ids; tidying of spaces, which changes tokens, is not done."""
        decode = self._tokenizer.backend_tokenizer.decode_batch
        return list(decode(list(rows), skip_special_tokens=True))

    def _survive(self, rows: Sequence[list[int]]) -> list[bool]:
        """Whether each row of ids is what its own text tokenises to."""
        again = self._plain([t.strip() for t in self._texts(rows)])
        return [a == b for a, b in zip(rows, again, strict=True)]

    @cached_property
    def _layer(self) -> torch.nn.Embedding:
        """The embedding layer that sees the very ids of a passage, whatever the architecture calls it."""
        seen: list[torch.nn.Embedding] = []
        ids = torch.tensor([self.ids("the house")], device=self.encoder.model.device)

        def note(module: Any, inputs: tuple[Any, ...], _: object) -> None:
            if inputs and torch.equal(inputs[0], ids):
                seen.append(module)

        layers = [m for m in self.encoder.model.modules() if isinstance(m, torch.nn.Embedding)]
        with _hooked(layers, note), torch.inference_mode():
            self.encoder.forward(ids)
        if not seen:
            raise ModelError(
                f"{self.encoder.name} has no input embeddings to attack; name a surrogate encoder"
            )
        return seen[0]

    def ids(self, text: str) -> list[int]:
        """The ids of a passage as the victim will see it: prompt, special tokens, truncation and all."""
        return self.encoder.tokenize([text], "passage")[0]

    def ids_many(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of several passages in one call of the tokenizer."""
        return self.encoder.tokenize(texts, "passage")

    @property
    def max_tokens(self) -> int:
        """Tokens of a passage that the model reads, prompt and special tokens apart."""
        frame = len(self.ids("a")) - self.n_tokens("a")
        return int(min(self.encoder.model.max_seq_length or 10**9, 10**9)) - frame

    def n_tokens(self, text: str) -> int:
        """Tokens of a text standing as a passage, prompt and special tokens left out: the unit of a budget.

        Behind a prompt, a word may have other tokens than at the very beginning; nothing is cut off here.
        """
        prompt = self.encoder.prompt("passage")
        whole, lead = self._plain([f"{prompt}{text}", prompt.rstrip()])
        return len(whole) - len(lead)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids, special tokens left out."""
        return self._texts([list(ids)])[0]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The characters of `text` that each of its `ids` stands for; empty for prompt and special tokens.

        Raises:
            ModelError: the model sees passages inside a chat template.
        """
        found = self.encoder.features([text], "passage", return_offsets_mapping=True)
        if found.get("modality", "text") != "text":
            raise ModelError(
                f"{self.encoder.name} puts passages into a chat template; name a surrogate encoder"
            )
        shift = len(self.encoder.prompt("passage"))
        spans = [
            (min(start, end - 1), end) for start, end in found["offset_mapping"][0]
        ]  # a lone space is (n, n)
        return [(max(0, start - shift), end - shift) if end > shift else (0, 0) for start, end in spans]

    def queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Query vectors, shape (n, dim)."""
        return self.encoder.encode(texts, "query")

    def counted(self, embed: Embed) -> Embed:
        """`embed`, which is this encoder asked as text, with every text counted as the pass that it is."""

        def counting(texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
            tokens = sum(map(len, self.encoder.tokenize(texts, kind)))
            self.work.forward(len(texts), tokens, self.n_weights)
            return embed(texts, kind)

        return counting

    def similarity(self, ids: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Similarity of each row of `ids` (n, length) to its target: shape (n,), no gradient."""
        return (self.vectors(ids) * target).sum(dim=-1)

    def vectors(self, ids: torch.Tensor) -> torch.Tensor:
        """The vector of each row of `ids` (n, length): shape (n, dim), no gradient."""
        step = max(MIN_ROWS, TOKENS_PER_BATCH // ids.shape[1])
        self.work.forward(len(ids), ids.numel(), self.n_weights)
        with torch.inference_mode():
            pieces = [(self.encoder.filled(rows), len(rows)) for rows in torch.split(ids, step)]
            return torch.cat([self.encoder.forward(rows)[:n] for rows, n in pieces])

    def gradient(self, ids: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """∂ similarity / ∂ input embedding, one row's similarity at a time: (n, length) -> (n, length, h).

        The embedding layer's output is replaced by a leaf, so the gradient is exact for any
        architecture; batches keep memory bounded.
        """
        step = max(1, TOKENS_PER_BATCH // ids.shape[1] // 4)
        self.work.gradient(len(ids), ids.numel(), self.n_weights)
        targets = target.expand(len(ids), -1)
        rows = zip(torch.split(ids, step), torch.split(targets, step), strict=True)
        return torch.cat([self._gradient(few, wanted) for few, wanted in rows])

    def _gradient(self, ids: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        leaves: list[torch.Tensor] = []

        def cut(_: object, __: object, output: torch.Tensor) -> torch.Tensor:
            leaves.append(output.detach().requires_grad_())
            return leaves[-1]

        with torch.enable_grad(), _hooked([self._layer], cut):
            total = (self.encoder.forward(ids) * target).sum()
        return torch.autograd.grad(total, leaves[0])[0].float()


def _reserved(text: str) -> bool:
    bare = text.strip()
    return bare.startswith(("[unused", "<unused", "<extra_id", "<|reserved"))


@contextmanager
def _hooked(layers: Sequence[torch.nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    handles = [layer.register_forward_hook(hook) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
