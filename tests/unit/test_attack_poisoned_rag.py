"""Information that is tried on the generator, behind a text that is found for the question."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import torch

from rag_robust import attacks
from rag_robust.attacks._view import Secrets, Tools, View, check_budget
from rag_robust.attacks.poisoned_rag import PoisonedRag
from rag_robust.errors import BudgetError, SuiteError, TargetError
from rag_robust.seeds import generator
from rag_robust.text import sentences
from rag_robust.types import Change, Query, Work

if TYPE_CHECKING:
    from rag_robust.encode.tokens import TokenModel

ASKED = Query("q", "when did the bridge open?", ("1894",))
REFUSAL = "I don't know."


def copying(query: Query, texts: Sequence[str]) -> str:
    """A generator that copies the first sentence of its context that tells the answer."""
    return next((s for text in texts for s in sentences(text) if "answer is" in s), REFUSAL)


def look(
    attack: PoisonedRag, answer: Callable[[Query, Sequence[str]], str] = copying, target: str = "1931"
) -> View:
    return View(attack.threat, Secrets(queries=(ASKED,), answer=answer), target=target)


def noted(view: View) -> list[dict[str, object]]:
    found = view.notes["passages"]
    assert isinstance(found, list)
    return found


def test_passages_are_the_question_and_information_that_worked() -> None:
    attack = PoisonedRag()
    view = look(attack)
    change = attack(view, generator(0))
    assert len({p.text for p in change.inserted}) == 5
    for passage, note in zip(change.inserted, noted(view), strict=True):
        assert passage.text == f"when did the bridge open?. {note['information']}"
        assert "1931" in copying(ASKED, [str(note["information"])])
        assert note["obeyed_alone"] is True
    check_budget(change, attack.threat, {}, view.n_tokens)


def test_information_stands_alone_when_it_is_tried() -> None:
    seen: list[Sequence[str]] = []

    def watched(query: Query, texts: Sequence[str]) -> str:
        seen.append(texts)
        return copying(query, texts)

    attack = PoisonedRag(passages=2)
    view = look(attack, watched)
    change = attack(view, generator(0))
    assert all(len(texts) == 1 for texts in seen)
    assert {p.text.partition(". ")[2] for p in change.inserted} <= {texts[0] for texts in seen}
    assert view.calls == len(seen) == sum(int(str(n["trials"])) for n in noted(view))


def test_trials_end_at_the_first_success_and_never_pass_their_limit() -> None:
    willing, stubborn = PoisonedRag(passages=1, n_trials=4), PoisonedRag(passages=2, n_trials=3)
    view = look(willing, lambda *_: "It was 1931.")
    willing(view, generator(0))
    assert view.calls == 1
    view = look(stubborn, lambda *_: REFUSAL)
    stubborn(view, generator(0))
    assert view.calls == stubborn.threat.budget.oracle_calls == 6


@pytest.mark.parametrize(
    "answer",
    [
        REFUSAL,
        "",
        "I don't know, though one text says 1931.",
        "It was not 1931.",
        "It opened in 1894 rather than 1931.",
        "The context does not state it; 1931 is a guess.",
        "The number is 19310.",
    ],
)
def test_no_success_is_noted_when_the_answer_is_no_success(answer: str) -> None:
    attack = PoisonedRag(passages=1, n_trials=2)
    view = look(attack, lambda *_: answer)
    assert len(attack(view, generator(0)).inserted) == 1
    assert noted(view)[0]["obeyed_alone"] is False


def test_where_nothing_works_the_best_is_kept() -> None:
    answers = iter([REFUSAL, "It was not 1931.", REFUSAL])
    tried: list[str] = []

    def failing(query: Query, texts: Sequence[str]) -> str:
        tried.append(texts[0])
        return next(answers)

    attack = PoisonedRag(passages=1, n_trials=3)
    (passage,) = attack(look(attack, failing), generator(0)).inserted
    assert passage.text.endswith(tried[1])


def test_same_seed_same_passages_other_seed_other_wording() -> None:
    attack = PoisonedRag()
    first, again, other = (attack(look(attack), generator(seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_a_budget_without_room_for_the_question_is_said_at_once() -> None:
    attack = PoisonedRag(tokens=8)
    with pytest.raises(BudgetError, match="budget allows 8 tokens per passage, the shortest text has 24"):
        attack(look(attack), generator(0))


def test_a_system_without_a_generator_is_not_applicable() -> None:
    attack = PoisonedRag()
    with pytest.raises(TargetError) as caught:
        attack(View(attack.threat, Secrets(queries=(ASKED,)), target="1931"), generator(0))
    assert caught.value.kind == "not_applicable"


def test_what_is_read_depends_on_the_mode() -> None:
    assert PoisonedRag().threat.reads == {"queries", "answers"}
    assert PoisonedRag(mode="white-box").threat.reads == {"queries", "answers", "gradients"}
    with pytest.raises(SuiteError, match='no mode "whitebox"; did you mean "white-box"'):
        attacks.load("poisoned-rag", mode="whitebox")


@dataclass(frozen=True)
class Babbler:
    """A language model that knows five words, all as likely."""

    work: Work = field(default_factory=Work)

    def next_log_probs(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.zeros(len(texts), 5).log_softmax(dim=-1)

    def continued(self, text: str, tokens: Sequence[int]) -> list[str]:
        known = ["so", "they", "say", "around", ""]
        return [f"{text} {known[token]}".strip() for token in tokens]


@pytest.mark.parametrize("tokens", [24, 128])
def test_the_attackers_model_goes_on_from_a_template_within_the_budget(tokens: int) -> None:
    attack = PoisonedRag(passages=3, n_trials=2, writer="model", tokens=tokens)
    view = look(attack)
    view.tools = Tools(language_model=Babbler)
    change = attack(view, generator(0))
    for note in noted(view):
        information = str(note["information"])
        assert "1931" in information
        assert len(information.split()) <= 31
        assert tokens == 24 or information.split()[-1] in ("so", "they", "say", "around")
    check_budget(change, attack.threat, {}, view.n_tokens)


def test_white_box_raises_the_similarity_and_leaves_the_information_alone(token_model: TokenModel) -> None:
    size = {"passages": 1, "tokens": 90, "n_trials": 2}
    plain, flipped = (
        PoisonedRag(**size),
        PoisonedRag(**size, mode="white-box", trigger_tokens=8, n_steps=2, n_cand=16, n_flip=8, n_grad=4),
    )
    asked = Query("q", "coffee beans")
    target = torch.as_tensor(token_model.queries([asked.text])[0])
    texts = []
    for attack in (plain, flipped):
        secrets = Secrets(queries=(asked,), answer=copying, model=token_model)
        view = View(attack.threat, secrets, target="water", n_tokens=token_model.n_tokens)
        texts.append(attack(view, generator(0)).inserted[0].text)
        assert texts[-1].endswith(str(noted(view)[0]["information"]))
    before, after = (float(token_model.similarity(torch.tensor([token_model.ids(t)]), target)) for t in texts)
    assert after > before
    assert token_model.n_tokens(texts[1]) <= 90


def test_white_box_takes_another_start_where_the_question_does_not_survive_the_tokenizer(
    token_model: TokenModel,
) -> None:
    size = {"n_trials": 1, "n_steps": 1, "n_cand": 4, "trigger_tokens": 6}
    attack = PoisonedRag(passages=1, tokens=90, mode="white-box", **size)
    secrets = Secrets(queries=(Query("q", "∑ 🤔 ?"),), answer=copying, model=token_model)
    view = View(attack.threat, secrets, target="water", n_tokens=token_model.n_tokens)
    assert attack(view, generator(0)).inserted[0].text.endswith(str(noted(view)[0]["information"]))


class Killed(Exception):
    pass


class Memory:
    """A checkpoint as JSON that dies when it has kept so many states."""

    def __init__(self, most: int) -> None:
        self.states, self.most = ["null"], most

    def save(self, state: object, /) -> None:
        self.states.append(json.dumps(state))
        if len(self.states) > self.most:
            raise Killed

    def load(self) -> object:
        return json.loads(self.states[-1])


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 6, 7])
def test_a_white_box_attack_goes_on_within_the_prefix_it_was_killed_in(
    token_model: TokenModel, most: int
) -> None:
    size = {"passages": 2, "tokens": 90, "n_trials": 2, "trigger_tokens": 6, "n_steps": 12, "n_cand": 4}
    attack = PoisonedRag(**size, mode="white-box", writer="model")
    asked = Query("q", "coffee beans")

    def view_of(memory: Memory | None = None) -> View:
        secrets = Secrets(queries=(asked,), answer=copying, model=token_model)
        made = View(attack.threat, secrets, target="water", n_tokens=token_model.n_tokens, checkpoint=memory)
        made.tools = Tools(language_model=Babbler)
        return made

    def forwards(view: View) -> tuple[Change, int]:
        before = token_model.work.forwards
        return attack(view, generator(0)), token_model.work.forwards - before

    whole, memory = view_of(), Memory(most)
    expected, all_of_them = forwards(whole)
    with pytest.raises(Killed):
        attack(view_of(memory), generator(0))
    memory.most = 99
    again = view_of(memory)
    change, rest = forwards(again)
    assert change == expected
    assert again.notes == whole.notes
    assert again.calls == whole.calls
    assert rest < all_of_them or most == 1
