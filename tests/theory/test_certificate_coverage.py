"""Certificates from samples where an edit is as bad as it can be: wrong no more often than alpha."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest

from rag_robust import seeds
from rag_robust.certify import certdr, masking, mean, percentile
from rag_robust.certify._smooth import Noise, law
from rag_robust.certify.ranking import Ranking
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Certificate, Passage, Query

CLASSES = [("crimson", "azure", "jade", "black"), ("cat", "cow", "dog", "hen")]
SETS = {w: group for group in CLASSES for w in group} | {"tall": ("red", "blue")}
ALLOWED = Substitutions(source=Source("lopsided", SETS), swaps=1)
"""P_red = {red, tall}, P_tall = {tall, red, blue}: "red" to "tall" moves a third of the law, to "blue"."""
REST = [" ".join(v) for v in product(*CLASSES, *CLASSES)]
WORDS = tuple(f"w{i}" for i in range(11))


@dataclass(frozen=True)
class Case:
    """An outsider whose worst version ties with the one incumbent: nothing may be certified."""

    name: str
    certify: Callable[[Ranking, np.random.Generator, float], Certificate]
    passages: tuple[Passage, Passage]
    score: Callable[[str, Sequence[str]], np.ndarray]
    true: tuple[float, float, float]
    """The smoothed scores of incumbent, outsider, and the outsider's worst version."""


def scorer(known: dict[str, float]) -> Callable[[str, Sequence[str]], np.ndarray]:
    return lambda query, texts: np.array([known[t] for t in texts])


def synonyms(name: str, outsider: np.ndarray, incumbent: np.ndarray, high: float) -> Case:
    """256 scores each, the outsider's for "red" and "tall" alike, `high` for "blue"."""
    deal = seeds.generator(7, "deal").permutation
    known = {f"Top calm {t}": s for t, s in zip(REST, deal(incumbent).tolist(), strict=True)}
    for text, s in zip(REST, deal(outsider).tolist(), strict=True):
        known |= {f"Out red {text}": s, f"Out tall {text}": s, f"Out blue {text}": high}
    passages = (Passage("top", f"calm {REST[0]}", "Top"), Passage("out", f"red {REST[0]}", "Out"))
    worst = [known[f"Out {v}"] for v in law(f"tall {REST[0]}", Noise(ALLOWED)).every()]
    median = name == "percentile"
    smooth = (lambda v: np.quantile(v, 0.5, method="inverted_cdf")) if median else np.mean
    module, more = (percentile, {}) if median else (mean, {"low": 0, "high": 1, "interval": name})

    def certify(ranking: Ranking, rng: np.random.Generator, alpha: float) -> Certificate:
        return module.certify(ranking, ALLOWED, rng, k=1, n_max=96, alpha=alpha, **more)

    true = tuple(float(smooth(v)) for v in (incumbent, np.repeat(outsider, 2), np.array(worst)))
    return Case(name, certify, passages, scorer(known), true)


def masks() -> Case:
    """Half of the words are shown; "tall" among them scores 1, as every second mask of the incumbent does."""
    outsider, incumbent = (Passage(i, " ".join((w, *WORDS)), i) for i, w in (("out", "red"), ("top", "calm")))
    shown = masking.masks(ALLOWED.space(incumbent.text), 0.5, "_")
    dealt = seeds.generator(7, "masks").permutation(np.arange(shown.size) % 2)
    known = {f"top {t}": float(s) for t, s in zip(shown.every(), dealt, strict=True)}
    space = ALLOWED.space(outsider.text)
    for text in (space.text, *space.singles()):
        law_of = masking.masks(replace(space, text=text), 0.5, "_")
        known |= {f"out {t}": float("tall" in t) for t in law_of.every()}

    def certify(ranking: Ranking, rng: np.random.Generator, alpha: float) -> Certificate:
        more = {"kept": 0.5, "mask": "_", "low": 0, "high": 1, "n_max": 96}
        return masking.certify(ranking, ALLOWED, rng, k=1, alpha=alpha, **more)

    return Case("masking", certify, (incumbent, outsider), scorer(known), (0.5, 0.0, 0.5))


STEPS = np.arange(256) / 255
ATOM = np.where((STEPS > 0.7) & (STEPS < 0.9), 0.8, STEPS)  # its 3/4- and 5/6-quantile are one
CASES = [
    synonyms("percentile", ATOM, STEPS + 0.8 - STEPS[127], 2.0),
    synonyms("betting", STEPS * 0, STEPS * 2 / 3, 1.0),
    synonyms("bernstein", STEPS * 0.06, STEPS * 2 / 3 + 0.02, 1.0),
    synonyms("hoeffding", STEPS * 0, STEPS * 2 / 3, 1.0),
    masks(),
]


def errors(case: Case, *, alpha: float, times: int) -> tuple[float, float]:
    """How often the list is certified, which it never is rightly, and how often some bound is wrong."""
    ranking = Ranking(Query("q", "which"), case.passages, case.score)
    found = [case.certify(ranking, np.random.default_rng(i), alpha) for i in range(times)]
    top, clean, worst = case.true
    wrong = [
        f.lower["top"] > top + 1e-9
        or f.lower["out"] > clean + 1e-9
        or f.upper.get("out", np.inf) < worst - 1e-9
        for f in found
    ]
    return float(np.mean([f.verdict == "certified" for f in found])), float(np.mean(wrong))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_list_that_the_worst_edit_ties_is_certified_no_more_often_than_alpha(case: Case):
    assert case.true[2] == pytest.approx(case.true[0], abs=1e-9)
    assert case.true[1] < case.true[0]
    assert max(errors(case, alpha=0.05, times=1000)) <= 0.05


@pytest.mark.parametrize("case", [c for c in CASES if c.name != "masking"], ids=lambda case: case.name)
def test_published_overlap_is_seen_to_be_wrong_in_the_same_trial(case: Case, monkeypatch):
    monkeypatch.setattr(Noise, "overlap", certdr.literal_overlap)
    assert errors(case, alpha=0.05, times=40)[1] > 0.5


def test_robustmask_is_seen_to_be_wrong_in_the_same_trial(monkeypatch):
    ours = masking.masks

    def published(
        *given: object,
    ) -> masking.Masks:  # Theorem 1 with beta = 1
        made = ours(*given)
        return replace(made, shift=made.shift / made.size)

    monkeypatch.setattr(masking, "masks", published)
    assert min(errors(masks(), alpha=0.05, times=40)) > 0.5


def test_shift_however_small_reaches_past_a_quantile_that_is_met_exactly():
    values = np.arange(100.0)[None]
    score, limit = percentile.Percentile(0.5).points(values, np.array([1e-11]))
    assert (score[0], limit[0]) == (49, 50)  # 50 of 100 values are at most 49: half, and no more
    assert percentile.Percentile(0.5).points(values, np.array([0.0]))[1][0] == 49


def test_word_whose_capital_is_a_letter_and_a_mark_never_becomes_two_words():
    allowed = Substitutions(source=Source("s", {"calm": ("ǰam", "still")}))
    assert [s.options for s in allowed.space("calm Calm CALM").slots] == [
        ("ǰam", "still"),
        ("Still",),
        ("STILL",),
    ]
