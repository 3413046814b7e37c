"""Policies that understand nothing, and the ideal one: what every score is to be read beside.

A metric that a degenerate policy can win says little about a system that wins it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from rag_robust.metrics.answers import listed, states
from rag_robust.metrics.cells import evidence
from rag_robust.seeds import digest
from rag_robust.text import words
from rag_robust.types import Corpus, Failure, Query, Record

__all__ = ["WINNABLE", "Policy", "baseline_records", "policies"]

Policy = Callable[[Query, Sequence[str]], str]
"""What is answered to a query when these texts are shown; no model, no randomness."""

_REFUSAL = "I don't know."
_ALWAYS_REFUSE = "refusing everything gets"
_NOTHING_WORSE = "refusing everything, or always being wrong, gets 1: nothing gets worse"

WINNABLE: Mapping[str, str] = {
    "rare_overall": f"{_ALWAYS_REFUSE} 2/3 with RARE's documents",
    "rare_document": f"{_ALWAYS_REFUSE} 1/2 with RARE's documents, as much as copying the evidence",
    "rare_retrieved": f"{_ALWAYS_REFUSE} 1, whatever was retrieved",
    "rare_v1_overall": f"{_ALWAYS_REFUSE} a share of every miss of the retriever",
    "rare_v1_document": f"{_ALWAYS_REFUSE} 1/2 with RARE's documents, as much as copying the evidence",
    "rare_v1_retrieved": f"{_ALWAYS_REFUSE} 1 wherever the retriever misses",
    "no_degradation": _NOTHING_WORSE,
    "order_robustness": _NOTHING_WORSE,
    "size_robustness": _NOTHING_WORSE,
    "retrieval_robustness": _NOTHING_WORSE,
    "refusing": "refusing everything gets 1; read it beside answering",
}
"""Scores that a policy which understands nothing can win or nearly win, and how; reports say so."""


def policies() -> dict[str, Policy]:
    """The policies by name; "ideal" answers if the shown texts say the answer and refuses otherwise."""
    return {
        "always refuse": lambda _, __: _REFUSAL,
        "always wrong": lambda _, __: "qwxz",
        "copy the evidence": lambda _, texts: "\n".join(texts),
        "empty answer": lambda _, __: "",
        "ideal": _ideal,
        "random span": _random_span,
        "repeat the question": lambda query, _: query.text,
    }


def baseline_records(
    records: Sequence[Record], corpus: Corpus, contexts: Mapping[tuple[str, str], Sequence[str]]
) -> dict[str, list[Record]]:
    """The same grid of questions and conditions, answered by each policy instead of the system.

    Where a record tells how much of the evidence was shown, "ideal" goes by that: it answers if all of it
    was, and refuses otherwise.

    Args:
        records: what the system did; only answers and failures are replaced.
        corpus: where the questions and their answers are.
        contexts: (query_id, condition) to the texts shown there; closed-book conditions need none.
            Any other cell without an entry is NOT APPLICABLE for the baselines.
    """
    return {
        name: [_answered(record, corpus, contexts, policy) for record in records]
        for name, policy in policies().items()
    }


def _answered(
    record: Record, corpus: Corpus, contexts: Mapping[tuple[str, str], Sequence[str]], policy: Policy
) -> Record:
    texts = contexts.get((record.query_id, record.condition))
    if texts is None and record.condition.endswith("/none"):
        texts = ()
    query = corpus.queries.get(record.query_id)
    if texts is None or query is None:
        failure = Failure("not_applicable", "what was shown to the system was not kept")
        return replace(record, answer=None, failure=failure)
    if policy is _ideal and "covered" in record.notes:
        texts = query.answers[:1] if evidence(record) == "full" else ()
    notes = {name: note for name, note in record.notes.items() if not name.startswith("withstands")}
    return replace(record, answer=policy(query, texts), failure=None, notes=notes)


def _ideal(query: Query, texts: Sequence[str]) -> str:
    for truth in query.answers:
        if any(states(text, truth) for text in texts):
            return truth
    members = listed(query.answers)
    if members and all(any(states(text, member) for text in texts) for member in members):
        return query.answers[0]
    return _REFUSAL


def _random_span(query: Query, texts: Sequence[str]) -> str:
    """Three words in a row from the texts, at a place that hangs on the query's id alone."""
    found = words(" ".join(texts))
    start = int(digest("random span", query.id)[:8], 16) % max(1, len(found) - 2)
    return " ".join(found[start : start + 3])
