"""Two runs of the same questions, before and after the documents changed: what that did to the answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rag_robust import stats
from rag_robust.errors import StoreError
from rag_robust.gates import task_corpus
from rag_robust.kept import same_answers
from rag_robust.metrics.answers import outcome
from rag_robust.store import Store
from rag_robust.suite import parse
from rag_robust.types import Query, Record

__all__ = ["Update", "compared"]


@dataclass(frozen=True, slots=True)
class Update:
    """One condition of a task in two runs.

    Of the questions whose answer stayed: `n` were judged in both runs, `before` and `after` are their
    shares of right answers, `only_before` and `only_after` how many were right in one alone, `p` is
    McNemar's. Of the `superseded` ones, the same question with an answer that means another thing:
    `renewed` got the new answer in the second run, `stale` still the old one. `withdrawn` stand in the
    first run alone, `new` in the second.
    """

    task: str
    condition: str
    n: int
    before: float
    after: float
    only_before: int
    only_after: int
    p: float
    superseded: int
    renewed: int
    stale: int
    withdrawn: int
    new: int


_Asked = dict[str, tuple[Query, Record]]


def compared(first: Store, second: Store) -> list[Update]:
    """Every condition of every question task that both runs have.

    Raises:
        StoreError: they have none in common.
    """
    one, two = _asked(first), _asked(second)
    found = [_update(*place, one[place], two[place]) for place in one if place in two]
    if not found:
        raise StoreError(
            f"expected question tasks of the same names in {first.folder} and {second.folder}, got none"
        )
    return found


def _asked(store: Store) -> dict[tuple[str, str], _Asked]:
    """By task and condition, what was asked and what came back."""
    suite = parse(store.meta("suite"), where=str(store.folder))
    corpora = {task.name: task_corpus(store, task) for task in suite.task if task.kind == "questions"}
    found: dict[tuple[str, str], _Asked] = {}
    for record in store.records():
        query = corpora[record.task].queries.get(record.query_id) if record.task in corpora else None
        if query is not None:
            found.setdefault((record.task, record.condition), {})[query.id] = (query, record)
    return found


def _update(task: str, condition: str, one: _Asked, two: _Asked) -> Update:
    shared = [i for i in one if i in two]
    changed = [i for i in shared if not same_answers(one[i][0].answers, two[i][0].answers)]
    same = [i for i in shared if i not in set(changed)]
    columns = [np.array([_right(*run[i]) for i in same], dtype=np.float64) for run in (one, two)]
    judged = np.isfinite(columns[0]) & np.isfinite(columns[1]) if same else np.zeros(0, dtype=bool)
    pairs = stats.mcnemar(*columns)
    before, after = (float(c[judged].mean()) if judged.any() else float("nan") for c in columns)
    return Update(
        task,
        condition,
        pairs.n,
        before,
        after,
        pairs.only_first,
        pairs.only_second,
        pairs.p,
        len(changed),
        sum(_right(*two[i]) == 1 for i in changed),
        sum(_right(*two[i]) != 1 and _right(one[i][0], two[i][1]) == 1 for i in changed),
        sum(i not in two for i in one),
        sum(i not in one for i in two),
    )


def _right(query: Query, record: Record) -> float:
    """1 for a right answer, 0 for another, NaN for a failure; to what has no answer a refusal is right."""
    if record.failure is not None or record.answer is None:
        return float("nan")
    return float(outcome(query, record.answer) == ("correct" if query.answers else "refusal"))
