"""Questions of a written set, asked over the corpus as it is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rag_robust.errors import CorpusError
from rag_robust.questions import Question, QuestionSet
from rag_robust.questions.ask import GraphQuery, from_json, solve
from rag_robust.questions.compose import composed
from rag_robust.questions.draft import Draft
from rag_robust.questions.rare_format import RareRecord, read_records
from rag_robust.questions.verbalise import Verbaliser
from rag_robust.questions.wordings import WORDS
from rag_robust.questions.world import World
from rag_robust.types import Corpus, Fact, Query

__all__ = ["kept"]

_NOBODY = Fact("", "", "", "", "", 0, 0)


def kept(place: str, corpus: Corpus, n: int | None, prepared: Callable[[], World]) -> QuestionSet:
    """At most `n` questions of a folder that `rag-robust questions` wrote, or of a file in RARE's format.

    A question of ours is asked of the corpus' graph again: it keeps its id and its words, and is dropped as
    "superseded" if its answer is another one now, or with the reason why it can no longer be asked. Records
    without a graph query, such as RARE's own, are taken at their word; their passages must be there.

    Raises:
        CorpusError: there is no such set, or none of it can be asked of this corpus.
    """
    path = Path(place) / "questions.jsonl" if Path(place).is_dir() else Path(place)
    dropped: Counter[str] = Counter()
    questions: list[Question] = []
    for record in read_records(path):
        if len(questions) == n:
            break
        held = record.more.get("graph_query")
        found = _again(record, from_json(held), prepared()) if held else _as_told(record, corpus)
        if isinstance(found, str):
            dropped[found] += 1
        else:
            questions.append(found)
    if not questions:
        raise CorpusError(
            f"{path}: no question can be asked of this corpus (dropped: {dict(dropped)}); is it the one "
            "they were written from?"
        )
    return QuestionSet(tuple(questions), dict(sorted(dropped.items())), len(questions))


def _again(record: RareRecord, query: GraphQuery, world: World) -> Question | str:
    """The question as the graph answers it now, or why it falls."""
    pattern, kind = str(record.more.get("pattern", "single")), str(record.more.get("kind", ""))
    if not record.answers:
        if solve(world.graph, query).answers:
            return "superseded"
        return Question(Query(record.id, record.question), _NOBODY, (), pattern, kind, query)
    verbaliser = Verbaliser(world.graph, 0, world.articled, WORDS)
    found = composed(world, verbaliser, Draft(pattern, kind, query), text=record.question)
    if isinstance(found, Question) and found.query.answers != record.answers:
        return "superseded"
    return found


def _as_told(record: RareRecord, corpus: Corpus) -> Question | str:
    if any(passage_id not in corpus.passages for passage_id in record.gold) or not record.gold:
        return "its passages are not in the corpus"
    fact = Fact("", "", "", "", record.gold[0], 0, 0)
    pattern = record.multi_hop_type.replace("_", " ") or "single"
    return Question(Query(record.id, record.question, record.answers), fact, record.gold, pattern)
