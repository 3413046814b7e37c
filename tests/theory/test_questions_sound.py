"""On small worlds every question is compared with a reading of the facts that shares no code with ours."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.corpus.build import build
from rag_robust.errors import CorpusError
from rag_robust.metrics.answers import outcome
from rag_robust.questions.graph import Edge, FactGraph
from rag_robust.questions.question import Question
from rag_robust.questions.quota import write_questions
from rag_robust.questions.rare_format import as_record
from rag_robust.questions.world import World, prepare
from rag_robust.text import normalise
from rag_robust.types import Corpus, Passage

LANDS = ("Avaria", "Belmont", "Cordia", "Dunland", "Estova", "Farland")
TOWNS = ("Alton", "Brill", "Crome", "Drax", "Elby", "Frome")
COINS = ("crown", "ducat", "florin")
YEARS = ("1990", "1995", "2000", "2005")


@st.composite
def corpora(draw: st.DrawFn) -> Corpus:
    """Profiles with a town and a coin, yearly reports in separate passages, rates of the coins."""
    n = draw(st.integers(3, 6))
    passages = []
    for land, town in zip(LANDS[:n], TOWNS, strict=False):
        coin = draw(st.sampled_from(COINS))
        text = (
            f"Record of {land}.\nCapital: {town}\nCurrency: {coin}\nTwin: {draw(st.sampled_from(LANDS[:n]))}"
        )
        passages.append(Passage(f"{land}-profile", text, f"Country profile: {land}"))
        for year in YEARS:
            value = draw(st.integers(1, 60))
            table = f"| Year | Rainfall |\n| --- | --- |\n| {year} | {value} |"
            passages.append(Passage(f"{land}-{year}", f"Rainfall of {land}, by year, in days.\n{table}"))
    for year in YEARS[:2]:
        rows = "\n".join(f"| {coin.capitalize()} | {draw(st.integers(100, 999))} |" for coin in COINS)
        passages.append(
            Passage(f"rates-{year}", f"Rates of {year}.\n| Currency | Rate |\n| --- | --- |\n{rows}")
        )
    return build(passages)


def written(corpus: Corpus, n: int = 60, seed: int = 1) -> tuple[World, tuple[Question, ...]]:
    world = prepare(corpus)
    return world, write_questions(world, n, seed=seed).questions


def brute(graph: FactGraph, question: Question) -> set[str]:
    """The answers by trying every combination of facts, for queries without a time operator."""
    query = question.asks
    assert query is not None
    found = set()
    for way in product(*([e for e in graph.edges if e.relation == hop.relation] for hop in query.hops)):
        bound: dict[str, str] = {}
        if all(fits(hop, edge, bound) for hop, edge in zip(query.hops, way, strict=True)) and all(
            bound.get(a, a) != bound.get(b, b) for a, b in query.differ
        ):
            found.add(bound[query.find])
    return found


def fits(hop: object, edge: Edge, bound: dict[str, str]) -> bool:
    for name, value in (("subject", edge.subject), ("object", edge.object), ("valid", edge.valid)):
        term = getattr(hop, name)
        if name == "object" and hop.test:  # type: ignore[attr-defined]
            number, limit = edge.value.number, Decimal(term)
            if number is None or not (number > limit if hop.test == ">" else number < limit):  # type: ignore[attr-defined]
                return False
        elif term.startswith("?"):
            if bound.setdefault(term, value) != value:
                return False
        elif term != value:
            return False
    return not edge.conflict


def names(question: Question) -> set[str]:
    return {forms[0] for forms in question.answer_sets}


@settings(max_examples=4, deadline=None)
@given(corpora())
def test_the_graph_query_of_a_question_gives_its_answers_and_nothing_else(corpus: Corpus) -> None:
    world, questions = written(corpus)
    assert {q.pattern for q in questions} >= {"single", "chain", "temporal"}
    for question in questions:
        if not question.asks.op and len(question.asks.hops) <= 2:
            assert brute(world.graph, question) == names(question)


@settings(max_examples=4, deadline=None)
@given(corpora())
def test_comparisons_and_dates_answer_what_the_numbers_say(corpus: Corpus) -> None:
    world, questions = written(corpus)
    for question in (q for q in questions if q.asks.op in ("highest", "lowest")):
        pick = max if question.asks.op == "highest" else min
        best = pick(question.ways[0], key=lambda e: e.value.number)
        assert names(question) == {best.subject if question.asks.find == "subject" else best.valid}
        assert len({e.value.number for e in question.ways[0]}) == 2
    for question in (q for q in questions if q.asks.op in ("before", "as of", "after")):
        hop, bound = question.asks.hops[0], question.asks.bound
        dates = {e.valid for e in world.graph.get("sr", hop.subject, hop.relation)}
        near = {
            "before": max((d for d in dates if d < bound), default=""),
            "as of": max((d for d in dates if d <= bound), default=""),
            "after": min((d for d in dates if d > bound), default=""),
        }
        assert question.ways[0][0].valid == near[question.asks.op]


@settings(max_examples=4, deadline=None)
@given(corpora())
def test_no_single_passage_answers_a_question_over_several_facts(corpus: Corpus) -> None:
    world, questions = written(corpus)
    several = [q for q in questions if 1 < q.hops < 4 and q.ways and not q.asks.op]
    for question in several:
        for passage_id in corpus.passages:
            alone = world.graph.kept(lambda e, p=passage_id: p in e.passages)
            assert not brute(alone, question)


@settings(max_examples=4, deadline=None)
@given(corpora())
def test_without_any_one_evidence_the_answer_is_lost(corpus: Corpus) -> None:
    world, questions = written(corpus)
    for question in (q for q in questions if q.ways and not q.asks.op and q.hops == 2):
        for edge in {e.key: e for way in question.ways for e in way}.values():
            left = world.graph.without_passages(edge.passages)
            assert brute(left, question) != names(question)


@settings(max_examples=4, deadline=None)
@given(corpora())
def test_what_cannot_be_answered_is_neither_in_the_graph_nor_in_the_text(corpus: Corpus) -> None:
    world, questions = written(corpus)
    for question in (q for q in questions if q.pattern == "unanswerable"):
        assert brute(world.graph, question) == set()
        assert question.query.answers == question.gold == ()
        last = question.asks.hops[-1]
        who = last.subject if not last.subject.startswith("?") else question.fact.subject
        needed = [normalise(part) for part in (who, last.relation, last.valid) if part]
        texts = [normalise(p.full) for p in corpus.passages.values()]
        assert not any(all(part in text for part in needed) for text in texts)


@settings(max_examples=4, deadline=None)
@given(corpora(), st.randoms(use_true_random=False))
def test_same_seed_same_bytes_whatever_the_order_of_passages(corpus: Corpus, random: object) -> None:
    ids = list(corpus.passages)
    random.shuffle(ids)  # type: ignore[attr-defined]
    turned = Corpus({i: corpus.passages[i] for i in ids}, {}, {}, corpus.digest)
    one, two = (json.dumps([as_record(q, c) for q in written(c)[1]]) for c in (corpus, turned))
    assert one == two


@settings(max_examples=4, deadline=None)
@given(corpora())
def test_neither_answers_nor_what_is_described_stand_in_the_question(corpus: Corpus) -> None:
    _, questions = written(corpus)
    for question in questions:
        said = f" {normalise(question.query.text).rstrip('?.')} ".replace(",", " ")
        named = {t for hop in question.asks.hops for t in (hop.subject, hop.object, hop.valid)}
        if question.asks.op not in ("highest", "lowest"):
            hidden = {e.subject for way in question.ways for e in way} - named
            for name in {normalise(n) for n in hidden | {a for forms in question.answer_sets for a in forms}}:
                assert f" {name} " not in said


@settings(max_examples=4, deadline=None)
@given(corpora(), st.integers(1, 40))
def test_the_count_is_met_or_the_patterns_are_exhausted(corpus: Corpus, n: int) -> None:
    world = prepare(corpus)
    found = write_questions(world, n)
    assert len(found.questions) == n or (
        found.shortfall and set(found.exhausted) >= {"single", "chain", "star"}
    )
    assert len({q.query.id for q in found.questions}) == len({q.query.text for q in found.questions})


def test_a_world_without_facts_is_a_loud_failure() -> None:
    with pytest.raises(CorpusError, match="found no fact in 1 passages"):
        prepare(build([Passage("p", "Nothing here is a fact.")]))


@settings(max_examples=20, deadline=None)
@given(corpora())
def test_no_question_is_answered_by_repeating_it(corpus: Corpus) -> None:
    for question in written(corpus)[1]:
        if question.query.answers:
            assert outcome(question.query, question.query.text) == "wrong"
            assert outcome(question.query, question.query.answers[0]) == "correct"
        choice = question.asks is not None and question.asks.op in ("highest", "lowest")
        assert bool(question.query.rejected) == choice
