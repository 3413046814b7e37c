"""Dense retrieval, before and after a change of the corpus."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import CorpusError, ModelError, UsageError
from rag_robust.retrieve.dense import dense
from rag_robust.text import order_key
from rag_robust.types import Change, Passage

WORDS = (
    "coffee tea milk sugar bean leaf roast water ocean river sea lake island ship sail wind storm rain"
).split()


def corpus(n: int = 80, seed: int = 0) -> dict[str, Passage]:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=6)) for _ in range(n)]
    return {f"p{i}": Passage(f"p{i}", text, title=WORDS[i % 5]) for i, text in enumerate(texts)}


PASSAGES = corpus()
QUERIES = [" ".join(WORDS[i : i + 2]) for i in range(len(WORDS) - 1)] * 4
NEW = (Passage("new-1", "coffee tea"), Passage("new-2", "storm on the ocean", title="ship"))
EDITED = {"p3": Passage("p3", "island lake rain"), "p7": Passage("p7", "coffee bean roast")}


@dataclass(frozen=True)
class Counting:
    """Counts the texts it encodes; `bad` is given a vector that is not a number."""

    seen: list[tuple[str, str]] = field(default_factory=list)
    bad: str = "never"
    dim, similarity, fingerprint = 256, "cosine", "counting"

    def encode(self, texts, kind):
        self.seen.extend((text, kind) for text in texts)
        vectors = HashedEncoder().encode(texts, kind)
        vectors[[self.bad in text for text in texts]] = np.nan
        return vectors


@pytest.mark.parametrize(("factory", "search"), [("Flat", ""), ("IVF8,Flat", "nprobe=2"), ("HNSW8", "")])
def test_one_query_and_many_together_give_the_same_hits(factory: str, search: str) -> None:
    retriever = dense(HashedEncoder(), PASSAGES, factory=factory, search=search)
    together = retriever.search(QUERIES, 10)
    assert len(together) == len(QUERIES) == 68
    assert together == [retriever.search([query], 10)[0] for query in QUERIES]


@pytest.mark.parametrize("factory", ["Flat", "IVF8,Flat", "HNSW8", "PQ8x4"])
def test_the_order_of_the_corpus_cannot_matter(factory: str) -> None:
    backwards = dict(reversed(PASSAGES.items()))
    left, right = (
        dense(HashedEncoder(), p, factory=factory).search(QUERIES, 10) for p in (PASSAGES, backwards)
    )
    assert left == right


@given(st.lists(st.text(min_size=1, max_size=6), min_size=5, max_size=30, unique=True))
@settings(max_examples=20, deadline=None)
def test_a_tie_is_decided_by_the_hash_of_the_id_and_not_by_its_spelling(ids: list[str]) -> None:
    same = {i: Passage(i, "coffee") for i in ids}
    [hits] = dense(HashedEncoder(), same).search(["coffee"], 3)
    assert [h.passage_id for h in hits] == sorted(ids, key=order_key)[:3]


def test_an_inserted_copy_wins_or_loses_by_its_hash_too() -> None:
    base = {f"p{i}": Passage(f"p{i}", "coffee") for i in range(20)}
    copies = tuple(Passage(name, "coffee") for name in ("AAA", "zzz", "000"))
    [hits] = dense(HashedEncoder(), base).changed(Change(inserted=copies)).search(["coffee"], 10)
    assert [h.passage_id for h in hits] == sorted([*base, "AAA", "zzz", "000"], key=order_key)[:10]


def test_a_changed_exact_corpus_is_the_corpus_built_anew() -> None:
    anew = {**PASSAGES, **{p.id: p for p in NEW}, **EDITED}
    base = dense(HashedEncoder(), PASSAGES)
    before = base.search(QUERIES, 15)

    there = base.changed(Change(inserted=NEW, edited=EDITED))

    rebuilt = dense(HashedEncoder(), anew)
    assert there.search(QUERIES, 15) == rebuilt.search(QUERIES, 15)
    assert base.search(QUERIES, 15) == before
    assert (set(there.ids), there.vectors.shape) == (set(anew), (82, 256))
    place = {name: i for i, name in enumerate(rebuilt.ids)}
    assert (there.vectors == rebuilt.vectors[[place[name] for name in there.ids]]).all()


def test_a_change_of_a_change_edits_what_the_first_put_in() -> None:
    once = dense(HashedEncoder(), PASSAGES).changed(Change(inserted=NEW, edited=EDITED))
    last = {"new-1": Passage("new-1", "wind"), "p3": Passage("p3", "sail")}
    twice = once.changed(Change(edited=last))
    anew = {**PASSAGES, **{p.id: p for p in NEW}, **EDITED, **last}
    assert twice.search(QUERIES, 100) == dense(HashedEncoder(), anew).search(QUERIES, 100)
    assert len(twice.ids) == 82


def test_an_edited_passage_is_found_only_in_its_new_version() -> None:
    for factory in ("Flat", "IVF4,Flat", "HNSW8"):
        there = dense(HashedEncoder(), PASSAGES, factory=factory).changed(Change(edited=EDITED))
        for hits in there.search(QUERIES, 80):
            ids = [h.passage_id for h in hits]
            assert len(ids) == len(set(ids))
        [[first]] = there.search([EDITED["p3"].full], 1)
        assert first.score == pytest.approx(1)


def test_inserted_passages_are_encoded_as_text_with_their_title() -> None:
    encoder = Counting()
    there = dense(encoder, PASSAGES).changed(Change(inserted=NEW))
    assert set(encoder.seen[-2:]) == {("coffee tea", "passage"), ("ship storm on the ocean", "passage")}
    assert there.rule == "merged empty twin"
    assert dense(encoder, PASSAGES, factory="HNSW8").changed(Change(inserted=NEW)).rule == "cloned and added"


def test_more_hits_than_passages_are_all_of_them() -> None:
    [hits] = dense(HashedEncoder(), PASSAGES).search(["coffee"], 1000)
    assert {h.passage_id for h in hits} == set(PASSAGES)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    assert dense(HashedEncoder(), PASSAGES).search([], 5) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Change(inserted=(Passage("p1", "x"),)), '"p1" has the id of another'),
        (Change(inserted=(Passage("n", "x"), Passage("n", "y"))), '"n" has the id of another'),
        (Change(edited={"p999": Passage("p999", "x")}), '"p999" is not in the corpus'),
        (Change(edited={"p1": Passage("p2", "x")}), '"p1" came back as "p2"'),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change: Change, says: str) -> None:
    with pytest.raises(CorpusError, match=says):
        dense(HashedEncoder(), PASSAGES).changed(change)


def test_bad_input_is_refused_before_work_starts() -> None:
    with pytest.raises(CorpusError, match="empty corpus"):
        dense(HashedEncoder(), {})
    with pytest.raises(ModelError, match='no finite vector for passage "p3"'):
        dense(Counting(bad=PASSAGES["p3"].full), PASSAGES)
    with pytest.raises(UsageError, match="k >= 1"):
        dense(HashedEncoder(), PASSAGES).search(["coffee"], 0)
    with pytest.raises(ModelError, match="query 1 is not finite"):
        dense(HashedEncoder(), PASSAGES).search_vectors(
            np.array([[0.0] * 256, [np.inf] * 256], np.float32), 3
        )


@pytest.mark.parametrize(
    ("factory", "search"), [("Flat", ""), ("IVF8,PQ8x4", "nprobe=3"), ("HNSW8", "efSearch=20")]
)
def test_a_cached_index_finds_the_same_and_encodes_nothing(factory: str, search: str, tmp_path) -> None:
    encoder, change = Counting(), Change(inserted=NEW, edited=EDITED)
    first, second = (
        dense(encoder, PASSAGES, factory=factory, search=search, cache=tmp_path) for _ in range(2)
    )
    assert len(encoder.seen) == len(PASSAGES)
    plain = dense(encoder, PASSAGES, factory=factory, search=search)
    for retriever in (first, second):
        assert retriever.search(QUERIES, 10) == plain.search(QUERIES, 10)
        assert retriever.changed(change).search(QUERIES, 10) == plain.changed(change).search(QUERIES, 10)
        assert retriever.fingerprint == plain.fingerprint


def test_another_corpus_or_factory_is_another_cache_entry(tmp_path) -> None:
    encoder = HashedEncoder()
    edited = {**PASSAGES, **EDITED}
    for passages, factory in [
        (PASSAGES, "Flat"),
        (edited, "Flat"),
        (edited, "IVF8,Flat"),
        (edited, "IVF8,SQ8"),
    ]:
        found = dense(encoder, passages, factory=factory, cache=tmp_path)
        assert found.search(QUERIES, 5) == dense(encoder, passages, factory=factory).search(QUERIES, 5)
    assert len(list(tmp_path.glob("vectors-*.npy"))) == 2
    assert len(list(tmp_path.glob("index-*/meta.json"))) == 2


def test_the_fingerprint_is_that_of_encoder_and_index() -> None:
    flat = dense(HashedEncoder(), PASSAGES)
    lossy = dense(HashedEncoder(), PASSAGES, factory="IVF4,Flat", search="nprobe=2")
    assert flat.fingerprint == f"dense {HashedEncoder().fingerprint} | exact inner product"
    assert "IVF4,Flat nprobe=2" in lossy.fingerprint
