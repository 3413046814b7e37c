"""What one replaced word per passage can do to a ranking: exact, by trying every one.

Claim. Let s be the scorer, d_1 ... d_N the listed passages, S_1(d) the passage and every version of it with
one word replaced from the source, and u_j = max { s(d') : d' in S_1(d_j) }. With d_1 ... d_k unattacked, no
choice of versions for all outsiders j > k together brings an outsider into the top k if and only if
min_{i<=k} s(d_i) > max_{j>k} u_j. Ties count for the attacker.

Why. Left to right: the outsider with the greatest u_j alone, in its best version, is beaten by no outsider,
and if some incumbent does not beat it either, fewer than k passages do. Right to left: every incumbent beats
every version of every outsider. So the best single attack and the certificate are one enumeration, with no
sampling error, and one passage is enough for a witness.

Scope. The listed passages only: one that is not a candidate can still be promoted into the list by an earlier
stage. The order inside the top k is not certified.

Source. CertDR, Definition 3.2 (certified top-K robust), at one substitution instead of a share of the words.
We differ: CertDR bounds a smoothed ranker by sampling and compares ranks K and K+1 only; here the model
itself is certified, over all listed passages, and alpha is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rag_robust.certify.substitute import variants
from rag_robust.certify.synonyms import Source
from rag_robust.errors import ModelError, UsageError
from rag_robust.text import words
from rag_robust.types import Certificate, Change, Passage, Query, Score

__all__ = ["best_variants", "certify"]


def certify(
    query: Query,
    ranking: Sequence[Passage],
    *,
    k: int,
    score: Score,
    source: Source,
    max_per_word: int | None = None,
    max_variants: int | None = None,
    freeze_query: bool = False,
) -> Certificate:
    """Prove that no one word replaced in any outsider brings it into the top `k`, or show the one that does.

    `ranking` holds N > k passages, best first; the top `k` is taken from it as it stands, so an order that
    is not `score`'s own can be attacked but never certified wrongly. `max_per_word` narrows each set of
    `source`, `freeze_query` keeps words of the query from being replaced; `Certificate.source` names both.
    `max_variants` per passage caps the work: a passage with more is tried in part, its worst rank is left
    out, `high` is then only the greatest score found, and the verdict is "attacked" or "undecided".

    Raises:
        UsageError: k < 1, no outsider, or an id listed twice.
        ModelError: the scorer did not return one finite number per text.
    """
    _refuse(ranking, k)
    whole = _families(query, ranking[k:], source, max_per_word, freeze_query)
    tried = [family if max_variants is None else family[: max_variants + 1] for family in whole]
    scores, n_texts = _scored(query, [*([p] for p in ranking[:k]), *tried], score)
    clean = np.array([s[0] for s in scores])  # (N,) s(d_i)
    best = np.array([s.max() for s in scores])  # (N,) u_j for the outsiders
    low, high = float(clean[:k].min()), float(best[k:].max())
    first = int(best[k:].argmax())
    witness = tried[first][int(scores[k + first].argmax())]
    complete = [len(part) == len(family) for part, family in zip(tried, whole, strict=True)]
    return Certificate(
        method="one-swap",
        k=k,
        swaps=1,
        source=_threat(source, max_per_word, freeze_query),
        alpha=0.0,
        samples=n_texts,
        low=low,
        high=high,
        verdict="attacked" if high >= low else "certified" if all(complete) else "undecided",
        worst_ranks={
            passage.id: 1 + int((clean > u).sum())  # d_j itself never counts: u_j >= s(d_j)
            for passage, u, known in zip(ranking[k:], best[k:], complete, strict=True)
            if known
        },
        witness=Change(edited={witness.id: witness}) if high >= low else None,
    )


def best_variants(
    query: Query,
    passages: Sequence[Passage],
    *,
    score: Score,
    source: Source,
    max_per_word: int | None = None,
    freeze_query: bool = False,
) -> list[tuple[float, Passage]]:
    """For each passage the greatest score at most one replaced word can give it, and the version that has it.

    The optimal one-swap attack, by the enumeration `certify` uses. The passage itself is the answer where
    no version scores higher; of equal versions the first in reading order is.

    Raises:
        ModelError: the scorer did not return one finite number per text.
    """
    families = _families(query, passages, source, max_per_word, freeze_query)
    scores, _ = _scored(query, families, score)
    return [(float(s.max()), f[int(s.argmax())]) for s, f in zip(scores, families, strict=True)]


def _refuse(ranking: Sequence[Passage], k: int) -> None:
    if not 1 <= k < len(ranking):
        raise UsageError(f"expected 1 <= k < {len(ranking)} listed passages, got k={k}; list more candidates")
    if len({passage.id for passage in ranking}) < len(ranking):
        raise UsageError("expected each passage once in the ranking, got an id twice; remove the repetition")


def _families(
    query: Query, passages: Sequence[Passage], source: Source, max_per_word: int | None, freeze_query: bool
) -> list[list[Passage]]:
    """S_1 of every passage, the passage itself first; titles are not touched."""
    frozen = words(query.text) if freeze_query else ()
    return [
        [
            p,
            *(
                replace(p, text=t)
                for _, t in variants(p.text, source, frozen=frozen, max_per_word=max_per_word)
            ),
        ]
        for p in passages
    ]


def _scored(
    query: Query, families: Sequence[Sequence[Passage]], score: Score
) -> tuple[list[NDArray[np.float64]], int]:
    """Scores of each family, from one call with each distinct text once; and how many those were."""
    texts = list(dict.fromkeys(passage.full for family in families for passage in family))
    values = np.asarray(score(query.text, texts), dtype=np.float64) if texts else np.empty(0)
    if values.shape != (len(texts),) or not np.isfinite(values).all():
        raise ModelError(
            f"expected {len(texts)} finite scores for query {query.id}, got shape {values.shape} with "
            f"{int((~np.isfinite(values)).sum())} not finite; mend the scorer"
        )
    known = dict(zip(texts, values.tolist(), strict=True))
    return [np.array([known[passage.full] for passage in family]) for family in families], len(texts)


def _threat(source: Source, max_per_word: int | None, freeze_query: bool) -> str:
    narrowed = [
        *([f"first {max_per_word} per word"] if max_per_word is not None else []),
        *(["query words frozen"] if freeze_query else []),
    ]
    return ", ".join([source.hash, *narrowed])
