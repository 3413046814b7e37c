"""Certificates without a suite: a corpus and a ranker in, for every query what is proved of its list."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rag_robust import metrics, stats
from rag_robust.errors import TargetError
from rag_robust.listed import certificate
from rag_robust.lone_list import Opened, Rows
from rag_robust.seeds import generator
from rag_robust.types import Certificate, Corpus, Estimate, Query, Record

__all__ = ["certified", "crq"]

_LEVEL = 0.95


def certified(at: Opened, rows: Rows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Certify the queries whose rows are not there yet; yields how many are over, and the row.

    Raises:
        UsageError: the list, the substitutions or a parameter make no sense.
    """
    for done, query in enumerate(at.queries):
        if rows.done(query.id):
            continue
        started = time.perf_counter()
        row = {"query_id": query.id, "query": query.text, **_proved(at, query)}
        row["seconds"] = round(time.perf_counter() - started, 4)
        rows.add([row])
        yield done + 1, rows.kept[-1]


def crq(rows: Sequence[Mapping[str, Any]], depth: int) -> dict[int, Estimate]:
    """The share of certified queries for every k that leaves somebody outside, with its exact interval."""
    proofs = [row for row in rows if "failure" not in row]
    found = {}
    for k in range(1, depth):
        asked = [row["certified"][k - 1] for row in proofs if len(row["certified"]) >= k]
        if asked:
            low, high = stats.clopper_pearson(sum(asked), len(asked), _LEVEL)
            unscored = len(rows) - len(asked)
            rate = sum(asked) / len(asked)
            found[k] = Estimate(rate, low, high, _LEVEL, len(asked), unscored, "Clopper-Pearson")
    return found


def _proved(at: Opened, query: Query) -> dict[str, object]:
    case = at.case
    rng = generator(case.seed, "certificate")  # alike for all queries, so passages share their samples
    try:
        proof = certificate(at.world, case.task, query, lambda: at.allowed, rng)
    except TargetError as error:
        return {"failure": {"kind": error.kind, "message": str(error)}}
    about = {"depth": len(proof.scores), "seed": case.seed, "model": at.world.fingerprint}
    return _fields(proof) | _derived(proof, query, at.world.corpus) | about


def _fields(proof: Certificate) -> dict[str, object]:
    """The certificate's own fields; None for what is not known."""
    witness = proof.witness
    return {
        "verdict": proof.verdict,
        "method": proof.method,
        "ranker": proof.ranker,
        "k": proof.k,
        "swaps": proof.swaps,
        "source": proof.source,
        "synonyms": proof.synonyms,
        "parameters": dict(proof.parameters),
        "first_stage": proof.first_stage,
        "alpha": proof.alpha,
        "samples": proof.samples,
        "low": _finite(proof.low),
        "high": _finite(proof.high),
        "scores": dict(proof.scores),
        "lower": {i: _finite(x) for i, x in proof.lower.items()},
        "upper": {i: proof.upper.get(i) for i in proof.scores},
        "worst_ranks": proof.worst_ranks,
        "witness": {p.id: p.text for p in witness.edited.values()} if witness else None,
        "reason": proof.reason,
    }


def _derived(proof: Certificate, query: Query, corpus: Corpus) -> dict[str, object]:
    """What follows for every k, and what is left of RR and nDCG."""
    record = Record("", "", proof.method, query.id, 0, certificate=proof)

    def value(metric: str) -> float | None:
        found = float(metrics.load(metric)([record], corpus)[0])
        return found if np.isfinite(found) else None

    places = range(1, len(proof.scores))
    return {
        "certified": [bool(value(f"certified@{k}")) for k in places],
        "hostile": [int(value(f"hostile@{k}") or 0) for k in places],
        "rr@10": value("certified_rr@10"),
        "ndcg@10": value("certified_ndcg@10"),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
