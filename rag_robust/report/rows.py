"""What the page shows about single queries: both rankings, what was changed, and what was answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_robust.report.answered import Answered, Context, answers, judged
from rag_robust.report.changes import Piece, Told, Written, differing, edits, told
from rag_robust.report.rankings import Ranking, Scene, first_place, ranking
from rag_robust.report.words import label, score
from rag_robust.types import CLEAN, Certificate, Query, Record

__all__ = ["Row", "rows"]

Tag = tuple[str, str]
"""Words, and whether they are "good", "bad" or "plain" news."""

_FAILURES = {"budget": ("over budget", "plain"), "not_applicable": ("not applicable", "plain")}
_OUTCOMES = (
    ("correct", "right", "plain"),
    ("refusal", "refused", "plain"),
    ("wrong", "wrong", "bad"),
    ("empty", "empty", "bad"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A query with everything seen about it; `same` says that both rankings are equal."""

    text: str
    expected: tuple[str, ...]
    tags: tuple[Tag, ...]
    reworded: tuple[Piece, ...]
    failures: tuple[str, ...]
    rankings: tuple[Ranking, ...]
    same: bool
    change: Told | None
    witness: tuple[Written, ...]
    answers: tuple[Answered, ...]
    contexts: tuple[Context, ...]
    proof: tuple[tuple[str, str], ...]


def rows(
    scene: Scene, records: Sequence[Record], *, own_changes: bool, most: int
) -> tuple[tuple[Row, ...], int]:
    """A row for each of the first `most` queries that were judged, and how many are left out.

    Of an attack with several trials the first is shown. `own_changes`: every query has a change of
    its own, which is told in its row.
    """
    grouped: dict[str, list[Record]] = {}
    first_seed = min((r.seed for r in records), default=0)
    for record in records:
        first = record.seed == first_seed and record.condition in {CLEAN, scene.task.method}
        if scene.task.kind == "questions" or first:
            grouped.setdefault(record.query_id, []).append(record)
    queries = [scene.corpus.queries.get(i, Query(i, i)) for i in grouped]
    told = [_row(scene, q, grouped[q.id], own_changes=own_changes) for q in queries[:most]]
    return tuple(told), max(0, len(queries) - most)


def _row(scene: Scene, query: Query, records: Sequence[Record], *, own_changes: bool) -> Row:
    last = records[-1]
    listed = _listed(scene, records)
    same = len(listed) == 2 and _ids(listed[0]) == _ids(listed[1]) and not last.inserted
    change = scene.change(last)
    reworded = change.reworded.get(query.id) if change else None
    body = scene.changes.get(last.change) if own_changes else None
    answered, contexts = answers(scene, query, records)
    return Row(
        text=query.text,
        expected=query.answers,
        tags=tuple(_tags(scene, query, records)),
        reworded=differing(query.text, reworded) if reworded is not None else (),
        failures=tuple(_failures(scene, records)),
        rankings=tuple(ranking(scene, r) for r in (listed[:1] if same else listed)),
        same=same,
        change=told("the change for this query", body, scene.corpus) if body else None,
        witness=_witness(scene, last),
        answers=answered,
        contexts=contexts,
        proof=tuple(_proof(last.certificate)) if last.certificate else (),
    )


def _listed(scene: Scene, records: Sequence[Record]) -> list[Record]:
    """Records whose rankings are shown: clean and judged, or what each query form retrieved."""
    wanted = [r for r in records if not r.failure]
    if scene.task.kind == "questions":
        wanted = [r for r in wanted if r.condition.endswith("/retrieved")]
    return wanted[:2]


def _ids(record: Record) -> list[str]:
    return [hit.passage_id for hit in record.hits]


def _failures(scene: Scene, records: Sequence[Record]) -> Iterator[str]:
    """What went wrong; for questions it stands beside the answers."""
    if scene.task.kind != "questions":
        for record in records:
            if record.failure:
                kind = record.failure.kind.replace("_", " ")
                yield f"{label(record.condition, scene.task)}: {kind}: {record.failure.message}"


def _tags(scene: Scene, query: Query, records: Sequence[Record]) -> Iterator[Tag]:
    """What a reader looks for first."""
    last = records[-1]
    if scene.task.kind == "questions":
        yield from _answer_tags(query, records)
        return
    if last.failure:
        yield _FAILURES.get(last.failure.kind, (last.failure.kind, "bad"))
        return
    if last.certificate:
        yield from _proof_tags(last.certificate)
        return
    if scene.task.kind == "attack":
        yield _attack_tag(scene, last)
    yield from _relevant_tag(scene, records)
    if last.answer is not None and (word := judged(query, last)):
        yield word, {"correct": "good", "wrong": "bad"}.get(word, "plain")


def _answer_tags(query: Query, records: Sequence[Record]) -> Iterator[Tag]:
    outcomes = [judged(query, r) for r in records if not r.condition.endswith("/none")]
    counts = Counter(outcomes)
    for kind, word, news in _OUTCOMES:
        if counts[kind]:
            yield f"{counts[kind]} {word}", news
    if failed := sum(r.failure is not None for r in records):
        yield f"{failed} failed", "bad"


def _proof_tags(certificate: Certificate) -> Iterator[Tag]:
    verdict = certificate.verdict
    yield verdict, {"certified": "good", "attacked": "bad"}.get(verdict, "plain")
    if certificate.worst_ranks:
        yield f"an outsider can reach {min(certificate.worst_ranks.values())}", "plain"


def _attack_tag(scene: Scene, record: Record) -> Tag:
    rank = first_place(record, set(record.inserted))
    word = "edited" if set(record.inserted) & set(scene.corpus.passages) else "inserted"
    where = f"at {rank}" if rank else f"not in the first {len(record.hits)}"
    return f"{word} {where}", "bad" if rank and rank <= scene.task.k else "good"


def _relevant_tag(scene: Scene, records: Sequence[Record]) -> Iterator[Tag]:
    """Where the first relevant passage stood before and stands now."""
    gold = {p for p, grade in scene.corpus.qrels.get(records[-1].query_id, {}).items() if grade > 0}
    if not gold:
        return
    places = [first_place(r, gold) for r in (records[0], records[-1]) if not r.failure]
    if not any(places):
        yield "relevant not found", "bad"
    elif len(set(places)) > 1:
        moved = " → ".join(str(place or "lost") for place in places)
        yield f"relevant {moved}", "bad" if places[-1] == 0 else "plain"
    else:
        yield f"relevant at {places[0]}", "plain"


def _witness(scene: Scene, record: Record) -> tuple[Written, ...]:
    """The edits that break a list, from its certificate."""
    if record.certificate is None or record.certificate.witness is None:
        return ()
    return tuple(edits(record.certificate.witness, scene.corpus))


def _proof(certificate: Certificate) -> Iterator[tuple[str, str]]:
    """The claim of a certificate in the words of the page."""
    words = "word" if certificate.swaps == 1 else "words"
    yield "claim", f"the top {certificate.k} holds if {certificate.swaps} {words} per passage may be replaced"
    yield "verdict", certificate.verdict
    yield f"least score in the top {certificate.k}", score(certificate.low)
    high = "not known" if certificate.high is None else score(certificate.high)
    yield "greatest score an outsider can get", high
    yield "texts scored", f"{certificate.samples:,}"
    yield "chance of error", f"{certificate.alpha:g}" if certificate.alpha else "none, every text was tried"
    yield "substitutions", certificate.source
