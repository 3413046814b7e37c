"""What every perturbation of queries promises; a new function is under test the day it appears."""

import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_robust.perturb import apply, checked, describe, drops, load, names, promised
from rag_robust.perturb.applied import NOT_APPLICABLE
from rag_robust.perturb.promises import contract, protected_kept, text_kept_whole
from rag_robust.seeds import generator
from rag_robust.text import words

QUESTION = "What was the life expectancy of the country Kenya in 1992?"
TEXTS = [
    QUESTION,
    "who is he",
    "rivers",
    "",
    "42",
    "東京の人口は何人ですか",
    "WHERE IS THE EIFFEL TOWER",
    "tab\tand\nline",
    "ﬁne İstanbul ŉ ǅ Ⅳ ß\u200d e\u0301\u0301 \U0001f9d1\u200d\U0001f680 \x00 is the\ufeff end",
    'Who said "the war is over" on 14 March 1883 for $38.5 million?',
]
HOSTILE = (
    st.text(max_size=60)
    | st.text(st.sampled_from("abeirnmIAXÉ東ß1970.,:'’\"“” -\n\u200b"), max_size=60)
    | st.lists(
        st.sampled_from("What is the was in of Kenya Bank England big country 1992 $5 people?".split())
    ).map(" ".join)
)
OWN = {"paraphrase": {"by": "own_paraphrase:put"}}
every = pytest.mark.parametrize("name", names())


@pytest.fixture(autouse=True, scope="module")
def own_paraphrase(tmp_path_factory):
    """A person's own paraphrase, which every test of that operator calls."""
    folder: Path = tmp_path_factory.mktemp("own")
    (folder / "own_paraphrase.py").write_text("def put(text):\n    return f'Tell me this. {text}'\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


@every
@pytest.mark.parametrize("text", TEXTS)
def test_same_seed_same_text(name: str, text: str) -> None:
    own = OWN.get(name, {})
    assert apply(name, text, seed=5, **own) == apply(name, text, seed=5, **own)


@every
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_stays_a_text_with_words(name: str, text: str) -> None:
    result = load(name, **OWN.get(name, {}))(text, generator(1))
    assert isinstance(result, str)
    assert bool(words(result)) >= bool(words(text))


@every
def test_an_ordinary_question_changes(name: str) -> None:
    seen = {load(name, **OWN.get(name, {}))(QUESTION, generator(seed)) for seed in range(20)}
    assert QUESTION not in seen


@every
def test_numbers_survive(name: str) -> None:
    operator = load(name, **OWN.get(name, {}))
    assert all("1992" in operator(QUESTION, generator(seed)) for seed in range(20))


@every
def test_only_the_given_generator_is_used(name: str) -> None:
    operator, rng = load(name, **OWN.get(name, {})), generator(7)
    before = copy.deepcopy(rng)
    assert operator(QUESTION, rng) == operator(QUESTION, before)


@every
def test_it_says_what_it_does_and_what_it_promises(name: str) -> None:
    assert describe(name)
    assert contract(load(name, **OWN.get(name, {}))).most <= 1


@every
@settings(max_examples=30, deadline=None)
@given(text=HOSTILE, seed=st.integers(0, 1000))
def test_no_promise_is_broken_on_any_text(name: str, text: str, seed: int) -> None:
    if name == "paraphrase":  # what a person's function does to a text is theirs
        return
    made = apply(name, text, seed=seed)
    assert made.reason in ("", NOT_APPLICABLE)
    assert (made.result is None) == (made.reason != "")
    if made.result is not None:
        assert made.result != text
        assert 0 < made.intensity <= 1
        assert made.edits >= 1
        assert protected_kept(text, made.result, contract(load(name)).touches)


@every
def test_what_cannot_be_changed_is_not_applicable_and_counted(name: str) -> None:
    made = apply(name, "?!", **OWN.get(name, {}))
    if name != "paraphrase":
        assert (made.result, made.reason, made.intensity) == (None, NOT_APPLICABLE, 0.0)
        assert drops([made, made]) == {f"{name}: not applicable": 2}


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        (lambda text, rng: text.replace("1992", "1993"), "protected kept"),
        (lambda text, rng: text.replace("Kenya", "Kenia"), "protected kept"),
        (lambda text, rng: text.replace("1992", "1992.5"), "protected kept"),
        (lambda text, rng: "", "text kept"),
        (lambda text, rng: f"{text} It was fifty.", "answer not put in"),
        (promised(text_kept_whole)(lambda text, rng: text[1:]), "text kept whole"),
        (promised(most=0.1)(lambda text, rng: f"{text} {text}"), "intensity within its bound"),
    ],
)
def test_an_operator_that_breaks_a_promise_is_caught(wrong, broken) -> None:
    made = checked(wrong, QUESTION, generator(0), answers=["fifty"], kind="wrong")
    assert (made.result, made.reason) == (None, f"broken: {broken}")
    assert drops([made]) == {f"wrong: broken: {broken}": 1}
