"""Put passages, queries and judgements together into a checked corpus, or take part of one."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from rag_robust.corpus.chunk import chunk
from rag_robust.errors import CorpusError
from rag_robust.seeds import generator
from rag_robust.types import Corpus, Passage, Query

__all__ = ["build", "limit_queries", "sample", "shorten"]

Item = TypeVar("Item", Passage, Query)
Value = TypeVar("Value")

_log = logging.getLogger(__name__)


def build(
    passages: Iterable[Passage],
    queries: Iterable[Query] = (),
    qrels: Mapping[str, Mapping[str, int]] | None = None,
    *,
    where: str = "corpus",
) -> Corpus:
    """A checked corpus, everything in id order, with its digest.

    The digest is a SHA-256 over the passages, queries with their answers, and judgements, each in
    id order: it depends on the content and on nothing else. Queries without a judgement stay.
    Passages with neither title nor text, which real data sets have, are left out with their
    judgements, and a warning of this module's logger says how many.

    Args:
        passages: at least one with a text or a title; ids unique.
        queries: ids unique, no query without text.
        qrels: `qrels[query_id][passage_id]` is the grade; every id must be known.
        where: what the errors call the corpus, e.g. its folder.

    Raises:
        CorpusError: a check failed.
    """
    given, asked = _by_id(passages, "passage", where), _by_id(queries, "query", where)
    if not given:
        raise CorpusError(f"{where}: expected at least one passage, got none")
    held, kept = _with_a_text(given, qrels or {}, where)
    judged = {query_id: _ordered(row) for query_id, row in sorted(kept.items()) if row}
    corpus = Corpus(held, asked, judged, digest="")
    _check_texts(corpus, where)
    _check_judgements(corpus, where)
    return replace(corpus, digest=_digest(corpus, where))


def sample(corpus: Corpus, n: int, *, seed: int) -> Corpus:
    """The corpus cut to exactly `n` passages: every relevant one, and random others.

    Passages with a grade above 0 for any query of the corpus stay; the rest is drawn without
    replacement. It depends on the content and the seed alone, and a smaller sample of the same
    corpus and seed lies inside a larger one.

    Raises:
        CorpusError: `n` is below the number of relevant passages or above that of all passages.
    """
    needed = {p for row in corpus.qrels.values() for p, grade in row.items() if grade > 0}
    if not max(len(needed), 1) <= n <= len(corpus.passages):
        raise CorpusError(
            f"expected {max(len(needed), 1)} (the relevant passages of {len(corpus.queries)} queries) "
            f"to {len(corpus.passages)} (all) passages, got {n}; change the number of passages "
            "or ask for fewer queries"
        )
    others = sorted(corpus.passages.keys() - needed)
    order = generator(seed, "corpus.sample").permutation(len(others))
    kept = needed | {others[i] for i in order[: n - len(needed)]}
    qrels = {q: {p: g for p, g in row.items() if p in kept} for q, row in corpus.qrels.items()}
    return build((corpus.passages[p] for p in kept), corpus.queries.values(), qrels)


def limit_queries(corpus: Corpus, n: int, *, seed: int) -> Corpus:
    """The corpus with at most `n` of its queries, and their judgements; all passages stay.

    Only queries with a relevant passage (grade above 0) are candidates; if no query has one, all
    are. A smaller choice of the same corpus and seed lies inside a larger one.

    Raises:
        CorpusError: `n` is below 1.
    """
    if n < 1:
        raise CorpusError(f"expected at least 1 query, got {n}")
    judged = {q for q, row in corpus.qrels.items() if any(grade > 0 for grade in row.values())}
    candidates = sorted(judged or corpus.queries)
    order = generator(seed, "corpus.limit_queries").permutation(len(candidates))
    kept = {candidates[i] for i in order[:n]}
    qrels = {q: row for q, row in corpus.qrels.items() if q in kept}
    return build(corpus.passages.values(), (corpus.queries[q] for q in kept), qrels)


def shorten(corpus: Corpus, max_words: int) -> Corpus:
    """The corpus with every passage cut to its first chunk of at most `max_words` words."""
    cut = (
        replace(p, text=(chunk(p.text, max_words=max_words) or [""])[0].strip())
        for p in corpus.passages.values()
    )
    return build(cut, corpus.queries.values(), corpus.qrels)


def _by_id(items: Iterable[Item], what: str, where: str) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for item in items:
        if not isinstance(item.id, str) or not item.id:
            raise CorpusError(f"{where}: expected a non-empty string as {what} id, got {item.id!r}")
        if item.id in found:
            raise CorpusError(f'{where}: expected unique {what} ids, got "{item.id}" twice')
        found[item.id] = item
    return _ordered(found)


def _with_a_text(
    held: Mapping[str, Passage], qrels: Mapping[str, Mapping[str, int]], where: str
) -> tuple[Mapping[str, Passage], Mapping[str, Mapping[str, int]]]:
    """Passages and judgements without those of a passage that has neither title nor text."""
    full = {i: passage for i, passage in held.items() if passage.full}
    empty = sorted(held.keys() - full.keys())
    if not empty:
        return held, qrels
    if not full:
        raise CorpusError(f"{where}: expected passages with a title or a text, got {len(empty)} with neither")
    gone = set(empty)
    kept = {q: {p: grade for p, grade in row.items() if p not in gone} for q, row in qrels.items()}
    lost = sum(map(len, qrels.values())) - sum(map(len, kept.values()))
    _log.warning(
        "%s: left out %d of %d passages, which have neither title nor text (%s), and %d judgements with them",
        *(where, len(empty), len(held), _first(empty), lost),
    )
    return full, kept


def _check_texts(corpus: Corpus, where: str) -> None:
    _refuse(
        (q.id for q in corpus.queries.values() if not q.text.strip()),
        where,
        expected="queries with text, got {} without",
        remedy="delete them and their judgements",
    )


def _check_judgements(corpus: Corpus, where: str) -> None:
    _refuse(
        corpus.qrels.keys() - corpus.queries.keys(),
        where,
        expected="judgements of known queries, got {} unknown",
        remedy="add the queries or delete their judgements",
    )
    _refuse(
        {p for row in corpus.qrels.values() for p in row} - corpus.passages.keys(),
        where,
        expected="judgements of known passages, got {} unknown",
        remedy="add the passages, or delete these judgements if the corpus was cut down on purpose",
    )
    for query_id, row in corpus.qrels.items():
        for passage_id, grade in row.items():
            if isinstance(grade, bool) or not isinstance(grade, int):
                pair = f"({query_id}, {passage_id})"
                raise CorpusError(f"{where}: expected a whole number as the grade of {pair}, got {grade!r}")


def _refuse(ids: Iterable[str], where: str, *, expected: str, remedy: str) -> None:
    """Raise if there are any ids: how many, the first three of them in id order, and what to do."""
    if bad := sorted(ids):
        raise CorpusError(f"{where}: expected {expected.format(len(bad))} ({_first(bad)}); {remedy}")


def _first(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")


def _ordered(mapping: Mapping[str, Value]) -> dict[str, Value]:
    return {key: mapping[key] for key in sorted(mapping)}


def _digest(corpus: Corpus, where: str) -> str:
    hasher = hashlib.sha256()
    for part in _parts(corpus):
        try:
            hasher.update(json.dumps(part, ensure_ascii=False).encode() + b"\n")
        except UnicodeEncodeError as error:
            bad = error.object[error.start : error.end]
            raise CorpusError(
                f"{where}: expected text that UTF-8 can write, got {bad!a} in {part[0]} {part[1]!a}; "
                "repair the text"
            ) from error
    return hasher.hexdigest()


def _parts(corpus: Corpus) -> Iterator[tuple[object, ...]]:
    for p in corpus.passages.values():
        yield "passage", p.id, p.title, p.text
    for q in corpus.queries.values():
        yield "query", q.id, q.text, *q.answers
    for query_id, row in corpus.qrels.items():
        yield "qrels", query_id, row
