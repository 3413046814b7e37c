from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag_robust.corpus.build import build
from rag_robust.questions.ask import GraphQuery, Hop, from_json, query_id, solve, to_json
from rag_robust.questions.copies import near_duplicates
from rag_robust.questions.graph import FactGraph
from rag_robust.questions.graph_files import from_json as graph_from_json
from rag_robust.questions.graph_files import to_json as graph_to_json
from rag_robust.questions.graph_files import to_networkx, write_graphml
from rag_robust.questions.mentions import Mentions, holds
from rag_robust.questions.names import key, names
from rag_robust.questions.relations import merged, ngrams
from rag_robust.questions.world import prepare
from rag_robust.types import Passage


def survey(land: str, *rows: tuple[str, str]) -> Passage:
    body = "".join(f"\n| {year} | {value} |" for year, value in rows)
    text = f"Rainfall of {land}, by year, in days.\n| Year | Rainfall |\n| --- | --- |{body}"
    return Passage(f"{land}-{rows[0][0]}".lower(), text)


def profile(land: str, capital: str, coin: str) -> Passage:
    return Passage(f"{land}-p".lower(), f"Capital: {capital}\nCurrency: {coin}", f"Country profile: {land}")


PASSAGES = [
    survey("Avaria", ("1990", "12"), ("1995", "20")),
    survey("Avaria", ("2000", "31")),
    survey("Belmont", ("1990", "50")),
    profile("Avaria", "Alton", "crown"),
    profile("Belmont", "Brill", "crown"),
]


def graph(*more: Passage) -> FactGraph:
    return prepare(build([*PASSAGES, *more])).graph


def test_facts_are_edges_with_their_evidence_and_what_supersedes_them() -> None:
    [first, second, last] = graph().get("sr", "Avaria", "rainfall")
    assert (first.object, first.valid, first.until) == ("12 days", "1990", "1995")
    assert (second.until, last.until) == ("2000", "")
    assert first.passages == {"avaria-1990"}
    assert PASSAGES[0].text[slice(*(first.evidence[0].start, first.evidence[0].end))] == "1990 | 12"


def test_two_values_at_one_date_are_a_conflict_and_answer_nothing() -> None:
    rival = Passage("rival", survey("Avaria", ("1990", "13")).text)
    found = graph(rival)
    assert [e.conflict for e in found.get("srt", "Avaria", "rainfall", "1990")] == [True, True]
    assert solve(found, GraphQuery((Hop("Avaria", "rainfall", "?v", "1990"),), "?v")).answers == ()


def test_a_copy_counts_as_evidence() -> None:
    copy = Passage("copy", "In the year 1990 the rainfall of Avaria came to 12 days.")
    [edge] = graph(copy).get("srt", "Avaria", "rainfall", "1990")
    assert edge.passages == {"avaria-1990", "copy"} or edge.passages == {"avaria-1990"}
    twin = Passage("twin", PASSAGES[0].text + " ")
    [edge] = graph(twin).get("srt", "Avaria", "rainfall", "1990")
    assert edge.passages == {"avaria-1990", "twin"}


def test_near_duplicates_are_found_and_others_are_not() -> None:
    text = " ".join(f"word{i}" for i in range(60))
    corpus = build([Passage("a", text), Passage("b", text + " more"), Passage("c", text[::-1])])
    assert near_duplicates(corpus) == {"a": frozenset({"b"}), "b": frozenset({"a"})}


@pytest.mark.parametrize(
    ("query", "answers"),
    [
        (GraphQuery((Hop("Avaria", "rainfall", "?v", "1995"),), "?v"), ("20 days",)),
        (
            GraphQuery((Hop("?x", "capital", "Alton"), Hop("?x", "rainfall", "?v", "2000")), "?v"),
            ("31 days",),
        ),
        (GraphQuery((Hop("?x", "rainfall", "40", "1990", ">"),), "?x"), ("Belmont",)),
        (
            GraphQuery(
                (Hop("Avaria", "currency", "?o"), Hop("?x", "currency", "?o")),
                "?x",
                differ=(("Avaria", "?x"),),
            ),
            ("Belmont",),
        ),
        (
            GraphQuery(
                (Hop("Avaria", "rainfall", "?a", "1990"), Hop("Belmont", "rainfall", "?b", "1990")),
                "subject",
                "highest",
            ),
            ("Belmont",),
        ),
        (GraphQuery((Hop("Avaria", "rainfall", "?v", "?t"),), "?v", "as of", "1997"), ("20 days",)),
        (GraphQuery((Hop("Avaria", "rainfall", "?v", "?t"),), "?v", "before", "1995"), ("12 days",)),
        (GraphQuery((Hop("Avaria", "rainfall", "?v", "?t"),), "?v", "after", "1995"), ("31 days",)),
        (
            GraphQuery(
                (Hop("Avaria", "rainfall", "31 days", "?t"), Hop("Avaria", "rainfall", "?v", "?u")),
                "?v",
                "previous",
            ),
            ("20 days",),
        ),
        (GraphQuery((Hop("Belmont", "rainfall", "?v", "1995"),), "?v"), ()),
    ],
)
def test_queries_are_answered_by_the_facts(query: GraphQuery, answers: tuple[str, ...]) -> None:
    assert solve(graph(), query).answers == answers
    assert from_json(json.loads(json.dumps(to_json(query)))) == query


def test_ids_are_hashes_of_what_is_asked() -> None:
    one = GraphQuery((Hop("Avaria", "rainfall", "?v", "1995"),), "?v")
    assert query_id(one) == query_id(GraphQuery((Hop("Avaria", "rainfall", "?v", "1995"),), "?v"))
    assert query_id(one) != query_id(GraphQuery((Hop("Avaria", "rainfall", "?v", "1990"),), "?v"))
    assert query_id(one).startswith("q-")


def test_the_graph_goes_out_and_comes_back(tmp_path: Path) -> None:
    found = graph()
    drawn = to_networkx(found)
    assert drawn.has_edge("Avaria", "12 days", key="rainfall|1990")
    assert drawn.number_of_edges() == len(found.edges)
    write_graphml(found, tmp_path / "g.graphml")
    assert nx.read_graphml(tmp_path / "g.graphml").number_of_edges() == len(found.edges)
    assert graph_from_json(json.dumps(graph_to_json(found))).edges == found.edges


@given(
    st.permutations(
        ["capital", "capitals", "capital city", "highest rate", "lowest rate", "rate 1", "rate 2"]
    )
)
def test_joined_relations_do_not_depend_on_order(order: list[str]) -> None:
    found = merged(dict.fromkeys(order, 1), threshold=0.7)
    assert found["capital"] == found["capitals"]
    assert len({found[r] for r in ("highest rate", "lowest rate", "rate 1", "rate 2")}) == 4
    assert found == merged(dict.fromkeys(sorted(order), 1), threshold=0.7)


def test_every_pair_of_a_group_is_near_and_chains_do_not_drift() -> None:
    angles = {"a": 0.0, "b": 0.3, "c": 0.6}

    def embed(texts: list[str]) -> NDArray[np.float32]:
        return np.array([[np.cos(angles[t]), np.sin(angles[t])] for t in texts], dtype=np.float32)

    found = merged({"a": 1, "b": 2, "c": 1}, embed=embed, threshold=0.95)  # cos 0.3 = 0.955, cos 0.6 = 0.825
    assert found["b"] == "b"
    assert found["a"] != found["c"]


def test_ngram_vectors_are_unit_vectors() -> None:
    assert np.allclose(np.linalg.norm(ngrams(["capital", "rate of growth"]), axis=1), 1)


def test_names_of_one_thing_share_a_key() -> None:
    assert key("The Acme Corp.") == key("ACME, Inc.") == "acme"
    corpus = build([Passage("p", "The European Central Bank (ECB) sets rates. ECB acts.")])
    known = names(corpus, ["European Central Bank", "ECB", "ECB", "Zürich", "Zurich"])
    assert known.of("ECB") == known.of("European Central Bank")
    assert known.of("Zurich") == known.of("Zürich")
    assert names(corpus, ["Acme"], given={"AC": "Acme"}).of("AC") == "Acme"


def test_numbers_are_found_as_whole_numbers() -> None:
    assert holds("It is 1,250.5 wide.", "1250.5")
    assert not holds("It is 12.5 wide.", "2.5")
    assert not holds("Norway", "no")
    mentions = Mentions(build([Passage("a", "Oslo in 1992"), Passage("b", "Oslo and Bergen")]))
    assert mentions.passages(mentions.of("oslo")) == ["a", "b"]
    assert mentions.passages(mentions.all_of(["Oslo", "Bergen"])) == ["b"]
