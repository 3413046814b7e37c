from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rag_robust.corpus import beir, load, names
from rag_robust.corpus.build import build
from rag_robust.corpus.data import data_folder, package_file
from rag_robust.errors import CorpusError, MissingExtra
from rag_robust.types import Passage, Query


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    queries = [Query(f"q{i}", "question") for i in range(5)]
    passages = [Passage(f"p{i}", "text") for i in range(20)]
    beir.write(build(passages, queries, {q.id: {f"p{q.id[1:]}": 1} for q in queries}), tmp_path / "set")
    return tmp_path / "set"


def test_queries_are_limited_before_passages_are_sampled(folder: Path) -> None:
    # 5 queries have 5 relevant passages, which would not fit into 3
    corpus = load(f"beir:{folder}", n_queries=2, n_passages=3, seed=7)
    assert (len(corpus.queries), len(corpus.passages)) == (2, 3)
    assert {p for row in corpus.qrels.values() for p in row} <= corpus.passages.keys()
    assert corpus == load(f"beir:{folder}", n_queries=2, n_passages=3, seed=7)


def test_a_split_may_follow_the_folder(folder: Path) -> None:
    (folder / "qrels" / "dev.tsv").write_text("q1\tp9\t1\n")
    assert load(f"beir:{folder}#dev").qrels == {"q1": {"p9": 1}}
    assert len(load(f"beir:{folder}").queries) == 5


def test_a_folder_with_a_number_sign_is_a_folder(folder: Path) -> None:
    assert load(f"beir:{folder.rename(folder.parent / 'a#b')}").queries


def test_the_tiny_corpus_is_judged_and_answered() -> None:
    corpus = load("tiny")
    assert corpus.qrels.keys() == corpus.queries.keys()
    assert all(query.answers for query in corpus.queries.values())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("wikipedi", 'did you mean "wikipedia"'),
        ("bier:x", 'did you mean "beir:"'),
        ("beir:", 'expected something after "beir:"'),
        ("", "known: beir:, economy, economy:, files:, hf:, irds:, tiny, wikipedia"),
    ],
)
def test_an_unknown_source_names_the_nearest(source: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load(source)


def test_queries_go_with_wikipedia_only() -> None:
    with pytest.raises(CorpusError, match='got "fanoutqa" with "tiny"'):
        load("tiny", queries="fanoutqa")
    with pytest.raises(CorpusError, match='got "other" with "wikipedia"'):
        load("wikipedia", queries="other")


def test_built_in_corpora_are_named() -> None:
    assert names() == ["economy", "tiny", "wikipedia"]


def test_shipped_data_is_found() -> None:
    assert (data_folder("corpora") / "tiny" / "corpus.jsonl").is_file()


def test_a_package_is_found_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loud_package").mkdir()
    (tmp_path / "loud_package" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "loud_package" / "data.json").write_text("{}")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = package_file("loud_package", "data.json", install="loud", purpose="this test")
    assert found == tmp_path / "loud_package" / "data.json"


@pytest.mark.parametrize(("module", "path"), [("no_such_package", "x.json"), ("json", "no_such_file")])
def test_a_missing_package_or_file_says_what_to_install(module: str, path: str) -> None:
    with pytest.raises(MissingExtra, match=r"this test needs .*; run: pip install --no-deps some==1.0"):
        package_file(module, path, install="--no-deps some==1.0", purpose="this test")


def test_reading_a_plain_corpus_loads_no_heavy_library() -> None:
    heavy = "datasets pyarrow torch transformers faiss pandas"
    code = "import sys; from rag_robust.corpus import load; load('tiny'); "
    code += f"print(set('{heavy}'.split()) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
