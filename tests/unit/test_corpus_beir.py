from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.corpus import beir
from rag_robust.corpus.build import build
from rag_robust.errors import CorpusError
from rag_robust.types import Corpus, Passage, Query

CORPUS = [{"_id": "a", "title": "A", "text": "one"}, {"_id": 2, "text": "two"}]
QUERIES = [
    {"_id": "q", "text": "which?", "metadata": {"answers": ["one", "1"]}},
    {"_id": "r", "text": "why?"},
]
EXPECTED = build(
    [Passage("a", "one", "A"), Passage("2", "two")],
    [Query("q", "which?", ("one", "1"))],
    {"q": {"a": 2, "2": 0}},
)


def folder(
    path: Path, corpus: str | None = None, queries: str | None = None, qrels: str | None = None
) -> Path:
    (path / "qrels").mkdir()
    (path / "corpus.jsonl").write_text(corpus or "\n".join(map(json.dumps, CORPUS)), encoding="utf-8")
    (path / "queries.jsonl").write_text(queries or "\n".join(map(json.dumps, QUERIES)), encoding="utf-8")
    header = "query-id\tcorpus-id\tscore\n"
    (path / "qrels" / "test.tsv").write_text(qrels or f"{header}q\ta\t2\nq\t2\t0\n", encoding="utf-8")
    return path


def test_ids_become_strings_and_unjudged_queries_are_left_out(tmp_path: Path) -> None:
    assert beir.read(folder(tmp_path)) == EXPECTED


@pytest.mark.parametrize(
    "qrels", ["q\ta\t2\nq\t2\t0", "q\ta\t2\r\nq\t2\t0\r\n\r\n", "q\ta\t2.0\nq\t2\t0\nq\ta\t2\n"]
)
def test_qrels_need_no_header_and_may_repeat_themselves(tmp_path: Path, qrels: str) -> None:
    assert beir.read(folder(tmp_path, qrels=qrels)) == EXPECTED


def test_gzip_and_parquet_read_like_plain_lines(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "corpus.jsonl").unlink()
    columns = {"_id": ["a", "2"], "title": ["A", None], "text": ["one", "two"]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path / "corpus.parquet")
    plain = (path / "queries.jsonl").read_bytes()
    (path / "queries.jsonl").unlink()
    (path / "queries.jsonl.gz").write_bytes(gzip.compress(plain))
    assert beir.read(path) == EXPECTED


def test_without_qrels_all_queries_stay(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "qrels" / "test.tsv").unlink()
    assert list(beir.read(path).queries) == ["q", "r"]
    (path / "queries.jsonl").unlink()
    assert not beir.read(path).queries


def test_the_split_is_test_else_dev_else_train_else_the_one_named(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "qrels" / "dev.tsv").write_text("r\ta\t1\n")
    (path / "qrels" / "train.tsv").write_text("q\t2\t1\n")
    assert list(beir.read(path).queries) == ["q"]
    assert beir.read(path, split="train").qrels == {"q": {"2": 1}}
    (path / "qrels" / "test.tsv").unlink()
    assert list(beir.read(path).queries) == ["r"]
    with pytest.raises(CorpusError, match='got "test"; known: dev, train'):
        beir.read(path, split="test")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"corpus.jsonl:2: expected one JSON object, got Expecting"),
        ("[1]", r"corpus.jsonl:2: expected one JSON object, got list"),
        ('{"text": "t"}', r'corpus.jsonl:2: expected the key "_id", got text'),
        ('{"_id": null, "text": "t"}', r'corpus.jsonl:2: .*as "_id", got None'),
        ('{"_id": "b"}', r'corpus.jsonl:2: expected the key "text", got _id'),
        ('{"_id": "b", "text": 3}', r'corpus.jsonl:2: expected a string as "text", got int'),
        ('{"_id": "b", "text": "t", "title": 3}', r'corpus.jsonl:2: expected a string as "title", got int'),
        ('{"_id": "a", "text": "t"}', r'corpus.jsonl:2: expected unique ids, got "a" a second time'),
    ],
)
def test_a_broken_passage_is_named_by_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        beir.read(folder(tmp_path, corpus=f"{json.dumps(CORPUS[0])}\n{line}\n"))


@pytest.mark.parametrize("metadata", ['"x"', '{"answers": "one"}', '{"answers": [1]}'])
def test_answers_of_another_shape_are_refused(tmp_path: Path, metadata: str) -> None:
    query = f'{{"_id": "q", "text": "t", "metadata": {metadata}}}'
    with pytest.raises(CorpusError, match=r"queries.jsonl:1: expected .* \"metadata"):
        beir.read(folder(tmp_path, queries=query))


@pytest.mark.parametrize(
    ("qrels", "message"),
    [
        ("q\ta\n", "test.tsv:1: .* got 2 fields"),
        ("q\ta\tx\n", "test.tsv:1: expected a whole number as the grade, got 'x'"),
        ("q\ta\t1\nq\ta\t2\n", "test.tsv:2: expected one grade"),
        ("\ta\t1\n", "test.tsv:1: expected a query id and a passage id"),
        ("q\tzz\t1\n", r"known passages, got 1 unknown \(zz\)"),
        ("zz\ta\t1\n", r"known queries, got 1 unknown \(zz\)"),
    ],
)
def test_broken_judgements_are_refused(tmp_path: Path, qrels: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        beir.read(folder(tmp_path, qrels=qrels))


def test_damaged_and_missing_files_are_corpus_errors(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "corpus.jsonl").write_bytes(b'{"_id": "a", "text": "\xff"}\n')
    with pytest.raises(CorpusError, match=r"corpus.jsonl:1: .*utf-8"):
        beir.read(path)
    (path / "corpus.jsonl").rename(path / "corpus.jsonl.gz")
    with pytest.raises(CorpusError, match=r"corpus.jsonl.gz: expected a readable file"):
        beir.read(path)
    (path / "corpus.jsonl.gz").rename(path / "corpus.parquet")
    with pytest.raises(CorpusError, match=r"corpus.parquet: expected a parquet file"):
        beir.read(path)
    (path / "corpus.parquet").unlink()
    with pytest.raises(CorpusError, match=r"expected corpus.jsonl, corpus.jsonl.gz or corpus.parquet"):
        beir.read(path)
    with pytest.raises(CorpusError, match="which is no folder"):
        beir.read(path / "none")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n"), min_size=1, max_size=5)


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    passages = [
        Passage(i, "x" + draw(texts), draw(texts)) for i in draw(st.sets(ids, min_size=1, max_size=4))
    ]
    queries = [Query(i, "?" + draw(texts), (draw(texts),)) for i in draw(st.sets(ids, max_size=3))]
    return build(passages, queries, {q.id: {passages[0].id: draw(st.integers(-2, 4))} for q in queries})


@settings(deadline=None)
@given(corpora())
def test_what_was_written_reads_back_with_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, c: Corpus
) -> None:
    path = tmp_path_factory.mktemp("beir") / "deep" / "set"
    beir.write(c, path)
    assert beir.read(path) == c
    assert [p.name for p in path.parent.iterdir()] == ["set"]


def test_writing_into_an_empty_folder_works_and_never_overwrites(tmp_path: Path) -> None:
    beir.write(EXPECTED, tmp_path / "set", split="dev")
    before = (tmp_path / "set" / "corpus.jsonl").read_bytes()
    with pytest.raises(CorpusError, match="new or empty folder"):
        beir.write(EXPECTED, tmp_path / "set")
    assert (tmp_path / "set" / "corpus.jsonl").read_bytes() == before
    (tmp_path / "empty").mkdir()
    beir.write(EXPECTED, tmp_path / "empty")
    assert beir.read(tmp_path / "empty") == beir.read(tmp_path / "set") == EXPECTED


@pytest.mark.parametrize(
    ("query_id", "split"), [("a\tb", "test"), ("a\nb", "test"), ("q", "../x"), ("q", "")]
)
def test_what_the_layout_cannot_hold_is_refused_and_leaves_nothing(
    tmp_path: Path, query_id: str, split: str
) -> None:
    corpus = build([Passage("p", "t")], [Query(query_id, "t")], {query_id: {"p": 1}})
    with pytest.raises(CorpusError, match="expected"):
        beir.write(corpus, tmp_path / "set", split=split)
    assert not list(tmp_path.iterdir())
