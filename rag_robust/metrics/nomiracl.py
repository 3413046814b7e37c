"""NoMIRACL's two rates: answers where nothing relevant was retrieved, and refusals where something was.

Nothing: no needed fact was among what was retrieved; something: all of them were. Over a part of several
facts a refusal is as good as the answer, so it is in neither rate (there, questions need one passage). Over
every form and whatever was done to the retrieved passages. An empty answer counts against the system in both.

*Source*: Thakur et al., NoMIRACL (arXiv 2312.11361): hallucination rate and error rate; there relevance is
judged by people, and GPT-4 has 33.2 % and 14.9 %.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._shares import share
from rag_robust.metrics.cells import Cell
from rag_robust.types import Corpus, Record

__all__ = ["nomiracl_error", "nomiracl_hallucination"]


def nomiracl_hallucination(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """NoMIRACL's hallucination rate: P(no refusal | nothing relevant was retrieved), luck included."""
    return share(records, corpus, _missed, lambda c: c.outcome != "refusal")


def nomiracl_error(records: Sequence[Record], corpus: Corpus) -> NDArray[np.float64]:
    """NoMIRACL's error rate: P(refusal or empty | the evidence was retrieved)."""
    return share(records, corpus, _found, lambda c: c.outcome in ("refusal", "empty"))


def _missed(cell: Cell) -> bool:
    return cell.retrieved and cell.evidence == "none"


def _found(cell: Cell) -> bool:
    return cell.retrieved and cell.evidence == "full"
