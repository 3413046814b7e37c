"""Users an attack is not about: a sample of the corpus' own judged queries, asked before and after it.

The queries of a concept have no judgements, so a measure such as nDCG@10 has nothing to say of them. It
is taken of this sample instead, under conditions of their own: "clean/benign" as the corpus was,
"gaslite/benign" with what the attack put in, each also behind every defence ("clean/benign/repetition@0.05").
The loss between the first and any other, query by query, is what the attack, the defence, or both cost
people who ask about anything. Attackers whose judged queries are the corpus' own need no such sample.
"""

from __future__ import annotations

from rag_robust import metrics
from rag_robust.assemble import Session
from rag_robust.seeds import generator
from rag_robust.suite import Suite
from rag_robust.task import Task
from rag_robust.threats import seen_queries
from rag_robust.types import CLEAN, Query

__all__ = ["BEFORE", "BENIGN", "NONE", "about", "asked_alone", "is_benign", "judged_condition", "sampled"]

BENIGN = "benign"
"""The part of a condition's name that says so."""

BEFORE = f"{CLEAN}/{BENIGN}"
"""The condition of the sample where nothing was changed: what its losses are taken from."""

NONE = "the corpus has no judged queries of which a sample could be taken"
"""Why there is no benign nDCG."""


def is_benign(condition: str) -> bool:
    """Whether the queries of a condition are the sample."""
    return BENIGN in condition.split("/")[1:]


def about(task: Task, metric: str) -> bool:
    """Whether a task's metric is taken of the sample: a measure of judged queries where there are none."""
    return task.kind == "attack" and task.knows == "knows-what" and metrics.of_judgements(metric)


def judged_condition(task: Task, metric: str) -> str:
    """The condition that a number is about where none is named: the method's own."""
    return f"{task.method}/{BENIGN}" if about(task, metric) else task.method


def asked_alone(suite: Suite, task: Task) -> Task | None:
    """The task as the sample meets it: no answers, and only as deep as its measures look.

    None where the task and its gates ask for no such measure.
    """
    wanted = [*task.metrics, *(gate.metric for gate in suite.gate if gate.task == task.name)]
    depths = [_cut(metric, task.depth) for metric in wanted if about(task, metric)]
    return task.model_copy(update={"generate": False, "depth": max(depths)}) if depths else None


def sampled(session: Session, task: Task) -> tuple[Query, ...]:
    """At most `task.benign` judged queries of the corpus, drawn by the suite's seed; () if there are none.

    A smaller sample is part of a larger one. Queries that a defender has seen come last.
    """
    corpus = session.corpus()
    judged = sorted(i for i in corpus.queries if any(g > 0 for g in corpus.qrels.get(i, {}).values()))
    seen = frozenset(seen_queries(session, task))
    drawn = [judged[i] for i in generator(session.suite.seed, BENIGN).permutation(len(judged))]
    drawn.sort(key=lambda i: corpus.queries[i].text in seen)
    most = min(task.benign, task.limit or task.benign)
    return tuple(corpus.queries[i] for i in drawn[:most])


def _cut(metric: str, otherwise: int) -> int:
    cut = metric.removesuffix(" drop").rpartition("@")[2]
    return int(cut) if cut.isdecimal() else otherwise
