from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.corpus.build import build, limit_queries, sample, shorten
from rag_robust.errors import CorpusError
from rag_robust.types import Corpus, Passage, Query


def world(n_passages: int = 10, n_queries: int = 4, order: int = 0) -> Corpus:
    """Query i is answered by passage i and judged not relevant to passage i + 1."""
    passages = [Passage(f"p{i}", f"text {i}") for i in range(n_passages)]
    queries = [Query(f"q{i}", f"question {i}", (f"answer {i}",)) for i in range(n_queries)]
    random.Random(order).shuffle(passages)
    random.Random(order).shuffle(queries)
    return build(passages, queries, {q.id: {f"p{q.id[1:]}": 1, f"p{int(q.id[1:]) + 1}": 0} for q in queries})


@given(st.integers(0, 1000))
def test_digest_and_order_do_not_depend_on_the_order_of_the_input(order: int) -> None:
    assert world(order=order) == world()
    assert list(world(order=order).passages) == sorted(world().passages)


def test_digest_depends_on_every_part_of_the_content() -> None:
    one, ask = Passage("p", "text", "title"), Query("q", "question", ("answer",))
    digests = {
        build([one], [ask], {"q": {"p": 1}}).digest,
        build([one], [ask], {"q": {"p": 2}}).digest,
        build([one], [ask]).digest,
        build([one], [Query("q", "question", ("another",))], {"q": {"p": 1}}).digest,
        build([one], [Query("q", "question answer")], {"q": {"p": 1}}).digest,
        build([Passage("p", "title", "text")], [ask], {"q": {"p": 1}}).digest,
        build([Passage("p", "text title")], [ask], {"q": {"p": 1}}).digest,
    }
    assert len(digests) == 7


def test_digest_is_the_same_on_every_machine() -> None:
    expected = hashlib.sha256(b'["passage", "p", "title", "text"]\n').hexdigest()
    assert build([Passage("p", "text", "title")]).digest == expected


def test_empty_judgements_of_a_query_are_no_judgements() -> None:
    asked = [Query("q", "question")]
    assert build([Passage("p", "t")], asked, {"q": {}}) == build([Passage("p", "t")], asked)


@pytest.mark.parametrize(
    ("passages", "queries", "qrels", "message"),
    [
        ([], [], {}, "at least one passage, got none"),
        ([Passage("p", "a"), Passage("p", "b")], [], {}, 'unique passage ids, got "p" twice'),
        ([Passage("", "a")], [], {}, "non-empty string as passage id"),
        ([Passage(7, "a")], [], {}, "non-empty string as passage id, got 7"),  # type: ignore[arg-type]
        ([Passage("a", " "), Passage("b", "")], [], {}, "a title or a text, got 2 with neither"),
        ([Passage("p", "a")], [Query("q", " ")], {}, r"queries with text, got 1 without \(q\)"),
        ([Passage("p", "a")], [], {"q": {"p": 1}}, r"known queries, got 1 unknown \(q\)"),
        ([Passage("p", "a")], [Query("q", "b")], {"q": {"p": True}}, r"grade of \(q, p\), got True"),
        ([Passage("p", "\ud800")], [], {}, "UTF-8"),
    ],
)
def test_nonsense_is_refused(
    passages: list[Passage], queries: list[Query], qrels: dict, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        build(passages, queries, qrels)


def test_passages_without_title_and_text_are_left_out_with_their_judgements_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    passages = [Passage(i, "") for i in "edcb"] + [Passage("a", "x")]
    found = build(passages, [Query("q", "w"), Query("r", "v")], {"q": {"a": 1, "b": 2}, "r": {"c": 1}})
    assert found == build([Passage("a", "x")], found.queries.values(), {"q": {"a": 1}})
    [said] = [record.getMessage() for record in caplog.records]
    assert "left out 4 of 5 passages" in said
    assert "(b, c, d, ...), and 2 judgements" in said


def test_a_title_alone_is_a_passage() -> None:
    assert build([Passage("p", "", "title")]).passages["p"].full == "title"


def test_unknown_judged_passages_are_counted_and_the_first_three_named() -> None:
    with pytest.raises(CorpusError, match=r"set: .* got 5 unknown \(x0, x1, x2, ...\); add the passages, or"):
        build([Passage("p", "a")], [Query("q", "b")], {"q": {f"x{i}": 1 for i in range(5)}}, where="set")


@given(st.integers(4, 10), st.integers(0, 99), st.integers(0, 99))
def test_sample_has_exact_size_keeps_relevant_passages_and_ignores_order(
    n: int, seed: int, order: int
) -> None:
    drawn = sample(world(order=order), n, seed=seed)
    assert len(drawn.passages) == n
    assert {"p0", "p1", "p2", "p3"} <= drawn.passages.keys()
    assert drawn == sample(world(), n, seed=seed)


def test_sample_drops_judgements_of_dropped_passages_only() -> None:
    drawn = sample(world(), 4, seed=0)
    assert drawn.qrels["q0"] == {"p0": 1, "p1": 0}
    assert drawn.qrels["q3"] == {"p3": 1}


def test_small_samples_lie_inside_large_ones_and_seeds_differ() -> None:
    corpus = world(100)
    assert sample(corpus, 20, seed=1).passages.keys() <= sample(corpus, 30, seed=1).passages.keys()
    assert sample(corpus, 20, seed=1).passages.keys() != sample(corpus, 20, seed=2).passages.keys()


@pytest.mark.parametrize("n", [-1, 0, 3, 11])
def test_sample_that_cannot_hold_the_relevant_passages_is_refused(n: int) -> None:
    with pytest.raises(CorpusError, match=f"expected 4 .* to 10 .*got {n}"):
        sample(world(), n, seed=0)


@given(st.integers(1, 6), st.integers(0, 99), st.integers(0, 99))
def test_limit_keeps_passages_and_the_judgements_of_the_chosen_queries(n: int, seed: int, order: int) -> None:
    limited = limit_queries(world(order=order), n, seed=seed)
    assert len(limited.queries) == min(n, 4)
    assert limited.qrels.keys() == limited.queries.keys()
    assert len(limited.passages) == 10
    assert limited == limit_queries(world(), n, seed=seed)


def test_only_queries_with_a_relevant_passage_are_candidates() -> None:
    asked = [Query("good", "a"), Query("judged", "b"), Query("bare", "c")]
    corpus = build([Passage("p", "t")], asked, {"good": {"p": 1}, "judged": {"p": 0}})
    assert all(set(limit_queries(corpus, 1, seed=s).queries) == {"good"} for s in range(20))


def test_without_relevant_passages_every_query_is_a_candidate() -> None:
    corpus = build([Passage("p", "t")], [Query("a", "a"), Query("b", "b")])
    assert {next(iter(limit_queries(corpus, 1, seed=s).queries)) for s in range(20)} == {"a", "b"}


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(CorpusError, match="at least 1 query, got 0"):
        limit_queries(world(), 0, seed=0)


def test_shortening_keeps_the_first_words_of_each_passage_and_all_else() -> None:
    asked, judged = [Query("q", "question")], {"q": {"long": 1}}
    corpus = build([Passage("long", "One two. Three.", "T"), Passage("named", "", "title")], asked, judged)
    expected = build([Passage("long", "One two.", "T"), Passage("named", "", "title")], asked, judged)
    assert shorten(corpus, 2) == expected
