"""Each distinct prompt is completed once, beside prompts of like length."""

from __future__ import annotations

from rag_robust.generate.cache import Cached


class Counting:
    """A generator that remembers its batches."""

    fingerprint = "counting"

    def __init__(self):
        self.batches = []

    def generate(self, prompts):
        self.batches.append(list(prompts))
        return [prompt.upper() for prompt in prompts]


def test_equal_prompts_are_completed_once_and_answered_in_the_order_they_came(tmp_path):
    inner = Counting()
    assert Cached(inner, tmp_path / "a.sqlite").generate(["b", "a", "b"]) == ["B", "A", "B"]
    assert [sorted(batch) for batch in inner.batches] == [["a", "b"]]


def test_long_prompts_do_not_share_a_batch_with_short_ones(tmp_path):
    inner = Counting()
    prompts = [("long " * 150 if i % 2 else "short ") + str(i) for i in range(128)]
    assert Cached(inner, tmp_path / "a.sqlite").generate(prompts) == [p.upper() for p in prompts]
    assert [{p[:4] for p in batch} for batch in inner.batches] == [{"shor"}, {"long"}]


def test_what_was_completed_before_is_not_completed_again(tmp_path):
    Cached(Counting(), tmp_path / "a.sqlite").generate(["a"])
    inner = Counting()
    assert Cached(inner, tmp_path / "a.sqlite").generate(["a", "c"]) == ["A", "C"]
    assert inner.batches == [["c"]]
