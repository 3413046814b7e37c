"""Questions in RARE's own record format, hop order kept: what is written, and what is read back.

RARE-Set comes with perturbed queries and documents, and with a file of what its retrievers found. They are
read as they are, under the names they have there; `as_row` and `write_retrieval` write them back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rag_robust.errors import CorpusError
from rag_robust.questions.ask import to_json
from rag_robust.questions.graph import Edge, Evidence
from rag_robust.questions.question import Question
from rag_robust.questions.values import read
from rag_robust.types import Corpus, Fact, Query

__all__ = [
    "RareRecord",
    "Retrieved",
    "as_record",
    "as_row",
    "queries",
    "read_records",
    "read_retrieval",
    "records_in",
    "ways",
    "write_records",
    "write_retrieval",
]

_NEEDED = frozenset({"id", "question", "answer_chunk_ids"})
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

    @property
    def forms(self) -> dict[str, str]:
        """The perturbed queries it comes with, by name; a perturbation that gave nothing is left out."""
        held = self.more.get("query_perturbations") or {}
        found = {name: (one or {}).get("perturbed_query") for name, one in held.items()}
        return {str(name): str(text) for name, text in found.items() if text}

    @property
    def documents(self) -> dict[str, dict[str, str]]:
        """The perturbed chunks it comes with, by name and chunk id."""
        held = self.more.get("document_perturbations") or {}
        return {
            str(name): {str(one["chunk_id"]): str(one["text"]) for one in some if one.get("text") is not None}
            for name, some in held.items()
            if some
        }


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What RARE's retrieval file has of one question.

    `found` are chunk ids, best first, by retriever and form of the query, "original" for its own words;
    `variants` are the forms. Both are asked of by the names of `RareRecord.forms`.
    """

    question: str
    answer: str
    variants: Mapping[str, str]
    found: Mapping[str, Mapping[str, tuple[str, ...]]]


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


def as_row(record: RareRecord) -> dict[str, Any]:
    """The JSON object that a record was read from, perturbations and unknown fields as they stood."""
    row: dict[str, Any] = {"id": record.id, "question": record.question, "answer": record.answer}
    row |= {name: list(held) for name in _LISTS if (held := getattr(record, name)) or name in _NEEDED}
    row |= {"multi_hop_type": record.multi_hop_type} if record.multi_hop_type else {}
    row |= {"metadata": dict(record.metadata)} if record.metadata else {}
    return row | dict(record.more)


def ways(record: RareRecord, corpus: Corpus) -> tuple[tuple[Edge, ...], ...]:
    """The one way to the answer, a fact per hop at the chunk that states it; () where a hop has none.

    A hop's chunk holds its source sentence, white space and case aside, and its second entity: RARE's list of
    chunk ids is in no order, so place by place in the lists would join a hop to another's chunk.
    """
    if not len(record.entity_1) == len(record.relation) == len(record.entity_2) > 0:
        return ()
    told = (*record.source_sentences, *[""] * len(record.entity_1))
    hops = zip(record.entity_1, record.relation, record.entity_2, told, strict=False)
    edges = [edge for hop in hops if (edge := _edge(hop, record.gold, corpus))]
    return (tuple(edges),) if len(edges) == len(record.entity_1) else ()


def _edge(hop: tuple[str, str, str, str], gold: Sequence[str], corpus: Corpus) -> Edge | None:
    subject, relation, thing, sentence = hop
    for passage_id in gold:
        text = corpus.passages[passage_id].text
        match = _phrase(thing).search(text) if thing.split() else None
        if match and (not sentence.split() or _phrase(sentence).search(text)):
            fact = Fact(subject, relation, match.group(), "", passage_id, *match.span())
            stated = (Evidence(passage_id, *match.span(), "told"),)
            return Edge(subject, relation, thing, "", read(thing), fact, stated, (thing,))
    return None


def _phrase(words: str) -> re.Pattern[str]:
    spaced = r"\s+".join(map(re.escape, words.split()))
    return re.compile(rf"(?<!\w){spaced}(?!\w)", re.IGNORECASE)


def records_in(place: str) -> Path:
    """Where the records of a set are: in a folder of `rag-robust questions`, or in the file itself."""
    return Path(place) / "questions.jsonl" if Path(place).is_dir() else Path(place)


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


def read_retrieval(path: Path) -> dict[str, Retrieved]:
    """RARE's retrieval file, by id of the question.

    Raises:
        CorpusError: the file cannot be read, or is no such file.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): _retrieved(one) for name, one in held.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise CorpusError(
            f'{path}: expected {{id: {{"variants": ..., "retrievers": ...}}}} as JSON, got {error!r}'
        ) from error


def write_retrieval(retrieved: Mapping[str, Retrieved], path: Path) -> None:
    """The file that `read_retrieval` reads; it appears only when it is complete."""
    held = {
        name: {
            "original_query": one.question,
            "answer": one.answer,
            "variants": dict(one.variants),
            "retrievers": {who: {f: list(ids) for f, ids in some.items()} for who, some in one.found.items()},
        }
        for name, one in retrieved.items()
    }
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(held, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")
    part.replace(path)


def _retrieved(one: Mapping[str, Any]) -> Retrieved:
    found = {
        str(who): {str(form): tuple(map(str, ids)) for form, ids in some.items()}
        for who, some in one["retrievers"].items()
    }
    variants = {str(name): str(text) for name, text in (one.get("variants") or {}).items()}
    return Retrieved(str(one.get("original_query") or ""), str(one.get("answer") or ""), variants, found)


def _rows(text: str) -> list[Any]:
    try:
        held = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(held, dict) and "question" not in held:
        return [{"id": name, **row} for name, row in held.items()]
    return held if isinstance(held, list) else [held]


def _record(row: Any, where: str) -> RareRecord:
    if not isinstance(row, dict) or not set(row) >= _NEEDED:
        lacking = sorted(_NEEDED - set(row)) if isinstance(row, dict) else sorted(_NEEDED)
        raise CorpusError(f"{where}: expected an object with {', '.join(sorted(_NEEDED))}; {lacking} missing")
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
