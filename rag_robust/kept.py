"""Questions of a written set, asked over the corpus as it is now."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from rag_robust.errors import CorpusError
from rag_robust.metrics.answers import listed
from rag_robust.questions import Question, QuestionSet
from rag_robust.questions.ask import GraphQuery, Hop, from_json, is_variable
from rag_robust.questions.compose import composed
from rag_robust.questions.draft import Draft
from rag_robust.questions.graph import Edge, FactGraph
from rag_robust.questions.mentions import holds, spelled
from rag_robust.questions.names import key
from rag_robust.questions.rare_format import RareRecord, read_records, records_in, ways, write_records
from rag_robust.questions.relations import merged
from rag_robust.questions.values import alike, read
from rag_robust.questions.verbalise import Verbaliser
from rag_robust.questions.wordings import WORDS
from rag_robust.questions.world import World
from rag_robust.types import Corpus, Fact, Query

__all__ = ["as_before", "kept", "older", "redrafted", "same_answers", "since"]

Redraft = Callable[[RareRecord], Draft | None]


def kept(place: str, corpus: Corpus, n: int | None, prepared: Callable[[], World]) -> QuestionSet:
    """At most `n` questions of a folder that `rag-robust questions` wrote, or of a file in RARE's format.

    A question of ours is asked of the corpus' graph again, and if it has no answer of the text too: it keeps
    its id and its words, and is dropped as "superseded" if its answer is another one now, or with the reason
    why it can no longer be asked. Records without a graph query, such as RARE's own, are taken at their word;
    their passages must be there.

    Raises:
        CorpusError: there is no such set, or none of it can be asked of this corpus.
    """
    path = records_in(place)
    dropped: Counter[str] = Counter()
    questions: list[Question] = []
    redraft: Redraft | None = None
    for record in read_records(path):
        if len(questions) == n:
            break
        if record.more.get("graph_query"):
            redraft = redraft or redrafted(prepared().graph)
            found = _again(record, redraft, prepared())
        else:
            found = _as_told(record, corpus)
        if isinstance(found, str):
            dropped[found] += 1
        else:
            questions.append(found)
    if not questions:
        raise CorpusError(
            f"{path}: no question can be asked of this corpus (dropped: {dict(dropped)}); is it the one "
            "they were written from?"
        )
    return QuestionSet(tuple(questions), dict(sorted(dropped.items())), len(questions))


def redrafted(graph: FactGraph) -> Redraft:
    """From a record of ours to the draft that asks the same of this graph; None for records of others.

    A graph writes a thing by its most frequent name and a value as its passages do, so the same query has
    other terms once there are other passages: names are found by their aliases, values by what they mean.
    """
    names = {key(form): shown for shown, forms in graph.aliases.items() for form in forms}
    names |= {key(shown): shown for shown in graph.aliases}
    values: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        for meant in {_meant(form) for form in (edge.object, *edge.forms)}:
            values[edge.relation, meant].append(edge)
    related = cache(partial(_relation, graph))

    def name(term: str) -> str:
        return term if is_variable(term) else names.get(key(term), term)

    def now(hop: Hop) -> Hop:
        relation, thing = related(hop.relation), hop.object
        if not hop.test and not is_variable(thing):
            alike = (e.object for e in values[relation, _meant(thing)] if _same(e.object, thing))
            thing = next(alike, name(thing))
        return replace(hop, subject=name(hop.subject), relation=relation, object=thing)

    def draft(record: RareRecord) -> Draft | None:
        held = record.more.get("graph_query")
        if not held:
            return None
        old = from_json(held)
        query = replace(
            old,
            hops=tuple(map(now, old.hops)),
            differ=tuple((name(a), name(b)) for a, b in old.differ),
        )
        pattern, kind = str(record.more.get("pattern", "single")), str(record.more.get("kind", ""))
        return Draft(pattern, kind, query, None if record.answers else _near(graph, query))

    return draft


def as_before(record: RareRecord, question: Question) -> Question:
    """The question with the id and the words it was written with; its answer's old spellings come first.

    It has new words where the old ones give the answer away now, or ask for one where several are right.
    """
    words, answers = record.question, question.query.answers
    forms = [form for names in question.answer_sets for form in names]
    chosen = question.asks is not None and question.asks.op in ("highest", "lowest")
    given_away = not chosen and any(holds(words, form) for form in forms)
    if given_away or bool(listed(record.answers)) != bool(listed(answers)):
        words = question.query.text
    if same_answers(record.answers, answers):
        answers = record.answers if listed(answers) else tuple(dict.fromkeys((*record.answers, *answers)))
    return replace(question, query=replace(question.query, id=record.id, text=words, answers=answers))


def same_answers(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two answer keys mean the same: one spelling in common, or the members of a list one by one.

    Names are compared by their normal form, numbers and dates by value, units where both are told.
    """
    members, others = listed(one), listed(other)
    if members or others:
        return len(members) == len(others) and all(any(_same(a, b) for b in others) for a in members)
    return tuple(one) == tuple(other) or any(_same(a, b) for a in one for b in other)


def older(folder: Path | None) -> list[RareRecord]:
    """The records of an earlier run; none without one.

    Raises:
        CorpusError: the folder has none.
    """
    if folder is None:
        return []
    path = folder / "questions.jsonl"
    if not path.is_file():
        raise CorpusError(
            f"expected {path} to compare with, got no such file; give the folder of an earlier run"
        )
    return read_records(path)


def since(old: Sequence[RareRecord], records: Sequence[Mapping[str, Any]], out: Path) -> dict[str, int]:
    """How many questions stayed, changed, went and came; the changed ones are written down."""
    new = {record["id"]: record for record in records}
    same = [r for r in old if r.id in new and same_answers(r.answers, new[r.id]["answers"])]
    changed = [r for r in old if r.id in new and not same_answers(r.answers, new[r.id]["answers"])]
    gone = [r for r in old if r.id not in new]
    rows = [
        {
            "id": r.id,
            "question": r.question,
            "answer": r.answer,
            "superseded_by": {"answer": new[r.id]["answer"], "gold": new[r.id]["gold"]}
            if r.id in new
            else None,
        }
        for r in [*changed, *gone]
    ]
    write_records(rows, out / "superseded.jsonl")
    known = {r.id for r in old}
    return {
        "unchanged": len(same),
        "superseded": len(changed),
        "withdrawn": len(gone),
        "new": sum(record["id"] not in known for record in records),
    }


def _same(one: str, other: str) -> bool:
    a, b = read(one), read(other)
    return _meant(one) == _meant(other) and (not a.unit or not b.unit or alike(a.unit, b.unit))


def _meant(written: str) -> str:
    """What equal values share, units aside."""
    value = read(written)
    return f"{value.kind} {key(written) if value.kind == 'name' else value.key}"


def _relation(graph: FactGraph, old: str) -> str:
    """The name of a relation in the graph: its own, or that of the group that it joins."""
    known = {spelled(name): name for name in graph.relations}
    if spelled(old) in known or not known:
        return known.get(spelled(old), old)
    return merged({old: 0} | dict.fromkeys(graph.relations, 1))[old]


def _near(graph: FactGraph, query: GraphQuery) -> Edge | None:
    """A fact about the thing that an absent fact is asked of, or the one that describes it."""
    first, last = query.hops[0], query.hops[-1]
    if is_variable(last.subject):
        found = graph.get("rot", first.relation, first.object, first.valid)
    else:
        found = graph.get("sr", last.subject, last.relation) or graph.get("s", last.subject)
    return found[0] if found else None


def _again(record: RareRecord, redraft: Redraft, world: World) -> Question | str:
    """The question as graph and text answer it now, or why it falls."""
    draft = redraft(record)
    if draft is None:
        return "it asks nothing of the graph"
    verbaliser = Verbaliser(world.graph, 0, world.articled, WORDS)
    found = composed(world, verbaliser, draft, text=record.question)
    if isinstance(found, str):  # the old words may write a name as the graph no longer does
        found = composed(world, verbaliser, draft)
    if isinstance(found, str):
        return "superseded" if found == "the graph answers it" else found
    return as_before(record, found) if same_answers(record.answers, found.query.answers) else "superseded"


def _as_told(record: RareRecord, corpus: Corpus) -> Question | str:
    if any(passage_id not in corpus.passages for passage_id in record.gold) or not record.gold:
        return "its passages are not in the corpus"
    fact = Fact("", "", "", "", record.gold[0], 0, 0)
    pattern = record.multi_hop_type.replace("_", " ") or "single"
    query = Query(record.id, record.question, record.answers)
    return Question(query, fact, record.gold, pattern, ways=ways(record, corpus))
