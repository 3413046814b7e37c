from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.corpus.trec import read_qrels, read_run, write_qrels, write_run
from rag_robust.errors import CorpusError
from rag_robust.text import order_key
from rag_robust.types import Hit

names = st.text("abc1_.:é", min_size=1, max_size=4)
scores = st.floats(allow_nan=False, allow_infinity=False)


def test_a_run_is_sorted_by_score_and_its_rank_column_ignored(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("q Q0 low 1 0.5 tag\nq Q0 high 2 1e1 tag\n\nr\tQ0\tx\t9\t-3\ttag\n")
    expected = {"q": [Hit("high", 10.0), Hit("low", 0.5)], "r": [Hit("x", -3.0)]}
    assert read_run(tmp_path / "run") == expected


def test_ties_go_by_the_hash_of_the_id(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("".join(f"q Q0 d{i} {i} 1.0 t\n" for i in range(20)))
    assert [h.passage_id for h in read_run(tmp_path / "run")["q"]] == sorted(
        (f"d{i}" for i in range(20)), key=order_key
    )


@settings(deadline=None)
@given(st.dictionaries(names, st.dictionaries(names, scores, min_size=1, max_size=4), max_size=3))
def test_a_written_run_reads_back_exactly(tmp_path_factory: pytest.TempPathFactory, run: dict) -> None:
    path = tmp_path_factory.mktemp("trec") / "run"
    hits = {q: [Hit(p, s) for p, s in row.items()] for q, row in run.items()}
    write_run(path, hits, "tag")
    read = read_run(path)
    assert {q: {h.passage_id: h.score for h in row} for q, row in read.items()} == run
    assert all(
        [h.score for h in row] == sorted((h.score for h in row), reverse=True) for row in read.values()
    )


def test_written_ranks_count_from_one_best_first(tmp_path: Path) -> None:
    write_run(tmp_path / "run", {"q": [Hit("b", 1.0), Hit("a", 2.0)]}, "mine")
    assert (tmp_path / "run").read_text() == "q Q0 a 1 2.0 mine\nq Q0 b 2 1.0 mine\n"


@settings(deadline=None)
@given(st.dictionaries(names, st.dictionaries(names, st.integers(-2, 4), min_size=1, max_size=3), max_size=3))
def test_written_qrels_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, qrels: dict) -> None:
    path = tmp_path_factory.mktemp("trec") / "qrels"
    write_qrels(path, qrels)
    assert read_qrels(path) == qrels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 d 1 1.0\n", "run:1: expected query id, Q0, passage id, rank, score and tag, got 5 fields"),
        ("q Q0 d 1 1.0 t\nq Q0 e 1 nan t\n", "run:2: expected a finite number as the score, got 'nan'"),
        ("q Q0 d 1 high t\n", "run:1: expected a finite number"),
        ("q Q0 d 1 1.0 t\nq Q0 d 2 0.5 t\n", 'run:2: expected a passage once per query, got "d" again'),
    ],
)
def test_a_broken_run_is_named_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run").write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q 0 d\n", "qrels:1: expected query id, 0, passage id and grade, got 3 fields"),
        ("q 0 d 1.5\n", "qrels:1: expected a whole number as the grade, got '1.5'"),
        ("q 0 d 1\nq 0 d 0\n", "qrels:2: expected one grade"),
    ],
)
def test_broken_qrels_are_named_by_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "qrels").write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_qrels(tmp_path / "qrels")


@pytest.mark.parametrize(
    ("query_id", "passage_id", "tag"),
    [("a b", "d", "t"), ("q", "a\u00a0b", "t"), ("q", "", "t"), ("q", "d", "my tag")],
)
def test_white_space_in_names_is_refused_before_anything_is_written(
    tmp_path: Path, query_id: str, passage_id: str, tag: str
) -> None:
    with pytest.raises(CorpusError, match="without white space"):
        write_run(tmp_path / "run", {"ok": [Hit("d", 1.0)], query_id: [Hit(passage_id, 1.0)]}, tag)
    assert not (tmp_path / "run").exists()


def test_white_space_in_judged_ids_and_infinite_scores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="without white space"):
        write_qrels(tmp_path / "qrels", {"q": {"a b": 1}})
    with pytest.raises(CorpusError, match="finite number"):
        write_run(tmp_path / "run", {"q": [Hit("d", float("inf"))]}, "t")
