"""What GASLITE rests on: the centroid, the gradient, the Gram norm, the round trip, steps that never lose."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from rag_robust import attacks
from rag_robust.attacks import _steps as steps
from rag_robust.attacks._chain import Goal, around, opened, scored
from rag_robust.attacks._edits import Edit, Pool, edited, moves, restored
from rag_robust.attacks._flip import best_of, clusters, flips, retold, saliency, scores
from rag_robust.attacks._search import Limits, Search, begun, centroid, climb
from rag_robust.attacks._steps import QUIRKS, STEPS, Engine, step_of
from rag_robust.attacks._view import Secrets, Tools, View
from rag_robust.attacks.gaslite import together
from rag_robust.encode.tokens import TokenModel
from rag_robust.errors import ModelError, SuiteError, TargetError
from rag_robust.generate.language_model import LanguageModel
from rag_robust.seeds import generator
from rag_robust.types import Query

TEXTS = ("coffee beans", "roasted coffee", "hot coffee cup", "a bridge of steel", "the longest bridges")
QUERIES = tuple(Query(str(i), t) for i, t in enumerate(TEXTS))
INFORMATION = "Coffee is bad."
SMALL = {"information": INFORMATION, "tokens": 14, "n_steps": 3, "n_grad": 3, "n_flip": 4, "n_cand": 12}
PROFILES = pytest.mark.parametrize("profile", STEPS)


def look(attack, model, *, checkpoint=None, tick=None, judge=None, known=QUERIES) -> View:
    view = View(attack.threat, Secrets(known, {}, model), n_tokens=model.n_tokens, checkpoint=checkpoint)
    view.tools = Tools(language_model=(lambda: judge) if judge else None)
    if tick:
        view.tick = tick
    return view


def start(model, queries, *, draft="roasted beans and water", room=8, place="suffix"):
    goal = Goal(centroid(model, model.queries(queries)))
    return scored(model, [opened(model, goal, around(INFORMATION, place), draft, room=room, tokens=96)])[0]


def measured(model, text, target) -> float:
    return float(torch.tensor(model.encoder.encode([text], "passage")[0]) @ target.cpu())


def walk(model, profile, chain, n_steps, *, n_cand=12, seed=0) -> tuple[Search, list[float]]:
    """A search after some steps of a profile, and the goal of the passage it stood at after each."""
    search, values = Search(chain, chain, (seed, 0)), [chain.value]
    for step in range(n_steps):
        engine = Engine(model, model, n_grad=3, n_flip=3, n_cand=n_cand)
        search.move(step_of(profile)(engine, [search], [np.random.default_rng([seed, step])])[0], 1e-4)
        values.append(search.chain.value)
    return search, values


@pytest.fixture(scope="module")
def chain(token_model):
    return start(token_model, TEXTS[:3])


def test_the_mean_similarity_to_queries_is_the_ceiling_times_that_to_their_centroid(token_model):
    queries = token_model.queries(TEXTS)
    passage = token_model.encoder.encode(["coffee and tea"], "passage")[0]
    ceiling = np.linalg.norm(queries.mean(axis=0))
    target = centroid(token_model, queries).numpy()
    assert np.linalg.norm(target) == pytest.approx(1.0, abs=1e-6)
    assert np.mean(queries @ passage) == pytest.approx(ceiling * (passage @ target), abs=1e-6)


def test_the_gradient_is_the_finite_difference(token_model, chain):
    ids, target = torch.tensor([chain.ids]), chain.goal.target
    gradient = token_model.gradient(ids, target)
    layer = token_model.encoder.model[0].auto_model.get_input_embeddings()
    base, direction = layer(ids).detach(), torch.randn(gradient.shape, generator=torch.manual_seed(0))

    def value(step: float) -> float:
        handle = layer.register_forward_hook(lambda *_: base + step * direction)
        try:
            with torch.no_grad():
                return float(token_model.encoder.forward(ids)[0] @ target)
        finally:
            handle.remove()

    difference = (value(1e-3) - value(-1e-3)) / 2e-3
    assert float((gradient * direction).sum()) == pytest.approx(difference, rel=2e-2, abs=1e-4)


def test_saliency_equals_the_normalised_one_hot_gradient(token_model, chain):
    got = saliency(token_model, [chain], n_grad=1, rngs=[generator(0)])[0]
    gradient = token_model.gradient(torch.tensor([chain.ids]), chain.goal.target)[0, chain.trigger]
    one_hot = gradient @ token_model.matrix.T
    expected = one_hot / one_hot.norm(dim=1, keepdim=True)
    allowed = token_model.allowed
    assert torch.allclose(got[:, allowed], expected[:, allowed], atol=1e-5)
    assert torch.isinf(got[:, ~allowed]).all()


def test_the_saliency_of_a_changed_passage_is_not_that_of_the_start(token_model, chain):
    tokens = torch.nonzero(token_model.allowed).squeeze(1)
    after = best_of(token_model, [chain], [flips(chain, torch.full_like(tokens, 2), tokens)])[0]
    assert after.ids != chain.ids
    first, second = saliency(token_model, [chain, after], n_grad=1, rngs=[generator(0)] * 2)
    assert not torch.allclose(first[:, token_model.allowed], second[:, token_model.allowed], atol=1e-3)


def test_a_flip_is_the_best_of_all_candidates_that_survive_the_tokenizer(token_model, chain):
    tokens = torch.nonzero(token_model.allowed).squeeze(1)[::5]
    after = best_of(token_model, [chain], [flips(chain, torch.full_like(tokens, 1), tokens)])[0]
    best = chain.value
    for token in tokens.tolist():
        ids = list(chain.ids)
        ids[chain.trigger.start + 1] = token
        text = f"{INFORMATION} {token_model.decode(ids[chain.trigger]).strip()}"
        if token_model.ids(text) == ids:
            best = max(best, float(token_model.similarity(torch.tensor([ids]), chain.goal.target)[0]))
    assert after.value == pytest.approx(best, abs=1e-6)
    assert tuple(token_model.ids(after.text)) == after.ids


@pytest.mark.parametrize("place", ["suffix", "prefix", "middle"])
def test_the_start_is_the_true_tokenisation_of_its_text(token_model, place):
    chain = start(token_model, TEXTS, place=place)
    assert tuple(token_model.ids(chain.text)) == chain.ids
    assert len(chain) == 8
    assert token_model.decode(chain.ids[chain.trigger]).strip() in chain.text


@pytest.mark.parametrize("profile", ["default", "fast"])
def test_no_step_of_the_default_and_the_fast_profile_loses(token_model, chain, profile):
    search, values = walk(token_model, profile, chain, 8)
    assert all(after >= before for before, after in itertools.pairwise(values))
    assert values[-1] > values[0]
    assert search.best.value == values[-1]


def test_a_step_of_the_paper_profile_may_lose_but_the_best_passage_is_kept(token_model, chain):
    walks = [walk(token_model, "paper", chain, 8, n_cand=2, seed=seed) for seed in range(3)]
    assert any(after < before for _, v in walks for before, after in itertools.pairwise(v))
    assert [search.best.value for search, _ in walks] == [max(values) for _, values in walks]


def test_the_paper_profile_without_its_quirk_to_lose_never_does(token_model, chain):
    for seed in range(3):
        _, values = walk(token_model, "paper:ranks,length,anything", chain, 8, n_cand=2, seed=seed)
        assert all(after >= before for before, after in itertools.pairwise(values))


def test_the_paper_profile_is_that_with_all_its_quirks_and_each_of_them_tells(token_model, chain):
    walks = [walk(token_model, f"paper:{','.join(QUIRKS)}", chain, 8, n_cand=4, seed=s)[1] for s in range(4)]
    assert walks == [walk(token_model, "paper", chain, 8, n_cand=4, seed=seed)[1] for seed in range(4)]
    for left in ("ranks", "loses", "anything"):
        rest = ",".join(quirk for quirk in QUIRKS if quirk != left)
        assert walks != [walk(token_model, f"paper:{rest}", chain, 8, n_cand=4, seed=s)[1] for s in range(4)]


@pytest.mark.parametrize("exact", [False, True])
def test_only_the_quirk_of_length_takes_tokens_that_were_not_scored(token_model, chain, monkeypatch, exact):
    real, first, (one, other) = TokenModel.ids_many, chain.trigger.start, token_model.ids("steel cup")[1:-1]
    rows = torch.tensor([chain.ids])
    rows[0, first] = one

    def cut_otherwise(self, texts):
        return [[other if i == one else i for i in row] for row in real(self, texts)]

    monkeypatch.setattr(TokenModel, "ids_many", cut_otherwise)
    after = retold(token_model, chain, rows, unless=chain.text, exact=exact)
    assert after.ids[first] == (chain.ids[first] if exact else other)


def test_without_the_quirk_of_ranks_a_position_tries_its_most_salient_tokens(token_model, chain, monkeypatch):
    seen: list[list[int]] = []
    real = steps.retold

    def spy(model, chain, rows, **options):
        seen.append(rows[:, chain.trigger].tolist())
        return real(model, chain, rows, **options)

    monkeypatch.setattr(steps, "retold", spy)
    engine = Engine(token_model, token_model, n_grad=1, n_flip=1, n_cand=6)
    search = Search(chain, chain, (0, 0))
    step_of("paper:")(engine, [search], [generator(3)])
    gain = saliency(token_model, [chain], n_grad=1, rngs=[generator(3)])[0]
    before = list(chain.ids[chain.trigger])
    (where,) = {i for row in seen[0] for i in range(len(chain)) if row[i] != before[i]}
    assert [row[where] for row in seen[0]] == gain[where].topk(6).indices.tolist()


@PROFILES
@pytest.mark.parametrize("place", ["suffix", "prefix", "middle"])
def test_what_is_inserted_tokenises_to_what_was_scored(token_model, profile, place):
    attack = attacks.load("gaslite", **SMALL, profile=profile, place=place)
    view = look(attack, token_model)
    text = attack(view, generator(1)).inserted[0].text
    note = view.notes["passages"][0]
    target = centroid(token_model, token_model.queries(TEXTS))
    assert measured(token_model, text, target) == pytest.approx(note["objective_ids"], abs=1e-5)
    assert note["objective_ids"] == max(note["trace"])
    assert note["trigger"] in text


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [("suffix", "Coffee is bad. ", ""), ("prefix", "", " Coffee is bad."), ("middle", "Coffee ", " is bad.")],
)
def test_the_information_stands_where_it_belongs(token_model, place, before, after):
    attack = attacks.load("gaslite", **{**SMALL, "n_steps": 1, "place": place})
    text = attack(look(attack, token_model), generator(1)).inserted[0].text
    assert text.startswith(before)
    assert text.endswith(after)
    assert token_model.n_tokens(text) <= 14


@pytest.mark.parametrize("profile", ["default", "fast"])
def test_passages_written_in_one_batch_are_those_written_alone(token_model, profile):
    starts = [start(token_model, TEXTS[:3]), start(token_model, TEXTS[3:]), start(token_model, TEXTS, room=6)]
    searches = [Search(c, c, (0, i)) for i, c in enumerate(starts)]
    rngs = lambda: [np.random.default_rng(i) for i in range(3)]  # noqa: E731
    engine = Engine(token_model, token_model, n_grad=3, n_flip=4, n_cand=12)
    at_once = STEPS[profile](engine, searches, rngs())
    searches = [Search(c, c, (0, i)) for i, c in enumerate(starts)]
    alone = [STEPS[profile](engine, [s], [r])[0] for s, r in zip(searches, rngs(), strict=True)]
    assert [c.ids for c in at_once] == [c.ids for c in alone]
    assert [c.value for c in at_once] == pytest.approx([c.value for c in alone], abs=1e-6)


def test_edits_are_made_one_after_the_other_at_the_places_as_they_were(chain):
    before = list(chain.ids[chain.trigger])
    after = edited(chain, [Edit(0, 7), Edit(3, None, 0), Edit(1, None, -1)])
    assert list(after[chain.trigger]) == [before[1], 7, before[3], before[2], *before[4:]]
    assert after[: chain.trigger.start] == chain.ids[: chain.trigger.start]
    assert after[chain.trigger.stop :] == chain.ids[chain.trigger.stop :]


def test_moves_are_all_the_ways_to_put_one_token_elsewhere_each_once(chain):
    some = moves(len(chain), 1000, generator(0), known=Pool())
    found = [edited(replace(chain, ids=tuple(range(len(chain.ids)))), [move]) for move in some]
    assert len(set(found)) == len(found) == (len(chain) - 1) ** 2
    assert chain.ids not in found
    assert not moves(len(chain), 1000, generator(0), known=Pool(dict.fromkeys(some, 0.0)))


def test_the_best_edits_that_help_are_added_up_and_pairs_are_tried_by_their_sum_and_once():
    one, two, same, lost = Edit(0, 5), Edit(1, 6), Edit(0, 7), Edit(2, 8)
    pool = Pool({one: 0.3, two: -0.1, same: 0.2, lost: -np.inf})
    assert pool.sums(2) == [(one,), (one, two), (same, two)]
    assert pool.sums(2) == [(one,)]
    assert restored(json.loads(json.dumps(pool.saved()))) == pool


def test_a_position_goes_on_with_the_tokens_that_were_not_tried_there():
    pool = Pool({Edit(1, 7): -0.1, Edit(0, 8): -np.inf}, tokens=[[7, 8, 9], [7, 8, 9]])
    assert pool.flips(0, 2) == [Edit(0, 7), Edit(0, 9)]
    assert pool.flips(1, 5) == [Edit(1, 8), Edit(1, 9)]
    assert restored(json.loads(json.dumps(pool.saved()))) == pool
    assert Pool().flips(0, 1) == restored({"gains": [], "pairs": []}).flips(0, 1) == []


@pytest.mark.parametrize(("n_cand", "fresh"), [(400, False), (1, True)])
def test_a_passage_that_stays_takes_no_gradient_before_its_tokens_are_used_up(
    token_model, chain, monkeypatch, n_cand, fresh
):
    seen = []
    own = lambda *args, **more: seen.append(1) or saliency(*args, **more)  # noqa: E731
    monkeypatch.setattr(steps, "saliency", own)
    monkeypatch.setattr(steps, "judged", lambda model, chains, *_, **__: list(chains))
    search, engine = Search(chain, chain, (0, 0)), Engine(token_model, token_model, 3, len(chain), n_cand)
    for step in range(2):
        STEPS["fast"](engine, [search], [generator(step)])
    assert len(seen) == (2 if fresh else 1)
    tried = [e.at for e in search.pool.gains if e.token is not None]
    assert {tried.count(at) for at in range(len(chain))} == {2 * max(1, n_cand // steps.TOKENS)}


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_values_that_are_known_from_single_edits_are_those_of_their_rows(
    token_model, chain, monkeypatch, weight
):
    seen = []
    monkeypatch.setattr(steps, "judged", lambda _, chains, *found, **__: seen.append(found) or list(chains))
    chain = replace(chain, goal=replace(chain.goal, norm_weight=weight))
    STEPS["fast"](Engine(token_model, token_model, 3, 4, 64), [Search(chain, chain, (0, 0))], [generator(3)])
    rows, values = (found[0] for found in seen[0])
    assert tuple(rows[0].tolist()) == chain.ids
    assert len(rows) > (24 if weight else 2)
    assert torch.allclose(values, scores(token_model, [chain], [rows])[0], atol=1e-6)


def test_of_the_starts_that_race_for_a_cluster_the_best_goes_on_alone(token_model):
    attack = attacks.load("gaslite", **SMALL, profile="fast", passages=2)
    view = look(attack, token_model)
    searches = begun(view, generator(1), attack, lambda v: Goal(centroid(token_model, v)), n_rivals=4)
    assert [s.seed[1] for s in searches] == [0] * 4 + [1] * 4
    left = []
    view.tick = lambda done, total: left.append(
        [s.seed[1] for s in searches if s.rivals == len(searches) // 2]
    )
    engine = Engine(token_model, token_model, n_grad=3, n_flip=4, n_cand=12)
    climb(view, searches, lambda _, own, rngs: STEPS["fast"](engine, own, rngs), Limits(7))
    assert left == [[0] * n + [1] * n for n in (3, 3, 2, 2, 2, 1, 1)]


def test_rivals_for_a_single_query_all_start_from_other_tokens(token_model):
    attack = attacks.load("gaslite", **SMALL)
    view = View(attack.threat, Secrets(QUERIES[:1], {}, token_model), n_tokens=token_model.n_tokens)
    searches = begun(view, generator(1), attack, lambda v: Goal(centroid(token_model, v)), n_rivals=9)
    assert len({s.chain.ids for s in searches}) == len(searches) > 4


class Killed(Exception):
    pass


class Kept:
    """A checkpoint as JSON."""

    def __init__(self) -> None:
        self.text = "null"

    def save(self, state: object) -> None:
        self.text = json.dumps(state)

    def load(self) -> object:
        return json.loads(self.text)


@PROFILES
def test_an_attack_that_was_killed_goes_on_to_the_same_passages(token_model, profile):
    small = {**SMALL, "n_steps": 7, "n_flip": 2, "n_cand": 8}
    attack = attacks.load("gaslite", **small, profile=profile, passages=2)
    whole, kept = look(attack, token_model), Kept()
    expected = attack(whole, generator(2))

    def die(done: int, total: int) -> None:
        if done == 6:
            raise Killed

    with pytest.raises(Killed):
        attack(look(attack, token_model, checkpoint=kept, tick=die), generator(2))
    again, seen = look(attack, token_model, checkpoint=kept), []
    again.tick = lambda done, total: seen.append(done)
    assert attack(again, generator(2)) == expected
    assert seen == [6, 7]
    for one, other in zip(whole.notes["passages"], again.notes["passages"], strict=True):
        assert other["trace"] == pytest.approx(one["trace"], abs=1e-6)


@pytest.mark.parametrize(
    "more", [{}, {"passages": 2}, {"fluency_weight": 0.3}, {"patience": 1}, {"profile": "fast"}]
)
def test_attacks_crafted_together_propose_what_each_proposes_alone_also_after_a_kill(
    token_model, judge, more
):
    """Another concept, the same one with another seed, and information of another length."""
    first = attacks.load("gaslite", **{**SMALL, "n_steps": 7}, **more)
    bridge = replace(first, information="Bridges are of steel.", place="prefix")
    several, seeds = [first, first, bridge], [1, 2, 1]
    known = [QUERIES[:3], QUERIES[:3], QUERIES[3:]]

    def views(**lead) -> list[View]:
        found = [look(a, token_model, judge=judge, known=q) for a, q in zip(several, known, strict=True)]
        return [replace(found[0], **lead), *found[1:]]

    def rngs():
        return [generator(seed) for seed in seeds]

    alone = [a(v, r) for a, v, r in zip(several, views(), rngs(), strict=True)]
    assert len({change.inserted for change in alone}) == 3
    looked = views()
    assert together(several, looked, rngs()) == alone
    assert all(len(view.notes["passages"]) == len(c.inserted) for view, c in zip(looked, alone, strict=True))

    def die(done: int, total: int) -> None:
        if done == 6:
            raise Killed

    kept = Kept()
    with pytest.raises(Killed):
        together(several, views(checkpoint=kept, tick=die), rngs())
    seen = []
    again = views(checkpoint=kept, tick=lambda done, total: seen.append(done))
    assert together(several, again, rngs()) == alone
    assert seen == [6, 7]
    assert (
        several[0](look(first, token_model, judge=judge, checkpoint=kept, known=QUERIES[:3]), rngs()[0])
        == alone[0]
    )


def test_only_attacks_of_one_kind_on_one_encoder_are_crafted_together(token_model, encoder):
    attack = attacks.load("gaslite", **SMALL)
    view, rngs = look(attack, token_model), [generator(1), generator(2)]
    with pytest.raises(ValueError, match="information and place alone"):
        together([attack, replace(attack, n_cand=13)], [view, view], rngs)
    with pytest.raises(ValueError, match="same encoders"):
        together([attack, attack], [view, look(attack, TokenModel(encoder))], rngs)
    with pytest.raises(ValueError, match="a view each"):
        together([attack, attack], [view, view], rngs)


def test_what_all_language_models_compute_counts_towards_the_limit_of_attacks_together(token_model, judge):
    free = attacks.load("gaslite", **SMALL, fluency_weight=0.3)
    views, before = [look(free, token_model, judge=judge) for _ in range(3)], token_model.work.flops
    together([free] * 3, views, [generator(i) for i in range(3)])
    own, written = token_model.work.flops - before, [view.work.flops for view in views]
    limited = replace(free, flops=own + 1.01 * written[0])
    views = [look(limited, token_model, judge=judge) for _ in range(3)]
    together([limited] * 3, views, [generator(i) for i in range(3)])
    assert views[0].notes["steps"] < 3


def test_what_was_kept_is_asked_for_once_and_left_alone_if_it_is_of_another_attack(token_model):
    """Each time it is asked for, what was spent before an interruption is counted once more."""
    attack, loaded = attacks.load("gaslite", **{**SMALL, "n_steps": 7}), []
    kept = Kept()
    attack(look(attack, token_model, checkpoint=kept), generator(2))
    again = SimpleNamespace(save=kept.save, load=lambda: loaded.append(1) or kept.load())
    attack(look(attack, token_model, checkpoint=again), generator(2))
    assert loaded == [1]
    other = replace(attack, information="Bridges are of steel.")
    expected = other(look(other, token_model), generator(2))
    assert other(look(other, token_model, checkpoint=kept), generator(2)) == expected


def test_each_chain_pays_its_own_prices_and_a_price_is_asked_once(token_model):
    asked = []

    def price(name, cost):
        return lambda texts: asked.append((name, len(texts))) or np.full(len(texts), cost)

    dear, cheap = price("dear", 0.5), price("cheap", 0.25)
    free = start(token_model, TEXTS[:3])
    paying = [
        replace(free, goal=replace(free.goal, prices=own)) for own in [(dear,), (), (cheap, dear), (cheap,)]
    ]
    values = [c.value for c in scored(token_model, paying)]
    assert values == pytest.approx([free.value - cost for cost in (0.5, 0.0, 0.75, 0.25)])
    assert sorted(asked) == [("cheap", 2), ("dear", 2)]


def test_operations_done_before_a_kill_count_towards_the_limit(token_model):
    free = attacks.load("gaslite", **{**SMALL, "n_steps": 9})
    before = token_model.work.flops
    free(look(free, token_model), generator(2))
    attack = replace(free, flops=0.8 * (token_model.work.flops - before))
    whole, kept = look(attack, token_model), Kept()
    expected = attack(whole, generator(2))
    assert 6 <= whole.notes["steps"] < 9

    def die(done: int, total: int) -> None:
        if done == 6:
            raise Killed

    with pytest.raises(Killed):
        attack(look(attack, token_model, checkpoint=kept, tick=die), generator(2))
    again = look(attack, token_model, checkpoint=kept)
    assert attack(again, generator(2)) == expected
    assert again.notes["steps"] == whole.notes["steps"]


@pytest.fixture(scope="module")
def dot_model(encoder):
    """The random-weight model without its last module, so that vectors keep their lengths."""
    whole = SentenceTransformer(modules=list(encoder.model)[:2], device="cpu", similarity_fn_name="dot")
    return TokenModel(replace(encoder, model=whole, similarity="dot"))


def test_a_charge_on_the_norm_makes_vectors_shorter(dot_model):
    norms = []
    for weight in (0.0, 2.0):
        attack = attacks.load("gaslite", **SMALL, norm_weight=weight, screening="float32")
        text = attack(look(attack, dot_model), generator(1)).inserted[0].text
        norms.append(np.linalg.norm(dot_model.encoder.encode([text], "passage")[0]))
    assert norms[1] < norms[0]


def test_a_charge_on_the_norm_is_refused_where_all_vectors_are_of_unit_length(token_model):
    attack = attacks.load("gaslite", **SMALL, norm_weight=1.0)
    with pytest.raises(ModelError, match="dot-product"):
        attack(look(attack, token_model), generator(1))


@pytest.fixture(scope="module")
def judge() -> LanguageModel:
    """A language model of random weights that reads bytes: another vocabulary than the encoder's."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    split = Tokenizer(models.BPE({c: i for i, c in enumerate(["<end>", *letters])}, []))
    split.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=split, eos_token="<end>")
    size = {"n_positions": 256, "n_embd": 16, "n_layer": 1, "n_head": 2, "initializer_range": 0.4}
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = GPT2LMHeadModel(GPT2Config(vocab_size=257, bos_token_id=0, eos_token_id=0, **size))
    return LanguageModel(model.eval(), tokenizer, "bytes")


@PROFILES
def test_the_value_of_a_fluent_passage_is_its_similarity_less_the_charge_for_its_surprise(
    token_model, judge, profile
):
    attack = attacks.load("gaslite", **SMALL, profile=profile, fluency_weight=0.3)
    view = look(attack, token_model, judge=judge)
    text = attack(view, generator(1)).inserted[0].text
    near = measured(token_model, text, centroid(token_model, token_model.queries(TEXTS)))
    value = near - 0.3 * float(judge.surprise([text])[0])
    assert view.notes["passages"][0]["objective_ids"] == pytest.approx(value, abs=1e-5)


def test_the_greater_the_charge_the_less_a_passage_surprises(token_model, judge):
    surprises = []
    for weight in (0.0, 0.02, 0.3):
        attack = attacks.load("gaslite", **SMALL, fluency_weight=weight)
        seeds = range(3)
        texts = [attack(look(attack, token_model, judge=judge), generator(s)).inserted[0].text for s in seeds]
        surprises.append(float(judge.surprise(texts).mean()))
    assert surprises[0] > surprises[1] > surprises[2]


def test_a_fluent_attack_that_was_killed_goes_on_to_the_same_passages(token_model, judge):
    attack = attacks.load("gaslite", **{**SMALL, "n_steps": 7}, passages=2, fluency_weight=0.3)
    whole, kept = look(attack, token_model, judge=judge), Kept()
    expected = attack(whole, generator(2))

    def die(done: int, total: int) -> None:
        if done == 6:
            raise Killed

    with pytest.raises(Killed):
        attack(look(attack, token_model, checkpoint=kept, tick=die, judge=judge), generator(2))
    again = look(attack, token_model, checkpoint=kept, judge=judge)
    assert attack(again, generator(2)) == expected
    for one, other in zip(whole.notes["passages"], again.notes["passages"], strict=True):
        assert other["trace"] == pytest.approx(one["trace"], abs=1e-6)


def test_what_the_language_model_computes_counts_towards_the_limit(token_model, judge):
    free = attacks.load("gaslite", **SMALL, fluency_weight=0.3)
    before, view = token_model.work.flops, look(free, token_model, judge=judge)
    free(view, generator(2))
    assert view.work.flops > 0
    assert view.notes["steps"] == 3
    limited = replace(free, flops=token_model.work.flops - before + 0.01 * view.work.flops)
    view = look(limited, token_model, judge=judge)
    limited(view, generator(2))
    assert view.notes["steps"] < 3


def test_an_attacker_who_knows_no_query_is_told_so(token_model):
    attack = attacks.load("gaslite", **SMALL)
    with pytest.raises(TargetError, match="knows no query"):
        attack(View(attack.threat, Secrets((), {}, token_model)), generator(1))


def test_a_query_that_does_not_fit_leaves_its_room_to_shorter_ones(token_model):
    queries = [
        Query("long", "a bridge of steel and the longest bridges"),
        Query("short", "coffee"),
        Query("", " "),
    ]
    attack = attacks.load("stuffing", information="Tea", tokens=token_model.n_tokens("Tea coffee coffee"))
    for seed in range(4):  # in any order
        view = View(attack.threat, Secrets(queries, {}, token_model), n_tokens=token_model.n_tokens)
        assert attack(view, generator(seed)).inserted[0].text == "Tea coffee coffee"


def test_gaslite_beats_stuffing(token_model):
    attack, stuffing = (
        attacks.load("gaslite", **SMALL),
        attacks.load("stuffing", information=INFORMATION, tokens=14),
    )
    target, values = centroid(token_model, token_model.queries(TEXTS)), []
    for each in (stuffing, attack):
        text = each(look(each, token_model), generator(0)).inserted[0].full
        values.append(measured(token_model, text, target))
    assert values[1] > values[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": "top"},
        {"profile": "slow"},
        {"profile": "fast:ranks"},
        {"profile": "paper:rank"},
        {"n_flip": 0},
        {"screening": "int8"},
    ],
)
def test_what_cannot_be_is_refused_by_name(wrong):
    with pytest.raises(SuiteError, match=next(iter(wrong))):
        attacks.load("gaslite", **{**SMALL, **wrong})


def test_clusters_part_what_is_apart_and_number_at_most_the_queries():
    rng = np.random.default_rng(0)
    far = np.concatenate([rng.normal(c, 0.01, (5, 3)) for c in (0.0, 5.0, 10.0)]).astype(np.float32)
    groups = clusters(far, 3, generator(0))
    assert sorted(map(tuple, groups)) == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9), (10, 11, 12, 13, 14)]
    assert len(clusters(far[:2], 5, generator(0))) == 2


def test_the_same_query_twice_makes_no_cluster_of_its_own_and_no_warning():
    some = np.eye(4, dtype=np.float32)[[0, 0, 1, 0, 1, 2]]
    groups = clusters(some, 5, generator(0))
    assert sorted(map(tuple, groups)) == [(0, 1, 3), (2, 4), (5,)]
