"""Searches by substitution on worlds small enough to know the best version of all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust import attacks
from rag_robust.attacks._space import check_space
from rag_robust.attacks._view import Secrets, View, check_budget
from rag_robust.attacks.substitution import Substitution
from rag_robust.certify.exact import best_versions
from rag_robust.certify.ranking import Ranking
from rag_robust.errors import BudgetError, SuiteError, TargetError
from rag_robust.seeds import digest, generator
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Change, Passage, Query

QUERY = Query("q", "red fast cars")
SETS = {"red": ("blue", "pink"), "tall": ("wide", "long", "high"), "fast": ("calm",), "cold": ("icy", "calm")}
SOURCE = Source("toy", SETS)
WORDS = sorted(SOURCE.sets)


@dataclass
class World:
    """Outsiders, a scorer in which every text has a value of its own, and what was asked of it."""

    texts: list[str]
    swaps: int | None = 1
    seed: int = 0
    additive: bool = False
    asked: list[list[str]] = field(default_factory=list)

    @property
    def targets(self) -> list[Passage]:
        return [Passage(f"p{i}", text, title="On cars") for i, text in enumerate(self.texts)]

    @property
    def allowed(self) -> Substitutions:
        return Substitutions(source=SOURCE, swaps=self.swaps)

    def value(self, text: str) -> float:
        drawn = (int(digest(self.seed, part)[:8], 16) / 16**8 for part in text.split())
        return sum(drawn) if self.additive else int(digest(self.seed, text)[:8], 16) / 16**8

    def score(self, query, texts) -> np.ndarray:
        self.asked.append(list(texts))
        return np.array([self.value(t) for t in texts], float)

    def rank(self, query, versions) -> np.ndarray:
        others = [[self.value(t.full) for t in self.targets if t.id != p.id] for p in versions]
        mine = [self.value(p.full) for p in versions]
        return np.array([1 + sum(s >= m for s in rest) for m, rest in zip(mine, others, strict=True)], int)

    def attacked(self, search: str, seed: int = 0, **more) -> tuple[Change, View]:
        made = Substitution(search=search, **more)
        secrets = Secrets((QUERY,), score=self.score, rank=self.rank)
        view = View(made.threat, secrets, self.targets, space=lambda p: self.allowed.space(p.text))
        change = made(view, generator(seed))
        targets = {p.id: p for p in self.targets}
        check_budget(change, made.threat, targets, len)
        check_space(change, targets, view.space)
        return change, view

    def reached(self, search: str, **more) -> float:
        """The value of what is proposed; of nothing, the best that is there."""
        change, _ = self.attacked(search, **more)
        best = [p.full for p in change.edited.values()] or [p.full for p in self.targets]
        return max(map(self.value, best))


@st.composite
def worlds(draw) -> World:
    text = st.lists(st.sampled_from([*WORDS, "car", "the"]), min_size=1, max_size=4).map(" ".join)
    texts = draw(st.lists(text, min_size=1, max_size=2))
    return World(texts, draw(st.sampled_from([0, 1, 2, 3])), draw(st.integers(0, 9999)), draw(st.booleans()))


@settings(max_examples=60, deadline=None)
@given(worlds())
def test_exact_is_the_best_of_all_versions_and_no_search_is_worse_than_a_simpler_one(world: World):
    one = World(world.texts[:1], world.swaps, world.seed, world.additive)
    [target] = one.targets
    every = one.allowed.space(target.text).versions()
    best = max(one.value(f"On cars {text}") for text in every)
    assert one.reached("exact") == best
    assert best >= one.reached("beam", width=2) >= one.reached("greedy") >= one.value(target.full)
    if one.swaps == 1:
        assert one.reached("beam", width=1) == best


@settings(max_examples=60, deadline=None)
@given(worlds(), st.sampled_from(["greedy", "beam", "exact", "decision"]))
def test_a_trace_only_rises_and_ends_with_the_value_of_what_is_proposed(world: World, search: str):
    change, view = world.attacked(search)
    if not change.edited:
        return
    [(target, after)] = change.edited.items()
    assert view.notes["target"] == target
    trace = view.notes["trace"]
    falls = search == "decision"
    assert trace == sorted(set(trace), reverse=falls)
    assert len(trace) > 1
    last = world.rank(QUERY.text, [after])[0] if falls else world.value(after.full)
    assert trace[-1] == last
    assert 1 <= len(view.notes["swaps"]) <= world.allowed.space(after.text).swaps


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_the_exact_attack_is_the_exact_certificate(world: World):
    ranking = Ranking(QUERY, tuple(world.targets), world.score)
    found = best_versions(ranking, world.allowed)
    changes, view = world.attacked("exact")
    changed = [u for (u, p), before in zip(found, world.targets, strict=True) if p != before]
    assert bool(changes.edited) is bool(changed)
    if changed:
        assert view.notes["score_after"] == max(changed)


@settings(max_examples=40, deadline=None)
@given(worlds())
def test_decision_reads_ranks_alone_and_never_ends_below_where_it_began(world: World):
    change, view = world.attacked("decision")
    assert world.asked == []
    assert view.notes["rank_after"] <= view.notes["rank_before"]
    for passage_id, after in change.edited.items():
        before = next(p for p in world.targets if p.id == passage_id)
        assert world.rank("", [after])[0] < world.rank("", [before])[0]


@pytest.mark.parametrize("search", ["greedy", "beam", "exact"])
def test_no_text_is_sent_twice_and_the_passages_of_a_stage_go_together(search):
    world = World(["red tall cars", "cold fast red cars", "tall cold"], swaps=2, additive=True)
    _, view = world.attacked(search)
    sent = [text for stage in world.asked for text in stage]
    assert len(sent) == len(set(sent)) == view.calls == view.notes["calls"]
    alone = [World([text], swaps=2, additive=True) for text in world.texts]
    for one in alone:
        one.attacked(search)
    assert len(world.asked) == max(len(one.asked) for one in alone)


def test_calls_end_where_the_limit_is_and_the_best_till_then_is_proposed():
    world = World(["red tall cold fast cars"], swaps=4, seed=3, additive=True)
    _, free = world.attacked("beam")
    assert free.notes["finished"] is True
    for limit in range(1, free.calls):
        change, view = world.attacked("beam", max_calls=limit)
        assert view.calls <= limit
        assert view.notes["finished"] is False
        traced = view.notes.get("trace", [world.value(world.targets[0].full)])
        proposed = change.edited.get("p0", world.targets[0])
        assert traced == free.notes["trace"][: len(traced)]
        assert world.value(proposed.full) == traced[-1]


def test_exact_refuses_more_than_two_swaps_in_a_large_space_before_it_asks():
    world = World(["red tall cold fast"], swaps=3)
    with pytest.raises(TargetError, match=r"p0 has 3 swaps and 60 versions") as error:
        world.attacked("exact", max_versions=59)
    assert error.value.kind == "not_applicable"
    assert world.asked == []
    world.attacked("exact", max_versions=60)
    World(["red tall cold fast"], swaps=2).attacked("exact", max_versions=1)


def test_random_is_decided_by_the_seed_and_uses_all_swaps():
    world = World(["red tall cold fast cars"] * 2, swaps=3)
    change, view = world.attacked("random", seed=1)
    assert world.attacked("random", seed=1)[0] == change
    assert len({str(world.attacked("random", seed=i)[0]) for i in range(9)}) > 3
    assert len(view.notes["swaps"]) == 3
    assert (view.calls, world.asked) == (0, [])


def test_bm25_puts_query_words_in_and_leaves_those_that_are_there():
    source = Source("cars", {"red": ("fast", "pink"), "slow": ("fast", "red"), "trucks": ("cars",)})
    made = Substitution(search="bm25")
    target = Passage("p", "slow red trucks, slow trucks")
    space = Substitutions(source=source, swaps=3).space
    view = View(made.threat, Secrets((QUERY,)), [target], space=lambda p: space(p.text))
    change = made(view, generator(1))
    assert (
        change.edited["p"].text == "fast red cars, fast trucks"
    )  # each word first where it is still missing
    assert view.notes["swaps"] == [["slow", "fast"], ["trucks", "cars"], ["slow", "fast"]]


def test_greedy_begins_where_the_passage_is_better_off_without_the_word():
    values = {"red cold": 0.5, " cold": 0.4, "red ": 0.9, "red icy": 0.6, "blue cold": 0.99}
    made = Substitution(search="greedy")
    score = lambda query, texts: np.array([values.get(t, 0.0) for t in texts])  # noqa: E731
    space = Substitutions(source=SOURCE, swaps=1).space
    target = Passage("p", "red cold")
    values |= {"cold": values[" cold"], "red": values["red "]}  # a passage has no white space at its ends
    view = View(made.threat, Secrets((QUERY,), score=score), [target], space=lambda p: space(p.text))
    assert made(view, generator(1)).edited["p"].text == "red icy"


def test_protected_phrases_keep_their_words():
    world = World(["red tall cars and red cold cars"], swaps=None, additive=True)
    change, _ = world.attacked("beam", protected="Red tall; cold")
    assert change.edited["p0"].text.startswith("red tall cars and ")
    assert change.edited["p0"].text.endswith("cold cars")
    assert world.reached("exact", protected="red;tall;cold") == world.value(world.targets[0].full)


def test_a_victim_that_tells_nothing_is_not_applicable_even_where_nothing_can_be_replaced():
    made = Substitution(search="exact")
    with pytest.raises(TargetError, match="tells no scores"):
        made(View(made.threat, Secrets((QUERY,)), [Passage("p", "the")]), generator(1))
    made = Substitution(search="decision")
    with pytest.raises(TargetError, match="tells no ranks"):
        made(View(made.threat, Secrets((QUERY,)), [Passage("p", "the")]), generator(1))


def test_impossible_parameters_are_refused_by_name():
    with pytest.raises(SuiteError, match='did you mean "greedy"'):
        attacks.load("substitution", search="gredy")
    with pytest.raises(SuiteError, match="begin above 0"):
        attacks.load("substitution", search="beam", width=0)


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (Passage("p0", "rot tall cars", "On cars"), "do not allow"),
        (Passage("p0", "blue tall  cars", "On cars"), "do not allow"),
        (Passage("p0", "blue tall cars!", "On cars"), "do not allow"),
        (Passage("p0", "blue wide cars", "On cars"), "allows 1 replaced words, 'p0' has 2"),
        (Passage("p0", "blue tall cars", "Of cars"), "more of 'p0' than the text"),
        (Passage("p9", "blue tall cars", "On cars"), "more of 'p9' than the text"),
    ],
)
def test_an_edit_outside_the_space_is_refused(after, message):
    world = World(["red tall cars"])
    targets = {p.id: p for p in world.targets}
    space = lambda p: world.allowed.space(p.text)  # noqa: E731
    check_space(Change(edited={"p0": Passage("p0", "blue tall cars", "On cars")}), targets, space)
    with pytest.raises(BudgetError, match=message):
        check_space(Change(edited={after.id: after}), targets, space)
