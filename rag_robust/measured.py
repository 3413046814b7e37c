"""What is measured of a change: how near its texts come to the queries, what they cost, how they read."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rag_robust.assemble import Session
from rag_robust.attacks import tools
from rag_robust.attacks._space import as_passage, check_space
from rag_robust.errors import BudgetError
from rag_robust.listed import scorer
from rag_robust.seeds import generator
from rag_robust.suspicions import Suspicions
from rag_robust.task import Task
from rag_robust.text import changed_words, words
from rag_robust.threats import encoders, judged_queries, make_attack
from rag_robust.types import Attack, Change, Encoder, Passage, Query

__all__ = ["WORK_VERSION", "Effort", "facts"]

SAMPLE = 200
"""Passages of the corpus, drawn by the suite's seed, that an inserted one is compared with."""

WORK_VERSION = 2
"""Raised when counts change meaning: 2 has the forward half of gradients, and texts that are read."""

_COUNTED = ("forwards", "backwards", "tokens", "flops")


@dataclass(slots=True)
class Effort:
    """What an attack has spent, an interrupted run of it included; starts when it is made.

    `wall_s` and `cpu_s` are seconds; `forwards` and `backwards` count sequences of tokens that went
    through what has a `work`: the attacker's encoders, by gradients or as embeddings, and its view, for
    its language model; with their `tokens` and `flops`. What a text costs that the victim scores, ranks
    or answers is a call, and in the seconds.
    """

    models: Sequence[object] = ()
    before: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = self._now()

    def spent(self) -> dict[str, float]:
        """Seconds and counts so far."""
        now = self._now()
        return {name: value - self.before[name] for name, value in now.items()}

    def carry(self, spent: Mapping[str, float]) -> None:
        """Add what an interrupted run had spent."""
        for name, value in spent.items():
            self.before[name] = self.before.get(name, 0.0) - value

    def _now(self) -> dict[str, float]:
        works = {id(m): getattr(m, "work", None) for m in self.models}.values()
        counts = {name: sum(getattr(work, name, 0) for work in works) for name in _COUNTED}
        return {"wall_s": time.perf_counter(), "cpu_s": time.process_time(), **counts}


def facts(session: Session, task: Task, known: Sequence[Query], change: Change) -> dict[str, object]:
    """The measures of what was put in, edited or reworded, taken on the texts by the victim's encoder.

    Edited ones, and a reworded query, have `swaps` changed words in all, `changed_share` of their words,
    `inside` (whether all are versions that the task's substitutions have, for attacks that use them) and,
    if the task asks for `fluency`, `similarity` to what they were, by `encoder`, and `perplexity`, means
    over the texts. One edited passage has the score that the victim gives it for the one query it was edited
    for, with the statistics of the unchanged corpus: its `frozen_score`.
    Of inserted ones:

    Lists have a value per passage. With c the mean of the known queries' vectors and v a passage's:
    `cosine` is cos(v, c), `ceiling` is ‖c‖, `held_in` the mean similarity ⟨v, e_q⟩ to the known
    queries (cosine · ceiling for unit vectors) and `held_out` that to the judged ones; the two
    with `_best` are means over queries of the best passage's. `surrogates` holds `cosine` and
    `ceiling` for each encoder the attacker had instead. `norm`, the length of v before any scaling (of
    sentence-transformers models), and, if the task asks for `fluency`, `surprise` (nats a token) are what the
    filters "norm" and "perplexity" look at; their `_percentile` is the share of a sample of the corpus that
    stays below.
    """
    if (attack := _attack(session, task)).threat.writes != "insert":
        return _edits(session, task, attack, known[0], change)
    if not change.inserted:
        return {}
    corpus, encoder = session.corpus(), session.world_of(task).encoder
    measured: dict[str, object] = {"poisoning_rate": len(change.inserted) / max(1, len(corpus.passages))}
    texts = [p.full for p in change.inserted]
    if encoder is not None:
        judged = () if task.knows == "knows-all" else judged_queries(session, task)
        measured |= {"similarity": encoder.similarity, **_near(encoder, texts, known)}
        measured |= _means(encoder, texts, "held_in", known) | _means(encoder, texts, "held_out", judged)
        if session.token_model(task.system) is not None:
            measured |= _among(session, "norm", session.suspicions("norm", task.system), change.inserted)
    if task.surrogates:
        named = [(e.fingerprint, _near(e, texts, known)) for e in encoders(session, task)]
        measured["surrogates"] = [{"encoder": name, **near} for name, near in named]
    if task.fluency:
        measured |= _among(
            session, "surprise", session.suspicions("perplexity", task.system), change.inserted
        )
    return measured


def _attack(session: Session, task: Task) -> Attack:
    return make_attack(task.method, task, session.concept(task) if task.concept else None)


def _edits(session: Session, task: Task, attack: Attack, query: Query, change: Change) -> dict[str, object]:
    """What became of texts that were there: edited passages, or the reworded query."""
    passages = session.world_of(task).corpus.passages
    before = [*(passages[i] for i in change.edited), *(as_passage(query) for _ in change.reworded)]
    after = [*change.edited.values(), *(Passage(i, text) for i, text in change.reworded.items())]
    swaps = sum(changed_words(a.full, b.full) for a, b in zip(before, after, strict=True))
    total = sum(len(words(p.full)) for p in before)
    measured: dict[str, object] = {"swaps": swaps, "changed_share": swaps / max(1, total)}
    if "space" in tools(attack):
        allowed = session.substitutions(task)
        try:
            check_space(change, {p.id: p for p in before}, lambda p: allowed.space(p.text, query.text))
        except BudgetError:
            measured["inside"] = False
        else:
            measured["inside"] = True
    score = scorer(session.world_of(task))
    if score is not None and task.knows == "knows-all" and len(change.edited) == 1:
        measured["frozen_score"] = float(score(query.text, [after[0].full])[0])
    return measured | (_read(session, task, before, after) if task.fluency and after else {})


def _read(
    session: Session, task: Task, before: Sequence[Passage], after: Sequence[Passage]
) -> dict[str, object]:
    """How edited texts read, and how near they are to what they were."""
    surprise = session.language_model().surprise([p.full for p in after])
    told: dict[str, object] = {"perplexity": float(np.exp(surprise).mean())}
    if (encoder := session.world_of(task).encoder) is None:
        return told
    old, new = (encoder.encode([p.full for p in some], "passage") for some in (before, after))
    near = np.einsum("nd,nd->n", old.astype(np.float64), new.astype(np.float64))
    if encoder.similarity == "dot":
        near /= np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    return told | {"similarity": float(near.mean()), "encoder": encoder.fingerprint}


def _near(encoder: Encoder, texts: Sequence[str], known: Sequence[Query]) -> dict[str, object]:
    centre = encoder.encode([q.text for q in known], "query").mean(axis=0)
    ceiling = float(np.linalg.norm(centre))
    vectors = encoder.encode(texts, "passage")
    lengths = np.linalg.norm(vectors, axis=1) if encoder.similarity == "dot" else np.ones(len(vectors))
    return {"ceiling": ceiling, "cosine": (vectors @ centre / ceiling / lengths).astype(float).tolist()}


def _means(encoder: Encoder, texts: Sequence[str], name: str, queries: Sequence[Query]) -> dict[str, object]:
    """Mean similarity of each text to the queries, and of the best text per query."""
    if not queries:
        return {}
    vectors = encoder.encode(texts, "passage").astype(np.float64)
    similarity = vectors @ encoder.encode([q.text for q in queries], "query").T.astype(np.float64)
    return {name: similarity.mean(axis=1).tolist(), f"{name}_best": float(similarity.max(axis=0).mean())}


def _among(
    session: Session, name: str, suspicions: Suspicions, inserted: Sequence[Passage]
) -> dict[str, object]:
    """What a filter looks at in inserted passages, and the share of a sample of the corpus that has less."""
    own, usual = suspicions.of(inserted, inserted), suspicions.of(_sample(session))
    return {name: own.tolist(), f"{name}_percentile": [float((usual < value).mean()) for value in own]}


def _sample(session: Session) -> list[Passage]:
    passages = session.corpus().passages
    ids = sorted(passages)
    drawn = generator(session.suite.seed, "sample of passages").permutation(len(ids))[:SAMPLE]
    return [passages[ids[i]] for i in sorted(drawn.tolist())]
