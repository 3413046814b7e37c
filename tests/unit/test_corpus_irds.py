from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from rag_robust.corpus import load
from rag_robust.corpus.build import build
from rag_robust.errors import CorpusError, MissingExtra
from rag_robust.types import Passage, Query


def data_set(**changed: object) -> SimpleNamespace:
    """What `ir_datasets.load` returns, as far as it is used."""
    docs = [
        SimpleNamespace(doc_id="1", title="T", text="one"),
        SimpleNamespace(doc_id="2", default_text=lambda: "two"),
    ]
    queries = [SimpleNamespace(query_id="q", text="which?"), SimpleNamespace(query_id="r", text="why?")]
    parts = {
        "has_docs": lambda: True,
        "has_queries": lambda: True,
        "has_qrels": lambda: True,
        "docs_iter": lambda: iter(docs),
        "queries_iter": lambda: iter(queries),
        "qrels_iter": lambda: iter([SimpleNamespace(query_id="q", doc_id="1", relevance=2)]),
    }
    return SimpleNamespace(**{**parts, **changed})


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> dict[str, SimpleNamespace]:
    known: dict[str, SimpleNamespace] = {}
    monkeypatch.setitem(sys.modules, "ir_datasets", SimpleNamespace(load=known.__getitem__))
    return known


def test_documents_judged_queries_and_judgements_are_read(library: dict[str, SimpleNamespace]) -> None:
    library["beir/scifact/test"] = data_set()
    expected = build([Passage("1", "one", "T"), Passage("2", "two")], [Query("q", "which?")], {"q": {"1": 2}})
    assert load("irds:beir/scifact/test") == expected


def test_without_judgements_all_queries_stay(library: dict[str, SimpleNamespace]) -> None:
    library["some/set"] = data_set(has_qrels=lambda: False)
    assert list(load("irds:some/set").queries) == ["q", "r"]


def test_unknown_ids_and_sets_without_documents_are_refused(library: dict[str, SimpleNamespace]) -> None:
    library["only/queries"] = data_set(has_docs=lambda: False)
    with pytest.raises(CorpusError, match='got "none/such"'):
        load("irds:none/such")
    with pytest.raises(CorpusError, match="expected a data set with documents"):
        load("irds:only/queries")


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(MissingExtra, match=r'pip install "rag-robust\[irds\]"'):
        load("irds:beir/scifact/test")
