"""What a system does with the evidence it is shown, kept apart by what it knows by heart.

k and e are those of `cells`: k = 1 if the closed-book answer was right, e how much of the evidence was shown.
Every score but `truthfulness` is a share of one kind of cell and says nothing by itself: a system that
always refuses never hallucinates, and one that never refuses withholds nothing. The whole is
`balanced_robustness`.

*Source*: the cells are recommended where RARE (arXiv 2506.00789) is criticised for letting refusals win.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import query_ids
from rag_robust.metrics._shares import linearised, share
from rag_robust.metrics.cells import Cell, expected, grid
from rag_robust.types import Corpus, Record

__all__ = [
    "BOUNDS",
    "answering",
    "balanced_robustness",
    "hallucination",
    "harmful_retrieval",
    "lucky",
    "nothing_said",
    "over_refusal",
    "recovery",
    "refusing",
    "truthfulness",
]

BOUNDS = {"truthfulness": (-1.0, 1.0)}

Values = NDArray[np.float64]


def balanced_robustness(records: Sequence[Record], corpus: Corpus) -> Values:
    """How well a system answers what it can and refuses what it cannot, both counting half.

    Cells are (k, e) with e full, partial or none. Of each the share that is as `cells.expected`; an
    answer is due where k = 1 or e is full, a refusal is right in the others. The score is the mean over
    the non-empty cells of each side, then over the two sides (of answers alone, where no other cell is
    there). Without a cell in which an answer is due nothing is scored: there refusing would win.
    The value of a question is `linearised`.

    *Where we differ from a plain mean over cells*: there, refusing everything gets 2/3 where
    evidence may be partial; here a policy that knows nothing and never looks gets 1/2 at most.
    """
    return _balanced(records, corpus, sides=("answer", "refuse"))


def answering(records: Sequence[Record], corpus: Corpus) -> Values:
    """The half of `balanced_robustness` in which an answer is due: the mean over its cells."""
    return _balanced(records, corpus, sides=("answer",))


def refusing(records: Sequence[Record], corpus: Corpus) -> Values:
    """The half of `balanced_robustness` in which a refusal is right: an empty answer is none.

    Refusing everything scores 1 here and 0 in `answering`.
    """
    return _balanced(records, corpus, sides=("refuse",))


def over_refusal(records: Sequence[Record], corpus: Corpus) -> Values:
    """How often an answer is withheld though the evidence was shown, for what is not known by heart.

    P(refusal or empty | k = 0, e full), all forms; NaN where k = 1. An empty answer withholds as much
    as a refusal: otherwise saying nothing would win here.
    """
    return share(records, corpus, _could_answer, lambda c: c.outcome in ("refusal", "empty"))


def recovery(records: Sequence[Record], corpus: Corpus) -> Values:
    """How often the evidence gives an answer to what is not known by heart: P(right | k = 0, e full)."""
    return share(records, corpus, _could_answer, lambda c: c.right)


def hallucination(records: Sequence[Record], corpus: Corpus) -> Values:
    """How often a wrong answer is given though neither the documents nor the model had the answer.

    P(wrong | k = 0, e none), all forms; NaN where k = 1. A right answer is luck and no hallucination;
    refusing always scores 0 here and 1 in `over_refusal`: read both.
    """
    return share(records, corpus, _could_not_answer, lambda c: c.outcome == "wrong")


def lucky(records: Sequence[Record], corpus: Corpus) -> Values:
    """How often an answer is right that nothing shown or known supports: P(right | k = 0, e none)."""
    return share(records, corpus, _could_not_answer, lambda c: c.right)


def harmful_retrieval(records: Sequence[Record], corpus: Corpus) -> Values:
    """How often documents cost an answer that the model has by heart.

    P(not right | k = 1) over all forms and shown documents; NaN where k = 0.
    """
    return share(records, corpus, lambda c: c.known is True, lambda c: not c.right)


def truthfulness(records: Sequence[Record], corpus: Corpus) -> Values:
    """Right answers less wrong ones, P(right) - P(wrong), over all forms and shown documents, in [-1, 1].

    Refusals and empty answers count 0. *Source*: CRAG (arXiv 2406.04744), without its half marks.
    """
    return share(records, corpus, lambda _: True, lambda c: float(c.right) - float(c.outcome == "wrong"))


def nothing_said(records: Sequence[Record], corpus: Corpus) -> Values:
    """How often there is no answer, not even a refusal: an empty one, or a failure of whatever kind.

    Over all that was asked, the closed book included; where an operator could not make a context,
    nothing was asked.
    """
    del corpus
    values: dict[str, list[bool]] = {query_id: [] for query_id in query_ids(records)}
    for record in records:
        if record.failure is not None and record.failure.kind not in ("not_applicable", "budget"):
            values[record.query_id].append(True)
        elif record.failure is None and record.answer is not None:
            values[record.query_id].append(not record.answer.strip())
    return np.array([sum(v) / len(v) if v else math.nan for v in values.values()], dtype=np.float64)


def _could_answer(cell: Cell) -> bool:
    return cell.known is False and cell.evidence == "full"


def _could_not_answer(cell: Cell) -> bool:
    return cell.known is False and cell.evidence == "none"


def _balanced(records: Sequence[Record], corpus: Corpus, *, sides: Sequence[str]) -> Values:
    def whole(means: Mapping[Hashable, float]) -> tuple[float, Mapping[Hashable, float]]:
        groups = [own for side in sides if (own := [g for g in means if g in _CELLS[side]])]
        slopes = {g: 1 / (len(groups) * len(own)) for own in groups for g in own}
        return math.fsum(means[g] * slope for g, slope in slopes.items()), slopes

    found = list(_told(records, corpus))
    if "answer" in sides and not any(group in _CELLS["answer"] for _, group, _ in found):
        found = []
    wanted = {group for side in sides for group in _CELLS[side]}
    return linearised(query_ids(records), [one for one in found if one[1] in wanted], whole)


_CELLS: Mapping[str, frozenset[Hashable]] = {
    "answer": frozenset({(True, "full"), (True, "partial"), (True, "none"), (True, None), (False, "full")}),
    "refuse": frozenset({(False, "partial"), (False, "none")}),
}
"""(k, e) by what is due."""


def _told(records: Sequence[Record], corpus: Corpus) -> Iterator[tuple[str, Hashable, float]]:
    """Question, group (k, e) and whether it was as expected, of every cell that expects something."""
    for query_id, own in grid(records, corpus).items():
        for cell in own:
            if (got := expected(cell)) is not None:
                yield query_id, (bool(cell.known), cell.evidence), float(got)
