from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.errors import TargetError
from rag_robust.systems.function import as_answer, function
from rag_robust.types import Answer, Change, Changeable, Hit, Passage, Query, System

QUERY = Query("q1", "what?")
RANKED = (Hit("a", 2.0), Hit("b", 1.0))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Answer("x", RANKED), Answer("x", RANKED)),
        ("x", Answer("x")),
        ("", Answer("")),
        ([], Answer()),
        (["a", "b"], Answer(hits=RANKED)),
        ([("a", 0.9), ("b", np.float32(0.5))], Answer(hits=(Hit("a", 0.9), Hit("b", 0.5)))),
        ([["a", 1], ["b", 1]], Answer(hits=(Hit("a", 1.0), Hit("b", 1.0)))),
        (RANKED, Answer(hits=RANKED)),
        ({"answer": "x"}, Answer("x")),
        ({"text": "x", "ids": ["a", "b"]}, Answer("x", RANKED)),
        ({"sources": [{"id": "a", "score": 2}, {"id": "b", "score": 1}]}, Answer(hits=RANKED)),
        ({"answer": None, "documents": [{"id": "a", "text": "…"}]}, Answer(hits=(Hit("a", 1.0),))),
    ],
)
def test_the_usual_forms_are_understood(reply: object, expected: Answer) -> None:
    assert as_answer(reply) == expected


@pytest.mark.parametrize(
    "reply",
    [
        None,
        3,
        b"x",
        {},
        {"other": 1},
        {"answer": 3},
        {"hits": "a"},
        [3],
        [("a", "b")],
        [("a", True)],
        [""],
        [("a", float("nan"))],
        [("a", 1.0, 2.0)],
        {"hits": [{"name": "a"}]},
    ],
)
def test_any_other_form_is_refused_with_the_forms_and_what_came(reply: object) -> None:
    with pytest.raises(TargetError, match=r"expected an Answer, a string.*; got \w+: ") as caught:
        as_answer(reply)
    assert caught.value.kind == "parse"


def test_message_shows_the_first_80_characters() -> None:
    with pytest.raises(TargetError) as caught:
        as_answer({"x" * 200: 1})
    assert str(caught.value).endswith("got dict: {'" + "x" * 78)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ([("a", 0.1), ("b", 0.2)], "must not rise"),
        (["a", ("b", 0.2)], "got 1 of 2"),
        (["a", "b", "a"], '"a" stands twice'),
    ],
)
def test_lists_that_would_be_read_wrongly_are_refused(reply: object, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        as_answer(reply)


@given(st.lists(st.text(min_size=1), unique=True))
def test_bare_ids_keep_their_order(ids: list[str]) -> None:
    hits = as_answer(ids).hits
    assert [hit.passage_id for hit in hits] == ids
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_without_insert_it_is_a_system_that_cannot_be_changed() -> None:
    system = function(lambda query: query.text)
    assert isinstance(system, System)
    assert not isinstance(system, Changeable)
    assert system(QUERY) == Answer("what?")


def test_errors_of_the_function_become_target_errors_with_type_and_query() -> None:
    def broken(query: Query) -> str:
        raise KeyError("index")

    with pytest.raises(TargetError, match="query \"q1\" raised KeyError: 'index'") as caught:
        function(broken)(QUERY)
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.kind == "crash"


class Store:
    """A store of ids that a user's function searches, with a log of what was done to it."""

    def __init__(self) -> None:
        self.ids = ["base"]
        self.log: list[str] = []

    def search(self, query: Query) -> list[str]:
        self.log.append(query.id)
        if query.text == "crash":
            raise RuntimeError("down")
        return list(self.ids)

    @contextmanager
    def insert(self, passages: Sequence[Passage]) -> Iterator[None]:
        self.log.append("in")
        self.ids += [passage.id for passage in passages]
        try:
            yield
        finally:
            self.ids = ["base"]
            self.log.append("out")


def test_passages_are_in_only_while_asked_and_once_per_batch() -> None:
    store = Store()
    system = function(store.search, insert=store.insert)
    assert isinstance(system, Changeable)
    changed = system.changed(Change(inserted=(Passage("x", "…"),)))
    assert [hit.passage_id for hit in changed(QUERY).hits] == ["base", "x"]
    assert [hit.passage_id for hit in system(QUERY).hits] == ["base"]
    changed.many([Query("q2", ""), Query("q3", "")])  # type: ignore[attr-defined]
    assert store.log == ["in", "q1", "out", "q1", "in", "q2", "q3", "out"]


def test_passages_come_out_after_an_error_too() -> None:
    store = Store()
    changed = function(store.search, insert=store.insert).changed(Change(inserted=(Passage("x", "…"),)))
    with pytest.raises(TargetError, match="RuntimeError: down"):
        changed(Query("q", "crash"))
    assert store.ids == ["base"]


def test_a_failing_insert_is_a_target_error_and_a_failing_query_cleans_up() -> None:
    @contextmanager
    def refuses(passages: Sequence[Passage]) -> Iterator[None]:
        raise PermissionError("read only")
        yield

    @contextmanager
    def careless(passages: Sequence[Passage]) -> Iterator[None]:
        yield  # no try, no finally
        taken_out.append(passages)

    taken_out: list[Sequence[Passage]] = []
    change = Change(inserted=(Passage("x", "…"),))
    with pytest.raises(TargetError, match="inserting or removing passages raised PermissionError"):
        function(lambda q: "x", insert=refuses).changed(change)(QUERY)
    with pytest.raises(TargetError, match="got int: 3"):
        function(lambda q: 3, insert=careless).changed(change)(QUERY)  # type: ignore[arg-type,return-value]
    assert taken_out == [change.inserted]  # a failing query leaves nothing behind


def test_edited_passages_are_not_offered() -> None:
    store = Store()
    with pytest.raises(TargetError, match="not applicable: the system offers no way to edit passages"):
        function(store.search, insert=store.insert).changed(Change(edited={"a": Passage("a", "…")}))
