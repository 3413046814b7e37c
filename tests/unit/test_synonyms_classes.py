"""Words as classes: components, and what a cap cuts."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.errors import ModelError
from rag_robust.synonyms.classes import classes, cliques
from rag_robust.synonyms.source import Source, links

LETTERS = st.sampled_from("abcdefghij")
LINKS = st.lists(st.tuples(LETTERS, LETTERS), max_size=25)
CHAIN = Source("chain", {"a": ("b",), "b": ("c",), "c": ("d",), "d": ("e",)})


def source_of(pairs) -> Source:
    return Source("s", {w: tuple(u for v, u in pairs if v == w) for w, _ in pairs})


def reached(source: Source, word: str) -> set[str]:
    """The connected component, by walking."""
    seen, edge = {word}, [word]
    while edge:
        new = {u for w in edge for u in source.lookup(w)} - seen
        seen, edge = seen | new, list(new)
    return seen


@given(LINKS)
def test_without_a_cap_a_class_is_a_connected_component(pairs):
    source = source_of(pairs)
    found = classes(source)
    for word in source.sets:
        assert {u for u in found if found[u] == found[word]} == reached(source, word)


@given(LINKS, st.integers(1, 6))
def test_a_capped_class_is_a_clique_within_a_component_and_no_larger_than_the_cap(pairs, cap):
    source = source_of(pairs)
    made, found = cliques(source, cap), classes(source, cap)
    assert max(Counter(found.values()).values(), default=0) <= cap
    for w, u in combinations(sorted(source.sets), 2):
        assert (u in made.lookup(w)) == (found[w] == found[u])
        assert found[w] != found[u] or u in reached(source, w)


@given(LINKS, st.integers(1, 6))
def test_components_within_the_cap_are_never_cut(pairs, cap):
    source, found = source_of(pairs), classes(source_of(pairs), cap)
    for word in source.sets:
        whole = reached(source, word)
        assert len(whole) > cap or all(found[u] == found[word] for u in whole)


@given(LINKS, st.integers(1, 6), st.randoms())
def test_classes_do_not_depend_on_the_order_of_words(pairs, cap, random):
    sets = list(source_of(pairs).sets.items())
    random.shuffle(sets)
    assert cliques(Source("s", dict(sets)), cap).hash == cliques(source_of(pairs), cap).hash


def test_the_name_counts_what_was_cut_and_what_transitivity_added():
    made = cliques(CHAIN, 3)
    assert made.sets == {"a": ("b", "c"), "b": ("c", "a"), "c": ("b", "a"), "d": ("e",), "e": ("d",)}
    assert made.name == "chain, classes of at most 3 (1 of 4 links cut, 1 added)"
    assert cliques(CHAIN, 5).name == "chain, classes of at most 5 (0 of 4 links cut, 6 added)"


def test_words_with_the_same_neighbours_stay_together_and_the_bridge_is_cut():
    triangle = {"a": ("b", "c"), "b": ("c",), "x": ("y", "z"), "y": ("z",)}
    found = classes(Source("s", {**triangle, "c": ("x",)}), 3)
    assert found == {"a": "a", "b": "a", "c": "a", "x": "x", "y": "x", "z": "x"}


def test_the_representative_has_the_most_links_inside_its_class():
    assert classes(Source("s", {"hub": ("rim", "axle", "bolt")}), 10) == dict.fromkeys(
        ("axle", "bolt", "hub", "rim"), "hub"
    )


def test_a_representative_stands_for_itself():
    found = classes(CHAIN, 2)
    assert all(found[one] == one for one in found.values())


def test_a_class_keeps_the_order_of_the_words_own_set_first():
    source = Source("s", {"m": ("z", "a"), "z": ("b",)})
    assert cliques(source, 4).lookup("m") == ("z", "a", "b")


def test_no_cut_makes_every_link_of_a_clique_source_stay():
    source = Source("s", {"a": ("b", "c"), "b": ("c",)})
    assert set(links(cliques(source, 3))) == set(links(source))


def test_an_impossible_cap_is_refused():
    with pytest.raises(ModelError, match="at least 1 word"):
        classes(CHAIN, 0)


def test_classes_too_large_to_write_out_are_refused():
    star = Source("s", {"hub": tuple(f"w{i}" for i in range(4500))})
    with pytest.raises(ModelError, match="give a smaller cap"):
        cliques(star, 5000)
