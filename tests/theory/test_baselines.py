"""What the four gradient baselines promise: fresh gradients, one flip a step, each its own rule of choice."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from rag_robust import attacks
from rag_robust.attacks._chain import Goal, opened, scored
from rag_robust.attacks._gains import first_passing, gains, top
from rag_robust.attacks._search import Limits, Search, begun, centroid, climb
from rag_robust.attacks._view import Secrets, View
from rag_robust.attacks.aggd import Aggd
from rag_robust.attacks.arca import Arca
from rag_robust.attacks.gcg import Gcg
from rag_robust.attacks.hotflip import HotFlip
from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import SuiteError
from rag_robust.seeds import generator
from rag_robust.types import Query

TEXTS = ("coffee beans", "roasted coffee", "hot coffee cup", "a bridge of steel", "the longest bridges")
QUERIES = tuple(Query(str(i), t) for i, t in enumerate(TEXTS))
SMALL = {"information": "Tea is bad.", "tokens": 12, "n_steps": 4, "n_cand": 12}
MADE = {
    "hotflip": HotFlip(**SMALL),
    "aggd": Aggd(**SMALL),
    "gcg": Gcg(**SMALL, top_k=16, only_better=True),
    "arca": Arca(**SMALL, n_grad=3),
}
EACH = pytest.mark.parametrize("attack", MADE.values(), ids=MADE)


def look(attack, model, *, checkpoint=None) -> View:
    return View(attack.threat, Secrets(QUERIES, {}, model), n_tokens=model.n_tokens, checkpoint=checkpoint)


def write(attack, model, *, seed=1) -> tuple[list[str], list[dict]]:
    """The texts that are inserted, and what is noted of each."""
    view = look(attack, model)
    change = attack(view, generator(seed))
    return [p.text for p in change.inserted], view.notes["passages"]


def begin(attack, model) -> list[Search]:
    view = look(attack, model)
    return begun(view, generator(1), attack, lambda vectors: Goal(centroid(model, vectors)))


def goal_of(model) -> Goal:
    return Goal(centroid(model, model.queries(TEXTS)))


@pytest.fixture
def gradient_inputs(monkeypatch):
    """The token ids that gradients are taken at, one tensor a call."""
    seen: list[torch.Tensor] = []
    real = TokenModel.gradient

    def spy(self, ids, target):
        seen.append(ids.clone())
        return real(self, ids, target)

    monkeypatch.setattr(TokenModel, "gradient", spy)
    return seen


@pytest.fixture(scope="module")
def chain(token_model):
    return begin(MADE["hotflip"], token_model)[0].chain


@EACH
def test_gradients_are_taken_at_the_passage_as_it_stands(attack, token_model, gradient_inputs):
    """The text after n steps is what step n + 1 differentiates; ARCA changes one position of it."""
    stood = [write(replace(attack, n_steps=n), token_model)[0][0] for n in range(5)]
    gradient_inputs.clear()
    write(replace(attack, n_steps=5), token_model)
    assert len(gradient_inputs) == 5
    assert len(set(stood)) > 2
    for text, rows in zip(stood, gradient_inputs, strict=True):
        elsewhere = (rows != torch.tensor(token_model.ids(text))).any(dim=0)
        assert int(elsewhere.sum()) == (1 if isinstance(attack, Arca) else 0)


@EACH
def test_a_step_changes_one_token_and_never_loses(attack, token_model):
    searches, before = begin(attack, token_model), None
    for step in range(5):
        before = searches[0].chain
        climb(look(attack, token_model), searches, attack.step, Limits(step + 1))
        after = searches[0].chain
        assert sum(a != b for a, b in zip(before.ids, after.ids, strict=True)) <= 1
        assert after.value >= before.value
    assert after.value > begin(attack, token_model)[0].chain.value


@EACH
def test_what_is_inserted_tokenises_to_what_was_scored(attack, token_model):
    texts, notes = write(attack, token_model)
    vector = torch.tensor(token_model.encoder.encode(texts, "passage")[0])
    target = centroid(token_model, token_model.queries(TEXTS))
    assert float(vector @ target) == pytest.approx(notes[0]["objective_ids"], abs=1e-5)
    assert len(notes[0]["trace"]) == 4
    assert notes[0]["trace"][-1] == notes[0]["objective_ids"]
    assert texts[0] == f"Tea is bad. {notes[0]['trigger']}"
    assert token_model.n_tokens(texts[0]) <= 12


@EACH
def test_the_information_stands_where_it_belongs(attack, token_model):
    (first,), _ = write(replace(attack, place="prefix", n_steps=1), token_model)
    (around,), _ = write(replace(attack, place="middle", n_steps=1), token_model)
    assert first.endswith(" Tea is bad.")
    assert around.startswith("Tea ")
    assert around.endswith(" is bad.")


@EACH
def test_all_begin_where_gaslite_begins(attack, token_model):
    gaslite = attacks.load("gaslite", information="Tea is bad.", tokens=12, n_steps=0, passages=2)
    begun_there, _ = write(gaslite, token_model)
    assert write(replace(attack, n_steps=0, passages=2), token_model)[0] == begun_there


@EACH
def test_passages_of_one_length_share_their_batches(attack, token_model, gradient_inputs):
    searches = begin(replace(attack, passages=3), token_model)
    lengths = {len(s.chain.ids) for s in searches}
    climb(look(attack, token_model), searches, attack.step, Limits(3))
    assert len(searches) == 3
    assert len(gradient_inputs) == 3 * len(lengths)


@EACH
def test_passages_written_in_one_batch_are_those_written_alone(attack, token_model):
    several = replace(attack, passages=3)
    together, alone = begin(several, token_model), begin(several, token_model)
    climb(look(attack, token_model), together, attack.step, Limits(4))
    for search in alone:
        climb(look(attack, token_model), [search], attack.step, Limits(4))
    assert [s.best.ids for s in together] == [s.best.ids for s in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.trace == pytest.approx(other.trace, abs=1e-6)


class Stopped(Exception):
    pass


class Kept:
    """A checkpoint as JSON that is the last thing an attack does."""

    def __init__(self, *, fatal: bool) -> None:
        self.text, self.fatal = "null", fatal

    def save(self, state: object) -> None:
        self.text = json.dumps(state)
        if self.fatal:
            raise Stopped

    def load(self) -> object:
        return json.loads(self.text)


@EACH
def test_an_attack_that_was_stopped_goes_on_to_the_same_passages(attack, token_model):
    longer = replace(attack, n_steps=8, passages=2)
    expected, notes = write(longer, token_model)
    kept = Kept(fatal=True)
    with pytest.raises(Stopped):
        longer(look(longer, token_model, checkpoint=kept), generator(1))
    kept.fatal = False
    view = look(longer, token_model, checkpoint=kept)
    assert [p.text for p in longer(view, generator(1)).inserted] == expected
    for one, other in zip(notes, view.notes["passages"], strict=True):
        assert one["trace"] == pytest.approx(other["trace"], abs=1e-6)


def test_time_ends_an_attack_before_its_steps_do(token_model):
    attack = Aggd(**{**SMALL, "n_steps": 10_000}, seconds=0.2)
    _, notes = write(attack, token_model)
    assert 0 < len(notes[0]["trace"]) < 10_000


def test_gains_are_the_one_hot_gradient_less_that_of_the_token_there(token_model, chain):
    got = gains(token_model, [chain])[0]
    gradient = token_model.gradient(torch.tensor([chain.ids]), chain.goal.target)[0, chain.trigger]
    there = token_model.matrix[list(chain.ids[chain.trigger])]
    expected = gradient @ token_model.matrix.T - (gradient * there).sum(dim=1, keepdim=True)
    finite = got.isfinite()
    assert torch.allclose(got[finite], expected[finite], atol=1e-5)
    assert not finite[:, ~token_model.allowed].any()
    assert not finite[range(len(chain)), list(chain.ids[chain.trigger])].any()


def test_the_best_places_are_as_many_as_there_are():
    gain = torch.tensor([0.5, -torch.inf, 2.0, 1.0])
    assert top(gain, 2).tolist() == [2, 3]
    assert top(gain, 9).tolist() == [2, 3, 0]


def test_the_first_candidate_that_passes_may_be_worse_and_none_leaves_the_passage(token_model, chain):
    rows = torch.tensor([chain.ids, chain.ids])
    rows[0, chain.trigger.start], rows[1, chain.trigger.start + 1] = 6, 7
    values = token_model.similarity(rows, chain.goal.target)
    best = tuple(rows[int(values.argmax())].tolist())
    got = first_passing(token_model, [chain], [rows], lambda c, ids: "any")[0]
    assert (got.ids, got.text) == (best, "any")
    assert got.value == pytest.approx(float(values.max()), abs=1e-6)
    refused = first_passing(token_model, [chain], [rows], lambda c, ids: None)[0]
    assert refused.ids == chain.ids


def test_aggd_takes_the_best_of_the_pairs_of_greatest_gain_and_draws_nothing(token_model, chain):
    search = Search(chain, chain, (0, 0))
    after = MADE["aggd"].step(token_model, [search], [])[0]
    gain = gains(token_model, [chain])[0]
    order = np.argsort(-gain.numpy().ravel(), kind="stable")[:12]
    values = [chain.value]
    for where, what in zip(*np.divmod(order, gain.shape[1]), strict=True):
        ids = list(chain.ids)
        ids[chain.trigger.start + where] = int(what)
        text = f"Tea is bad. {token_model.decode(ids[chain.trigger]).strip()}"
        if token_model.ids(text) == ids:
            values.append(float(token_model.similarity(torch.tensor([ids]), chain.goal.target)[0]))
    assert after.value == pytest.approx(max(values), abs=1e-6)


def test_aggd_goes_down_its_list_and_tries_nothing_twice_from_one_passage(token_model, monkeypatch):
    tried: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    real = TokenModel.similarity

    def spy(self, ids, target):
        first, *rest = map(tuple, ids.tolist())
        tried.setdefault(first, []).extend(rest)
        return real(self, ids, target)

    monkeypatch.setattr(TokenModel, "similarity", spy)
    write(replace(MADE["aggd"], n_steps=60, n_cand=4), token_model)
    assert max(map(len, tried.values())) > 4
    assert all(len(rows) == len(set(rows)) for rows in tried.values())


def test_gcg_goes_on_from_the_best_flip_though_it_be_worse_and_keeps_the_best(token_model):
    attack = Gcg(**{**SMALL, "n_cand": 2, "top_k": 64})
    search, values = begin(attack, token_model)[0], []
    for step in range(12):
        climb(look(attack, token_model), [search], attack.step, Limits(step + 1))
        values.append(search.chain.value)
    assert any(after < before for before, after in itertools.pairwise(values))
    assert search.best.value == max(values)
    assert tuple(token_model.ids(search.chain.text)) == search.chain.ids


def test_arca_visits_its_positions_in_turn_with_new_tokens_at_each(token_model, gradient_inputs):
    attack = Arca(**{**SMALL, "n_steps": 10}, n_grad=6)
    start = begin(attack, token_model)[0].chain
    write(attack, token_model)
    for step, rows in enumerate(gradient_inputs):
        differ = (rows != rows[:1]).any(dim=0).nonzero().squeeze(1).tolist()
        assert differ == [start.trigger.start + step % len(start)]


@pytest.fixture(scope="module")
def joint(token_model):
    """A passage that ends "a a", its goal the vector of "a ##s": of ids whose text has a token "as"."""
    a, *_, s = token_model.ids("a xs")[1:-1]
    there = opened(token_model, goal_of(token_model), ("Tea is bad.", ""), "a", room=2, tokens=96)
    wanted = (*there.ids[: there.trigger.start], a, s, *there.ids[there.trigger.stop :])
    goal = Goal(token_model.vectors(torch.tensor([wanted]))[0])
    return scored(token_model, [replace(there, goal=goal)])[0], wanted


@pytest.mark.parametrize("retokenise", [True, False])
def test_only_a_search_over_ids_alone_takes_what_no_text_tokenises_to(token_model, joint, retokenise):
    before, wanted = joint
    attack = HotFlip(information="Tea is bad.", tokens=12, n_cand=2000, retokenise=retokenise)
    second = next(s for s in range(99) if np.random.default_rng(s).integers(2) == 1)
    search = Search(before, before, (0, 0))
    after = attack.step(token_model, [search], [np.random.default_rng(second)])[0]
    assert (after.ids == wanted) is not retokenise
    assert (tuple(token_model.ids(after.text)) == after.ids) is retokenise
    assert after.value > before.value


def test_a_search_over_ids_alone_writes_no_text_over_the_budget(token_model, joint):
    before, _ = joint
    full = token_model.n_tokens("Tea is bad.")
    attack = HotFlip(information="Tea is bad.", tokens=full, n_cand=2000, retokenise=False)
    after = attack.step(token_model, [Search(before, before, (0, 0))], [generator(0)])[0]
    assert after.ids == before.ids


def test_a_search_over_ids_alone_is_told_by_its_ids(token_model):
    attack = HotFlip(tokens=10, n_steps=12, n_cand=40, retokenise=False)
    texts, notes = write(attack, token_model)
    assert token_model.n_tokens(texts[0]) <= 10
    assert notes[0]["trace"] == sorted(notes[0]["trace"])
    assert notes[0]["objective_ids"] == notes[0]["trace"][-1]


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("wrong", [{"place": "top"}, {"n_cand": 0}, {"passages": 0}])
def test_what_cannot_be_is_refused_by_name(name, wrong):
    with pytest.raises(SuiteError, match=next(iter(wrong))):
        attacks.load(name, **{**SMALL, **wrong})


@EACH
def test_screening_changes_what_is_looked_at_never_what_a_value_is(attack, token_model):
    for precision in ("bfloat16", "float32"):
        texts, notes = write(replace(attack, screening=precision), token_model)
        vector = torch.tensor(token_model.encoder.encode(texts, "passage")[0])
        target = centroid(token_model, token_model.queries(TEXTS))
        assert float(vector @ target) == pytest.approx(notes[0]["objective_ids"], abs=1e-5)


@pytest.mark.parametrize("name", MADE)
def test_a_precision_there_is_not_is_refused(name):
    with pytest.raises(SuiteError, match="screening is one of bfloat16, float32, got 'int8'"):
        attacks.load(name, information="Buy.", screening="int8")
