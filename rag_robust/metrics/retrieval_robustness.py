"""Whether retrieval can only help: against the closed book, with more passages, in any order.

Right is 1 and anything else 0, in the original form. An empty answer fails all three: it holds its score and
is of no use. Refusing everything, or always being wrong, passes all three: these scores say that nothing
gets worse, not that anything is good. Read them beside `degenerate.policies`.

*Source*: Cao et al. (arXiv 2505.21870); its grid is k = 5, 10, 25, 50, 75, 100. *Where we differ*: the grid
and the orders are those of the suite's document conditions, "retrieved+top?k=5" and
"retrieved+reordered?order=reversed".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rag_robust.metrics._records import query_ids
from rag_robust.metrics._shares import linearised
from rag_robust.metrics.cells import ORIGINAL, Cell, cells
from rag_robust.types import Corpus, Record

__all__ = ["no_degradation", "order_robustness", "retrieval_robustness", "size_robustness"]

Values = NDArray[np.float64]
Own = Mapping[str, Cell]


def no_degradation(records: Sequence[Record], corpus: Corpus) -> Values:
    """NDR: whether the answer over retrieved passages is no worse than that without any."""
    return _each(records, corpus, _no_worse)


def size_robustness(records: Sequence[Record], corpus: Corpus) -> Values:
    """RSR: whether more retrieved passages never cost an answer that fewer gave; needs two sizes."""
    return _each(records, corpus, _monotone)


def order_robustness(records: Sequence[Record], corpus: Corpus) -> Values:
    """ROR: whether the answer is as right in every order of the retrieved passages; needs two orders."""
    return _each(records, corpus, _invariant)


def retrieval_robustness(records: Sequence[Record], corpus: Corpus) -> Values:
    """The geometric mean of NDR, RSR and ROR over the questions; nothing is scored without all three.

    The value of a question is linearised around it (`_shares.linearised`).
    """
    rules = (_no_worse, _monotone, _invariant)
    found = [(i, rule.__name__, v) for i, own in _own(records, corpus) for rule in rules for v in rule(own)]
    if {name for _, name, _ in found} < {rule.__name__ for rule in rules}:
        found = []
    return linearised(query_ids(records), found, _geometric)


def _geometric(means: Mapping[Hashable, float]) -> tuple[float, Mapping[Hashable, float]]:
    whole = math.prod(means.values()) ** (1 / max(1, len(means)))
    return whole, {g: whole / (len(means) * v) if v else 0.0 for g, v in means.items()}


def _each(records: Sequence[Record], corpus: Corpus, rule: Callable[[Own], list[float]]) -> Values:
    found = {query_id: rule(own) for query_id, own in _own(records, corpus)}
    values = [next(iter(found.get(query_id, ())), math.nan) for query_id in query_ids(records)]
    return np.array(values, dtype=np.float64)


def _own(records: Sequence[Record], corpus: Corpus) -> Iterator[tuple[str, Own]]:
    """The cells of each question by what was shown, in the original form."""
    found: dict[str, dict[str, Cell]] = {}
    for cell in cells(records, corpus):
        if cell.form == ORIGINAL and cell.answerable and not cell.found_for:
            found.setdefault(cell.record.query_id, {}).setdefault(cell.shown, cell)
    yield from found.items()


def _no_worse(own: Own) -> list[float]:
    if not {"none", "retrieved"} <= own.keys():
        return []
    after = own["retrieved"]
    return [float(after.outcome != "empty" and after.right >= own["none"].right)]


def _monotone(own: Own) -> list[float]:
    sizes = {size: cell for cell in own.values() if (size := _size(cell)) is not None}
    ordered = [sizes[size] for size in sorted(sizes)]
    if len(ordered) < 2:
        return []
    empty = any(cell.outcome == "empty" for cell in ordered)
    return [float(not empty and all(a.right <= b.right for a, b in pairwise(ordered)))]


def _invariant(own: Own) -> list[float]:
    orders = [c for c in own.values() if c.retrieved and c.operator.partition("?")[0] in ("", "reordered")]
    if len(orders) < 2 or "retrieved" not in own:
        return []
    return [float(all(c.outcome != "empty" and c.right == orders[0].right for c in orders))]


def _size(cell: Cell) -> int | None:
    """How many retrieved passages were shown, in their own order."""
    name, _, options = cell.operator.partition("?")
    if not cell.retrieved or name not in ("", "top"):
        return None
    noted = cell.record.notes.get("shown")
    if isinstance(noted, int | float):
        return int(noted)
    given = dict(option.partition("=")[::2] for option in options.split("&"))
    return int(given["k"]) if given.get("k", "").isdecimal() else None
