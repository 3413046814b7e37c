from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from rag_robust.errors import TargetError, UsageError
from rag_robust.systems.pipeline import Pipeline
from rag_robust.text import words
from rag_robust.types import Answer, Change, Changeable, Hit, Passage, Query, Reader, System

PASSAGES = {
    "a": Passage("a", "Kenya lies in Africa.", "Kenya"),
    "b": Passage("b", "Nairobi is the capital of Kenya."),
    "c": Passage("c", "Oslo is the capital of Norway."),
}


@dataclass(frozen=True)
class Overlap:
    """Ranks by the number of shared words: a retriever small enough to check by eye."""

    passages: dict[str, Passage]

    def search(self, texts: Sequence[str], k: int) -> list[list[Hit]]:
        return [self._rank(set(words(text.lower())))[:k] for text in texts]

    def _rank(self, wanted: set[str]) -> list[Hit]:
        scored = [Hit(i, float(len(wanted & set(words(p.full.lower()))))) for i, p in self.passages.items()]
        return sorted(scored, key=lambda hit: (-hit.score, hit.passage_id))

    def changed(self, change: Change) -> "Overlap":
        inserted = {passage.id: passage for passage in change.inserted}
        return replace(self, passages={**self.passages, **inserted, **change.edited})


def shout(prompts: Sequence[str]) -> list[str]:
    return [prompt.upper() for prompt in prompts]


def build(query: str, passages: Sequence[str]) -> str:
    return f"{query} <- {' / '.join(passages)}"


def rag(**parameters: object) -> Pipeline:
    chosen = {"generate": shout, "prompt": build, "context": 2, **parameters}
    return Pipeline(Overlap(PASSAGES), PASSAGES, **chosen)


def test_generator_reads_title_and_text_of_the_best_hits_only() -> None:
    answer = rag(k=3)(Query("q", "capital of Kenya"))
    assert [hit.passage_id for hit in answer.hits] == ["b", "c", "a"]
    assert answer.text == build("capital of Kenya", [PASSAGES["b"].full, PASSAGES["c"].full]).upper()


def test_equal_prompts_are_given_to_the_generator_once() -> None:
    given: list[list[str]] = []

    def remember(prompts: Sequence[str]) -> list[str]:
        given.append(list(prompts))
        return shout(prompts)

    queries = [Query("1", "Kenya"), Query("2", "Norway"), Query("3", "Kenya")]
    answers = rag(generate=remember).many(queries)
    assert [len(prompts) for prompts in given] == [2]
    assert [answer.text for answer in answers] == [answer.text for answer in rag().many(queries)]


def test_many_equals_one_by_one() -> None:
    queries = [Query("1", "capital of Norway"), Query("2", "Kenya Africa"), Query("3", "nothing")]
    assert rag().many(queries) == [rag()(query) for query in queries]
    assert rag().many([]) == []


def test_without_a_generator_hits_come_and_no_text() -> None:
    retriever_only = Pipeline(Overlap(PASSAGES), PASSAGES, k=3)
    answer = retriever_only(Query("q", "Oslo"))
    assert answer.text is None
    assert answer.hits[0] == Hit("c", 1.0)
    with pytest.raises(TargetError, match="no generator"):
        retriever_only.read([Query("q", "Oslo")], [["Oslo"]])


def test_reading_uses_the_given_texts_alone_and_all_of_them() -> None:
    contexts = [["one", "two", "three"], []]
    answers = rag(context=1).read([Query("1", "x"), Query("2", "y")], contexts)
    assert answers == [Answer("X <- ONE / TWO / THREE"), Answer("Y <- ")]
    with pytest.raises(UsageError, match="got 1 for 2"):
        rag().read([Query("1", "x"), Query("2", "y")], [[]])


def test_changed_world_is_searched_and_read_and_the_old_one_stays() -> None:
    system, query = rag(), Query("q", "capital of Norway")
    lie = Passage("lie", "capital of Norway: Bergen")
    told = Passage("c", "Oslo is big.")
    changed = system.changed(Change(inserted=(lie,), edited={"c": told}))
    answer = changed(query)
    assert answer.hits[0].passage_id == "lie"
    assert "BERGEN" in str(answer.text)
    assert changed.texts([Hit("c", 1.0)]) == ["Oslo is big."]
    assert system(query).hits[0].passage_id == "c"
    assert set(PASSAGES) == {"a", "b", "c"}


def test_changes_add_up() -> None:
    first = rag().changed(Change(inserted=(Passage("x", "one"),)))
    second = first.changed(Change(inserted=(Passage("y", "two"),)))
    assert second.texts([Hit("x", 1.0), Hit("y", 1.0)]) == ["one", "two"]


def test_rewording_alone_leaves_the_system_as_it_is() -> None:
    system = rag()
    assert system.changed(Change(reworded={"q": "other"})) is system


def test_an_insertion_cannot_take_a_corpus_id_and_an_edit_needs_one() -> None:
    with pytest.raises(UsageError, match='"a" has the id of a corpus passage'):
        rag().changed(Change(inserted=(Passage("a", "new"),)))
    with pytest.raises(UsageError, match='"z" is not in the corpus'):
        rag().changed(Change(edited={"z": Passage("z", "new")}))


def test_missing_answers_of_a_generator_are_an_error_not_a_shift() -> None:
    short = rag(generate=lambda prompts: ["only one"])
    with pytest.raises(TargetError, match="returned 1 texts for 2 queries"):
        short.many([Query("1", "x"), Query("2", "y")])


def test_a_hit_that_the_corpus_does_not_have_is_named() -> None:
    with pytest.raises(TargetError, match='passage "ghost"'):
        rag().texts([Hit("ghost", 1.0)])


@pytest.mark.parametrize("parameters", [{"k": 2, "context": 3}, {"context": 0}, {"prompt": None}])
def test_impossible_parameters_are_refused_at_once(parameters: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        rag(**parameters)


def test_it_speaks_every_protocol() -> None:
    assert isinstance(rag(), System)
    assert isinstance(rag(), Changeable)
    assert isinstance(rag(), Reader)
