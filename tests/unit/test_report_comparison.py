"""The table of all attacks: who stands in it, what a cell is made of, and how it is told."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from rich.console import Console

from rag_robust.gates import Number, Result
from rag_robust.report.comparison import HARM, compare
from rag_robust.report.figures import squares
from rag_robust.report.json import to_json
from rag_robust.report.table import summary
from rag_robust.suite import parse
from rag_robust.types import Estimate, Failure, Hit, Record

CONCEPTS = ["concepts/coffee", "concepts/tennis"]
TREE = {
    "schema": 1,
    "name": "s",
    "corpus": {"source": "tiny"},
    "systems": {"bm25": {"retriever": {"kind": "bm25"}}},
    "task": [
        {"name": "g", "attack": "gaslite", "each": {"concept": CONCEPTS, "system": ["", "bm25"]}},
        {"name": "s", "attack": "stuffing", "each": {"concept": CONCEPTS, "system": [""]}},
    ],
}


def seen(task, condition, query, rank):
    """A record whose inserted passage stands at `rank`."""
    hits = tuple(Hit("poison" if i == rank else f"p{i}", 1.0 / i) for i in range(1, 21))
    return Record(f"{task} {condition} {query}", task, condition, query, 0, hits, inserted=("poison",))


def records(tree=TREE, *, ranks=None):
    """Two judged queries per concept: gaslite stands at 1 and 12, everything else at 5 and 15."""
    found = []
    for task in parse(tree).task:
        for condition in (task.method, f"{task.method}/held-in", "information_only"):
            first = {"gaslite": (1, 12)}.get(condition, (5, 15)) if ranks is None else ranks
            found += [seen(task.name, condition, f"{task.concept} {i}", r) for i, r in enumerate(first)]
    return found


def result(tree=TREE, found=None) -> Result:
    found = tuple(records(tree) if found is None else found)
    return Result(parse(tree), {}, found, len(found), (), (), ())


@pytest.fixture(scope="module")
def compared():
    return compare(result())


def test_columns_are_situations_and_lines_are_attacks(compared):
    assert [(c.system, c.situation) for c in compared.columns] == [
        ("all-MiniLM-L6-v2", "knows-what, 1 passage"),
        ("bm25", "knows-what, 1 passage"),
    ]
    assert {line.name for line in compared.lines} == {"gaslite", "stuffing", "baseline information_only"}


def test_concepts_are_pooled_and_a_query_counts_once(compared):
    line = next(x for x in compared.lines if x.name == "gaslite")
    assert [cell.estimate.n for cell in line.cells] == [4, 4]
    assert [(cell.estimate.value, cell.first.value) for cell in line.cells] == [(0.5, 0.5)] * 2
    baseline = next(x for x in compared.lines if x.baseline)
    assert [cell.estimate.n for cell in baseline.cells] == [4, 4]


def test_equal_shares_are_ordered_by_who_stands_first(compared):
    assert compared.lines[0].name == "gaslite"
    assert [line.value for line in compared.lines] == [(0.5, 0.5), (0.5, 0.0), (0.5, 0.0)]


def test_what_a_suite_does_not_ask_is_no_zero(compared):
    line = next(x for x in compared.lines if x.name == "stuffing")
    assert (line.cells[0].estimate.value, line.cells[1]) == (0.5, None)


def test_an_attack_that_does_not_apply_is_last_and_not_a_zero():
    failed = Failure("not_applicable", "no gradients")
    found = [replace(r, hits=(), failure=failed) if r.condition == "gaslite" else r for r in records()]
    line = compare(result(found=found)).lines[-1]
    assert (line.name, line.value) == ("gaslite", (-1.0, -1.0))
    assert [cell.estimate.unscored for cell in line.cells] == [4, 4]


def test_one_attack_alone_is_no_comparison():
    tree = TREE | {"task": [{"name": "g", "attack": "gaslite", "concept": "concepts/coffee"}]}
    assert compare(result(tree)) is None


def test_surrogates_and_parameters_that_differ_are_lines_of_their_own():
    variants = [{"n_steps": 10}, {"n_steps": 30}]
    each = {"with": variants, "concept": "concepts/coffee"}
    tasks = [{"name": "a", "attack": "gaslite", "each": each}]
    tasks += [{"name": "b", "attack": "gaslite", "surrogate": "x/other", "concept": "concepts/coffee"}]
    names = {line.name for line in compare(result(TREE | {"task": tasks})).lines}
    assert names >= {"gaslite, n_steps 10", "gaslite, n_steps 30", "gaslite, from other"}


def test_all_reports_tell_the_same_numbers(compared):
    told = to_json(result())["comparison"]
    assert [row["name"] for row in told["rows"]] == list(squares(compared))
    for row, cells in product(told["rows"], [squares(compared)]):
        shown = [cell and cell.value for cell in cells[row["name"]]]
        assert shown == [cell and f"{cell['value']:.2f}" for cell in row["cells"]]


def test_a_terminal_shows_it_within_80_columns():
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(summary(result()))
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("gaslite ") and "0.50 [" in line for line in lines)


def test_a_lead_is_over_the_next_line_that_the_column_has_query_by_query(compared):
    first, middle, last = compared.lines
    # before MiniLM: first for two queries where the next line is first for none, level for the other two
    lead = first.cells[0].lead
    assert (lead.value, lead.n) == (0.5, 4)
    assert -1 <= lead.low <= 0.5 <= lead.high <= 1
    below = next(line for line in (middle, last) if line.cells[1])  # before BM25 one of them is not asked
    assert below.name == "baseline information_only"
    assert first.cells[1].lead.value == 0.5
    assert next(cell for cell in last.cells if cell).lead is None
    told = to_json(result())["comparison"]["rows"]
    assert [cell and cell["lead"] and cell["lead"]["value"] for cell in told[0]["cells"]] == [0.5, 0.5]
    assert squares(compared)["gaslite"][0].lead.startswith("0.50 [")


def test_a_lead_takes_a_query_of_several_tasks_once():
    tree = TREE | {"task": [*TREE["task"], {"name": "again", "attack": "gaslite", "concept": CONCEPTS[0]}]}
    found = records(tree)
    twice = [replace(r, query_id="concepts/coffee 0") if r.task == "again" else r for r in found]
    lead = compare(result(tree, twice)).lines[0].cells[0].lead
    assert lead.n == 4


def test_a_lead_counts_only_queries_that_both_lines_have():
    found = records()
    one = next(r for r in found if r.condition == "stuffing")
    found = [replace(r, failure=Failure("timeout", "late"), hits=()) if r is one else r for r in found]
    lines = compare(result(found=found)).lines
    assert [line.name for line in lines] == ["gaslite", "baseline information_only", "stuffing"]
    assert [line.cells[0].lead.n for line in lines[:2]] == [4, 3]  # one query of stuffing has no answer


def test_trials_of_an_attack_are_averaged_query_by_query():
    """Three trials of every attack: a query counts once, by its mean."""
    found = records()
    more = [replace(r, key=f"{r.key} {s}", seed=s, hits=r.hits[:s]) for r in found for s in (1, 2)]
    cell = next(x for x in compare(result(found=found + more)).lines if x.name == "gaslite").cells[0]
    assert (cell.estimate.n, cell.first.value, cell.lead.n) == (4, 0.5, 4)


@pytest.mark.parametrize(("n", "clustered"), [(4, False), (5, True)])
def test_queries_about_one_subject_count_together_where_there_are_subjects_enough(n, clustered):
    names = ["coffee", "tennis", "vaccine", "bicycle", "mortgage"][:n]
    each = {"concept": [f"concepts/{name}" for name in names]}
    tasks = [
        {"name": "g", "attack": "gaslite", "each": each},
        {"name": "s", "attack": "stuffing", "each": each},
    ]
    cell = compare(result(TREE | {"task": tasks})).lines[0].cells[0]
    assert cell.estimate.n == 2 * n
    # one of two queries of every subject is found: subjects do not differ, queries do
    assert ("on clusters" in cell.estimate.method) == clustered
    assert (cell.estimate.method == "Clopper-Pearson") != clustered


def test_seeds_lie_apart_by_the_value_of_each_trial_and_the_interval_stays_that_of_queries():
    """Trial 0 finds half of the queries, trial 1 all of them, at rank 1."""
    found = records()
    again = [seen(r.task, r.condition, r.query_id, 1) for r in found]
    again = [replace(r, key=f"{r.key} again", seed=1) for r in again]
    lines = {x.name: x for x in compare(result(found=found + again)).lines}
    cell = lines["gaslite"].cells[0]
    assert (cell.trials, cell.first_trials) == ((0.5, 1.0), (0.5, 1.0))
    assert (cell.estimate.n, cell.estimate.value) == (4, 0.75)
    assert squares(compare(result(found=found + again)))["gaslite"][0].trials == "trials 0.50 to 1.00"
    told = to_json(result(found=found + again))["comparison"]["rows"]
    assert next(r for r in told if r["name"] == "gaslite")["cells"][0]["trials"] == [0.5, 1.0]


def test_the_same_trial_twice_makes_no_interval_narrower(compared):
    twice = [replace(r, key=f"{r.key} {s}", seed=s) for r in records() for s in (0, 1, 2)]
    again = {x.name: x.cells for x in compare(result(found=twice)).lines}
    for line in compared.lines:
        for cell, other in zip(line.cells, again[line.name], strict=True):
            assert (cell and cell.estimate) == (other and other.estimate)
            assert cell is None or (cell.trials, other.trials) == ((), (other.estimate.value,) * 3)


def test_harm_is_the_mean_of_what_tasks_measured_of_benign_queries(compared):
    def lost(task, condition, value, n=100):
        return Number(task, condition, HARM, Estimate(value, 0.0, 1.0, 0.95, n, 0, "any"))

    tasks = [t.name for t in parse(TREE).task if t.method == "gaslite" and not t.system]
    told = [lost(tasks[0], "gaslite/benign", 0.02), lost(tasks[1], "gaslite/benign", 0.04)]
    told += [lost(tasks[1], "gaslite/benign/repetition@0.05", 0.5), lost(tasks[1], "gaslite", 0.9, n=0)]
    lines = {x.name: x for x in compare(replace(result(), numbers=tuple(told))).lines}
    assert [cell.harm for cell in lines["gaslite"].cells] == [pytest.approx(0.03), None]
    assert {cell.harm for line in compared.lines for cell in line.cells if cell} == {None}
