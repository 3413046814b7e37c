"""Constraints say yes or no by numbers that can be computed by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

import numpy as np
import pytest

from rag_robust.attacks._constraints import every, fluent, keeping, plain, similar, spamicity
from rag_robust.attacks._view import Secrets, Tools, View
from rag_robust.attacks.substitution import Substitution
from rag_robust.encode.hashed import HashedEncoder
from rag_robust.errors import TargetError
from rag_robust.seeds import generator
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Passage, Query, Work


@dataclass(frozen=True)
class Writer:
    """A language model that is surprised by ice."""

    work: Work = field(default_factory=Work)

    def surprise(self, texts):
        return np.array([log(100 if "icy" in t else 10) for t in texts])


WRITER = Writer()


def test_spamicity_is_the_share_of_query_words_by_weight():
    # said: fast 2/8, cars 1/8; asked: each 1/3, three words, so (3/8) / (3 · 1/3)
    assert spamicity("red fast cars", "Fast trucks are fast, cars are not that") == pytest.approx(3 / 8)
    # with weights: fast 2 · 2/8, cars 1/8 · 0; the greatest of the query is red 3 · 1/3
    idf = {"red": 3.0, "fast": 2.0}
    assert spamicity("red fast cars", "Fast trucks are fast, cars are not that", idf) == pytest.approx(1 / 6)
    assert spamicity("", "fast cars") == spamicity("red", "") == spamicity("red", "blue") == 0


def test_what_is_no_worse_than_before_passes():
    allows = plain("fast cars", 0.3)
    assert allows("the red van is here", "the fast van is here")  # 1/5 over 2 · 1/2
    assert not allows("the red van is here", "the fast cars is here")
    assert allows("fast cars here", "fast vans here")
    assert fluent(WRITER, 50)("icy tea", "very icy tea")
    assert not fluent(WRITER, 50)("cold tea", "icy tea")
    assert fluent(WRITER, 100)("cold tea", "icy tea")


def test_similarity_is_the_cosine_and_the_floor_is_included():
    encoder = HashedEncoder()
    a, b = encoder.encode(["cold tea here", "icy tea here"], "passage").astype(np.float64)
    cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert similar(encoder, cosine)("cold tea here", "icy tea here")
    assert not similar(encoder, cosine + 0.01)("cold tea here", "icy tea here")


def test_a_protected_phrase_stands_as_often_as_it_did():
    allows = keeping(["12 to 24 hours", "Tea"])
    assert allows("tea for 12 to 24 hours", "Tea for 12 to 24 hours, cold")
    assert not allows("tea for 12 to 24 hours", "tea for 12 or 24 hours")
    assert not allows("tea, more tea", "tea, more coffee")
    assert keeping([" "])("a", "b")


def test_all_constraints_hold_at_once_and_the_first_no_is_the_last_word():
    asked = []
    note = lambda answer: lambda before, after: asked.append(answer) or answer  # noqa: E731
    assert not every([note(True), note(False), note(True)])("a", "b")
    assert asked == [True, False]
    assert every([])("a", "b")


@pytest.mark.parametrize("search", ["greedy", "beam", "exact", "random"])
def test_a_version_that_is_not_allowed_is_never_proposed(search):
    space = Substitutions(source=Source("toy", {"cold": ("icy", "chilly")}), swaps=1).space
    made = Substitution(search=search, max_perplexity=50)
    score = lambda query, texts: np.array([float("icy" in t) + 0.5 * ("chilly" in t) for t in texts])  # noqa: E731
    secrets, tools = Secrets((Query("q", "ice"),), score=score), Tools(language_model=lambda: WRITER)
    view = View(made.threat, secrets, [Passage("p", "cold tea")], space=lambda p: space(p.text), tools=tools)
    for seed in range(4):
        change = made(view, generator(seed))
        assert [p.text for p in change.edited.values()] in ([], ["chilly tea"])
        assert change.edited or search == "random"


def test_a_constraint_brings_its_own_tool_and_says_when_it_has_none():
    made = Substitution(min_similarity=0.9, max_perplexity=50)
    assert made.tools == {"space", "encoder", "language_model"}
    assert Substitution().tools == {"space"}
    view = View(made.threat, Secrets((Query("q", "ice"),), score=lambda q, t: np.zeros(len(t))), [])
    with pytest.raises(TargetError, match="no encoder of its own"):
        made(view, generator(1))
    view.tools = Tools(encoder=HashedEncoder)
    with pytest.raises(TargetError, match="no language model"):
        made(view, generator(1))
