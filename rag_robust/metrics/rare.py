"""RARE's robustness scores of question tasks, with a strict judge, under two named profiles.

A cell is one record (`cells`). For question i, k = 1 if the closed-book probe was right, c: the answer is
right, r: it is a refusal (a refusal is never right, an empty answer is neither). The cell is robust if

    c         where k = 1 (known: it must stay right whatever is shown)
    c         where k = 0 and the evidence was shown: gold, "different", and any other operator on the gold
              passages that left all of it there
    r         where k = 0 and it was taken out: "removed", "counterfactual", "stale", and any other operator
              that left not all of it there
    c or r    where k = 0 and passages were retrieved, whatever was done to them, in "rare-2025-06-13";
              in "rare-v1": c if any needed fact was among them, else r

Overall: all forms and documents. Query: reworded forms, gold. Document: original form, changed gold.
Retrieved: original form, retrieved and changed retrieved. Unanswerable questions have no gold: they are left
out.

*Source*: Zeng et al., RARE (arXiv 2506.00789), the released code of 2025-06-13, whose operators are
"removed" and "different", and that of 2025-05-25, which fits the paper's first version. *Where we differ*:
a strict judge and refusal test (an empty answer is never right, theirs always is); operators they do not
have are sorted by the evidence they leave; a question's value is the mean of its own cells, so that questions
and not cells are averaged; the weight of "retrieved" in the overall score grows with the number of such
records per form (three there). The first version showed every form what was retrieved for the original, and
its prompts had ids in the place of texts: neither is repeated. Missing cells are left out of the mean, failed
ones (and those without a probe where the rule needs k) too; a question is NaN only if none is left.

Refusing everything scores 2/3 overall there by construction: read the scores beside those of
`degenerate.policies`, and `balanced.balanced_robustness`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._shares import share
from rag_robust.metrics.cells import ORIGINAL, Cell
from rag_robust.types import Corpus, Record

__all__ = [
    "PROFILES",
    "Profile",
    "Rule",
    "rare_document",
    "rare_overall",
    "rare_query",
    "rare_retrieved",
    "rare_v1_document",
    "rare_v1_overall",
    "rare_v1_query",
    "rare_v1_retrieved",
    "rule",
]

Profile = Literal["rare-2025-06-13", "rare-v1"]
Rule = Literal["right", "refusal", "either"]
"""What is asked for where k = 0."""

PROFILES: tuple[Profile, ...] = ("rare-2025-06-13", "rare-v1")

_ALWAYS_GONE = frozenset({"removed", "counterfactual", "stale"})
Values = NDArray[np.float64]


def rule(cell: Cell, profile: Profile) -> Rule | None:
    """What a cell asks for where the answer is not known by heart; None if the evidence is not known."""
    if cell.retrieved:
        if profile == "rare-2025-06-13":
            return "either"
        return None if cell.evidence is None else "refusal" if cell.evidence == "none" else "right"
    if cell.operator.partition("?")[0].replace("-", "_") in _ALWAYS_GONE:
        return "refusal"
    if cell.operator in ("", "different"):
        return "right"
    return None if cell.evidence is None else "right" if cell.evidence == "full" else "refusal"


def rare_overall(records: Sequence[Record], corpus: Corpus) -> Values:
    """RARE's overall robustness of a question: the share of robust cells over all forms and documents."""
    return _score(records, corpus, lambda _: True, "rare-2025-06-13")


def rare_query(records: Sequence[Record], corpus: Corpus) -> Values:
    """RARE's query robustness of a question: the share of reworded forms robust on the gold documents."""
    return _score(records, corpus, _reworded, "rare-2025-06-13")


def rare_document(records: Sequence[Record], corpus: Corpus) -> Values:
    """RARE's document robustness of a question: robust cells of changed gold documents, original form."""
    return _score(records, corpus, _changed, "rare-2025-06-13")


def rare_retrieved(records: Sequence[Record], corpus: Corpus) -> Values:
    """RARE's real-world robustness of a question: robust cells of what was retrieved, original form."""
    return _score(records, corpus, _found, "rare-2025-06-13")


def rare_v1_overall(records: Sequence[Record], corpus: Corpus) -> Values:
    """RARE's overall robustness by the rules of its first version."""
    return _score(records, corpus, lambda _: True, "rare-v1")


def rare_v1_query(records: Sequence[Record], corpus: Corpus) -> Values:
    """RARE's query robustness by the rules of its first version, where it is the same."""
    return _score(records, corpus, _reworded, "rare-v1")


def rare_v1_document(records: Sequence[Record], corpus: Corpus) -> Values:
    """RARE's document robustness by the rules of its first version, where it is the same."""
    return _score(records, corpus, _changed, "rare-v1")


def rare_v1_retrieved(records: Sequence[Record], corpus: Corpus) -> Values:
    """RARE's real-world robustness by its first rules: a refusal is right over a miss alone."""
    return _score(records, corpus, _found, "rare-v1")


def _score(
    records: Sequence[Record], corpus: Corpus, chosen: Callable[[Cell], bool], profile: Profile
) -> Values:
    return share(records, corpus, lambda c: c.answerable and chosen(c), lambda c: _robust(c, profile))


def _reworded(cell: Cell) -> bool:
    return cell.form != ORIGINAL and cell.shown == "gold"


def _changed(cell: Cell) -> bool:
    return cell.form == ORIGINAL and not cell.retrieved and bool(cell.operator)


def _found(cell: Cell) -> bool:
    return cell.form == ORIGINAL and cell.retrieved


def _robust(cell: Cell, profile: Profile) -> bool | None:
    asked_for = rule(cell, profile)
    if cell.known or asked_for == "right":
        return cell.right
    if cell.known is None or asked_for is None:
        return None
    return cell.outcome == "refusal" or (asked_for == "either" and cell.right)
