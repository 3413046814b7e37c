from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rag_robust import metrics
from rag_robust.metrics.degenerate import baseline_records, policies
from rag_robust.types import CLEAN, Corpus, Failure, Query, Record

CORPUS = Corpus({}, {q: Query(q, "How much did it rise?", ("2.9%",)) for q in ("q1", "q2", "q3")}, {}, "")
SCORES = ("rare_overall", "rare_query", "rare_document", "rare_retrieved")
FORMS = ("original", "typo", "synonym", "grammar", "irrelevant")
RIGHT, WRONG, REFUSAL = "2.9%", "4%", "I don't know."


def cell(condition: str, answer: str | None, query: str = "q1", n: int = 0) -> Record:
    return Record(f"{query}/{condition}/{n}", "t", condition, query, 0, answer=answer)


def score(name: str, *records: Record) -> float:
    (value,) = metrics.load(name)(records, CORPUS).tolist()
    return float(value)


def grid() -> list[Record]:
    """Five forms of three questions over the gold, two perturbed and three retrieved document sets."""
    shown = [
        ("gold", 0),
        ("removed", 0),
        ("different", 0),
        ("retrieved", 0),
        ("retrieved", 1),
        ("retrieved", 2),
    ]
    cells = [cell("original/none", "", q) for q in CORPUS.queries]
    return cells + [cell(f"{f}/{d}", "", q, n) for q in CORPUS.queries for f in FORMS for d, n in shown]


def contexts() -> dict[tuple[str, str], list[str]]:
    """What was shown: q3's retrieval misses the evidence, as one retriever of three did for RARE."""
    texts = {
        "gold": "It rose by 2.9% that year.",
        "removed": "It rose that year.",
        "different": "A rise of 2.9%.",
    }
    shown = {(q, f"{f}/{d}"): [texts[d]] for q in CORPUS.queries for f in FORMS for d in texts}
    found = {(q, f"{f}/retrieved"): ["Other news.", texts["gold"]] for q in ("q1", "q2") for f in FORMS}
    return shown | found | {("q3", f"{f}/retrieved"): ["Other news."] for f in FORMS}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("ideal", (1.0, 1.0, 1.0, 1.0)),
        ("always refuse", (2 / 3, 0.0, 0.5, 1.0)),
        ("copy the evidence", (2 / 3, 1.0, 0.5, 2 / 3)),
        ("always wrong", (0.0, 0.0, 0.0, 0.0)),
        ("empty answer", (0.0, 0.0, 0.0, 0.0)),  # 1.0 everywhere with RARE's own judge
    ],
)
def test_degenerate_policies_score_as_published(policy: str, expected: tuple[float, ...]) -> None:
    records = baseline_records(grid(), CORPUS, contexts())[policy]
    got = [metrics.load(name)(records, CORPUS).mean() for name in SCORES]
    assert got == pytest.approx(expected)


def test_no_policy_beats_the_ideal_one() -> None:
    answered = baseline_records(grid(), CORPUS, contexts())
    for name in SCORES:
        best = metrics.load(name)(answered["ideal"], CORPUS)
        assert all((metrics.load(name)(answered[p], CORPUS) <= best).all() for p in policies())


def test_only_the_ideal_policy_wins_refusal_and_hallucination_together() -> None:
    answered = baseline_records(grid(), CORPUS, contexts())
    lost = {
        p: sum(metrics.load(m)(answered[p], CORPUS).mean() for m in ("over_refusal", "hallucination"))
        for p in policies()
    }
    assert {p for p, sum_ in lost.items() if sum_ == 0} == {"ideal"}


def test_wording_of_a_refusal_does_not_matter() -> None:
    probe, removed = cell("original/none", WRONG), "original/removed"
    for refusal in ("no such info", "I do not know.", "I don’t have that information"):
        assert score("rare_document", probe, cell(removed, refusal)) == 1.0


@pytest.mark.parametrize(
    ("known", "documents", "robust"),
    [
        (True, "gold", {RIGHT}),
        (True, "removed", {RIGHT}),
        (True, "different", {RIGHT}),
        (True, "retrieved", {RIGHT}),
        (False, "gold", {RIGHT}),
        (False, "removed", {REFUSAL}),
        (False, "different", {RIGHT}),
        (False, "retrieved", {RIGHT, REFUSAL}),
    ],
)
def test_cell_rule(known: bool, documents: str, robust: set[str]) -> None:
    probe = cell("original/none", RIGHT if known else REFUSAL)
    for answer in (RIGHT, WRONG, REFUSAL, ""):
        got = score("rare_overall", probe, cell(f"original/{documents}", answer))
        assert got == float(answer in robust)


@pytest.mark.parametrize(
    ("documents", "covered", "robust"),
    [
        ("counterfactual", 0, {REFUSAL}),
        ("stale", 0, {REFUSAL}),
        ("removed", 1, {REFUSAL}),
        ("contradicting", 2, {RIGHT}),
        ("distractor?count=2", 2, {RIGHT}),
        ("truncated", 2, {RIGHT}),
        ("truncated", 1, {REFUSAL}),
        ("top?k=1", 1, {REFUSAL}),
        ("my.package:mine", 2, {RIGHT}),
        ("retrieved+injected", 0, {RIGHT, REFUSAL}),
        ("retrieved+top?k=1", 2, {RIGHT, REFUSAL}),
    ],
)
def test_operators_fall_under_the_rule_of_the_evidence_they_leave(documents, covered, robust) -> None:
    for answer in (RIGHT, WRONG, REFUSAL, ""):
        asked = replace(cell(f"original/{documents}", answer), notes={"hops": 2, "covered": covered})
        assert score("rare_overall", cell("original/none", WRONG), asked) == float(answer in robust)
        known = score("rare_overall", cell("original/none", RIGHT), asked)
        assert known == float(answer == RIGHT)


def test_an_operator_of_which_nobody_knows_what_it_left_is_left_out() -> None:
    assert np.isnan(score("rare_overall", cell("original/none", WRONG), cell("original/truncated", RIGHT)))


@pytest.mark.parametrize(("covered", "robust"), [(0, {REFUSAL}), (1, {RIGHT}), (2, {RIGHT})])
def test_first_version_asks_for_an_answer_as_soon_as_any_evidence_is_retrieved(covered, robust) -> None:
    for answer in (RIGHT, WRONG, REFUSAL, ""):
        asked = replace(cell("original/retrieved", answer), notes={"hops": 2, "covered": covered})
        assert score("rare_v1_retrieved", cell("original/none", WRONG), asked) == float(answer in robust)


def test_profiles_differ_over_retrieved_passages_alone() -> None:
    asked = [replace(r, answer=REFUSAL, notes={"hops": 1, "covered": 1}) for r in grid()]
    for name in ("query", "document"):
        both = [metrics.load(f"{profile}_{name}")(asked, CORPUS) for profile in ("rare", "rare_v1")]
        assert both[0].tolist() == both[1].tolist()
    assert metrics.load("rare_retrieved")(asked, CORPUS).mean() == 1.0
    assert metrics.load("rare_v1_retrieved")(asked, CORPUS).mean() == 0.0


def test_document_robustness_is_over_all_that_was_done_to_the_gold_passages() -> None:
    cells = [cell("original/none", WRONG), cell("original/gold", WRONG), cell("original/different", RIGHT)]
    cells += [replace(cell("original/truncated", WRONG), notes={"hops": 1, "covered": 1})]
    assert score("rare_document", *cells, cell("typo/different", WRONG)) == 0.5


def test_halves_of_a_loss_and_unanswerable_questions_are_in_no_score() -> None:
    asked = [cell("original/none", WRONG), cell("original/retrieved?for=typo", RIGHT)]
    silent = replace(cell("original/retrieved", REFUSAL), notes={"unanswerable": True})
    for name in SCORES:
        assert np.isnan(score(name, *asked))
        assert np.isnan(score(name, silent))


def test_query_robustness_leaves_out_the_original_form_and_other_documents() -> None:
    records = [cell("original/none", ""), cell("original/gold", RIGHT), cell("typo/removed", WRONG)]
    assert np.isnan(score("rare_query", *records))
    assert score("rare_query", *records, cell("typo/gold", WRONG), cell("grammar/gold", RIGHT)) == 0.5


def test_failed_cell_is_left_out_and_counts_neither_way() -> None:
    failed = replace(cell("original/different", None), failure=Failure("parse", "no text"))
    records = [cell("original/none", ""), cell("original/removed", WRONG), failed]
    assert score("rare_document", *records) == 0.0
    assert np.isnan(score("rare_document", records[0], failed))


def test_failed_probe_leaves_out_only_cells_whose_rule_needs_it() -> None:
    failed = replace(cell("original/none", None), failure=Failure("timeout", "60 s"))
    records = [failed, cell("original/gold", RIGHT), cell("original/removed", WRONG)]
    assert score("rare_overall", *records) == 1.0
    assert np.isnan(score("hallucination", *records))


def test_question_without_answers_is_unscored() -> None:
    corpus = replace(CORPUS, queries={"q1": Query("q1", "?")})
    values = metrics.load("rare_overall")([cell("original/none", ""), cell("original/gold", RIGHT)], corpus)
    assert np.isnan(values).all()


def test_over_refusal_counts_withheld_answers_where_evidence_was_shown() -> None:
    answers = {
        "original/gold": REFUSAL,
        "typo/gold": RIGHT,
        "original/different": "",
        "typo/different": WRONG,
    }
    cells = [cell(c, a) for c, a in answers.items()]
    assert score("over_refusal", cell("original/none", ""), *cells, cell("original/removed", REFUSAL)) == 0.5
    assert np.isnan(score("over_refusal", cell("original/none", RIGHT), *cells))


def test_hallucination_is_wrong_without_evidence_and_luck_is_none() -> None:
    cells = [cell("original/removed", WRONG), cell("typo/removed", RIGHT), cell("original/gold", WRONG)]
    assert score("hallucination", cell("original/none", ""), *cells) == 0.5


def test_harmful_retrieval_is_what_documents_cost() -> None:
    cells = [cell("original/gold", RIGHT), cell("original/retrieved", WRONG), cell("typo/removed", REFUSAL)]
    assert score("harmful_retrieval", cell("original/none", RIGHT), *cells) == pytest.approx(2 / 3)
    assert np.isnan(score("harmful_retrieval", cell("original/none", WRONG), *cells))


def test_baseline_of_a_cell_whose_context_was_not_kept_is_not_applicable() -> None:
    records = [cell("original/none", RIGHT), cell("original/gold", RIGHT)]
    for answered in baseline_records(records, CORPUS, {}).values():
        assert answered[0].failure is None
        assert answered[1].failure is not None
        assert answered[1].failure.kind == "not_applicable"


def test_random_span_comes_from_the_context_and_hangs_on_the_query_alone() -> None:
    span = policies()["random span"]
    text = "one two three four five six seven eight nine ten"
    got = span(CORPUS.queries["q1"], [text])
    assert got in text
    assert got == span(CORPUS.queries["q1"], [text])
    assert len({span(Query(f"q{i}", "?"), [text]) for i in range(20)}) > 1
    assert span(CORPUS.queries["q1"], []) == ""


def test_ideal_answers_only_what_a_context_says() -> None:
    ideal = policies()["ideal"]
    query = Query("q", "?", ("Bombay", "Mumbai"))
    assert ideal(query, ["It is in Mumbai. No information on Delhi."]) == "Mumbai"
    assert ideal(query, ["It is in Delhi."]) == "I don't know."


def test_correct_is_about_the_judged_condition() -> None:
    records = [cell(CLEAN, RIGHT), cell("typo", WRONG)]
    assert score("correct", records[0]) == 1.0
    assert score("correct", *records) == 0.0
    assert score("refusals", cell(CLEAN, RIGHT), cell("typo", REFUSAL)) == 1.0


def test_correct_over_a_grid_is_the_share_without_closed_book() -> None:
    records = [cell("original/none", WRONG), cell("original/gold", RIGHT), cell("typo/gold", WRONG)]
    assert score("correct", *records) == 0.5


def test_answer_that_failed_is_unscored_and_over_budget_is_the_clean_one() -> None:
    crashed = replace(cell("stuffing", None), failure=Failure("crash", "why"))
    assert np.isnan(score("correct", cell(CLEAN, RIGHT), crashed))
    spent = replace(crashed, failure=Failure("budget", "why"))
    assert score("correct", cell(CLEAN, RIGHT), spent) == 1.0
