"""RARE's robustness scores of question tasks, with a strict judge, and what they leave out.

Conditions are named "form/documents". Forms: "original" and the reworded ones. Documents: "none"
(closed book, original form only), "gold" (the evidence), "removed" (the evidence with the answer taken
out), "different" (the answer kept, the words changed), "retrieved" (what the system finds).

A cell is one record. For question i, k = 1 if the closed-book probe was right, c: the answer is right,
r: it is a refusal (see `answers.outcome`; a refusal is never right). The cell is robust if

    c         where k = 1 (known: it must stay right whatever is shown)
    c         where k = 0 and documents are gold or different
    r         where k = 0 and documents are removed
    c or r    where k = 0 and documents are retrieved

*Source*: Zeng et al., RARE (arXiv 2506.00789), the released code of 2025-06-13, profile
"rare-2025-06-13". *Where we differ*: a strict judge and refusal test (an empty answer is never
right, theirs always is); a question's value is the mean of its own cells, so that questions and not
cells are averaged; the weight of "retrieved" in the overall score grows with the number of retriever
records per form (three there, as many as the task has here). Missing cells are left out of the mean,
failed ones (and "removed" and "retrieved" without a probe, whose rule needs k) too; a question is NaN only
if none is left. Refusing everything scores 2/3 overall there by construction: read the scores
beside those of `degenerate.policies` and beside `over_refusal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import mean, query_ids
from rag_robust.metrics.answers import Outcome, outcome
from rag_robust.types import Corpus, Record

__all__ = [
    "hallucination",
    "harmful_retrieval",
    "over_refusal",
    "rare_document",
    "rare_overall",
    "rare_query",
    "rare_retrieved",
]

_ORIGINAL = "original"
_SHOWN = ("gold", "removed", "different", "retrieved")


@dataclass(frozen=True, slots=True)
class _Cell:
    form: str
    documents: str
    known: bool | None  # None: no usable closed-book probe
    outcome: Outcome


def rare_overall(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """RARE's overall robustness of a question: the share of robust cells over all forms and documents."""
    return _share(records, corpus, lambda c: c.documents in _SHOWN, _robust)


def rare_query(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """RARE's query robustness of a question: the share of reworded forms robust on the gold documents."""
    return _share(records, corpus, lambda c: c.form != _ORIGINAL and c.documents == "gold", _robust)


def rare_document(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """RARE's document robustness of a question: robust cells of "removed" and "different", original form."""
    return _share(
        records, corpus, lambda c: c.form == _ORIGINAL and c.documents in ("removed", "different"), _robust
    )


def rare_retrieved(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """RARE's real-world robustness of a question: robust cells of what was retrieved, original form."""
    return _share(records, corpus, lambda c: c.form == _ORIGINAL and c.documents == "retrieved", _robust)


def over_refusal(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """How often an answer is withheld though the evidence was shown, for what is not known by heart.

    P(refusal or empty | k = 0, documents gold or different), all forms; NaN where k = 1. An empty
    answer withholds as much as a refusal: otherwise saying nothing would win here.
    """
    return _share(
        records,
        corpus,
        lambda c: c.known is False and c.documents in ("gold", "different"),
        lambda c: c.outcome in ("refusal", "empty"),
    )


def hallucination(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """How often a wrong answer is given though neither the documents nor the model had the answer.

    P(wrong | k = 0, documents removed), all forms; NaN where k = 1. A right answer is luck and no
    hallucination; refusing always scores 0 here and 1 in `over_refusal`: read both.
    """
    return _share(
        records,
        corpus,
        lambda c: c.known is False and c.documents == "removed",
        lambda c: c.outcome == "wrong",
    )


def harmful_retrieval(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """How often documents cost an answer that the model has by heart.

    P(not right | k = 1) over all forms and shown documents; NaN where k = 0.
    """
    return _share(
        records,
        corpus,
        lambda c: c.known is True and c.documents in _SHOWN,
        lambda c: c.outcome != "correct",
    )


def _share(
    records: Sequence[Record],
    corpus: Corpus,
    chosen: Callable[[_Cell], bool],
    value: Callable[[_Cell], bool | None],
) -> NDArray[np.float64]:
    """Per question the share of chosen cells for which `value` is true; None leaves a cell out."""
    grouped = _cells(records, corpus)
    shares = []
    for query_id in query_ids(records):
        got = [value(cell) for cell in grouped.get(query_id, ()) if chosen(cell)]
        shares.append(mean([float(v) for v in got if v is not None]))
    return np.array(shares, dtype=np.float64)


def _cells(records: Sequence[Record], corpus: Corpus) -> dict[str, list[_Cell]]:
    """The usable cells of each question, the closed-book probe turned into `known`."""
    outcomes: dict[str, list[tuple[str, str, Outcome]]] = {}
    for record in records:
        query = corpus.queries.get(record.query_id)
        if query is None or not query.answers or record.failure is not None or record.answer is None:
            continue
        form, _, documents = record.condition.partition("/")
        got = outcome(query, record.answer)
        outcomes.setdefault(record.query_id, []).append((form, documents, got))
    return {query_id: _known(seen) for query_id, seen in outcomes.items()}


def _known(seen: Sequence[tuple[str, str, Outcome]]) -> list[_Cell]:
    probes = [got for form, documents, got in seen if (form, documents) == (_ORIGINAL, "none")]
    known = "correct" in probes if probes else None
    return [_Cell(form, documents, known, got) for form, documents, got in seen]


def _robust(cell: _Cell) -> bool | None:
    right, refusal = cell.outcome == "correct", cell.outcome == "refusal"
    if cell.known or cell.documents in ("gold", "different"):
        return right
    if cell.known is None:
        return None
    return refusal if cell.documents == "removed" else right or refusal
