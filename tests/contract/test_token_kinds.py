"""White-box access holds its promises for every kind of sentence-transformers model."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from rag_robust import attacks, encode
from rag_robust.attacks._view import Secrets, View
from rag_robust.encode.tokens import token_model
from rag_robust.errors import ModelError
from rag_robust.seeds import generator
from rag_robust.types import Query, Work

from .encoders import HIDDEN, KINDS, SPARE, build

INFORMATION = "Coffee is a waste of money, and it does not keep."
TEXTS = [INFORMATION, "Coffee", "the longest bridges of steel", " where is it? ", "cafés  and\ttables\n1915"]
QUOTED = 'violins (old) are "great" here'
LONG = "The bridge hangs from cables that run over tall towers and the water below is cold. " * 20


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """Models by kind, each built when it is first asked for: tests may come in any order."""
    texts = [p.full for p in tiny.passages.values()]

    @cache
    def make(name: str):
        return token_model(encode.load(str(build(name, texts, tmp_path_factory.mktemp("kind")))))

    return make


@pytest.fixture(params=KINDS)
def model(request, made):
    return made(request.param)


@pytest.fixture
def target(model):
    vectors = model.queries(["how is coffee roasted", "coffee beans"])
    return torch.tensor(vectors.mean(axis=0))


def batch(model, text: str) -> torch.Tensor:
    return torch.tensor([model.ids(text)])


def in_double(model, text: str, target: torch.Tensor):
    """The similarity as a function of input embeddings in float64, by sentence-transformers alone."""
    whole = copy.deepcopy(model.encoder.model).double()
    for name, module in [*whole.named_modules()]:
        if type(module).__name__.endswith(("RMSNorm", "T5LayerNorm")):  # those work in float32 whatever comes
            norm = torch.nn.RMSNorm(HIDDEN, module.variance_epsilon, dtype=torch.float64)
            norm.weight = module.weight
            whole.set_submodule(name, norm)
    features = dict(whole.preprocess([text], prompt=model.encoder.prompt("passage")))
    ids = features.pop("input_ids")
    embeddings = whole.transformers_model.get_input_embeddings().weight.detach()[ids]

    def similarity(shift: torch.Tensor) -> float:
        with torch.no_grad():
            vector = whole({**features, "inputs_embeds": embeddings + shift})["sentence_embedding"][0]
        vector = torch.nn.functional.normalize(vector, dim=0) if model.cosine else vector
        return float(vector @ target.double())

    return similarity


def test_the_gradient_is_the_finite_difference(model, target):
    gradient = model.gradient(batch(model, INFORMATION), target).double()
    similarity = in_double(model, INFORMATION, target)
    for seed in range(3):
        direction = torch.randn(gradient.shape, generator=torch.manual_seed(seed), dtype=torch.float64)
        difference = (similarity(1e-6 * direction) - similarity(-1e-6 * direction)) / 2e-6
        error = float((gradient * direction).sum()) - difference
        assert abs(error) < 1e-5 * float(gradient.norm())
    assert gradient.shape == (1, len(model.ids(INFORMATION)), HIDDEN)


def test_encode_is_what_sentence_transformers_says(model):
    ours = np.concatenate([model.encoder.encode(TEXTS, kind) for kind in ("query", "passage")])
    whole = model.encoder.model
    theirs = np.concatenate([whole.encode_query(TEXTS), whole.encode_document(TEXTS)])
    if model.cosine:
        theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert np.abs(ours - theirs).max() < 2e-6


def test_the_ids_are_those_that_the_layers_see(model):
    seen = []
    hook = model.encoder.model[0].register_forward_pre_hook(lambda _, a: seen.append(a[0]["input_ids"]))
    for text in (*TEXTS, LONG):
        model.encoder.model.encode_document([text])
        assert [model.ids(text)] == seen.pop().tolist() == model.ids_many([text])
    hook.remove()
    assert len(model.ids(LONG)) == 96


def test_similarity_of_ids_is_that_of_the_encoded_text(model, target):
    for text, vector in zip(TEXTS, model.encoder.encode(TEXTS, "passage"), strict=True):
        assert np.array_equal(model.vectors(batch(model, text))[0].numpy(), vector)
        expected = float(vector @ target.numpy())
        assert float(model.similarity(batch(model, text), target)) == pytest.approx(expected, rel=1e-4)


def test_rows_do_not_depend_on_their_neighbours(model):
    texts = [*TEXTS, LONG, *(f"{n} bridges" for n in range(30))]
    together = model.encoder.encode(texts, "passage")
    alone = np.concatenate([model.encoder.encode([t], "passage") for t in texts])
    assert np.array_equal(together, alone)


def test_a_target_per_row_equals_a_call_per_row(model):
    targets = torch.tensor(model.queries(["coffee", "tea", "steel"]))
    rows = batch(model, INFORMATION).repeat(3, 1)
    rows[:, 3] = torch.nonzero(model.allowed)[:3, 0]
    for function in (model.similarity, model.gradient):
        each = torch.cat([function(r[None], t) for r, t in zip(rows, targets, strict=True)])
        assert torch.allclose(function(rows, targets), each, rtol=1e-4, atol=1e-6)


def test_what_was_computed_is_counted(model, target):
    model.work.__init__()
    rows = batch(model, INFORMATION).repeat(3, 1)
    n, weights = rows.shape[1], model.n_weights
    model.similarity(rows, target)
    assert model.work == Work(forwards=3, tokens=3 * n, flops=2.0 * weights * 3 * n)
    model.gradient(rows[:2], target)
    assert model.work == Work(forwards=5, backwards=2, tokens=5 * n, flops=weights * (6.0 + 12.0) * n)
    model.counted(model.encoder.encode)([INFORMATION], "passage")
    assert model.work == Work(forwards=6, backwards=2, tokens=6 * n, flops=weights * (8.0 + 12.0) * n)
    assert 0 < weights <= sum(w.numel() for w in model.encoder.model.parameters()) - model.matrix.numel()


def test_half_precision_agrees_in_long_texts_too(model, target):
    unit = target / target.norm()
    for text in (INFORMATION, LONG):
        low = model.low.vectors(batch(model, text))
        full = model.vectors(batch(model, text))
        assert float(torch.nn.functional.cosine_similarity(low, full)) > 0.999
        scale = float(full.norm())
        assert float(model.low.similarity(batch(model, text), unit)) == pytest.approx(
            float(full[0] @ unit), abs=0.02 * scale
        )
    assert model.low.work is model.work
    assert model.low.encoder.model.tokenizer is model.encoder.model.tokenizer
    assert torch.equal(model.low.allowed, model.allowed)


def test_gradients_in_half_precision_point_the_same_way(model, target):
    low, full = (each.gradient(batch(model, INFORMATION), target).flatten() for each in (model.low, model))
    assert float(torch.nn.functional.cosine_similarity(low, full, dim=0)) > 0.99


def test_no_token_with_a_meaning_of_its_own_may_be_written(model):
    tokenizer = model.encoder.model.tokenizer
    allowed = torch.nonzero(model.allowed).squeeze(1).tolist()
    assert model.allowed.shape == (len(model.matrix),) == (len(tokenizer) + SPARE,)
    assert len(allowed) > 300
    assert max(allowed) < len(tokenizer)
    assert not {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder} & {*allowed}
    texts = [tokenizer.decode([i]) for i in allowed]
    assert all(t.isascii() and t.isprintable() and t.strip() for t in texts)
    assert not [t for t in texts if "unused" in t or "extra_id" in t or "<|" in t]


def test_every_allowed_token_survives_somewhere(model):
    tokenizer = model.encoder.model.tokenizer
    anchors = [[], *(tokenizer(w, add_special_tokens=False)["input_ids"] for w in ("the", "house", "xq"))]
    left = torch.nonzero(model.allowed).squeeze(1).tolist()
    for before in anchors:
        texts = [tokenizer.decode([*before, token]).strip() for token in left]
        again = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        left = [token for token, ids in zip(left, again, strict=True) if ids != [*before, token]]
    assert not left


def test_first_pieces_and_continuations_of_words_are_both_allowed(model):
    tokenizer = model.encoder.model.tokenizer
    pieces = tokenizer.convert_ids_to_tokens(torch.nonzero(model.allowed).squeeze(1).tolist())
    letters = [p for p in pieces if p.removeprefix("##").strip("▁Ġ").isalpha()]
    marked = [p for p in letters if p[0] in "#▁Ġ"]
    assert min(len(marked), len(letters) - len(marked)) > 50


def test_most_flips_survive_in_the_whole_passage(model):
    rng, allowed = generator(0), torch.nonzero(model.allowed).squeeze(1).numpy()
    text = f"{INFORMATION} the longest bridges of steel hang from cables that run over tall towers"
    ids = model.ids(text)
    own = [i for i, (_, end) in enumerate(model.spans(text)) if end > len(INFORMATION)]
    survived = []
    for _ in range(300):
        row = list(ids)
        row[rng.choice(own)] = int(rng.choice(allowed))
        trigger = model.decode(row[own[0] : own[-1] + 1]).strip()
        survived.append(model.ids(f"{INFORMATION} {trigger}") == row)
    print(f"{np.mean(survived):.2f} of single flips survive")
    assert np.mean(survived) > 0.8


def test_spans_cover_the_text_in_order_and_nothing_else(model):
    text = "Coffee does not keep, they say"
    spans, ids = model.spans(text), model.ids(text)
    assert len(spans) == len(ids)
    own = [i for i, (start, end) in enumerate(spans) if end > start]
    assert own == [*range(own[0], own[-1] + 1)]
    assert sorted(spans[i] for i in own) == [spans[i] for i in own]
    covered = {c for i in own for c in range(*spans[i])}
    assert {c for c, letter in enumerate(text) if letter != " "} <= covered <= {*range(len(text))}
    other = model.ids("Coffee")
    assert (ids[: own[0]], ids[own[-1] + 1 :]) == (
        other[: own[0]],
        other[len(other) - len(ids) + own[-1] + 1 :],
    )


def test_the_ruler_of_budgets_counts_the_tokens_of_the_passage_itself(model):
    for text in ("Coffee", 'so violins (old) are "great"  here', "a\tb 1915", INFORMATION):
        assert model.n_tokens(text) == sum(end > start for start, end in model.spans(text))
    assert model.n_tokens(LONG) > 96 == len(model.ids(LONG))


def test_words_are_single_tokens_wherever_they_stand(model):
    words, vectors = model.words()
    assert len(words) > 50
    for word, vector in list(zip(words, vectors, strict=True))[::20]:
        text = f"so {word} is"
        (token,) = [
            i
            for i, (a, b) in zip(model.ids(text), model.spans(text), strict=True)
            if text[a:b].strip() == word
        ]
        assert np.array_equal(model.matrix[token].numpy(), vector)


def test_a_tokenizer_without_a_maximum_cuts_nothing(model, monkeypatch):
    monkeypatch.setattr(model.encoder.model.tokenizer, "model_max_length", int(1e30))
    assert len(model.ids(LONG)) > 300


def test_a_text_without_tokens_is_refused_by_name(made):
    with pytest.raises(ModelError, match="makes no tokens of ''; leave out"):
        made("gpt2-no-special-dot").encoder.encode(["coffee", ""], "query")


def test_two_towers_are_told_apart(made, tmp_path):
    query, passage = (copy.deepcopy(made("bert-mean").encoder.model) for _ in range(2))
    for weights in passage.parameters():
        weights.data += 0.01
    whole = SentenceTransformer(modules=[Router.for_query_document([*query], [*passage])], device="cpu")
    whole.save(str(tmp_path), create_model_card=False)
    model = token_model(encode.load(str(tmp_path)))
    assert np.abs(model.queries(TEXTS) - whole.encode_query(TEXTS)).max() < 1e-6
    assert np.abs(model.encoder.encode(TEXTS, "passage") - whole.encode_document(TEXTS)).max() < 1e-6
    assert torch.equal(model.matrix, passage.transformers_model.get_input_embeddings().weight)


def test_a_model_without_a_transformer_is_refused(made, tmp_path):
    tokenizer = made("bert-mean").encoder.model.tokenizer.backend_tokenizer
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)]).save(str(tmp_path))
    with pytest.raises(ModelError, match="expected a transformer model"):
        encode.load(str(tmp_path))


def written(model, information: str, place: str, **settings) -> tuple[str, dict]:
    """What GASLITE writes in two steps, and its note; the text is worth what its ids were."""
    queries = [Query("a", "how is coffee roasted"), Query("b", "coffee beans from ethiopia")]
    small = {"tokens": 30, "n_steps": 2, "n_grad": 3, "n_flip": 3, "n_cand": 16, "starts": 4}
    attack = attacks.load("gaslite", information=information, place=place, **small | settings)
    view = View(attack.threat, Secrets(queries, {}, model), n_tokens=model.n_tokens)
    (passage,) = attack(view, generator(0)).inserted
    (told,) = view.notes["passages"]
    mean = model.queries([q.text for q in queries]).mean(axis=0)
    unit = mean / np.linalg.norm(mean) if model.cosine else mean
    reached = float(model.encoder.encode([passage.full], "passage")[0] @ unit)
    assert reached == pytest.approx(told["objective_ids"], rel=1e-4, abs=1e-5)
    words, cut = information.split(), {"suffix": None, "prefix": 0, "middle": len(information.split()) // 2}
    before, after = words[: cut[place]], words[cut[place] :] if cut[place] is not None else []
    assert passage.full == " ".join([*before, told["trigger"], *after])
    return passage.full, told


@pytest.mark.parametrize("profile", ["default", "fast"])
@pytest.mark.parametrize("place", ["suffix", "prefix", "middle"])
def test_gaslite_writes_what_it_scores_and_never_loses(model, place, profile):
    text, told = written(model, INFORMATION, place, profile=profile)
    assert told["trace"] == sorted(told["trace"])
    assert model.n_tokens(text) <= 30


BYTE_PAIRS = ["roberta", "roberta-prompt-unpooled", "gpt2-no-special-dot", "qwen2-last"]


@pytest.mark.parametrize("kind", BYTE_PAIRS)
@pytest.mark.parametrize("place", ["prefix", "middle"])
def test_quotes_and_brackets_behind_a_trigger_are_tokenised_as_they_were_scored(made, kind, place):
    model = made(kind)
    least = model.n_tokens(QUOTED)
    text, told = written(model, QUOTED, place, tokens=least + 12)
    assert least < model.n_tokens(text) <= least + 12
    assert told["trigger"].strip()


@pytest.mark.parametrize("kind", [*BYTE_PAIRS, "bert-mean", "t5-dense"])
@pytest.mark.parametrize("place", ["prefix", "middle", "suffix"])
def test_a_passage_as_long_as_the_model_reads_is_read_to_its_end(made, kind, place):
    model = made(kind)
    information = QUOTED
    while model.n_tokens(f"{information} old") < model.max_tokens - 12:
        information += " old"
    text, _ = written(model, information, place, tokens=400)
    frame = len(model.ids("a")) - model.n_tokens("a")
    assert model.n_tokens(information) < model.n_tokens(text) <= model.max_tokens
    assert len(model.ids(text)) == model.n_tokens(text) + frame <= 96
