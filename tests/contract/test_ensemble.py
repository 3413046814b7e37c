"""Several encoders as one: mean similarity, exact gradients, one tokenizer, and attacks that use it."""

from __future__ import annotations

import copy
import importlib
import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

from rag_robust import attacks, encode
from rag_robust.attacks._view import Secrets, View, check_budget
from rag_robust.attacks.gaslite import together
from rag_robust.encode.ensemble import Ensemble
from rag_robust.encode.tokens import TokenModel, token_model
from rag_robust.errors import ModelError
from rag_robust.seeds import generator
from rag_robust.types import Query

from .encoders import build

TEXT = "Coffee is a waste of money."
ASKED = ["how is coffee roasted", "coffee beans"]
QUERIES = tuple(Query(str(i), text) for i, text in enumerate(ASKED))
GRADIENT_ATTACKS = ["gaslite", "hotflip", "aggd", "gcg", "arca"]


def other(folder, similarity: str) -> TokenModel:
    """The model in a folder under new random weights and another similarity."""
    encoder = replace(encode.load(str(folder)), similarity=similarity, name="other")
    drawn = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in encoder.model.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=drawn)
    return token_model(encoder)


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory):
    texts = [p.full for p in tiny.passages.values()]
    names = ("bert-mean", "bert-dense-norm-dot", "bert-cls-prompts", "roberta")
    return {name: build(name, texts, tmp_path_factory.mktemp("kind")) for name in names}


@pytest.fixture(scope="module", params=["cosine", "dot"])
def ensemble(request, folders):
    """Vectors of length 32 and 24; for dot products, of very different norms."""
    first = replace(encode.load(str(folders["bert-mean"])), similarity=request.param)
    return Ensemble((token_model(first), other(folders["bert-dense-norm-dot"], request.param)))


def row(ensemble) -> torch.Tensor:
    return torch.tensor([ensemble.ids(TEXT)])


def centre(ensemble) -> torch.Tensor:
    return torch.tensor(ensemble.queries(ASKED).mean(axis=0))


def centres(ensemble) -> list[torch.Tensor]:
    return [torch.tensor(m.queries(ASKED).mean(axis=0)) for m in ensemble.models]


def test_the_similarity_is_the_mean_of_the_single_ones(ensemble):
    single = [m.similarity(row(ensemble), c) for m, c in zip(ensemble.models, centres(ensemble), strict=True)]
    together = ensemble.similarity(row(ensemble), centre(ensemble))
    assert torch.allclose(together, (single[0] + single[1]) / 2, atol=1e-6)
    assert np.allclose(ensemble.encoder.encode([TEXT], "passage"), ensemble.vectors(row(ensemble)), atol=1e-6)


def test_cosine_models_make_unit_vectors(ensemble):
    length = float(ensemble.vectors(row(ensemble)).norm())
    assert (abs(length - 1) < 1e-6) == ensemble.cosine


def test_the_first_order_gain_is_the_mean_of_the_single_ones(ensemble):
    gain = ensemble.gradient(row(ensemble), centre(ensemble))[0] @ ensemble.matrix.T
    single = [
        m.gradient(row(ensemble), c)[0] @ m.matrix.T
        for m, c in zip(ensemble.models, centres(ensemble), strict=True)
    ]
    assert torch.allclose(gain, (single[0] + single[1]) / 2, atol=1e-5 * float(gain.abs().max()))


def test_the_gram_matrix_norms_a_gain_without_forming_it(ensemble):
    gradient = ensemble.gradient(row(ensemble), centre(ensemble))[0]
    norm = torch.einsum("ih,hk,ik->i", gradient, ensemble.gram, gradient).sqrt()
    assert torch.allclose(norm, (gradient @ ensemble.matrix.T).norm(dim=1), rtol=1e-3)


def nudged(model, ids, move, target):
    """The similarity as a function of how far the second token's embedding has moved, in float64."""
    whole = copy.deepcopy(model.encoder.model).double()
    step = torch.zeros(*ids.shape, len(move), dtype=torch.float64)
    step[0, 1] = move.double()

    def similarity(far: float) -> float:
        layer = whole.transformers_model.get_input_embeddings()
        handle = layer.register_forward_hook(lambda _, __, out: out + far * step)
        with torch.no_grad():
            found = whole({"input_ids": ids, "attention_mask": torch.ones_like(ids)})["sentence_embedding"][0]
        handle.remove()
        found = torch.nn.functional.normalize(found, dim=0) if model.cosine else found
        return float(found @ target.double())

    return similarity


def test_the_gain_of_a_flip_is_the_finite_difference_of_the_mean(ensemble):
    ids, h = row(ensemble), 1e-5
    gain = ensemble.gradient(ids, centre(ensemble))[0, 1] @ ensemble.matrix.T
    for token in (50, 300, 600):
        slopes = []
        for model, target in zip(ensemble.models, centres(ensemble), strict=True):
            value = nudged(model, ids, model.matrix[token] - model.matrix[ids[0, 1]], target)
            slopes.append((value(h) - value(-h)) / (2 * h))
        assert float(gain[token] - gain[ids[0, 1]]) == pytest.approx(sum(slopes) / 2, rel=1e-3, abs=1e-4)


def test_the_ensemble_reads_no_more_than_its_shortest_model(folders):
    long, short = (token_model(encode.load(str(folders["bert-mean"]))) for _ in range(2))
    short.encoder.model.max_seq_length = 20
    for models in ((long, short), (short, long)):
        ensemble = Ensemble(models)
        assert ensemble.max_tokens == short.max_tokens == long.max_tokens - 76
        assert ensemble.ids("coffee " * 40) == short.ids("coffee " * 40)


def test_work_is_that_of_all_models_and_their_low_precision_twins(ensemble):
    before = ensemble.work
    ensemble.vectors(row(ensemble))
    ensemble.low.gradient(row(ensemble), centre(ensemble))
    after = ensemble.work
    assert (after.forwards - before.forwards, after.backwards - before.backwards) == (4, 2)
    n = row(ensemble).numel()
    assert after.flops - before.flops == 8 * n * ensemble.n_weights


def test_all_that_a_token_model_offers_is_there():
    public = [name for name in vars(TokenModel) if not name.startswith("_")]
    assert not [name for name in (*public, "encoder", "work") if not hasattr(Ensemble, name)]
    for name in public:
        one, many = getattr(TokenModel, name), getattr(Ensemble, name)
        if inspect.isfunction(one):
            assert inspect.signature(one).parameters.keys() == inspect.signature(many).parameters.keys()


def test_the_words_of_all_have_rows_of_the_joint_table(ensemble):
    words, rows = ensemble.words()
    assert "coffee" in words
    here = rows[words.index("coffee")]
    assert np.array_equal(here, ensemble.matrix[ensemble.ids("coffee")[1]].numpy())


@pytest.mark.parametrize(
    ("name", "what"),
    [("roberta", "tokenizer"), ("bert-cls-prompts", "tokenizer"), ("bert-dense-norm-dot", "similarity")],
)
def test_models_that_cannot_be_one_are_named(folders, name, what):
    both = tuple(token_model(encode.load(str(folders[n]))) for n in ("bert-mean", name))
    with pytest.raises(ModelError, match=rf"shares one {what}, those of \S+ and \S+ differ"):
        Ensemble(both)


def test_an_ensemble_of_none_is_refused():
    with pytest.raises(ModelError, match="name a surrogate"):
        Ensemble(())


@pytest.mark.parametrize("name", GRADIENT_ATTACKS)
def test_an_attack_with_two_surrogates_climbs_the_mean_of_both(name, folders):
    models = (
        token_model(encode.load(str(folders["bert-mean"]))),
        other(folders["bert-dense-norm-dot"], "cosine"),
    )
    attack = attacks.load(name, **importlib.import_module(f"rag_robust.attacks.{name}").SMOKE)
    view = View(attack.threat, Secrets(QUERIES, models=models), n_tokens=models[0].n_tokens)
    change = attack(view, generator(1))
    check_budget(change, attack.threat, {}, view.n_tokens)
    mean = 0.0
    for model in models:
        queries, vector = model.queries(ASKED), model.encoder.encode([change.inserted[0].text], "passage")[0]
        mean += float((queries @ vector).mean()) / len(models)
    ceiling = float(centre(view.model).norm())
    assert view.notes["passages"][0]["objective_ids"] * ceiling == pytest.approx(mean, abs=1e-5)
    assert all(model.work.backwards for model in models)


def test_one_surrogate_needs_no_ensemble(folders):
    only = token_model(encode.load(str(folders["bert-mean"])))
    threat = attacks.load("gaslite", information="x").threat
    assert View(threat, Secrets(models=(only,))).model is only


def test_operations_of_an_ensemble_count_towards_the_limit_and_it_is_made_once_for_attacks_together(ensemble):
    attack = attacks.load(
        "gaslite", information="Buy now.", tokens=12, n_steps=9, n_grad=2, n_flip=2, n_cand=4
    )
    views = [View(attack.threat, Secrets(QUERIES, models=ensemble.models)) for _ in range(2)]
    before = ensemble.work.flops
    together([attack] * 2, views, [generator(1), generator(2)])
    assert views[0].model is views[1].model
    limited = replace(attack, flops=0.5 * (ensemble.work.flops - before))
    view = View(limited.threat, Secrets(QUERIES, models=ensemble.models))
    together([limited] * 2, [view, replace(view, notes={})], [generator(1), generator(2)])
    assert view.notes["steps"] < 9
