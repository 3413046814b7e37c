"""Masked tokens: the tokens that make a passage similar to a query are improbable where they stand.

The tokens of greatest influence on the similarity are masked one at a time, and a masked language
model says how probable the original was. A trigger is influential and improbable; the words by which
a plain passage answers a query are influential too, but fit where they stand.

*Source*: Kim et al., Safeguarding RAG Pipelines with GMTP, Findings of ACL 2025 (arXiv 2507.18202),
with its N = 10 and M = 5. We differ: the query is the nearest of those the defender has seen; the
threshold comes from a false-alarm rate instead of a tenth of the mean benign score; the masked
model may have another vocabulary than the retriever, tokens are matched by where they stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rag_robust.defend._tools import Tools, needed
from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import ModelError, TargetError, UsageError
from rag_robust.generate.masked import MaskedModel
from rag_robust.types import Passage

__all__ = ["influential", "suspicion"]

USES: tuple[str, ...] = ("masked_model", "queries")


def suspicion(
    passages: Sequence[Passage], tools: Tools, *, n_tokens: int = 10, n_low: int = 5
) -> NDArray[np.float64]:
    """−log of the mean probability of the `n_low` least probable influential tokens, in nats, shape (n,).

    Monotone in the paper's score, so it flags the same passages. 0 for a passage without tokens.

    Raises:
        TargetError: no white-box encoder, no masked model or no queries (not applicable).
    """
    if not 1 <= n_low <= n_tokens:
        raise UsageError(f"expected 1 <= n_low <= n_tokens, got {n_low} and {n_tokens}")
    if not tools.queries:
        raise TargetError("the defence needs queries it has seen and was given none", "not_applicable")
    model = needed(tools.token_model, "gradients of the encoder")
    judge = needed(tools.masked_model, "a masked language model")
    queries = tools.once(
        f"queries by {model.encoder.fingerprint}", tools.queries, lambda: model.queries(list(tools.queries))
    )
    texts = [p.full for p in passages]
    spans = influential(texts, model, queries, n=n_tokens)
    return np.array([_improbable(t, s, judge, n_low) for t, s in zip(texts, spans, strict=True)], np.float64)


def _improbable(text: str, spans: Sequence[tuple[int, int]], judge: MaskedModel, n_low: int) -> float:
    found = judge.log_probs(text, spans)
    low = np.sort(found[np.isfinite(found)])[:n_low]
    return math.log(len(low)) - float(np.logaddexp.reduce(low)) if len(low) else 0.0


def influential(
    texts: Sequence[str], model: TokenModel, queries: NDArray[np.float32], *, n: int
) -> list[list[tuple[int, int]]]:
    """Where in each text the at most `n` tokens stand whose gradient norm is the greatest.

    g_i is the gradient at the input embedding of token i of the similarity to the nearest of
    `queries` (m, dim). Of the passage's own tokens, those with ‖g_i‖ at or above their mean are
    taken, greatest first, the earlier one of two equal. Gradients are taken text by text, so that no
    bit of one depends on its neighbours.
    """
    if not texts:
        return []
    nearest = queries[(model.encoder.encode(texts, "passage") @ queries.T).argmax(axis=1)]
    return [_influential(t, model, q, n) for t, q in zip(texts, nearest, strict=True)]


def _influential(text: str, model: TokenModel, query: NDArray[np.float32], n: int) -> list[tuple[int, int]]:
    spans = _spans(model, text)
    own = [i for i, (start, end) in enumerate(spans) if start < end]
    if not own:
        return []
    device = model.encoder.model.device
    ids, target = torch.tensor([model.ids(text)], device=device), torch.tensor(query, device=device)
    norms = model.gradient(ids, target)[0, own].norm(dim=-1).double().cpu().numpy()
    order = np.argsort(-norms, kind="stable")[:n]
    return [spans[own[i]] for i in order if norms[i] >= norms.mean()]


def _spans(model: TokenModel, text: str) -> list[tuple[int, int]]:
    try:
        return model.spans(text)
    except ModelError as error:
        raise TargetError(str(error), "not_applicable") from error
