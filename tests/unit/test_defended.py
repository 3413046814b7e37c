"""Behind a defence the generator reads what is left, and no passage is judged twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rag_robust.defend import Tools
from rag_robust.defended import Guarded, guarded
from rag_robust.suspicions import Suspicions
from rag_robust.systems.function import function
from rag_robust.systems.pipeline import Pipeline
from rag_robust.task import Task
from rag_robust.types import Change, Corpus, Hit, Passage, Query
from rag_robust.worlds import World

CORPUS = {i: Passage(i, f"text {i}") for i in "abcdef"}
SEEN: list[str] = []


class Alphabet:
    """Finds passages in the order of the alphabet, those put in first."""

    def __init__(self, ids=tuple(CORPUS)):
        self.ids = ids

    def search(self, texts, k):
        return [[Hit(p, -float(n)) for n, p in enumerate(self.ids[:k])] for _ in texts]

    def changed(self, change):
        return Alphabet((*(p.id for p in change.inserted), *self.ids))


def system(depth=2):
    pipeline = Pipeline(Alphabet(), CORPUS, list, lambda query, texts: " | ".join(texts), k=depth, context=2)
    flag = lambda passages, inserted: np.array([p.id in "acx" for p in passages])  # noqa: E731
    return Guarded(pipeline, depth, CORPUS, flag)


def vowels(passages, tools):
    SEEN.extend(p.id for p in passages)
    return np.array([float(p.id in "ae") + 2 * (p.id == "x") for p in passages])


def test_flagged_hits_are_replaced_from_deeper_places_and_not_read():
    answer = system()(Query("q", "?"))
    assert [h.passage_id for h in answer.hits] == ["b", "d"]
    assert answer.text == "text b | text d"


def test_inserted_passages_pass_the_same_filter():
    answer = system().changed(Change(inserted=(Passage("x", "new"), Passage("y", "good"))))(Query("q", "?"))
    assert [h.passage_id for h in answer.hits] == ["y", "b"]


def test_a_corpus_that_runs_out_gives_a_shorter_list():
    assert [h.passage_id for h in system(depth=6)(Query("q", "?")).hits] == ["b", "d", "e", "f"]


def test_a_filter_between_a_strangers_retriever_and_generator_is_not_applicable():
    import pytest

    from rag_robust.errors import TargetError

    flag = lambda passages, inserted: np.zeros(len(passages), bool)  # noqa: E731
    told = Guarded(function(lambda query: {"answer": "42", "ids": ["a"]}), 2, CORPUS, flag)
    with pytest.raises(TargetError) as error:
        told(Query("q", "?"))
    assert error.value.kind == "not_applicable"


def test_no_passage_is_judged_twice_even_by_another_process(tmp_path):
    SEEN.clear()
    for _ in range(2):
        made = Suspicions(f"{__name__}:vowels", Tools(passages=CORPUS), tmp_path / "s.json", seed=0)
        assert made.flagged(list(CORPUS.values()), rate=0.2).tolist() == [False] * 6
    assert sorted(SEEN) == sorted(CORPUS)


def test_what_is_kept_is_read_by_key_and_not_as_a_whole(tmp_path):
    many = {str(i): Passage(str(i), f"text {i}") for i in range(2000)}
    made = Suspicions(f"{__name__}:vowels", Tools(passages=many), tmp_path / "s", seed=0)
    made.of(list(many.values()))
    again = Suspicions(f"{__name__}:vowels", Tools(passages=many), tmp_path / "s", seed=0)
    SEEN.clear()
    assert again.of([many["7"]]).tolist() == [0.0]
    assert (SEEN, len(again.known)) == ([], 1)


def test_the_rate_is_the_share_of_the_corpus_that_may_be_flagged(tmp_path):
    made = Suspicions(f"{__name__}:vowels", Tools(passages=CORPUS), tmp_path / "s.json", seed=0)
    x = Passage("x", "inserted")
    assert made.flagged([x], [x], rate=0.2).tolist() == [True]
    assert made.flagged(list(CORPUS.values()), rate=0.5).sum() == 2


def test_the_generator_reads_its_whole_context_even_where_fewer_hits_are_judged(tmp_path):
    whole = replace(system().system, k=4)
    world = World(Corpus(CORPUS, {}, {}, ""), whole, "")
    task = Task(name="t", depth=1, generate=True)
    filtered = Suspicions(f"{__name__}:vowels", Tools(passages=CORPUS), tmp_path / "s.json", seed=0)
    answer = guarded(world, task, filtered, 0.4)(Query("q", "?"))
    assert answer.text == "text b | text c"
    assert answer.hits[0].passage_id == "b"
