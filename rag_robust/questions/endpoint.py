"""Facts that a language model reads out of passages, of which only what we find again in the text is kept."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rag_robust.generate import TextGenerator
from rag_robust.questions.evidence import Triplet
from rag_robust.questions.ledger import Budget, Ledger, asked
from rag_robust.types import Corpus, Fact, Failure, Passage

__all__ = ["PROMPT", "Read", "from_endpoint", "prompts"]

PROMPT = """\
Read the passage and list the facts it states, each with a short answer.
Give a JSON list and nothing else. Each item is an object with these keys:
"subject": who or what the fact is about, a full name copied from the passage, never a pronoun;
"relation": two to four general words, such as "chief executive" or "population", without names or dates;
"object": the value, copied from the passage letter by letter;
"valid": the year or the date (YYYY or YYYY-MM-DD) that the passage gives for this fact, or "";
"evidence": the one sentence or table row that states the fact, copied letter by letter.
Leave out what is denied, planned, supposed or attributed to somebody. Without facts give [].

Passage:
"""
"""The same for every passage, and before it, so that an endpoint can keep it."""

_LIST = re.compile(r"\[.*\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Read:
    """The triplets read so far, what could not be used by reason, and the prompts that failed by kind."""

    triplets: tuple[Triplet, ...]
    dropped: Mapping[str, int]
    failed: Mapping[str, int]


def prompts(corpus: Corpus) -> list[str]:
    """A prompt per passage, in the order of passage id."""
    return [f"{PROMPT}{_shown(corpus.passages[i])}" for i in sorted(corpus.passages)]


def from_endpoint(
    corpus: Corpus,
    model: TextGenerator,
    *,
    ledger: Ledger,
    budget: Budget,
    extractor: Literal["endpoint", "demo"] = "endpoint",
) -> Read:
    """Triplets of all passages, each reply kept in the ledger before the next is asked for.

    A reply is only a hint: the evidence must stand in the passage (white space aside) and the
    value in the evidence, or the item is dropped and counted; `evidence.validated` then judges it
    as it judges all others. "demo" labels small local models, whose facts show how the machinery
    works and nothing else.
    """
    found: list[Triplet] = []
    dropped: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    ids = sorted(corpus.passages)
    for passage_id, reply in zip(ids, asked(prompts(corpus), model, ledger, budget), strict=True):
        if isinstance(reply, Failure):
            failed[reply.kind] += 1
            continue
        for item in _items(reply):
            one = item if isinstance(item, str) else _located(corpus.passages[passage_id], item, extractor)
            if isinstance(one, str):
                dropped[one] += 1
            else:
                found.append(one)
    return Read(tuple(found), dict(sorted(dropped.items())), dict(sorted(failed.items())))


def _shown(passage: Passage) -> str:
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


def _items(reply: str) -> Iterator[dict[str, Any] | str]:
    """The objects of the list in a reply, or why there are none."""
    match = _LIST.search(reply)
    try:
        held = json.loads(match.group()) if match else None
    except ValueError:
        held = None
    if not isinstance(held, list):
        yield "reply is no JSON list"
        return
    for item in held:
        whole = isinstance(item, dict) and all(
            isinstance(item.get(k), str) for k in ("subject", "relation", "object", "evidence")
        )
        yield item if whole else "item is not as asked for"


def _located(passage: Passage, item: Mapping[str, Any], extractor: str) -> Triplet | str:
    """The triplet at its place in the text, or why it has none."""
    span = _find(passage.text, item["evidence"])
    if span is None:
        return "evidence not in the passage"
    value = _find(passage.text[slice(*span)], item["object"])
    if value is None:
        return "value not in its evidence"
    start, end = span[0] + value[0], span[0] + value[1]
    relation = " ".join(item["relation"].split())
    relation = relation if relation[1:2].isupper() else relation[:1].lower() + relation[1:]
    subject, valid = " ".join(item["subject"].split()), str(item.get("valid") or "").strip()
    fact = Fact(subject, relation, passage.text[start:end], valid, passage.id, start, end)
    return Triplet(fact, span, extractor)


def _find(text: str, wanted: str) -> tuple[int, int] | None:
    """Where the words of `wanted` stand in the text, white space aside."""
    parts = wanted.split()
    if not parts:
        return None
    match = re.search(r"(?<!\w)" + r"\s+".join(map(re.escape, parts)) + r"(?!\w)", text)
    return match.span() if match else None
