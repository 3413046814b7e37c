"""First-order gains, the surrogate and the climb, against what can be computed another way."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rag_robust.attacks._first_order import White, aimed, ways
from rag_robust.attacks._prada import Climb, climbed, imitated, reweighted, slope_at
from rag_robust.attacks._swaps import Trail
from rag_robust.attacks._view import Secrets, View
from rag_robust.attacks.substitution import Substitution
from rag_robust.errors import TargetError
from rag_robust.seeds import generator
from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Passage, Query

QUERY = Query("q", "how is coffee roasted")
SETS = {"coffee": ("tea", "robusta", "quixotic"), "water": ("ice", "hydrogen"), "hot": ("cool", "slow")}
ALLOWED = Substitutions(source=Source("toy", SETS), swaps=2)
TEXT = "Coffee is brewed with water, and the water is hot."
TARGET = Passage("p", TEXT, title="Cold brew")


def trail(passage=TARGET, swaps=2, choice=None) -> Trail:
    space = Substitutions(source=ALLOWED.source, swaps=swaps).space(passage.text)
    return Trail(passage, space, lambda before, after: True, choice or {})


def look(made, token_model, tiny, targets=(TARGET,), listed=None) -> View:
    order = listed if listed is not None else list(tiny.passages.values())[:12]
    vectors = token_model.queries([QUERY.text])[0].astype(np.float64)
    score = lambda query, texts: token_model.encoder.encode(texts, "passage").astype(np.float64) @ vectors  # noqa: E731
    others = score("", [p.full for p in order]) if order else np.empty(0)

    def rank(query, versions):
        return np.array([1 + (others >= s).sum() for s in score("", [p.full for p in versions])])

    secrets = Secrets((QUERY,), model=token_model, score=score, rank=rank, listed=lambda query: order)
    return View(made.threat, secrets, targets, space=lambda p: ALLOWED.space(p.text))


def concordant(scores) -> float:
    """The share of pairs in the order they should have, the greatest first."""
    return float(np.mean([a > b for i, a in enumerate(scores) for b in scores[i + 1 :]]))


@pytest.mark.parametrize("choice", [{}, {0: "Quixotic"}, {0: "Tea", 2: "ice"}])
def test_the_pieces_at_their_places_are_those_of_the_whole_version(token_model, choice):
    here = trail(choice=choice)
    ids, found = ways(token_model, here)
    assert {way.slot for way in found} == set(range(4)) - choice.keys()
    for way in found:
        written = ids[: way.places[0]] + list(way.pieces) + ids[way.places[-1] + 1 :]
        version = here.write(choice | {way.slot: way.word})
        assert written == token_model.ids(version.full)


def test_words_beyond_what_the_model_reads_are_left_out(token_model):
    long = Passage("p", f"hot {'is ' * 200} coffee", title="")
    _, found = ways(token_model, trail(long))
    assert {way.word for way in found} == {"cool", "slow"}


def test_the_gain_of_a_whole_word_is_the_slope_of_the_similarity_along_it(token_model):
    white = White(token_model, torch.tensor(token_model.queries([QUERY.text])[0]))
    ids, found = ways(token_model, trail())
    way = next(w for w in found if len(w.pieces) == len(w.places))
    step = torch.zeros_like(white.rows(ids))
    step[list(way.places)] = white.rows(way.pieces) - white.rows(ids)[list(way.places)]
    near = [slope_at(white, ids, sign * 1e-3 * step)[0] for sign in (1, -1)]
    gain = float((white.slopes(ids) * step).sum())
    assert gain == pytest.approx((near[0] - near[1]) / 2e-3, rel=0.02, abs=1e-4)


def test_gradient_with_every_word_tried_takes_the_best_at_each_step(token_model, tiny):
    made = Substitution(search="gradient", check=False, n_tried=99)
    view = look(made, token_model, tiny)
    change = made(view, generator(1))
    white, now = aimed(view), trail()
    for _ in range(2):
        options = [now.choice | {i: w} for i in now.free for w in now.space.slots[i].options]
        values = white.similarities([now.write(choice) for choice in options])
        if max(values) > white.similarities([now.write(now.choice)])[0]:
            now.choice = options[int(np.argmax(values))]
    assert change.edited["p"].text == now.write(now.choice).text
    assert view.calls == 0  # the encoder is its own


def test_checked_words_are_few_and_never_make_it_worse(token_model, tiny):
    made = Substitution(search="gradient", n_tried=2)
    view = look(made, token_model, tiny)
    made(view, generator(1))
    assert view.calls <= 1 + 2 * 2
    assert view.notes["score_after"] >= view.notes["score_before"]


def test_the_climb_goes_up_and_stays_in_the_ball(token_model):
    white = White(token_model, torch.tensor(token_model.queries([QUERY.text])[0]))
    ids = token_model.ids(TARGET.full)
    length = float(token_model.matrix.norm(dim=1).mean())
    start = white.rows(ids)
    shift = climbed(white, ids, Climb(0.1, 3)) - start
    norms = shift.norm(dim=1)
    assert float(norms.max()) <= 0.1 * length * (1 + 1e-5)
    assert float(norms.max()) == pytest.approx(0.1 * length, rel=1e-4)  # some were stopped at its edge
    before, after = slope_at(white, ids, torch.zeros_like(start))[0], slope_at(white, ids, shift)[0]
    assert after > before == pytest.approx(white.similarities([TARGET])[0], abs=1e-5)
    assert torch.equal(climbed(white, ids, Climb(0.1, 3), goal=-1.0), start)  # the ranking loss is 0 already


def test_the_surrogate_learns_an_order_that_the_query_alone_does_not_have():
    rng = generator(5)
    vectors, query = rng.normal(size=(30, 24)), rng.normal(size=24)
    truth = vectors @ (query * rng.normal(1, 2, size=24))
    products = (query * vectors)[np.argsort(-truth)]
    assert (
        concordant(products @ np.ones(24)) < 0.75 < 0.9 < concordant(products @ (1 + reweighted([products])))
    )


def test_a_list_that_the_query_orders_already_leaves_it_as_it_is():
    products = np.outer([4.0, 1.0], np.ones(3))
    assert reweighted([products]).tolist() == [0, 0, 0]
    assert reweighted([products[:1]]).tolist() == [0, 0, 0]


def test_prada_reads_ranks_alone_of_the_victim_and_never_gets_a_worse_one(token_model, tiny):
    made = Substitution(search="prada")
    passages = list(tiny.passages.values())
    view = look(made, token_model, tiny, targets=(TARGET, *passages[12:16]))
    change = made(view, generator(1))
    assert view.notes["rank_after"] <= view.notes["rank_before"]
    assert len(change.edited) <= 1
    assert view.calls <= 5 * (1 + 10)
    assert change == made(look(made, token_model, tiny, targets=(TARGET, *passages[12:16])), generator(2))


def test_the_surrogate_agrees_with_the_list_it_was_shown(token_model, tiny):
    made = Substitution(search="prada")
    shuffled = [list(tiny.passages.values())[i] for i in generator(1).permutation(12)]
    found = imitated(look(made, token_model, tiny, listed=shuffled))
    order = [found.others[p.id] for p in shuffled]
    assert concordant(order) > 0.7
    assert found.goal(shuffled[0].id) == max(order[1:]) + found.margin


def test_a_list_of_one_teaches_nothing(token_model, tiny):
    made = Substitution(search="prada")
    with pytest.raises(TargetError, match="too short") as error:
        made(look(made, token_model, tiny, listed=[TARGET]), generator(1))
    assert error.value.kind == "not_applicable"


def test_the_ensembles_members_are_asked_together(token_model):
    made = Substitution(search="gradient", check=False)
    secrets = Secrets((QUERY,), models=(token_model, token_model))
    view = View(made.threat, secrets, (TARGET,), space=lambda p: ALLOWED.space(p.text))
    one = View(made.threat, Secrets((QUERY,), model=token_model), (TARGET,), space=view.space)
    assert made(view, generator(1)) == made(one, generator(1))


def test_work_is_counted(token_model):
    before = SimpleNamespace(**vars(token_model.work))
    white = White(token_model, torch.tensor(token_model.queries([QUERY.text])[0]))
    climbed(white, token_model.ids("hot water"), Climb(1.0, 3))
    assert token_model.work.backwards == before.backwards + 3
    assert token_model.work.forwards == before.forwards + 3
