"""The query reworded: the worst of all its versions for the list that it had."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust import attacks
from rag_robust.attacks._space import as_passage, check_space
from rag_robust.attacks._view import Secrets, View, check_budget
from rag_robust.attacks.query_substitution import QuerySubstitution
from rag_robust.errors import BudgetError, SuiteError
from rag_robust.seeds import digest, generator
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Change, Passage, Query

SETS = {"red": ("pink", "blue"), "fast": ("calm", "quick")}
QUERY = Query("q", "red fast cars")


def attacked(seed: int, swaps: int, k: int, n: int = 6, **more):
    def score(query, texts):
        return np.array([int(digest(seed, query, t)[:6], 16) % 7 for t in texts], float)

    passages = [Passage(str(i), f"text {i}") for i in range(n)]
    listed = [passages[i] for i in np.argsort(-score(QUERY.text, [p.full for p in passages]), kind="stable")]
    made = QuerySubstitution(k=k, **more)
    space = Substitutions(source=Source("toy", SETS), swaps=swaps).space
    secrets = Secrets((QUERY,), score=score, listed=lambda query: listed)
    view = View(made.threat, secrets, space=lambda p: space(p.text))
    change = made(view, generator(1))
    check_budget(change, made.threat, {}, len)
    check_space(change, {"q": as_passage(QUERY)}, view.space)
    return change, view, lambda text: score(text, [p.full for p in listed])


def overlap(scores, k: int) -> float:
    top = range(min(k, len(scores)))
    return sum(sum(s > scores[i] for s in scores) < k for i in top) / len(top)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 2), st.integers(1, 4))
def test_no_version_of_the_query_keeps_less_of_the_list(seed, swaps, k):
    change, view, score = attacked(seed, swaps, k)
    options = [["red", "pink", "blue"], ["fast", "calm", "quick"]]
    versions = [
        f"{a} {b} cars" for a, b in itertools.product(*options) if (a != "red") + (b != "fast") <= swaps
    ]
    least = min(overlap(score(v), k) for v in versions)
    said = change.reworded.get("q", QUERY.text)
    assert overlap(score(said), k) == least == view.notes["overlap"]
    assert view.calls == len(versions) * 6
    assert len(view.notes["swaps"]) == sum(
        a != b for a, b in zip(said.split(), QUERY.text.split(), strict=True)
    )


def test_a_limit_on_versions_is_kept_and_said():
    _, view, _ = attacked(1, 2, 3, max_versions=4)
    assert (view.notes["versions"], view.notes["finished"]) == (4, False)
    assert not attacked(1, 0, 3)[0].reworded
    assert not attacked(1, 1, 3, n=0)[0].reworded


def test_another_query_or_another_word_is_refused():
    threat = QuerySubstitution().threat
    with pytest.raises(BudgetError, match="declared that it would reword"):
        check_budget(Change(inserted=(Passage("x", "a"),)), threat, {}, len)
    space = lambda p: Substitutions(source=Source("toy", SETS)).space(p.text)  # noqa: E731
    for text_id, text in (("z", "pink fast cars"), ("q", "rot fast cars"), ("q", "pink calm cars")):
        with pytest.raises(BudgetError):
            check_space(Change(reworded={text_id: text}), {"q": as_passage(QUERY)}, space)


def test_impossible_parameters_are_refused():
    with pytest.raises(SuiteError, match="begin above 0"):
        attacks.load("query_substitution", k=0)
