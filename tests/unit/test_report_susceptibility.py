"""Geometry beside attacks: who stands in the table, and when a correlation is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from rag_robust.gates import Result
from rag_robust.report.comparison import compare
from rag_robust.report.json import to_json
from rag_robust.report.susceptibility import number, susceptibility
from rag_robust.report.table import summary
from rag_robust.suite import parse
from rag_robust.types import Hit, Record

SPREAD = {"mean": 0.2, "q05": 0.1, "q25": 0.1, "q50": 0.2, "q75": 0.3, "q95": 0.4}
SPACE = {
    "made": "x",
    "encoder": "an encoder",
    "similarity": "cosine",
    "n_queries": 100,
    "n_passages": 1000,
    "n_texts": 1500,
    "k": 10,
    "query_cosine": 0.25,
    "passage_cosine": 0.04,
    "cross_cosine": 0.02,
    "skewness": 3.5,
    "antihubs": 0.3,
    "hub": 8.3,
    "reach": 0.15,
    "margin": SPREAD,
    "entry": SPREAD,
}


def seen(task, condition, rank):
    hits = tuple(Hit("poison" if i == rank else f"p{i}", 1.0 / i) for i in range(1, 21))
    return Record(f"{task} {condition}", task, condition, "q", 0, hits, inserted=("poison",))


def result(n=2, **spaces):
    """Gaslite stands at rank 1 before the first encoder and at 11 before all others; BM25 is attacked too."""
    names = ["", *(f"e{i}" for i in range(1, n)), "bm25"]
    systems = {name: {"retriever": {"kind": "bm25" if name == "bm25" else "dense"}} for name in names if name}
    tasks = [
        {"name": f"{a} {name}", "attack": a, "system": name, "concept": "concepts/coffee"}
        for name in names
        for a in ("gaslite", "stuffing")
    ]
    suite = parse({"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "systems": systems, "task": tasks})
    ranks = {"gaslite ": 1}
    found = [
        seen(t.name, c, ranks.get(t.name, 11) if c == t.method else 20)
        for t in suite.task
        for c in (t.method, "information_only")
    ]
    kept = {name: SPACE | {"query_cosine": 0.5 - i / 10} for i, name in enumerate(names[:-1])}
    kept = {name: body | spaces.get("all", {}) for name, body in kept.items()}
    return Result(suite, {}, tuple(found), len(found), (), (), (), spaces=kept)


def table(run):
    return susceptibility(run, compare(run))


def test_a_column_per_measured_encoder_and_none_for_bm25():
    found = table(result())
    assert found.encoders == ("all-MiniLM-L6-v2", "e1")
    ((situation, lines),) = found.attacks.items()
    assert situation == "knows-what, 1 passage"
    assert {name: pairs for name, _, pairs in lines}["gaslite"] == ((1.0, 1.0), (0.0, 0.0))


def test_shapes_are_those_that_were_measured():
    shapes = {shape.name: shape.values for shape in table(result()).shapes}
    assert shapes["q–q"] == (0.5, 0.4)
    assert shapes["entry"] == (0.2, 0.2)  # the mean of its spread
    assert shapes["ceiling"] == pytest.approx((0.505**0.5, 0.406**0.5))  # A + (1 - A) / n, n = 100


def test_a_dot_product_has_no_ceiling_of_directions():
    shapes = {shape.name: shape.values for shape in table(result(all={"similarity": "dot"})).shapes}
    assert shapes["ceiling"] == (None, None)


def test_no_correlation_is_claimed_of_three_encoders_and_one_is_shown_of_four():
    few, enough = table(result(3)), table(result(4))
    assert {shape.rho for shape in few.shapes} == {None}
    assert "Of 3 encoders no correlation is claimed." in few.caption
    rho = {shape.name: shape.rho for shape in enough.shapes}
    # cosines fall from the first encoder on; the first alone is hurt: ranks 4 3 2 1 against 4 2 2 2
    assert rho["q–q"] == pytest.approx(3 / 15**0.5)
    assert rho["p–p"] is None  # alike for all: there is no order
    assert "over 4 encoders" in enough.caption


def test_without_a_measured_encoder_there_is_no_table():
    assert table(replace(result(), spaces={})) is None
    assert susceptibility(result(), None) is None


def test_a_terminal_shows_it_within_80_columns_and_json_tells_it():
    console = Console(width=80, force_terminal=False)
    with console.capture() as captured:
        console.print(summary(result(4)))
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["q–q", "0.500", "0.400", "0.300", "0.200", "+0.77"] for line in lines)
    told = to_json(result())["geometry"]
    assert [(one["system"], one["query_cosine"]) for one in told] == [("", 0.5), ("e1", 0.4)]
    assert "made" not in told[0]


def test_numbers_are_written_so_that_they_can_be_told_apart():
    assert [number(x) for x in (0.0412, 8.3, 12.34, None)] == ["0.041", "8.300", "12.3", "–"]
