"""What a language model may do to a set of questions, with models that are tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rag_robust.corpus.build import build
from rag_robust.errors import CorpusError, StoreError, UsageError
from rag_robust.questions.endpoint import from_endpoint, prompts
from rag_robust.questions.ledger import Budget, Ledger, asked, price
from rag_robust.questions.paraphrase import reworded
from rag_robust.questions.quota import write_questions
from rag_robust.questions.rare_format import as_record, queries, read_records, write_records
from rag_robust.questions.world import prepare
from rag_robust.types import Failure, Passage

TEXT = "Oslo is the capital of Norway. Bergen lies in the west."


@dataclass
class Table:
    """A generator that answers by rule, and remembers what it was asked."""

    replies: dict[str, str | Failure] = field(default_factory=dict)
    default: str = "[]"
    asked: list[str] = field(default_factory=list)
    fingerprint: str = "table"

    def generate(self, given: Sequence[str]) -> list[str | Failure]:
        self.asked += given
        return [next((r for part, r in self.replies.items() if part in p), self.default) for p in given]

    def __call__(self, given: Sequence[str]) -> list[str]:
        return [str(reply) for reply in self.generate(given)]


def item(**changed: str) -> dict[str, str]:
    fact = {"subject": "Norway", "relation": "capital", "object": "Oslo", "valid": ""}
    return fact | {"evidence": "Oslo is the capital of Norway."} | changed


def test_only_what_is_found_again_in_the_passage_is_kept(tmp_path: Path) -> None:
    items = [item(), item(object="Bergen"), item(evidence="Oslo is great."), {"subject": "x"}]
    model = Table({TEXT: f"Here you are: {json.dumps(items)}"})
    read = from_endpoint(build([Passage("p", TEXT)]), model, ledger=Ledger(tmp_path / "l"), budget=Budget())
    [one] = read.triplets
    assert TEXT[one.fact.start : one.fact.end] == "Oslo"
    assert TEXT[slice(*one.evidence)] == "Oslo is the capital of Norway."
    assert read.dropped == {
        "evidence not in the passage": 1,
        "item is not as asked for": 1,
        "value not in its evidence": 1,
    }


def test_what_was_paid_for_is_never_asked_again(tmp_path: Path) -> None:
    model, given = Table(default="yes"), ["one", "two", "one"]
    assert [*asked(given, model, Ledger(tmp_path / "l"), Budget())] == ["yes"] * 3
    assert [*asked(given, model, Ledger(tmp_path / "l"), Budget())] == ["yes"] * 3
    assert model.asked == ["one", "two"]
    other = Table(default="no", fingerprint="another model")
    assert [*asked(["one"], other, Ledger(tmp_path / "l"), Budget())] == ["no"]


def test_an_interrupted_job_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "l"
    next(asked(["one", "two"], Table(default="yes"), Ledger(path), Budget()))
    path.write_bytes(path.read_bytes() + b'["half a li')
    model = Table(default="yes")
    assert [*asked(["one", "two"], model, Ledger(path), Budget())] == ["yes", "yes"]
    assert model.asked == ["two"]


def test_a_broken_line_in_the_middle_is_no_silent_loss(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(StoreError, match="a line is broken"):
        Ledger(tmp_path / "l")


def test_failures_are_tried_again_and_the_budget_holds(tmp_path: Path) -> None:
    failing = Table({"one": Failure("timeout", "slow")}, default="yes")
    ledger = Ledger(tmp_path / "l")
    assert next(asked(["one"], failing, ledger, Budget())) == Failure("timeout", "slow")
    assert next(asked(["one"], Table(default="yes"), ledger, Budget())) == "yes"
    small = Budget(limit=0.000_011, in_per_million=1, out_per_million=1, max_new_tokens=4)
    model = Table(default="yes")  # each costs (2 + 4) / 10^6
    told = [*asked(["abcdefgh", "ijklmnop"], model, Ledger(tmp_path / "m"), small)]
    assert told[0] == "yes"
    assert isinstance(told[1], Failure)
    assert told[1].kind == "budget"
    assert model.asked == ["abcdefgh"]


def test_the_budget_is_one_for_all_stages_and_starts_of_a_job(tmp_path: Path) -> None:
    small = Budget(limit=0.000_013, in_per_million=1, out_per_million=1, max_new_tokens=4)
    model = Table(default="yes")  # each costs (2 + 4) / 10^6
    ledger = Ledger(tmp_path / "l")
    assert [*asked(["abcdefgh"], model, ledger, small)] == ["yes"]
    assert [*asked(["ijklmnop"], model, ledger, small)] == ["yes"]
    for known in (ledger, Ledger(tmp_path / "l")):
        assert known.spent == pytest.approx(0.000_012)
        [third] = asked(["qrstuvwx"], model, known, small)
        assert isinstance(third, Failure)
        assert third.kind == "budget"
    (tmp_path / "old").write_text('["key", "reply"]\n')
    assert Ledger(tmp_path / "old").get("key") == "reply"


def test_the_price_of_a_dry_run_is_the_most_it_can_cost(tmp_path: Path) -> None:
    budget = Budget(in_per_million=2, out_per_million=10, max_new_tokens=100)
    model = Table()
    found = price(["a" * 400, "b" * 400, "a" * 400], model, Ledger(tmp_path / "l"), budget)
    assert (found.n_prompts, found.n_known, found.tokens_in, found.tokens_out) == (2, 0, 200, 200)
    assert found.cost == pytest.approx((200 * 2 + 200 * 10) / 1e6)
    assert model.asked == []
    assert len(prompts(build([Passage("p", TEXT)]))) == 1


def test_a_limit_without_a_price_is_refused() -> None:
    with pytest.raises(UsageError, match="needs the price"):
        Budget(limit=5)


def passages() -> list[Passage]:
    return [
        Passage(
            f"{land}-{year}",
            f"Rain of {land}, by year.\n| Year | Rain |\n| --- | --- |\n| {year} | {value} |",
        )
        for land, year, value in (
            ("Avaria", "1990", "12"),
            ("Avaria", "2000", "34"),
            ("Belmont", "1990", "56"),
        )
    ]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("How much rain fell on Avaria in 1990?", None),
        ("How much rain fell on Avaria?", "something named is missing from the question"),
        ("Were the 12 days of rain of Avaria in 1990 many?", "answer in question"),
        ("How much rain fell on Avaria in 1990 and 1991?", "numbers changed"),
        ("Unlike Cordia, how much rain fell on Avaria in 1990?", "a name was added"),
        ("How much rain fell not on Avaria in 1990?", "the meaning turned"),
        ("", "empty paraphrase"),
    ],
)
def test_a_paraphrase_is_taken_only_if_it_asks_the_same(tmp_path: Path, said: str, why: str | None) -> None:
    world = prepare(build(passages()))
    [one] = [
        q
        for q in write_questions(world, 50, shares={"single": 1}).questions
        if (q.fact.subject, q.fact.valid) == ("Avaria", "1990")
    ]
    new = reworded(world, [one], Table(default=said), ledger=Ledger(tmp_path / "l"), budget=Budget())
    assert new.kept == ({why: 1} if why else {})
    assert new.questions[0].query.text == (one.query.text if why else said)
    assert (new.questions[0].query.id, new.questions[0].ways) == (one.query.id, one.ways)


def test_records_come_back_as_they_went(tmp_path: Path) -> None:
    corpus = build(passages())
    found = write_questions(prepare(corpus), 30).questions
    write_records([as_record(q, corpus) for q in found], tmp_path / "q.jsonl")
    back = read_records(tmp_path / "q.jsonl")
    assert [(r.id, r.question, r.answers, r.gold) for r in back] == [
        (q.query.id, q.query.text, q.query.answers, q.gold) for q in found
    ]
    for record, question in zip(back, found, strict=True):
        edges = list({e.key: e for way in question.ways for e in way}.values())
        assert record.entity_1 == tuple(e.subject for e in edges)
        for chunk, sentence in zip(record.answer_chunk_ids, record.source_sentences, strict=True):
            assert sentence in corpus.passages[chunk].text


def test_records_of_rare_itself_are_read(tmp_path: Path) -> None:
    row = {
        "id": "finance_1",
        "question": "Who?",
        "answer": "Acme",
        "answer_chunk_ids": ["c2", "c1"],
        "qa_score": {},
    }
    (tmp_path / "r.json").write_text(json.dumps([row | {"entity_1": ["x", "y"]}]), encoding="utf-8")
    [record] = read_records(tmp_path / "r.json")
    assert (record.gold, record.answers, record.entity_1) == (("c2", "c1"), ("Acme",), ("x", "y"))
    asked_, judged = queries([record])
    assert (asked_[0].text, judged) == ("Who?", {"finance_1": {"c2": 1, "c1": 1}})
    (tmp_path / "r.json").write_text('[{"id": "x"}]', encoding="utf-8")
    with pytest.raises(CorpusError, match=r"record 1: .*'question'"):
        read_records(tmp_path / "r.json")
