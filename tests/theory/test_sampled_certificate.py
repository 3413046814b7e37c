"""Certificates from samples: wrong no more often than alpha, and with no more samples than it takes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from rag_robust import certify as methods
from rag_robust import seeds
from rag_robust.certify import certdr, masking, mean, percentile
from rag_robust.certify.ranking import Ranking
from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import ModelError, UsageError
from rag_robust.retrieve.scores import bi_encoder
from rag_robust.retrieve.static import Static
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Certificate, Passage, Query

QUERY = Query("q", "which")
COLOURS = ["red", "blue", "green", "black"]
THINGS = ["cat", "cow", "dog", "hen"]
SOURCE = Source("classes", {w: tuple(group) for group in (COLOURS, THINGS) for w in group})
ALLOWED = Substitutions(source=SOURCE, swaps=2)
"""Whole classes: every version of "red cat red cat" has the same 256 random versions, its shift is 0."""
VERSIONS = [" ".join(v) for v in product(COLOURS, THINGS, COLOURS, THINGS)]


def world(seed: int, levels: np.ndarray, n: int = 3, lift: float = 0.0) -> Ranking:
    """`n` passages over the same 256 scores, each dealt out anew; those of the first are higher by `lift`."""
    rng = seeds.generator(seed, "deal")
    known = {}
    for i in range(n):
        dealt = rng.permutation(levels) + (lift if i == 0 else 0.0)
        known |= {f"T{i} {text}": score for text, score in zip(VERSIONS, dealt.tolist(), strict=True)}
    passages = tuple(Passage(str(i), "red cat red cat", title=f"T{i}") for i in range(n))
    return Ranking(QUERY, passages, lambda query, texts: np.array([known[t] for t in texts]))


def wrong_shares(
    method: Callable, levels: np.ndarray, true: float, *, alpha: float, times: int = 1000
) -> tuple[float, float]:
    """How often two equal passages are told apart (a tie counts for the attacker), and a bound is wrong.

    `times` generators; the smoothed score of both passages is `true`.
    """
    rankings = [world(seed, levels, n=2) for seed in range(8)]
    found = [method(rankings[i % 8], np.random.default_rng(i), alpha) for i in range(times)]
    apart = [f.verdict == "certified" for f in found]
    wrong = [max(f.lower.values()) > true or min(f.upper.values()) < true for f in found]
    return float(np.mean(apart)), float(np.mean(wrong))


def by(module, **parameters) -> Callable[..., Certificate]:
    return lambda ranking, rng, alpha: module.certify(ranking, ALLOWED, rng, k=1, alpha=alpha, **parameters)


EVEN = np.arange(256) / 255
RARE = (np.arange(256) >= 240).astype(float)
FAMILIES = {
    "percentile": (by(percentile, n_max=32), EVEN, float(np.quantile(EVEN, 0.5, method="inverted_cdf"))),
    "betting": (by(mean, n_max=32, low=0, high=1), RARE, 1 / 16),
    "bernstein": (by(mean, n_max=64, low=0, high=1, interval="bernstein"), RARE, 1 / 16),
    "hoeffding": (by(mean, n_max=64, low=0, high=1, interval="hoeffding"), EVEN, 1 / 2),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_false_certificates_and_wrong_bounds_are_at_most_as_frequent_as_alpha(family: str):
    assert max(wrong_shares(*FAMILIES[family], alpha=0.05)) <= 0.05


@pytest.mark.parametrize("family", ["percentile", "betting"])
def test_error_twenty_times_too_large_is_seen(family: str):
    # the negative control: the test above must be able to fail
    method, _, _ = FAMILIES[family]
    true = 0.5 if family == "betting" else FAMILIES[family][2]
    assert min(wrong_shares(method, EVEN, true, alpha=0.99, times=200)) > 0.1


def test_literal_certdr_certifies_equal_passages_almost_always_and_says_that_it_proves_nothing():
    found = [
        certdr.certify(world(seed, EVEN), ALLOWED, np.random.default_rng(seed), k=1, n=50)
        for seed in range(100)
    ]
    assert np.mean([f.verdict == "certified" for f in found]) > 0.95
    assert {f.alpha for f in found} == {1.0}
    assert all("not family-wise" in f.reason for f in found)


def test_certdr_is_the_published_comparison():
    ranking = world(3, EVEN, n=4)
    narrow = Substitutions(source=Source("s", {"red": ("blue",), "cat": ("cow", "dog")}), swaps=1)
    plain, careful = (
        certdr.certify(ranking, narrow, np.random.default_rng(1), k=2, n=200, mc_error=mc, cap=None)
        for mc in (False, True)
    )
    scores = list(plain.scores.values())
    shift = 1 - 1 * (2 / 3) ** 2  # red, cat, red, cat; blue has the same set as red; R is ignored
    assert scores == sorted(scores, reverse=True)
    assert (plain.low, plain.high) == pytest.approx((scores[1], scores[2] + shift))
    margin = 2 * (np.log(2 / 0.05) / (2 * 200)) ** 0.5
    assert careful.high - careful.low == pytest.approx(plain.high - plain.low + margin)


@pytest.mark.parametrize("margin", [False, True])
def test_certdr_is_the_published_comparison_at_every_k_whatever_k_was_asked_for(margin: bool):
    narrow = Substitutions(source=Source("s", {"cat": ("cow", "dog")}), swaps=1)
    half = 2 * (np.log(2 / 0.05) / (2 * 1000)) ** 0.5 if margin else 0.0
    told = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        levels, cats = rng.normal(0, 4, 5), rng.permutation(5).tolist()
        passages = tuple(Passage(str(i), "calm" + " cat" * n, title=f"T{i}") for i, n in enumerate(cats))

        def score(query: str, texts: list[str], levels: np.ndarray = levels) -> np.ndarray:
            return levels[[int(text[1]) for text in texts]]

        found = certdr.certify(Ranking(QUERY, passages, score), narrow, k=1, mc_error=margin, cap=None)
        order, means = list(found.scores), list(found.scores.values())
        for k in range(1, 5):
            shift = max(1 - (2 / 3) ** cats[int(i)] for i in order[k:])
            literal = means[k - 1] - means[k] - shift - half > 0
            certified = min(found.lower[i] for i in order[:k]) > max(found.upper[i] for i in order[k:])
            assert certified == literal
            told.add((k, certified))
    assert {literal for _, literal in told} == {True, False}


def test_a_cosine_has_a_known_range_and_what_has_none_takes_the_sigmoid():
    passages = tuple(Passage(str(i), text) for i, text in enumerate(["red cat", "blue dog", "calm"]))
    for similarity, ends in (("cosine", (-1.0, 1.0)), ("dot", (None, None))):
        own = bi_encoder(HashedEncoder(similarity=similarity))
        vectors = Static("s", ("red", "cat", "calm"), np.eye(3, dtype=np.float32), similarity)
        for score in (own, vectors.score):
            for module in (mean, masking):
                found = module.certify(Ranking(QUERY, passages, score), ALLOWED, k=1, n_max=64)
                assert (found.parameters["low"], found.parameters["high"]) == ends
                assert ("in [-1, 1]" in found.ranker) is (similarity == "cosine")
    stated = mean.certify(Ranking(QUERY, passages, vectors.score), ALLOWED, k=1, n_max=64, low=0, high=2)
    assert "in [0, 2]" in stated.ranker


@pytest.mark.parametrize("lift", [0.8, 3.0])
@pytest.mark.parametrize("family", ["percentile", "betting"])
def test_clear_lists_take_few_samples_and_open_ones_no_more_than_allowed(family: str, lift: float):
    module, more = (percentile, {}) if family == "percentile" else (mean, {"low": 0, "high": 4})
    found = module.certify(world(1, EVEN, lift=lift), ALLOWED, k=1, n_max=200, **more)
    assert found.verdict == "certified"
    assert found.alpha == 0.05
    assert found.samples <= 3 * (32 if lift == 3.0 else 200)
    assert found.upper.keys() == found.lower.keys() == {"0", "1", "2"}


def test_enumerated_laws_cost_no_error_and_every_version_is_scored_once():
    found = percentile.certify(world(1, EVEN, lift=1e-3), ALLOWED, k=1, n_max=256)
    assert (found.verdict, found.samples) == ("certified", 3 * 256)
    assert list(found.lower.values()) == list(found.upper.values()) == list(found.scores.values())


@pytest.mark.parametrize(
    ("lift", "swaps", "told"),
    [
        (0.15, 0, "samples per passage would decide; n_max is 64"),
        (0.0, 1, "no number of samples would decide"),
    ],
)
def test_undecided_says_what_would_decide(lift: float, swaps: int, told: str):
    uneven = Source("uneven", {**SOURCE.sets, "green": ("red",), "red": ("green", "blue", "black")})
    allowed = Substitutions(source=SOURCE if swaps == 0 else uneven, swaps=swaps, per_word=3 - swaps)
    found = percentile.certify(world(2, EVEN, lift=lift), allowed, k=1, n_max=64)
    assert found.verdict == "undecided"
    assert told in found.reason
    if "about" in told:
        enough = int(found.reason.split()[1])
        assert (
            percentile.certify(world(2, EVEN, lift=lift), allowed, k=1, n_max=enough).verdict == "certified"
        )


def test_law_that_moves_too_far_is_named_and_has_no_upper_bound():
    loose = Substitutions(source=Source("s", {"red": ("blue", "green"), "cat": ("cow",)}), swaps=2)
    found = percentile.certify(world(2, EVEN, lift=9), loose, k=1, p=0.6)
    assert (found.high, found.verdict) == (None, "undecided")
    assert "by up to 0.56, past any bound" in found.reason  # 1 - (2/3)^2
    assert "source cut into classes" in found.reason


def asked_texts(query: Query, rng: np.random.Generator) -> set[str]:
    base, asked = world(5, EVEN), []

    def score(_: str, texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return base.score("", texts)

    percentile.certify(Ranking(query, base.passages[::-1], score), ALLOWED, rng, k=1, n_max=100)
    assert len(asked) == len(set(asked))
    return set(asked)


def test_queries_given_equal_generators_share_their_samples_and_each_is_asked_once():
    first = asked_texts(QUERY, seeds.generator(7, "noise"))
    assert asked_texts(Query("r", "other"), seeds.generator(7, "noise")) == first
    assert asked_texts(QUERY, seeds.generator(8, "noise")) != first


@pytest.mark.parametrize("module", [percentile, mean, masking, certdr])
def test_equal_generators_give_equal_certificates_whatever_the_scorer_is_sent_at_once(module, monkeypatch):
    plain = module.certify(world(4, EVEN), ALLOWED, np.random.default_rng(2), k=2, **SCALE.get(module, {}))
    monkeypatch.setattr("rag_robust.certify._sampled._AT_ONCE", 7)
    again = module.certify(world(4, EVEN), ALLOWED, np.random.default_rng(2), k=2, **SCALE.get(module, {}))
    assert again == plain
    assert plain.method == module.__name__.rpartition(".")[2]


SCALE = {mean: {"low": 0, "high": 1}, masking: {"kept": 0.9999}}


def test_median_does_not_change_under_increasing_functions_of_the_score():
    ranking = world(6, EVEN, lift=0.3)
    bent = Ranking(QUERY, ranking.passages, lambda q, texts: np.exp(9 * ranking.score(q, texts)))
    one, other = (percentile.certify(r, ALLOWED, np.random.default_rng(0), k=1) for r in (ranking, bent))
    assert other.verdict == one.verdict
    assert other.lower == pytest.approx({i: np.exp(9 * low) for i, low in one.lower.items()})
    assert other.worst_ranks == one.worst_ranks


def test_known_range_is_given_back_in_the_scorers_unit_and_what_is_outside_is_cut_off():
    ranking = world(6, EVEN, lift=9.0)
    found = mean.certify(ranking, ALLOWED, k=1, low=-1, high=2, n_max=512)
    assert found.scores["0"] == 2.0
    assert found.scores["1"] == pytest.approx(0.5, abs=0.05)
    assert found.ranker == "mean of the score in [-1, 2] over random synonyms"


@pytest.mark.parametrize(
    ("module", "wrong", "message"),
    [
        (percentile, {"n_max": 4}, "take at least"),
        (percentile, {"p": 1.0}, "quantile p"),
        (percentile, {"alpha": 0.0}, "alpha in"),
        (percentile, {"cap": 0}, "cap >= 1"),
        (mean, {"low": 1, "high": 1}, "expected low < high"),
        (mean, {"low": 1}, "expected low < high"),
        (mean, {"interval": "normal"}, "expected interval betting"),
        (mean, {"n_max": 0}, "n_max >= 1"),
        (masking, {"kept": 1.0}, "kept words"),
        (certdr, {"n": 0}, "n >= 1"),
    ],
)
def test_impossible_parameters_are_refused(module, wrong: dict, message: str):
    with pytest.raises(UsageError, match=message):
        module.certify(world(0, EVEN), ALLOWED, k=1, **wrong)


@pytest.mark.parametrize("module", [percentile, mean, masking, certdr])
def test_scorer_that_returns_no_number_is_refused_also_behind_a_sigmoid(module):
    bad = Ranking(QUERY, world(0, EVEN).passages, lambda q, texts: np.full(len(texts), np.inf))
    with pytest.raises(ModelError, match="finite scores"):
        module.certify(bad, ALLOWED, k=1)


def test_the_families_are_found_and_their_parts_are_not():
    assert {"certdr", "masking", "mean", "percentile"} <= set(methods.names())
    assert not any(name.startswith("-") for name in methods.names())
