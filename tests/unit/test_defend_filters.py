"""Filters: what each promises to all, and that it flags its own textbook attack above plain text."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from rag_robust import attacks, defend, encode
from rag_robust.attacks import stuffing
from rag_robust.attacks._view import Secrets, View
from rag_robust.defend import Tools
from rag_robust.defend.near_duplicate import suspicion as near_duplicate
from rag_robust.defend.perplexity import suspicion as perplexity
from rag_robust.defend.repetition import repeated, top_share
from rag_robust.encode.hashed import HashedEncoder
from rag_robust.encode.unscaled import unscaled
from rag_robust.errors import TargetError
from rag_robust.seeds import generator
from rag_robust.text import normalise, words
from rag_robust.types import Passage

LIGHT = ("near_duplicate", "norm", "perplexity", "repetition")
NOISE = "qz ##vex lamb [ verdict zzx bolt 1987 xk"


class Letters:
    """A language model of letter pairs, with one added to every count."""

    def __init__(self, texts):
        self.pairs = Counter(pair for text in texts for pair in zip(f"\n{text}", text, strict=False))
        self.first = Counter(a for a, _ in self.pairs.elements())

    def surprise(self, texts):
        return np.array(
            [np.mean([self._bits(*pair) for pair in zip(f"\n{t}", t, strict=False)]) for t in texts]
        )

    def _bits(self, a, b):
        return -math.log((self.pairs[a, b] + 1) / (self.first[a] + 128))


@pytest.fixture(scope="module")
def tools(tiny, encoder):
    letters = Letters([p.full for p in tiny.passages.values()])
    return Tools(
        language_model=lambda: letters,
        encoder=lambda: encoder,
        passages=tiny.passages,
    )


@pytest.fixture(scope="module")
def plain(tiny):
    return list(tiny.passages.values())[:12]


@pytest.mark.parametrize("name", LIGHT)
def test_a_row_depends_on_its_passage_alone(name, plain, tools):
    some = [*plain[:4], Passage("empty", " "), Passage("copy", plain[5].full)]
    filtered = defend.load(name)
    together = filtered(some, tools)
    assert together.shape == (6,)
    assert together.dtype == np.float64
    assert np.isfinite(together).all()
    assert np.array_equal(together, np.concatenate([filtered([p], tools) for p in some]))
    assert np.array_equal(together, filtered(some[::-1], tools)[::-1])
    assert filtered([], tools).shape == (0,)


@pytest.mark.parametrize("name", sorted({*defend.names()} - {"repetition"}))
def test_a_missing_tool_is_not_applicable(name, plain):
    with pytest.raises(TargetError, match="was given none") as caught:
        defend.load(name)(plain, Tools())
    assert caught.value.kind == "not_applicable"


def test_perplexity_flags_noise(plain, tools):
    hostile = [Passage("x", " ".join(reversed(NOISE))), Passage("y", NOISE)]
    assert perplexity(hostile, tools).min() > perplexity(plain, tools).max()


def test_a_window_of_perplexity_sees_a_trigger_behind_plain_text(plain, tools):
    hidden = Passage("x", f"{plain[0].full} {plain[1].full} {NOISE}")
    whole, part = (perplexity([hidden], tools, window=w)[0] for w in (0, 8))
    assert part == pytest.approx(perplexity([Passage("y", " ".join(hidden.text.split()[-8:]))], tools)[0])
    assert part > whole


def test_repetition_flags_stuffing(plain, tools, tiny):
    attack = attacks.load("stuffing", **stuffing.SMOKE | {"tokens": 60})
    view = View(attack.threat, Secrets(list(tiny.queries.values())[:2]))
    hostile = attack(view, generator(0)).inserted
    filtered = defend.load("repetition")
    assert filtered(hostile, tools).min() > filtered(plain, tools).max()


def test_repetition_is_counted_as_written():
    assert repeated("a b a b a", 2) == pytest.approx(1 - 2 / 4)  # ab ba ab ba
    assert repeated("Café cafe", 1) == 0.5
    assert top_share("the coffee, the coffee and the tea") == pytest.approx((2 - 1) / 3)
    assert repeated("one", 2) == top_share("") == 0.0


def test_near_duplicates_are_measured_by_the_sets_of_their_shingles(tiny):
    texts = [p.full for p in tiny.passages.values()]
    texts += [texts[0] + " once more", texts[3].upper(), " ".join(texts[4].split()[:9])]
    world = {str(i): Passage(str(i), t) for i, t in enumerate(texts)}

    def shingles(text, n=3):
        found = [*words(normalise(text)), *["\n"] * (n - 1)]
        return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}

    sets = [shingles(t) for t in texts]
    expected = [max(len(a & b) / len(a | b) for b in sets if b is not a) for a in sets]
    found = near_duplicate(list(world.values()), Tools(passages=world))
    assert found == pytest.approx(np.array(expected))
    assert found[3] == 1.0


@pytest.mark.parametrize(("n", "expected"), [(1, 2 / 4), (2, 0.0), (5, 0.0)])
def test_shared_words_in_another_order_count_as_single_words_only(n, expected):
    world = {"a": Passage("a", "one two three"), "b": Passage("b", "four two one")}
    assert near_duplicate([world["a"]], Tools(passages=world), n=n)[0] == pytest.approx(expected)


def test_a_flood_of_copies_is_seen_only_in_the_corpus_that_holds_it(plain, tools):
    flood = [
        Passage(f"x{i}", f"Buy our fine coffee now, it is the best of all. Number {i}.") for i in range(5)
    ]
    assert near_duplicate(flood, tools).max() < 0.1
    assert near_duplicate(flood, tools.seeing(flood)).min() > 0.6
    assert near_duplicate(plain, tools.seeing(flood)).max() < 0.2


def test_an_edited_passage_takes_the_place_of_its_old_version(plain, tools):
    edited = Passage(plain[0].id, "something else entirely stands here now")
    copy = Passage("copy", plain[0].full)
    assert near_duplicate([copy], tools)[0] == 1.0
    assert near_duplicate([copy], tools.seeing([edited, copy]))[0] < 0.1


def test_what_a_filter_kept_belongs_to_one_corpus(plain, tools):
    world = {p.id: p for p in plain}
    mine = replace(tools, passages=world)
    other = replace(mine, passages={"x": Passage("x", plain[0].full)})
    assert near_duplicate(plain, mine).max() < 0.2
    assert near_duplicate(plain, other)[0] == 1.0
    assert near_duplicate(plain, mine).max() < 0.2


def test_the_norm_flags_a_passage_made_long_for_a_dot_product(plain, tools):
    dot = HashedEncoder(similarity="dot")
    filtered = defend.load("norm")
    long = Passage("x", " ".join(p.full for p in plain))
    mine = replace(tools, encoder=lambda: dot)
    assert filtered([long], mine)[0] > filtered(plain, mine).max()
    assert filtered([long], mine)[0] == pytest.approx(np.linalg.norm(dot.encode([long.full], "passage")))


def test_unit_vectors_without_a_norm_before_them_flag_nobody(plain, tools):
    unit = replace(tools, encoder=lambda: encode.load("hashed"))
    assert (defend.load("norm")(plain, unit) == 0).all()


def test_a_cosine_model_is_measured_before_its_normalisation(plain, tools, encoder):
    raw = unscaled(encoder)
    texts = [p.full for p in plain]
    vectors, unit = raw.encode(texts, "passage"), encoder.encode(texts, "passage")
    lengths = np.linalg.norm(vectors, axis=1)
    assert defend.load("norm")(plain, tools) == pytest.approx(lengths)
    assert np.abs(vectors / lengths[:, None] - unit).max() < 1e-6
    assert lengths.std() > 1e-3
    assert raw.similarity == "dot"
    assert encoder.similarity == "cosine"


@pytest.mark.model
def test_a_real_language_model_tells_text_from_its_words_shuffled(tiny, tmp_path_factory):
    from rag_robust.generate.language_model import language_model

    real = language_model(cache=tmp_path_factory.mktemp("weights"))
    calm = list(tiny.passages.values())[:4]
    bad = [Passage(p.id, " ".join(generator(0, p.id).permutation(p.text.split()))) for p in calm]
    tools = Tools(language_model=lambda: real)
    assert perplexity(bad, tools).min() > perplexity(calm, tools).max()
