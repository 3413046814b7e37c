"""Filters before attacks: what is pooled, what an interval is about, and where it is shown."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from rag_robust.gates import Number, Result
from rag_robust.report.filters import Filter, filtered
from rag_robust.report.filters_table import filters_tables
from rag_robust.report.json import to_json
from rag_robust.report.table import summary
from rag_robust.suite import parse
from rag_robust.types import Estimate, Failure, Hit, Record

CONCEPTS = ("coffee", "tennis", "vaccine")


def seen(task, condition, concept, *, dropped=None, first=True):
    """Two queries of a concept that meet its one passage, at rank 1 or not among those ranked."""
    name = "poison" if first else "p0"
    hits = (Hit(name, 1.0), *(Hit(f"p{i}", 1 / i) for i in range(2, 12)))
    notes = {} if dropped is None else {"detected": dropped}
    return [
        Record(
            f"{task} {condition} {concept} {i}",
            task,
            condition,
            f"{concept}-{i}",
            0,
            hits,
            inserted=("poison",),
            change=f"of {concept}",
            notes=notes,
        )
        for i in range(2)
    ]


def result(caught=("coffee",)):
    """GASLITE on three concepts behind two filters, one of which drops `caught`; stuffing before none."""
    tasks = [
        {"name": f"{attack} {concept}", "attack": attack, "concept": f"concepts/{concept}", **more}
        for attack, more in (
            ("gaslite", {"defences": ["repetition", "perplexity"], "rates": [0.05]}),
            ("stuffing", {}),
        )
        for concept in CONCEPTS
    ]
    suite = parse({"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "task": tasks})
    found = []
    for task in suite.task:
        concept = task.concept.rpartition("/")[2]
        found += seen(task.name, task.method, concept) + seen(
            task.name, "information_only", concept, first=False
        )
        for name, rate in task.filters:
            out = float(name == "perplexity" and concept in caught)
            behind = f"{task.method}/{name}@{rate:g}"
            found += seen(task.name, behind, concept, dropped=out, first=not out)
    cost = Estimate(0.04, 0.0, 0.1, 0.95, 50, 0, "as told")
    numbers = (Number("gaslite coffee", "clean/benign/perplexity@0.05", "nDCG@10 drop", cost),)
    return Result(suite, {}, tuple(found), len(found), (), numbers, ())


def test_what_is_dropped_and_what_is_left_are_pooled_over_concepts():
    (one,) = filtered(result())
    assert one.filters == (Filter("repetition", 0.05), Filter("perplexity", 0.05))
    ((situation, attacks),) = one.attacks.items()
    assert situation == "knows-what, 1 passage"
    (attack,) = attacks  # stuffing stands before no filter
    assert (attack.name, attack.first.value) == ("gaslite", 1.0)
    assert [b.detected.value for b in attack.behind] == [0.0, pytest.approx(1 / 3)]
    assert [b.first.value for b in attack.behind] == [1.0, pytest.approx(2 / 3)]
    assert [cost and cost.value for cost in one.cost] == [None, 0.04]


def test_an_interval_of_what_is_dropped_is_about_changes_not_queries():
    (one,) = filtered(result(caught=()))
    (attack,) = one.attacks["knows-what, 1 passage"]
    dropped, left = attack.behind[0].detected, attack.behind[0].first
    assert dropped.n == left.n == 6
    assert dropped.high == pytest.approx(1 - 0.025 ** (1 / 3))  # three changes, not six queries
    assert left.low == pytest.approx(0.025 ** (1 / 6))


def test_a_filter_that_a_task_does_not_ask_for_is_left_open():
    run = result()
    conditions = ("aggd", "information_only", "aggd/repetition@0.05")
    beside = [r for c in conditions for r in seen("aggd", c, "coffee", dropped=0.0)]
    run = added(run, beside, name="aggd", attack="aggd", defences=("repetition",))
    (one,) = filtered(run)
    lines = {attack.name: attack for attack in one.attacks["knows-what, 1 passage"]}
    assert [b is None for b in lines["aggd"].behind] == [False, True]


def added(run, records, **own):
    """The run with one more task, the first one but for `own`."""
    tasks = (*run.suite.task, run.suite.task[0].model_copy(update=own))
    changed = run.suite.model_copy(update={"task": tasks})
    return replace(run, suite=changed, records=(*run.records, *records))


def test_a_further_task_may_bring_a_further_filter_and_its_own_queries_stand_beside():
    more = ("gaslite", "information_only", "gaslite/norm@0.01")
    beside = [r for c in more for r in seen("again", c, "coffee", dropped=1.0, first=c == "gaslite")]
    run = added(result(), beside, name="again", defences=("norm",), rates=(0.01,))
    ((attack,),) = (one.attacks["knows-what, 1 passage"] for one in filtered(run))
    norm = attack.behind[2]
    assert (norm.detected.value, norm.before.value, norm.first.value) == (1.0, 1.0, 0.0)
    assert (norm.before.n, attack.behind[0].before.n) == (2, 6)  # one subject, and all three


def test_a_task_that_is_itself_a_baseline_has_its_line_wherever_it_stands():
    more = ("information_only", "random_passage", "information_only/repetition@0.05")
    beside = [r for c in more for r in seen("bare", c, "coffee", dropped=0.0)]
    run = added(result(), beside, name="bare", attack="information_only", defences=("repetition",))
    (one,) = filtered(run)
    assert {a.name for a in one.attacks["knows-what, 1 passage"]} == {"gaslite", "baseline information_only"}


def test_what_was_not_scored_is_no_zero():
    none = Failure("not_applicable", "no gradients")
    own = [r for r in result().records if r.task == "gaslite coffee"]
    failed = tuple(replace(r, failure=none, notes={}, hits=()) for r in own)
    run = replace(result(), records=failed)
    console = Console(width=100, record=True, file=StringIO())
    console.print(summary(run))
    lines = console.export_text().partition("Filters before")[2].splitlines()
    assert next(line for line in lines if line.startswith("gaslite")).split() == ["gaslite", "–", "–", "–"]


def test_records_that_are_not_there_yet_and_other_kinds_of_task_make_no_table():
    run = result()
    early = tuple(r for r in run.records if "@" not in r.condition)
    assert filtered(replace(run, records=early)) == ()


def test_without_a_filter_there_is_no_table():
    run = result()
    tasks = tuple(t.model_copy(update={"defences": ()}) for t in run.suite.task)
    assert filtered(replace(run, suite=run.suite.model_copy(update={"task": tasks}))) == ()


def test_a_terminal_shows_five_filters_at_two_rates_within_80_columns():
    filters = ["perplexity", "norm", "repetition", "near_duplicate", "masked_token"]
    task = {"name": "t", "attack": "gaslite", "concept": "concepts/coffee", "defences": filters}
    task["rates"] = [0.01, 0.05]
    suite = parse({"schema": 1, "name": "s", "corpus": {"source": "tiny"}, "task": [task]})
    asked = [f"gaslite/{f}@{r}" for f in filters for r in (0.01, 0.05)]
    found = [r for c in ("gaslite", "information_only") for r in seen("t", c, "coffee")]
    found += [r for c in asked for r in seen("t", c, "coffee", dropped=1.0)]
    console = Console(width=80, record=True, file=StringIO())
    console.print(
        *filters_tables(filtered(Result(suite, {}, tuple(found), len(found), (), (), ()))), sep="\n"
    )
    told = [line.split() for line in console.export_text().splitlines()]
    assert ["near", "masked"] in told
    assert {"perplexity", "duplicate", "token"} <= {word for line in told for word in line}
    assert ["first", *["0.01", "0.05"] * 5] in told
    assert ["gaslite", "1.00", *["1.00"] * 10] in told


def test_a_terminal_shows_it_within_80_columns_and_json_tells_it():
    console = Console(width=80, record=True, file=StringIO())
    console.print(summary(result()))
    told = console.export_text()
    assert "Filters before all-MiniLM-L6-v2" in told
    line = next(row for row in told.splitlines() if row.startswith("gaslite") and "0.33" in row)
    assert line.split() == ["gaslite", "1.00", "0.00", "0.33"]
    assert max(map(len, told.splitlines())) <= 80
    (one,) = to_json(result())["filters"]
    assert one["attacks"][0]["behind"][1]["detected"]["value"] == pytest.approx(1 / 3)
    assert one["filters"][1]["cost"]["value"] == 0.04
