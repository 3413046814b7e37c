"""Questions in RARE's own record format, hop order kept: what is written, and what is read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag_robust.errors import CorpusError
from rag_robust.questions.ask import to_json
from rag_robust.questions.graph import Edge
from rag_robust.questions.question import Question
from rag_robust.types import Corpus, Query

__all__ = ["RareRecord", "as_record", "queries", "read_records", "write_records"]

_LISTS = ("answer_chunk_ids", "entity_1", "relation", "entity_2", "source_sentences")


@dataclass(frozen=True, slots=True)
class RareRecord:
    """One record of RARE-Set, or of ours, which has more fields.

    The lists `entity_1`, `relation`, `entity_2` and `source_sentences` are in hop order. In
    RARE's own records `answer_chunk_ids` is a set in any order; in ours it has one id per fact, so
    that `zip` joins them. `more` are all other fields as they stand.
    """

    id: str
    question: str
    answer: str
    answer_chunk_ids: tuple[str, ...]
    entity_1: tuple[str, ...] = ()
    relation: tuple[str, ...] = ()
    entity_2: tuple[str, ...] = ()
    source_sentences: tuple[str, ...] = ()
    multi_hop_type: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gold(self) -> tuple[str, ...]:
        """Every passage that counts as relevant: `gold` of our records, else the answer's chunks."""
        return tuple(dict.fromkeys(self.more.get("gold", self.answer_chunk_ids)))

    @property
    def answers(self) -> tuple[str, ...]:
        """Every spelling that counts as right; none if the question cannot be answered."""
        return tuple(self.more.get("answers", (self.answer,) if self.answer else ()))


def as_record(question: Question, corpus: Corpus, *, domain: str = "") -> dict[str, Any]:
    """The record of a question as JSON values.

    RARE's fields, then ours: `pattern`, `kind`, `hops`, `answers` (all spellings), `answer_sets`,
    `answer_type`, `valid` and `evidence` per fact (every span that states it), `ways` (the facts
    of each way to an answer, by place in these lists), `gold`, `graph_query`, which is the answer
    key. Facts are in hop order, those of the first way first.
    """
    edges: dict[tuple[str, ...], Edge] = {edge.key: edge for way in question.ways for edge in way}
    place = {key: i for i, key in enumerate(edges)}
    first = [edge.evidence[0] for edge in edges.values()]
    answers = list(question.query.answers)
    record: dict[str, Any] = {
        "id": question.query.id,
        "question": question.query.text,
        "answer": answers[0] if answers else "",
        "answer_chunk_ids": [e.passage_id for e in first],
        "entity_1": [edge.subject for edge in edges.values()],
        "relation": [edge.relation for edge in edges.values()],
        "entity_2": [edge.object for edge in edges.values()],
        "source_sentences": [corpus.passages[e.passage_id].text[e.start : e.end] for e in first],
        "metadata": {"domain": domain, "answerable": bool(answers)},
        "qa_score": None,
        "pattern": question.pattern,
        "kind": question.kind,
        "hops": question.hops,
        "answers": answers,
        "answer_sets": [list(names) for names in question.answer_sets],
        "answer_type": question.answer_type,
        "valid": [[edge.valid, edge.until] for edge in edges.values()],
        "evidence": [[[e.passage_id, e.start, e.end] for e in edge.evidence] for edge in edges.values()],
        "ways": [[place[edge.key] for edge in way] for way in question.ways],
        "gold": list(question.gold),
        "graph_query": to_json(question.asks) if question.asks else None,
    }
    if question.hops > 1:
        record["multi_hop_type"] = question.pattern.replace(" ", "_")
    return record


def write_records(records: Iterable[Mapping[str, Any]], path: Path) -> None:
    """One JSON object per line, in UTF-8; the file appears only when it is complete."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
    part.replace(path)


def read_records(path: Path) -> list[RareRecord]:
    """The records of a .jsonl file, or of a .json file with a list or a mapping of them.

    Raises:
        CorpusError: the file cannot be read, or a record lacks id, question or answer_chunk_ids.
    """
    try:
        text = path.read_text(encoding="utf-8")
        rows = _rows(text)
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"{path}: expected records as JSON or a JSON object per line, got {error}"
        ) from error
    return [_record(row, f"{path}, record {i}") for i, row in enumerate(rows, 1)]


def queries(records: Iterable[RareRecord]) -> tuple[list[Query], dict[str, dict[str, int]]]:
    """The queries of records and their judgements, all passages of a question being relevant."""
    found, judged = [], {}
    for record in records:
        found.append(Query(record.id, record.question, record.answers))
        judged[record.id] = dict.fromkeys(record.gold, 1)
    return found, judged


def _rows(text: str) -> list[Any]:
    try:
        held = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(held, dict) and "question" not in held:
        return [{"id": name, **row} for name, row in held.items()]
    return held if isinstance(held, list) else [held]


def _record(row: Any, where: str) -> RareRecord:
    needed = {"id", "question", "answer_chunk_ids"}
    if not isinstance(row, dict) or not needed <= set(row):
        lacking = sorted(needed - set(row)) if isinstance(row, dict) else sorted(needed)
        raise CorpusError(f"{where}: expected an object with {', '.join(sorted(needed))}; {lacking} missing")
    own = {"id", "question", "answer", "multi_hop_type", "metadata", *_LISTS}
    lists = {name: tuple(map(str, row.get(name) or ())) for name in _LISTS}
    return RareRecord(
        id=str(row["id"]),
        question=str(row["question"]),
        answer=str(row.get("answer") or ""),
        answer_chunk_ids=lists["answer_chunk_ids"],
        entity_1=lists["entity_1"],
        relation=lists["relation"],
        entity_2=lists["entity_2"],
        source_sentences=lists["source_sentences"],
        multi_hop_type=str(row.get("multi_hop_type") or ""),
        metadata=row.get("metadata") or {},
        more={name: value for name, value in row.items() if name not in own},
    )
