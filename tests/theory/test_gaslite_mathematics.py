"""The mathematics GASLITE rests on: the centroid, the gradient, the Gram norm, the round trip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rag_robust import attacks
from rag_robust.attacks._flip import State, clusters, improve_position, saliency, start
from rag_robust.attacks._view import Secrets, View
from rag_robust.seeds import generator
from rag_robust.types import Query


@pytest.fixture(scope="module")
def target(token_model):
    vectors = token_model.queries(["coffee beans", "roasted coffee", "tea leaves"])
    return torch.nn.functional.normalize(torch.tensor(vectors.mean(axis=0)), dim=0)


@pytest.fixture(scope="module")
def state(token_model, target):
    return start(token_model, "Coffee is bad.", ["roasted beans and water"], target, tokens=14)


def test_the_mean_cosine_to_queries_is_the_ceiling_times_the_cosine_to_their_centroid(token_model):
    queries = token_model.queries(["coffee beans", "tea leaves", "a bridge of steel"])
    passage = token_model.encoder.encode(["coffee and tea"], "passage")[0]
    centroid = queries.mean(axis=0)
    ceiling = np.linalg.norm(centroid)
    assert np.mean(queries @ passage) == pytest.approx(ceiling * (passage @ centroid / ceiling), abs=1e-6)


def test_the_gradient_is_the_finite_difference(token_model, target):
    ids = torch.tensor([token_model.ids("coffee beans are roasted")])
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


def test_saliency_equals_the_normalised_one_hot_gradient(token_model, target, state):
    got = saliency(token_model, state, target, n_grad=1, rng=generator(0))
    gradient = token_model.gradient(torch.tensor([state.ids]), target)[0, state.trigger]
    one_hot = gradient @ token_model.matrix.T
    expected = one_hot / one_hot.norm(dim=1, keepdim=True)
    allowed = token_model.allowed
    assert torch.allclose(got[:, allowed], expected[:, allowed], atol=1e-5)
    assert torch.isinf(got[:, ~allowed]).all()


def test_a_flip_is_the_best_of_all_candidates_that_survive_the_tokenizer(token_model, target, state):
    tokens = torch.nonzero(token_model.allowed).squeeze(1)[::5]
    after = improve_position(token_model, state, target, position=1, tokens=tokens)
    best = state.value
    for token in tokens.tolist():
        ids = list(state.ids)
        ids[state.trigger.start + 1] = token
        text = f"{state.information} {token_model.decode(ids[state.trigger]).strip()}"
        if token_model.ids(text) == ids:
            best = max(best, float(token_model.similarity(torch.tensor([ids]), target)[0]))
    assert after.value == pytest.approx(best, abs=1e-6)
    assert tuple(token_model.ids(after.text)) == after.ids


def test_the_start_is_the_true_tokenisation_of_its_text(token_model, state):
    assert isinstance(state, State)
    assert tuple(token_model.ids(state.text)) == state.ids
    assert token_model.n_tokens(state.text) <= 14


def test_gaslite_never_ends_below_its_start_and_beats_stuffing(token_model):
    queries = [Query(str(i), t) for i, t in enumerate(["coffee beans", "roasted coffee", "hot coffee cup"])]
    attack = attacks.load("gaslite", information="Tea.", tokens=12, n_steps=3, n_grad=4, n_flip=4, n_cand=16)
    stuffing = attacks.load("stuffing", information="Tea.", tokens=12)
    vectors = token_model.queries([q.text for q in queries])
    values = []
    for each in (stuffing, attack):
        view = View(each.threat, Secrets(queries, {}, token_model), n_tokens=token_model.n_tokens)
        passage = each(view, generator(0)).inserted[0]
        values.append(float((vectors @ token_model.encoder.encode([passage.full], "passage")[0]).mean()))
    assert values[1] > values[0]


def test_clusters_part_what_is_apart_and_number_at_most_the_queries():
    rng = np.random.default_rng(0)
    far = np.concatenate([rng.normal(c, 0.01, (5, 3)) for c in (0.0, 5.0, 10.0)]).astype(np.float32)
    groups = clusters(far, 3, generator(0))
    assert sorted(map(tuple, groups)) == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9), (10, 11, 12, 13, 14)]
    assert len(clusters(far[:2], 5, generator(0))) == 2
