"""The exact certificate against every world there is, and a known-wrong bound that must not pass."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust import certify as methods
from rag_robust import seeds
from rag_robust.certify.exact import best_versions, certify
from rag_robust.certify.ranking import Ranking
from rag_robust.errors import ModelError, SuiteError, UsageError
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Passage, Query

VOCABULARY = ["red", "blue", "tall", "wide", "fast", "calm"]
QUERY = Query("q", "tall things")


@dataclass(frozen=True)
class World:
    """Passages best first, a scorer with many ties, and directed pairs as an attacker would list them."""

    passages: list[Passage]
    k: int
    pairs: list[tuple[str, str]]
    score: Callable

    @property
    def source(self) -> Source:
        return Source("toy", {w: tuple(u for v, u in self.pairs if v == w) for w, _ in self.pairs})

    @property
    def ranking(self) -> Ranking:
        return Ranking(QUERY, tuple(self.passages), self.score)

    def allowed(self, swaps: int = 1) -> Substitutions:
        return Substitutions(source=self.source, swaps=swaps)


def random_scorer(seed: int, levels: int) -> Callable:
    def score(query, texts):
        return np.array([int(seeds.digest(seed, query, t), 16) % levels / levels for t in texts])

    return score


def masked(base: Callable, keep: int) -> Callable:
    """g(x): the mean of the base score over all ways to show `keep` words of the text and mask the rest."""

    def shown(text):
        tokens = text.split()
        for kept in itertools.combinations(range(len(tokens)), min(keep, len(tokens))):
            yield " ".join(t if i in kept else "_" for i, t in enumerate(tokens))

    return lambda query, texts: np.array([base(query, list(shown(t))).mean() for t in texts])


@st.composite
def worlds(draw) -> World:
    word = st.sampled_from(VOCABULARY)
    documents = draw(st.lists(st.lists(word, min_size=2, max_size=3), min_size=2, max_size=4))
    passages = [Passage(f"p{i}", " ".join(d)) for i, d in enumerate(documents)]
    score = random_scorer(draw(st.integers(0, 10_000)), draw(st.integers(2, 12)))
    if draw(st.booleans()):
        score = masked(score, 1)
    if draw(st.integers(0, 3)):  # a scorer's own order three times of four
        passages.sort(key=lambda p: -score(QUERY.text, [p.text])[0])
    pairs = draw(st.lists(st.tuples(word, word), max_size=5))  # asymmetric, repeated, self-synonyms
    return World(passages, draw(st.integers(1, len(passages) - 1)), pairs, score)


def swapped_texts(text: str, pairs: list[tuple[str, str]], swaps: int = 1) -> list[str]:
    """S_R by the definition, written without the code under test."""
    tokens = text.split()
    closed = set(pairs) | {(u, w) for w, u in pairs}
    options = [[t, *sorted({u for w, u in closed if w == t} - {t})] for t in tokens]
    every = itertools.product(*options)
    return [" ".join(v) for v in every if sum(a != b for a, b in zip(v, tokens, strict=True)) <= swaps]


def enters(scores: np.ndarray, k: int) -> bool:
    """Whether an outsider is in the top k; ties count for the attacker."""
    return any((scores > scores[j]).sum() < k for j in range(k, len(scores)))


def attackable(world: World, swaps: int = 1) -> bool:
    """Whether some joint choice of versions for all outsiders brings one of them in."""
    top, outside = world.passages[: world.k], world.passages[world.k :]
    choices = [swapped_texts(p.text, world.pairs, swaps) for p in outside]
    known = {t: world.score(QUERY.text, [t])[0] for t in {p.text for p in top}.union(*choices)}
    fixed = [known[p.text] for p in top]
    return any(
        enters(np.array([*fixed, *(known[t] for t in c)]), world.k) for c in itertools.product(*choices)
    )


def false_certificate(method: Callable, world: World) -> bool:
    return method(world) and attackable(world)


def by_exact(world: World, swaps: int = 1) -> bool:
    return certify(world.ranking, world.allowed(swaps), k=world.k).verdict == "certified"


@settings(max_examples=300, deadline=None)
@given(worlds(), st.integers(1, 2))
def test_certified_if_and_only_if_no_joint_world_lets_an_outsider_in(world: World, swaps: int):
    assert by_exact(world, swaps) is not attackable(world, swaps)


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_witness_alone_enters_and_differs_by_one_swap(world: World):
    found = certify(world.ranking, world.allowed(), k=world.k)
    if found.verdict == "certified":
        assert found.witness is None
        return
    ((changed_id, changed),) = found.witness.edited.items()
    before = next(p for p in world.passages if p.id == changed_id)
    assert changed.text in swapped_texts(before.text, world.pairs)
    after = [changed if p.id == changed_id else p for p in world.passages]
    scores = world.score(QUERY.text, [p.text for p in after])
    place = after.index(changed)
    assert place >= world.k
    assert (scores > scores[place]).sum() < world.k


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_exact_attack_and_exact_certificate_agree(world: World):
    found = certify(world.ranking, world.allowed(), k=world.k)
    outside = replace(world.ranking, passages=tuple(world.passages[world.k :]))
    best = best_versions(outside, world.allowed())
    assert found.high == max(u for u, _ in best)
    assert found.low == min(world.score(QUERY.text, [p.text for p in world.passages[: world.k]]))
    for before, (u, changed) in zip(world.passages[world.k :], best, strict=True):
        assert u == max(world.score(QUERY.text, swapped_texts(before.text, world.pairs)))
        assert u == world.score(QUERY.text, [changed.text])[0]


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_worst_rank_is_the_best_rank_an_outsider_reaches_alone(world: World):
    found = certify(world.ranking, world.allowed(), k=world.k)
    clean = world.score(QUERY.text, [p.text for p in world.passages])
    for j in range(world.k, len(world.passages)):
        mine = world.score(QUERY.text, swapped_texts(world.passages[j].text, world.pairs))
        ranks = [1 + (np.delete(clean, j) > s).sum() for s in mine]
        assert found.worst_ranks[world.passages[j].id] == min(ranks)
    assert (found.verdict == "attacked") is (min(found.worst_ranks.values()) <= world.k)


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_the_bounds_of_one_certificate_answer_every_k_of_a_list_in_its_own_order(world: World):
    own = sorted(world.passages, key=lambda p: -world.score(QUERY.text, [p.text])[0])
    ranking = Ranking(QUERY, tuple(own), world.score)
    found = certify(ranking, world.allowed(), k=1)
    for k in range(1, len(own)):
        low = min(list(found.lower.values())[:k])
        high = max(list(found.upper.values())[k:])
        assert (low > high) is (certify(ranking, world.allowed(), k=k).verdict == "certified")


@settings(max_examples=100, deadline=None)
@given(worlds(), st.integers(1, 5))
def test_capped_enumeration_is_never_certified_wrongly(world: World, cap: int):
    found = certify(world.ranking, world.allowed(), k=world.k, max_versions=cap)
    full = by_exact(world)
    assert found.verdict in (("certified", "undecided") if full else ("attacked", "undecided"))


def delta_bound(n_words: int, keep: int) -> float:
    """Delta = 1 - C(T-R, k) / C(T, k), R = 1: the share of masks that show the changed word."""
    return 1 - comb(n_words - 1, keep) / comb(n_words, keep)


def by_masking(alpha: Callable[[int, int], float], keep: int = 1) -> Callable[[World], bool]:
    """Certify a masked ranker by g(d_k) - g(d_j) > alpha * beta * Delta, with beta = 1, for all outsiders."""

    def method(world: World) -> bool:
        g = world.score(QUERY.text, [p.text for p in world.passages])
        sizes = [len(p.text.split()) for p in world.passages]
        bounds = [alpha(t, keep) * delta_bound(t, keep) for t in sizes]
        return all(g[: world.k].min() - g[j] > bounds[j] for j in range(world.k, len(g)))

    return method


ROBUSTMASK = by_masking(lambda t, keep: 1 / comb(t, keep))
"""RobustMask, Theorem 1: alpha = 1 / C(T, k). Wrong: the probability of a mask is counted twice."""
CORRECTED = by_masking(lambda t, keep: 1.0)


def test_robustmask_bound_is_broken_by_the_two_word_counter_example():
    def base(query, texts):
        return np.array([1.0 if "red" in t.split() else 0.4 if "wide" in t.split() else 0.0 for t in texts])

    passages = [Passage("top", "wide wide"), Passage("out", "blue calm")]
    world = World(passages, 1, [("blue", "red")], masked(base, 1))
    assert world.score("", ["wide wide", "blue calm", "red calm"]) == pytest.approx([0.4, 0.0, 0.5])
    assert false_certificate(ROBUSTMASK, world)  # claims the change is at most 1/2 * 1 * 1/2
    assert not CORRECTED(world)
    assert not by_exact(world)


def test_soundness_test_rejects_robustmask_and_accepts_the_corrected_bound_and_ours():
    pairs = [("red", "blue"), ("tall", "wide"), ("fast", "red")]
    wrong = dict.fromkeys(("robustmask", "corrected", "exact"), 0)
    for seed in range(300):
        rng = seeds.generator(seed, "masked worlds")
        score = masked(random_scorer(seed, 20), 1)
        texts = [" ".join(rng.choice(VOCABULARY, 2)) for _ in range(3)]
        texts.sort(key=lambda t: -score(QUERY.text, [t])[0])
        world = World([Passage(str(i), t) for i, t in enumerate(texts)], 1, pairs, score)
        wrong["robustmask"] += false_certificate(ROBUSTMASK, world)
        wrong["corrected"] += false_certificate(CORRECTED, world)
        wrong["exact"] += false_certificate(by_exact, world)
    assert wrong["robustmask"] > 0
    assert wrong["corrected"] == wrong["exact"] == 0


RED = World(
    [Passage("a", "calm", title="Top"), Passage("b", "red calm", title="Red")],
    1,
    [("red", "blue")],
    random_scorer(1, 9),
)


def test_title_is_kept_and_scored_and_every_text_is_scored_once_in_one_call():
    calls = []

    def score(query, texts):
        calls.append((query, list(texts)))
        return np.array([1.0 if t == "Top calm" else 0.0 for t in texts])

    twin = Passage("c", "blue calm", title="Red")
    ranking = Ranking(QUERY, (*RED.passages, twin), score)
    found = certify(ranking, RED.allowed(), k=1)
    assert calls == [("tall things", ["Top calm", "Red red calm", "Red blue calm"])]
    assert found.samples == 3
    assert found.verdict == "certified"
    assert found.alpha == 0
    assert found.worst_ranks == {"b": 2, "c": 2}


def test_query_words_are_frozen_on_request_and_the_certificate_says_so():
    def score(query, texts):
        return np.array([0.5 if t == "Top calm" else float("blue" in t) for t in texts])

    red = replace(QUERY, text="red things")
    ranking = Ranking(red, tuple(RED.passages), score)
    free = certify(ranking, RED.allowed(), k=1)
    held = certify(ranking, replace(RED.allowed(), freeze_query=True, per_word=2), k=1)
    assert (free.verdict, held.verdict) == ("attacked", "certified")
    assert free.source == RED.source.hash
    assert held.source == f"{RED.source.hash}, first 2 per word, query words frozen"


@pytest.mark.parametrize("k", [0, 2])
def test_a_list_without_outsiders_or_a_top_is_refused(k: int):
    with pytest.raises(UsageError, match=f"got k={k}"):
        certify(RED.ranking, RED.allowed(), k=k)


def test_a_repeated_passage_is_refused():
    with pytest.raises(UsageError, match="an id twice"):
        Ranking(QUERY, (*RED.passages, RED.passages[0]), RED.score)


@pytest.mark.parametrize("bad", [lambda q, t: np.full(len(t), np.nan), lambda q, t: np.zeros((len(t), 1))])
def test_a_scorer_that_returns_no_score_is_refused(bad: Callable):
    with pytest.raises(ModelError, match="expected 3 finite scores"):
        certify(replace(RED.ranking, score=bad), RED.allowed(), k=1)


def test_methods_are_found_by_module_name_and_users_by_module_and_name():
    assert "exact" in methods.names()
    assert not {"ranking"} & set(methods.names())
    assert methods.load("exact") is certify
    assert methods.load("rag_robust.certify.exact:best_versions") is best_versions


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("exakt", 'did you mean "exact"'),
        ("ranking", "no certificate"),
        ("nowhere.at_all:x", "cannot be loaded"),
    ],
)
def test_unknown_method_names_the_nearest(name: str, message: str):
    with pytest.raises(SuiteError, match=message):
        methods.load(name)
