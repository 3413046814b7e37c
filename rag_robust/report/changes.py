"""Changes as the page tells them: the texts put in or edited, and what they cost the attacker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from rag_robust.report.words import cut, figure
from rag_robust.store import change_from_json
from rag_robust.types import Change, Corpus, Passage

__all__ = ["Piece", "Told", "Written", "differing", "edits", "on_ids", "spent", "told"]

Piece = tuple[str, bool]
"""A part of a text, and whether it is what was changed."""

_TOKEN = re.compile(r"\s+|\w+|[^\w\s]")
_LONGEST = 4000
_QUERIES = 50
_MEASURED = (
    ("held_out", "mean similarity to the judged queries"),
    ("norm", "length of its vector before any scaling"),
    ("norm_percentile", "share of passages with a shorter vector"),
    ("surprise", "surprise in nats per token"),
    ("surprise_percentile", "share of passages that surprise less"),
)


@dataclass(frozen=True, slots=True)
class Written:
    """A passage an attacker wrote; `facts` are (words, figure)."""

    title: str
    pieces: tuple[Piece, ...]
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """A change: passages written, queries the attacker knew, effort, or why there is no change."""

    name: str
    written: tuple[Written, ...]
    known: tuple[str, ...]
    n_known: int
    effort: tuple[str, ...]
    failure: str


def told(name: str, body: Mapping[str, Any], corpus: Corpus) -> Told:
    """A stored change in words."""
    change = change_from_json(body["change"]) if "change" in body else Change()
    facts = body.get("facts") or {}
    failure = body.get("failure") or {}
    known = body.get("known") or []
    return Told(
        name,
        (*_inserted(change, facts, on_ids(body), len(known)), *edits(change, corpus)),
        tuple(cut(text, 200) for text in known[:_QUERIES]),
        len(known),
        tuple(_effort(body)),
        str(failure.get("message", "")),
    )


def spent(body: Mapping[str, Any]) -> dict[str, float]:
    """What making a change took: steps, sequences forward and backward, tokens, flops, seconds.

    Changes made before version 2 counted a gradient as a backward pass alone, and no text that was embedded
    or read by a language model; the first is mended here, the second is not known.
    """
    work = {name: value for name, value in (body.get("work") or {}).items() if name != "version"}
    if work and "version" not in body["work"]:
        work["forwards"] += work["backwards"]
    whole = [note["steps"] for note in [body.get("notes") or {}] if _counts(note.get("steps"))]
    each = [note["steps"] for note in _noted(body) if _counts(note.get("steps"))]
    return {"steps": sum(whole or each), **work}


def on_ids(body: Mapping[str, Any]) -> list[float]:
    """What each passage was worth to the attack itself, on token ids; empty if it does not work on them."""
    return [note["objective_ids"] for note in _noted(body) if _counts(note.get("objective_ids"))]


def _counts(value: object) -> bool:
    return isinstance(value, int | float)


def _noted(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What an attack noted of each passage; a person's own may note anything."""
    notes = body.get("notes")
    passages = notes.get("passages") if isinstance(notes, dict) else None
    return [note for note in passages if isinstance(note, dict)] if isinstance(passages, list) else []


def edits(change: Change, corpus: Corpus) -> Iterator[Written]:
    """Edited passages, with what is new in them marked."""
    for passage_id, passage in change.edited.items():
        before = corpus.passages.get(passage_id, Passage(passage_id, ""))
        yield Written(passage.title or passage_id, differing(before.text, passage.text[:_LONGEST]))


def differing(before: str, after: str) -> tuple[Piece, ...]:
    """The later text in pieces, those that the earlier one does not have marked.

    >>> differing("the cat sat", "the dog sat")
    (('the ', False), ('dog', True), (' sat', False))
    """
    a, b = _TOKEN.findall(before), _TOKEN.findall(after)
    steps = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return tuple(("".join(b[start:end]), tag != "equal") for tag, _, _, start, end in steps if end > start)


def _inserted(
    change: Change, facts: Mapping[str, Any], goals: Sequence[float], n_known: int
) -> Iterator[Written]:
    cosines = facts.get("cosine") or []
    for place, passage in enumerate(change.inserted):
        said = []
        if place < len(cosines) and "ceiling" in facts:
            said += _reached(facts, place, n_known)
        if len(goals) == len(change.inserted):
            said.append(("the attack's own goal, on token ids", figure(goals[place])))
        said += [(words, figure(float(facts[name][place]))) for name, words in _MEASURED if name in facts]
        yield Written(passage.title or passage.id, ((passage.text[:_LONGEST], False),), tuple(said))


def _reached(facts: Mapping[str, Any], place: int, n_known: int) -> list[tuple[str, str]]:
    """How near a passage came, and for cosines how near any could: their mean is at most the ceiling."""
    cosine, ceiling = float(facts["cosine"][place]), float(facts["ceiling"])
    if n_known == 1:
        return [("cosine to the known query", figure(cosine))]
    if facts.get("similarity") == "dot":
        mean = figure(float(facts["held_in"][place]))
        return [("mean similarity to the known queries", mean), ("cosine to their centre", figure(cosine))]
    return [
        ("mean cosine to the known queries", figure(cosine * ceiling)),
        ("the most any passage could have", figure(ceiling)),
        ("cosine to their centre", figure(cosine)),
    ]


def _effort(body: Mapping[str, Any]) -> Iterator[str]:
    if "calls" in body:
        yield f"{body['calls']:,} texts sent to the system"
    if "seconds" in body:
        yield f"made in {figure(float(body['seconds']))} s"
    work = spent(body)
    if work.get("cpu_s"):
        yield f"{figure(work['cpu_s'])} of them the processor's"
    if work["steps"]:
        yield f"{work['steps']:,.0f} steps"
    if work.get("forwards"):
        forth, back = work["forwards"], work["backwards"]
        yield f"{forth:,.0f} token sequences through its models, {back:,.0f} of them back"
        yield f"{work['tokens']:,.0f} tokens, {work['flops']:.2g} operations"
    if rate := (body.get("facts") or {}).get("poisoning_rate"):
        yield f"{float(rate):.2g} passages per passage of the corpus"
