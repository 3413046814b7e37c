"""The tables of question tasks, from a run by hand: two systems, three kinds of questions, planted values."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rag_robust import opinions
from rag_robust.clusters import clusters
from rag_robust.gates import Result, judge
from rag_robust.report.html import to_html
from rag_robust.report.page import page
from rag_robust.report.questions import question_tables
from rag_robust.report.table import summary
from rag_robust.store import Store
from rag_robust.suite import parse
from rag_robust.types import Corpus, Failure, Query, Record

SYSTEMS = ("careful", "eager")
SHOWN = ("gold", "removed", "counterfactual", "retrieved", "retrieved+injected")
IDS = tuple(f"{kind}{n}" for kind in ("one", "two", "none") for n in range(4))
TEXTS = {i: f"How much did {i} rise?" for i in IDS}
SUITE = {
    "schema": 1,
    "name": "two systems",
    "corpus": {"source": "tiny"},
    "task": [
        {
            "name": name,
            "questions": "tiny",
            "split": True,
            "documents": list(SHOWN),
            "metrics": ["balanced-robustness"],
        }
        for name in SYSTEMS
    ],
}


def conditions() -> Iterator[tuple[str, str, str]]:
    yield "original/none", "original", "none"
    for form in ("original", "typo"):
        for shown in SHOWN:
            yield f"{form}/{shown}", form, shown
    yield "original/retrieved?for=typo", "original", "typo's"


def covered(query: str, form: str, shown: str) -> int:
    """All the evidence is in gold; retrieval misses a fact of two, and with a typo the evidence of one0."""
    if query.startswith("none") or shown in ("none", "removed", "counterfactual"):
        return 0
    missed = query == "one0" and (form == "typo" or shown == "typo's") and shown != "gold"
    return 0 if missed else 1 if query.startswith("one") or shown != "gold" else 2


def read(name: str, query: str, shown: str, found: int, hops: int) -> str:
    """Careful answers from the whole evidence and else refuses; eager always answers, planted values too."""
    if found and found == hops and query != "one1":
        return "2.9%"
    if name == "careful":
        return "I do not know."
    return "4%" if shown == "counterfactual" else "about a tenth"


def told(name: str) -> Iterator[tuple[Record, list[str]]]:
    for condition, form, shown in conditions():
        for query in IDS:
            hops = {"one": 1, "two": 2, "none": 0}[query[:-1]]
            if not hops and not shown.startswith(("retrieved", "typo", "none")):
                continue
            found = covered(query, form, shown)
            notes = {"asked": TEXTS[query], "hops": hops, "covered": found, "shown": 3, "intensity": 0.1}
            notes |= {"pattern": {1: "single", 2: "chain", 0: "unanswerable"}[hops]}
            notes |= {"unanswerable": not hops, "source": f"document {query[-1]}"}
            if shown == "counterfactual":
                notes |= {"planted": "4%", "plants": "counterfactual"}
            answer = read(name, query, shown, found, hops)
            record = Record(
                f"{name}/{condition}/{query}", name, condition, query, 0, answer=answer, notes=notes
            )
            if shown == "retrieved+injected" and query == "two3":
                failure = Failure("not_applicable", "broken: answers kept")
                record = replace(record, answer=None, failure=failure)
            yield record, ["It rose by 2.9%."] if found else ["Other news."]


def build(folder: Path) -> Store:
    store = Store(folder, create=True)
    suite = parse(SUITE)
    store.claim(suite.name)
    store.set_meta("suite", suite.model_dump(mode="json", by_alias=True))
    rows = [row for name in SYSTEMS for row in told(name)]
    store.plan([record.key for record, _ in rows])
    world = {
        "digest": "d",
        "queries": {i: [TEXTS[i], [] if i.startswith("none") else ["2.9%"]] for i in IDS},
        "qrels": {},
        "passages": {},
        "dropped": {},
    }
    artifacts: dict[str, tuple[str, object]] = {record.key: ("context", texts) for record, texts in rows}
    artifacts |= {f"world tiny {name}": ("world", world) for name in SYSTEMS}
    store.add([record for record, _ in rows], artifacts)
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return build(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def result(store) -> Result:
    return judge(store)


@pytest.fixture(scope="module")
def html(store) -> str:
    return to_html(store)


def found(result: Result, name: str):
    return next(f for f in result.findings if f.task == name)


def test_every_judged_answer_is_in_one_cell(result):
    for findings in result.findings:
        answers = [r for r in result.records if r.task == findings.task and r.answer is not None]
        in_grid = [r for r in answers if "?for=" not in r.condition and r.condition != "original/none"]
        assert sum(row.n for row in findings.cells) + findings.unclear == len(in_grid)
        assert all(r.n == r.correct + r.refusal + r.wrong + r.empty for r in findings.cells)
        assert {row.known for row in findings.cells} == {False}


def test_cells_tell_the_careful_from_the_eager(result):
    careful, eager = (
        {row.evidence: row.expected.value for row in found(result, name).cells} for name in SYSTEMS
    )
    assert careful["full"] == eager["full"] < 1
    assert careful["partial"] == careful["none"] == 1.0
    assert eager["partial"] == eager["none"] == 0.0


def test_the_system_stands_beside_every_policy(result):
    names = [name for name, _ in found(result, "careful").policies]
    assert names == [
        "",
        "always refuse",
        "always wrong",
        "copy the evidence",
        "empty answer",
        "ideal",
        "random span",
        "repeat the question",
    ]
    balance = {name: scores[0].value for name, scores in found(result, "careful").policies}
    assert balance["ideal"] == 1.0 > balance[""] > balance["always refuse"] == 0.5
    assert balance["empty answer"] == 0.0


def test_the_lost_passage_is_the_retrievers_loss(result):
    (loss,) = found(result, "careful").losses
    assert loss.form == "typo"
    assert loss.retriever.value == loss.loss.value == pytest.approx(1 / 12)
    assert loss.generator.value == 0.0


def test_what_could_not_be_made_is_counted_by_its_reason(result):
    tolls = {(t.name, t.against): t for t in found(result, "careful").tolls}
    assert tolls["injected", "retrieved"].dropped == (("broken: answers kept", 1),)
    assert tolls["typo", "retrieved"].pairs.only_first == 1
    assert tolls["typo", "gold"].pairs.p == 1.0
    assert ("gold", "gold") not in tolls


def test_planted_values_are_adopted_by_the_eager_alone(result):
    careful, eager = (found(result, name).planted[0] for name in SYSTEMS)
    assert (careful.adopted.value, careful.refused.value) == (0.0, 1.0)
    assert (eager.kind, eager.adopted.value, eager.refused.value) == ("counterfactual", 1.0, 0.0)


def test_one_fact_stands_against_several_and_patterns_follow(result):
    groups = {g.pattern: g for g in found(result, "careful").groups}
    assert list(groups) == ["one fact", "several facts", "unanswerable", "single", "chain"]
    assert groups["one fact"].covered.value == pytest.approx((3 + 0.5) / 4)
    assert groups["several facts"].covered.value == 0.5
    assert groups["several facts"].retrieved.value == 0.0


def test_intervals_go_by_the_source_that_is_noted(store, result):
    task = result.suite.task[0]
    own = [r for r in result.records if r.task == task.name]
    noted = clusters(task, "correct", "", own, Corpus({}, {}, {}, ""))
    assert set(noted) == {f"document {n}" for n in range(4)}
    assert found(result, "careful").n_sources == 4
    bare = [replace(r, notes={}) for r in own]
    assert len(set(clusters(task, "correct", "", bare, Corpus({}, {}, {}, "")))) == len(IDS)


def test_systems_are_compared_on_the_questions_they_share(result):
    (pair,) = result.versus
    assert (pair.first, pair.second) == SYSTEMS
    assert (pair.pairs.n, pair.pairs.only_first, pair.pairs.only_second) == (8, 0, 0)
    assert pair.decided is False


def test_page_has_the_tables_and_warns_of_scores_that_refusals_win(html):
    for title in (
        "Beside policies that understand nothing",
        "What it knows, and what it was shown",
        "The worst case",
        "Where rewordings lose answers",
        "What each change costs",
        "One fact against several",
        "False values that were planted",
        "Further scores",
        "Systems on the same questions",
    ):
        assert f"<h3>{title}</h3>" in html
    assert "* rare 2025-06-13: refusing everything gets 2/3" in html
    assert "1 broken: answers kept" in html
    assert to_html_of_halves(html) == 0


def to_html_of_halves(html: str) -> int:
    return html.partition("<h3>Share of right answers</h3>")[2].partition("</table>")[0].count("?for=")


def test_same_store_gives_the_same_tables(store, result):
    again = judge(store)
    assert [question_tables(f) for f in again.findings] == [question_tables(f) for f in result.findings]


def test_terminal_has_the_short_tables_within_eighty_columns(result):
    out = io.StringIO()
    Console(file=out, width=80).print(summary(result))
    text = out.getvalue()
    assert "Beside policies that understand nothing" in text
    assert "Where rewordings lose answers" in text
    assert "What each change costs" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_further_judge_is_shown_and_changes_no_score(tmp_path):
    store = build(tmp_path)
    before = judge(store)
    n = opinions.ask(store, "model", lambda query, said: None if "know" in said else not query.answers)
    after = judge(store)
    assert n == sum(r.answer is not None and "know" not in r.answer for r in before.records)
    assert opinions.ask(store, "again", lambda _, __: None) == 0
    assert [f.policies for f in after.findings] == [f.policies for f in before.findings]
    (first, *_) = found(after, "eager").disagreements
    assert "model: wrong" in first[3]
    assert "counted as right" in first[3]
    assert found(before, "eager").disagreements == ()


def test_many_document_conditions_become_rows(store):
    section = page(store).sections[0]
    assert section.corner == "wording"
    assert "typo" in section.grid
    from rag_robust.report.answered import grid

    many = [Record(f"k{n}", "t", f"original/op{n}", "q", 0, answer="2.9%") for n in range(9)]
    corner, columns, rows = grid(many, Corpus({}, {"q": Query("q", "?", ("2.9%",))}, {}, ""))
    assert (corner, columns, len(rows)) == ("documents", ("original",), 9)
