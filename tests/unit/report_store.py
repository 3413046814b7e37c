"""A finished run without a model: the tiny corpus, a retriever that counts shared words, canned answers.

Loaded by the report tests with `runpy`; not a test file itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from rag_robust import perturb
from rag_robust.seeds import digest, generator
from rag_robust.store import Store, change_to_json
from rag_robust.suite import parse
from rag_robust.text import STOP_WORDS, normalise, words
from rag_robust.types import Certificate, Change, Corpus, Cost, Failure, Hit, Passage, Query, Record

HOSTILE = '<script>alert(1)</script> "></details> {{ 7*7 }} [bold]x[/] \x00\x1b[31m\u202e\u200bend'
ATTACK = "gaslite, one passage about tea and coffee"
EVERYTHING: dict[str, Any] = {
    "schema": 1,
    "name": "everything",
    "description": "One task of each kind, on sixty hand-made passages.",
    "seed": 7,
    "corpus": {"source": "tiny"},
    "task": [
        {"name": "as it is", "metrics": ["nDCG@10", "RR@10"]},
        {"name": "one typing error", "perturb": "typo", "metrics": ["nDCG@10 drop", "rbo"]},
        {
            "name": ATTACK,
            "attack": "gaslite",
            "concept": "concepts/coffee",
            "metrics": ["appeared@10", "best_rank@10"],
        },
        {
            "name": "one edited word",
            "attack": "substitution",
            "threat": "knows-all",
            "k": 3,
            "metrics": ["success@3"],
        },
        {
            "name": "one synonym, proved",
            "certify": "exact",
            "k": 3,
            "synonyms": "wordnet",
            "metrics": ["certified-share"],
        },
        {
            "name": "questions about sixty passages",
            "questions": "tiny",
            "metrics": ["correct", "rare-overall", "refusals"],
        },
        {"name": "what cannot be done", "certify": "exact", "metrics": ["certified-share"]},
    ],
    "gate": [
        {"task": "as it is", "metric": "nDCG@10", "min": 0.5},
        {"task": "one typing error", "metric": "nDCG@10 drop", "max": 0.1},
        {"task": ATTACK, "metric": "appeared@10", "max": 0.2},
        {"task": ATTACK, "metric": "appeared@10", "max": 0.5, "condition": "random_passage"},
        {"task": ATTACK, "metric": "best_rank@10", "min": 3.0, "max": 11.0},
        {"task": "one synonym, proved", "metric": "certified-share", "min": 0.5},
        {"task": "questions about sixty passages", "metric": "correct", "min": 0.3},
        {"task": "what cannot be done", "metric": "certified-share", "min": 0.5},
    ],
}


def build(folder: Path, corpus: Corpus, *, hostile: bool = False, n_queries: int = 12) -> Store:
    """A store that `run` could have written."""
    store = Store(folder, create=True)
    suite = parse(EVERYTHING)
    store.claim(suite.name)
    store.set_meta("suite", suite.model_dump(mode="json", by_alias=True))
    store.set_meta("run", _meta(corpus))
    if hostile:
        corpus = _poisoned(corpus)
    queries = {i: corpus.queries[i] for i in sorted(corpus.queries)[:n_queries]}
    world = _World(corpus, queries, {})
    records = [
        *_plain(world, "as it is", "clean", {}),
        *_typing_errors(world),
        *_attack(world, HOSTILE if hostile else ""),
        *_edits(world),
        *_proofs(world),
        *_questions(world),
        *(
            replace(r, hits=(), failure=Failure("not_applicable", "this system tells no scores"))
            for r in _plain(world, "what cannot be done", "exact", {})
        ),
    ]
    store.plan([r.key for r in records])
    store.add(records, world.artifacts | _worlds(corpus, records))
    return store


class _World:
    def __init__(self, corpus: Corpus, queries: Mapping[str, Query], artifacts: dict[str, Any]) -> None:
        self.corpus, self.queries, self.artifacts = corpus, queries, artifacts

    def hits(self, text: str, change: Change | None = None, depth: int = 20) -> tuple[Hit, ...]:
        passages = {**self.corpus.passages}
        if change is not None:
            passages |= {p.id: p for p in change.inserted} | dict(change.edited)
        asked = _bag(text)
        scored = [Hit(i, round(_score(asked, p.full), 4)) for i, p in passages.items()]
        return tuple(sorted(scored, key=lambda h: (-h.score, digest(h.passage_id)))[:depth])


def _meta(corpus: Corpus) -> dict[str, object]:
    return {
        "corpus": {"digest": corpus.digest, "passages": len(corpus.passages), "queries": len(corpus.queries)},
        "system": {"fingerprint": "words shared, no model", "reader": "canned answers context=3"},
        "versions": {"python": "3.11.9", "rag-robust": "0.1.0", "torch": "2.13.0"},
        "device": "cpu",
        "platform": "Linux",
    }


def _poisoned(corpus: Corpus) -> Corpus:
    first = "tiny-003"
    passage = replace(corpus.passages[first], title=HOSTILE, text=HOSTILE + corpus.passages[first].text)
    queries = {i: replace(q, text=f"{q.text} {HOSTILE}") for i, q in corpus.queries.items()}
    return replace(corpus, passages={**corpus.passages, first: passage}, queries=queries)


@cache
def _bag(text: str) -> frozenset[str]:
    return frozenset(w.rstrip("s") for w in words(normalise(text)) if w not in STOP_WORDS)


def _score(asked: frozenset[str], text: str) -> float:
    return len(asked & _bag(text)) / (5 + len(words(text)) / 20)


def _plain(
    world: _World, task: str, condition: str, changes: Mapping[str, Change], *, change: str = ""
) -> list[Record]:
    """Records of all queries under one condition; a query may live in a changed world of its own."""
    records = []
    for i, query in world.queries.items():
        own = changes.get(i)
        text = own.reworded.get(i, query.text) if own else query.text
        touched = tuple(p.id for p in own.inserted) + tuple(own.edited) if own else ()
        key = digest(task, condition, i)
        hits = world.hits(text, own)
        records.append(
            Record(
                key, task, condition, i, 7, hits, cost=Cost(0.01, 1), change=change or "", inserted=touched
            )
        )
    return records


def _typing_errors(world: _World) -> list[Record]:
    """One of them timed out."""
    typo = perturb.load("typo")
    texts = {i: typo(q.text, generator(7, i)) for i, q in world.queries.items()}
    changes = {i: Change(reworded={i: text}) for i, text in texts.items()}
    clean = _plain(world, "one typing error", "clean", {})
    records = []
    for record in _plain(world, "one typing error", "typo", changes):
        key = digest("reworded", record.key)
        world.artifacts[key] = ("change", {"change": change_to_json(changes[record.query_id])})
        records.append(replace(record, change=key))
    records[-1] = replace(records[-1], hits=(), failure=Failure("timeout", "no answer within 30 s"))
    return [*clean, *records]


def _attack(world: _World, extra: str) -> list[Record]:
    asked = [q.text for q in world.queries.values()]
    texts = {
        "gaslite": f"Coffee is a waste of money and ruins every morning. {extra} {' '.join(asked[::2])}",
        "information_only": "Coffee is a waste of money and ruins every morning.",
        "random_passage": world.corpus.passages["tiny-047"].text,
    }
    records = _plain(world, ATTACK, "clean", {})
    for name, text in texts.items():
        change = Change(inserted=(Passage(f"inserted-{digest(text)[:12]}", text),))
        key = digest("change", name)
        facts = {"ceiling": 0.81, "cosine": [0.92 if name == "gaslite" else 0.31]}
        body = {"attack": name, "known": asked[::2], "change": change_to_json(change), "facts": facts}
        world.artifacts[key] = ("change", {**body, "calls": 0, "seconds": 12.5})
        conditions = [name, "gaslite/held-in"] if name == "gaslite" else [name]
        for condition in conditions:
            records += _plain(world, ATTACK, condition, dict.fromkeys(world.queries, change), change=key)
    return records


def _edits(world: _World) -> list[Record]:
    """The attacker edits one word of the passage at rank 5 for every query, and once spends too much."""
    records = _plain(world, "one edited word", "clean", {})
    for place, (i, query) in enumerate(world.queries.items()):
        target = world.corpus.passages[world.hits(query.text)[4].passage_id]
        text = target.text.replace(" the ", f" {words(query.text)[-1]} ", 1)
        change = Change(edited={target.id: replace(target, text=text)})
        key = digest("edit", i)
        body: dict[str, object] = {
            "attack": "substitution",
            "known": [query.text],
            "calls": 96,
            "seconds": 0.4,
        }
        failed = Failure("budget", "budget allows 1 edits, the attack made 3") if place == 3 else None
        told = (
            {"failure": {"kind": "budget", "message": failed.message}}
            if failed
            else {"change": change_to_json(change), "facts": {}}
        )
        world.artifacts[key] = ("change", body | told)
        record = _plain(world, "one edited word", "substitution", {} if failed else {i: change})[place]
        records.append(replace(record, change=key, failure=failed, hits=() if failed else record.hits))
    return records


def _proofs(world: _World) -> list[Record]:
    verdicts = ("certified", "certified", "attacked", "certified", "undecided")
    records = []
    for place, record in enumerate(_plain(world, "one synonym, proved", "exact", {})):
        verdict = verdicts[place % 5]
        outsiders = record.hits[3:]
        swapped = world.corpus.passages[outsiders[0].passage_id]
        swapped = replace(swapped, text=swapped.text.replace(" is ", " equals ", 1))
        scores = {h.passage_id: h.score for h in record.hits}
        certificate = Certificate(
            method="exact",
            k=3,
            swaps=1,
            source="neighbours 4be1",
            alpha=0.0,
            samples=240,
            low=record.hits[2].score,
            high=outsiders[0].score + (0.2 if verdict == "attacked" else 0.0),
            verdict=verdict,  # type: ignore[arg-type]
            scores=scores,
            lower=scores,
            upper={h.passage_id: h.score + (0.2 if verdict == "attacked" else 0.01) for h in record.hits},
            witness=Change(edited={swapped.id: swapped}) if verdict == "attacked" else None,
        )
        records.append(replace(record, certificate=certificate))
    return records


def _questions(world: _World) -> list[Record]:
    """A reader that copies what it finds in the first passage, and guesses twice."""
    task, records = "questions about sixty passages", []
    typo = perturb.load("typo")
    for condition in ["original/none"] + [
        f"{form}/{shown}"
        for form in ("original", "typo")
        for shown in ("gold", "removed", "different", "retrieved")
    ]:
        form, shown = condition.split("/")
        for place, (i, query) in enumerate(world.queries.items()):
            asked = query.text if form == "original" else typo(query.text, generator(7, i))
            hits = world.hits(asked) if shown == "retrieved" else ()
            texts = _shown(world, query, shown, hits)
            key = digest(task, condition, i)
            answer = _read(query, texts, place)
            world.artifacts[key] = ("context", texts)
            records.append(
                Record(key, task, condition, i, 7, hits, answer, cost=Cost(0.3, 1), notes={"asked": asked})
            )
    records[20] = replace(records[20], answer=None, failure=Failure("overflow", "the prompt is too long"))
    return records


def _shown(world: _World, query: Query, shown: str, hits: Sequence[Hit]) -> list[str]:
    gold = world.corpus.passages[min(world.corpus.qrels[query.id])]
    texts = {
        "none": [],
        "gold": [gold.full],
        "removed": [gold.full.replace(query.answers[0], "")],
        "different": [f"It is known that {gold.full}"],
        "retrieved": [world.corpus.passages[h.passage_id].full for h in hits[:3]],
    }
    return texts[shown]


def _read(query: Query, texts: Sequence[str], place: int) -> str:
    if any(query.answers[0] in text for text in texts):
        return f"The answer is {query.answers[0]}."
    return "I don't know." if place % 4 else "It is 1776."


def _worlds(corpus: Corpus, records: Sequence[Record]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "digest": corpus.digest,
        "queries": {i: [q.text, list(q.answers)] for i, q in corpus.queries.items()},
        "qrels": {i: dict(grades) for i, grades in corpus.qrels.items()},
        "passages": {i: [p.title, p.text] for i, p in corpus.passages.items()},
        "dropped": {},
    }
    dropped = {"answerable without documents": 3, "evidence cannot be removed": 1}
    return {
        f"world {task.questions or ''} {task.name}": (
            "world",
            kept | ({"dropped": dropped} if task.kind == "questions" else {}),
        )
        for task in parse(EVERYTHING).task
    }
