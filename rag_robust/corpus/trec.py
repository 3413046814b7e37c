"""Read and write TREC runs (`qid Q0 docid rank score tag`) and judgements (`qid 0 docid grade`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rag_robust.corpus.rows import grade, judge, numbered
from rag_robust.errors import CorpusError
from rag_robust.text import order_key
from rag_robust.types import Hit

__all__ = ["read_qrels", "read_run", "write_qrels", "write_run"]


def read_run(path: Path) -> dict[str, list[Hit]]:
    """Rankings by query id, best first.

    Hits are sorted again by score, descending, and equal scores by `text.order_key`; the rank
    column is ignored. `trec_eval` ignores it too but lets the greater id win a tie, so that an
    id can buy a rank; its figures differ from ours where scores are equal.

    Raises:
        CorpusError: `path:line`: not six fields, a score that is no finite number, or a passage
            twice in one ranking.
    """
    scores: dict[str, dict[str, float]] = {}
    for where, fields in _fields(path, "query id, Q0, passage id, rank, score and tag", 6):
        query_id, _, passage_id, _, score, _ = fields
        ranking = scores.setdefault(query_id, {})
        if passage_id in ranking:
            raise CorpusError(f'{where}: expected a passage once per query, got "{passage_id}" again')
        ranking[passage_id] = _score(score, where)
    return {q: _sorted([Hit(p, s) for p, s in row.items()]) for q, row in scores.items()}


def write_run(path: Path, run: Mapping[str, Sequence[Hit]], tag: str) -> None:
    """Write rankings, ranks from 1, scores in full precision; a query without hits leaves no line.

    Raises:
        CorpusError: an id or the tag is empty or holds white space, or a score is not finite.
    """
    _refuse_space(tag, "tag")
    lines = []
    for query_id, hits in run.items():
        for rank, hit in enumerate(_sorted(hits), 1):
            _refuse_space(query_id, "query id")
            _refuse_space(hit.passage_id, "passage id")
            score = _score(repr(float(hit.score)), f'query "{query_id}"')
            lines.append(f"{query_id} Q0 {hit.passage_id} {rank} {score!r} {tag}\n")
    path.write_bytes("".join(lines).encode())


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Grades by query id and passage id; the second column is ignored.

    Raises:
        CorpusError: `path:line`: not four fields, no whole number, or two grades for one pair.
    """
    qrels: dict[str, dict[str, int]] = {}
    for where, fields in _fields(path, "query id, 0, passage id and grade", 4):
        judge(qrels, (fields[0], fields[2]), grade=grade(fields[3], where), where=where)
    return qrels


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write judgements in the given order.

    Raises:
        CorpusError: an id is empty or holds white space.
    """
    lines = []
    for query_id, row in qrels.items():
        for passage_id, value in row.items():
            _refuse_space(query_id, "query id")
            _refuse_space(passage_id, "passage id")
            lines.append(f"{query_id} 0 {passage_id} {value}\n")
    path.write_bytes("".join(lines).encode())


def _sorted(hits: Sequence[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, order_key(hit.passage_id)))


def _fields(path: Path, expected: str, n: int) -> Iterator[tuple[str, list[str]]]:
    for where, line in numbered(path):
        try:
            fields = line.decode().split()
        except UnicodeDecodeError as error:
            raise CorpusError(f"{where}: expected UTF-8, got {error}") from error
        if len(fields) != n:
            raise CorpusError(f"{where}: expected {expected}, got {len(fields)} fields")
        yield where, fields


def _score(text: str, where: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise CorpusError(f"{where}: expected a finite number as the score, got {text!r}")
    return score


def _refuse_space(name: str, what: str) -> None:
    if name.split() != [name]:
        raise CorpusError(f"expected a {what} without white space, got {name!r}; TREC files cannot hold it")
