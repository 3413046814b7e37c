"""The attacker who knows a filter: what it pays, what it reads, and that the filter sees less of it."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from rag_robust import attacks, defend
from rag_robust.attacks._evade import SAMPLE, Evasion, KnownFilter, evaded, evasion
from rag_robust.attacks._search import centroid
from rag_robust.attacks._view import Secrets, Tools, View
from rag_robust.attacks.gaslite import together
from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import SuiteError, TargetError, ThreatModelError
from rag_robust.seeds import generator
from rag_robust.types import Passage, Query, Work

SMALL = {"information": "Coffee is bad.", "tokens": 24, "n_steps": 4, "n_grad": 3, "n_flip": 4, "n_cand": 12}


@dataclass(frozen=True)
class Letters:
    """A language model of letter pairs, with one added to every count."""

    pairs: Counter
    first: Counter
    work: Work = field(default_factory=Work)

    def surprise(self, texts):
        return np.array(
            [np.mean([self._nats(*pair) for pair in zip(f"\n{t}", t, strict=False)]) for t in texts]
        )

    def _nats(self, a, b):
        return -math.log((self.pairs[a, b] + 1) / (self.first[a] + 128))


@pytest.fixture(scope="module")
def letters(tiny):
    texts = [p.full for p in tiny.passages.values()]
    pairs = Counter(pair for text in texts for pair in zip(f"\n{text}", text, strict=False))
    return Letters(pairs, Counter(a for a, _ in pairs.elements()))


@pytest.fixture(scope="module")
def look(tiny, token_model, letters):
    def made(attack, queries=(), **more) -> View:
        queries = queries or list(tiny.queries.values())[:4]
        tools = Tools(language_model=lambda: letters)
        secrets = Secrets(queries, tiny.passages, token_model)
        return View(attack.threat, secrets, tools=tools, n_tokens=token_model.n_tokens, **more)

    return made


def suspicions(name, texts, tiny, letters):
    tools = defend.Tools(language_model=lambda: letters, passages=tiny.passages)
    return defend.load(name)([Passage(f"x{i}", t) for i, t in enumerate(texts)], tools)


def loud(passages):
    """A filter that counts exclamation marks."""
    return np.array([float(p.text.count("!")) for p in passages])


def counted(passages, tools):
    return loud(passages)


def test_a_text_pays_for_each_spread_above_the_limit_and_nothing_below():
    filters = {
        "loud": KnownFilter(loud, limit=1.0, spread=0.5),
        "bold": KnownFilter(loud, limit=2.0, spread=2.0),
    }
    charge = Evasion(filters, weight=0.1)
    expected = [0.0, 0.0, 0.1 * 1 / 0.5, 0.1 * (3 / 0.5 + 2 / 2)]
    assert charge(["", "!", "!!", "!!!!"]) == pytest.approx(expected)
    assert charge.note(["!", ""])["loud"] == {"limit": 1.0, "spread": 0.5, "suspicion": [1.0, 0.0]}


def test_limit_and_spread_are_those_of_passages_the_attacker_draws(look, tiny):
    view = look(attacks.load("gaslite", **SMALL, evade="repetition"))
    known = evasion(view, ["repetition"], weight=1.0, rate=0.05, rng=generator(3)).filters["repetition"]
    usual = known.of([p.full for p in tiny.passages.values()])
    assert len(usual) <= SAMPLE
    assert known.limit == defend.threshold(usual, 0.05)
    assert known.spread == pytest.approx(usual.std())


@pytest.mark.parametrize("name", ["repetition", "perplexity"])
def test_who_knows_the_filter_is_less_suspicious_to_it(look, tiny, letters, name):
    plain = attacks.load("gaslite", **SMALL | {"n_steps": 5}, starts=1)  # the start repeats the query
    knowing = replace(plain, evade=name, evade_rate=0.5, evade_weight=1.0)
    before, after = (
        [a(look(a, [Query("q", "hot coffee")]), generator(s)).inserted[0].text for s in range(3)]
        for a in (plain, knowing)
    )
    seen = [suspicions(name, texts, tiny, letters) for texts in (before, after)]
    assert (seen[1] <= seen[0]).all()
    assert seen[1].mean() < seen[0].mean() - 0.03


def test_what_was_above_the_limit_mostly_comes_down_to_it(look, tiny, letters):
    plain = attacks.load("gaslite", **SMALL | {"n_steps": 8}, starts=1)
    knowing = replace(plain, evade="repetition", evade_rate=0.5, evade_weight=1.0)
    hot = [Query("q", "hot coffee")]
    below = []
    for seed in range(5):
        before = plain(look(plain, hot), generator(seed)).inserted[0].text
        view = look(knowing, hot)
        after = knowing(view, generator(seed)).inserted[0].text
        noted = view.notes["filters"]["repetition"]
        seen = suspicions("repetition", [before, after], tiny, letters)
        assert noted["suspicion"] == pytest.approx(seen[1:])
        assert seen[0] > noted["limit"]
        below.append(seen[1] <= noted["limit"])
    assert sum(below) >= 3


@pytest.mark.parametrize("profile", ["default", "fast", "paper"])
def test_the_value_is_the_similarity_less_the_charge_and_never_falls(look, token_model, profile):
    attack = attacks.load("gaslite", **SMALL, profile=profile, evade="repetition,perplexity")
    view = look(attack)
    text = attack(view, generator(1)).inserted[0].text
    target = centroid(token_model, token_model.queries([q.text for q in view.queries]))
    near = float(torch.tensor(token_model.encoder.encode([text], "passage")[0]) @ target)
    over = [max(0.0, f["suspicion"][0] - f["limit"]) / f["spread"] for f in view.notes["filters"].values()]
    noted = view.notes["passages"][0]
    assert noted["objective_ids"] == pytest.approx(near - 0.1 * sum(over), abs=1e-5)
    assert all(after >= before for before, after in itertools.pairwise(noted["trace"]))


def test_what_each_passage_looks_like_is_noted(look):
    attack = attacks.load("gaslite", **SMALL, passages=2, evade="near_duplicate")
    view = look(attack)
    assert len(attack(view, generator(1)).inserted) == 2
    assert len(view.notes["filters"]["near_duplicate"]["suspicion"]) == 2


def test_a_filter_must_be_declared_to_be_seen(look):
    plain, knowing = (attacks.load("gaslite", **SMALL, evade=evade) for evade in ("", "repetition"))
    assert plain.threat.reads == {"queries", "gradients"}
    assert knowing.threat.reads == {"queries", "gradients", "filters", "corpus"}
    with pytest.raises(ThreatModelError, match="filters were asked for"):
        look(plain).filtered_by("repetition")
    corpus_only = replace(plain.threat, reads=frozenset({"filters"}))
    view = look(plain)
    view.threat = corpus_only
    with pytest.raises(ThreatModelError, match="corpus"):
        view.filtered_by("repetition")


def test_knowing_a_filter_needs_the_model_it_looks_with(look):
    attack = attacks.load("gaslite", **SMALL, evade="masked_token")
    with pytest.raises(TargetError, match="masked language model") as error:
        attack(look(attack), generator(1))
    assert error.value.kind == "not_applicable"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"evade": "perplexty"}, 'did you mean "perplexity"'),
        ({"evade": "norm, repetitions"}, 'did you mean "repetition"'),
        ({"evade": "norm", "evade_rate": 1.0}, "evade_rate"),
        ({"evade": "norm", "evade_weight": 0.0}, "evade_weight"),
    ],
)
def test_what_cannot_be_evaded_is_refused_before_any_model_is_loaded(wrong, told):
    with pytest.raises(SuiteError, match=told):
        attacks.load("gaslite", **SMALL, **wrong)


def test_tools_are_those_of_the_filters_and_no_others():
    made = {
        e: attacks.load("gaslite", **SMALL, evade=e).tools for e in ("", "norm", "perplexity,masked_token")
    }
    assert made[""] == made["norm"] == frozenset()
    assert made["perplexity,masked_token"] >= {"language_model", "masked_model"}
    assert "language_model" in attacks.load("gaslite", **SMALL, fluency_weight=0.1).tools
    assert evaded(" norm,, norm ,repetition") == ("norm", "repetition")


def test_a_filter_of_ones_own_can_be_known(look):
    attack = attacks.load("gaslite", **SMALL, evade=f"{__name__}:counted")
    view = look(attack)
    attack(view, generator(1))
    noted = view.notes["filters"][f"{__name__}:counted"]
    assert noted["suspicion"][0] <= noted["limit"]


def test_a_filter_that_is_blind_to_the_model_costs_nothing(look, monkeypatch):
    unit = HashedEncoder()
    monkeypatch.setattr("rag_robust.defend.norm.unscaled", lambda _: unit)
    charge = evasion(
        look(attacks.load("gaslite", **SMALL, evade="norm")),
        ["norm"],
        weight=1.0,
        rate=0.05,
        rng=generator(0),
    )
    assert (charge.filters["norm"].limit, charge.filters["norm"].spread) == (0.0, 1.0)
    assert charge(["anything", "at all"]).tolist() == [0.0, 0.0]


class Killed(Exception):
    """The process ended here."""


class Kept:
    text: str = "null"

    def save(self, state):
        self.text = json.dumps(state)

    def load(self):
        return json.loads(self.text)


def test_an_adaptive_attack_that_was_killed_goes_on_to_the_same_passage(look):
    attack = attacks.load("gaslite", **SMALL | {"n_steps": 7}, evade="perplexity")
    expected, kept = attack(look(attack), generator(2)), Kept()

    def die(done: int, total: int) -> None:
        if done == 6:
            raise Killed

    with pytest.raises(Killed):
        attack(look(attack, checkpoint=kept, tick=die), generator(2))
    assert kept.load()
    assert attack(look(attack, checkpoint=kept), generator(2)) == expected


def test_adaptive_attacks_that_are_crafted_together_know_their_filters_each_by_itself(look):
    several = [attacks.load("gaslite", **SMALL, evade="perplexity,repetition")] * 2
    alone, at_once = [look(several[0]) for _ in several], [look(several[0]) for _ in several]
    changes = [a(v, generator(s)) for a, v, s in zip(several, alone, (2, 3), strict=True)]
    assert together(several, at_once, [generator(2), generator(3)]) == changes
    assert [v.notes["filters"] for v in at_once] == [v.notes["filters"] for v in alone]
    assert alone[0].notes["filters"] != alone[1].notes["filters"]
