"""What must be shown for a question to be answered, and how much of it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag_robust.metrics.answers import listed
from rag_robust.perturb.stated import states
from rag_robust.questions import Question
from rag_robust.questions.graph import Edge
from rag_robust.types import Corpus, Fact, Passage, Query

__all__ = [
    "Need",
    "answer_stated",
    "covered",
    "document",
    "facts",
    "gold",
    "judged",
    "needs",
    "saying",
    "wanted",
]


@dataclass(frozen=True, slots=True)
class Need:
    """One fact that an answer rests on: the passages that state it, `best` first to show, and its words.

    Without `forms`, spellings of the value, nothing is known of what the passage is judged relevant for.
    """

    best: str
    passages: frozenset[str]
    subjects: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    valid: str = ""


def needs(question: Question, corpus: Corpus) -> tuple[Need, ...]:
    """One per fact, in the order of reasoning. None for unanswerable questions.

    Where several answers are asked for, the facts behind all of them. Of a judged query no facts are known:
    each answer is one, stated by the relevant passages that say it, and every relevant passage that says
    none is another, for it is taken to lead there.
    """
    if not question.query.answers:
        return ()
    fact = question.fact
    if question.ways:
        return tuple(_of_edge(edge) for edge in _edges(question))
    if not fact.object:
        return _judged_needs(question, corpus)
    return (
        Need(fact.passage_id, frozenset(question.gold), (fact.subject,), question.query.answers, fact.valid),
    )


def wanted(query: Query) -> tuple[tuple[str, ...], ...]:
    """The answers of a query that belongs to a corpus, each with its spellings: one, or those of a list."""
    return tuple((member,) for member in listed(query.answers)) or (query.answers,)


def saying(forms: Sequence[str], gold: Sequence[str], corpus: Corpus) -> tuple[str, ...]:
    """Those of the passages that state an answer in one of its spellings."""
    return tuple(i for i in gold if any(_in(corpus.passages[i], form) for form in forms))


def facts(question: Question) -> tuple[Fact, ...]:
    """The facts an answer rests on, as the passages write them, in the order of reasoning."""
    if question.ways:
        return tuple(edge.fact for edge in _edges(question))
    return (question.fact,) if question.query.answers and question.fact.object else ()


def gold(question: Question, corpus: Corpus) -> list[Passage]:
    """The evidence: one passage per fact, in the order of reasoning, none twice."""
    return [corpus.passages[i] for i in dict.fromkeys(need.best for need in needs(question, corpus))]


def judged(corpus: Corpus, query_id: str) -> tuple[str, ...]:
    """The passages judged relevant to a query that the corpus has, the best grades first."""
    grades = corpus.qrels.get(query_id, {})
    found = [i for i, grade in grades.items() if grade > 0 and i in corpus.passages]
    return tuple(sorted(found, key=lambda i: (-grades[i], i)))


def covered(question: Question, shown: Sequence[Passage], corpus: Corpus) -> int:
    """How many of the needed facts the shown passages state.

    A passage that states a fact in the corpus, or a changed version or near copy of one, counts while it
    still holds the value; any other counts if it holds subject, value and date. Where the value is not known
    it counts as long as all its words are still there.
    *Source*: RARE's cells count as retrieved what holds any gold chunk; that is wrong of several hops.
    """
    return sum(any(_stated(need, p, corpus) for p in shown) for need in needs(question, corpus))


def answer_stated(question: Question, shown: Sequence[Passage]) -> bool:
    """Whether the shown passages together state a right answer: all that are asked for, in any spelling."""
    sets = question.answer_sets or ((question.query.answers,) if question.query.answers else ())
    texts = [p.full for p in shown]
    return bool(sets) and all(any(states(t, form) for t in texts for form in forms) for forms in sets)


def document(question: Question, corpus: Corpus) -> str:
    """The document that a question was written from, which is what passages share a title by."""
    passage_id = question.fact.passage_id
    passage = corpus.passages.get(passage_id)
    return (passage.title if passage else "") or passage_id


def _edges(question: Question) -> list[Edge]:
    ways = question.ways if len(question.answer_sets) > 1 else question.ways[:1]
    return list({edge.key: edge for way in ways for edge in way}.values())


def _judged_needs(question: Question, corpus: Corpus) -> tuple[Need, ...]:
    found = [(forms, saying(forms, question.gold, corpus)) for forms in wanted(question.query)]
    own = [Need(where[0], frozenset(where), (), forms) for forms, where in found if where]
    said = {i for need in own for i in need.passages}
    return (*own, *(Need(i, frozenset({i})) for i in question.gold if i not in said))


def _of_edge(edge: Edge) -> Need:
    subjects = tuple(dict.fromkeys((edge.fact.subject, edge.subject)))
    forms = tuple(dict.fromkeys((edge.fact.object, *edge.forms)))
    return Need(edge.fact.passage_id, edge.passages, subjects, forms, edge.valid)


def _stated(need: Need, passage: Passage, corpus: Corpus) -> bool:
    """Whether a passage, changed or not, states the fact; of its own passage, as much as it stated before."""
    own = passage.id if passage.id in corpus.passages else passage.id.rpartition("~")[0]
    before = corpus.passages[own] if own in need.passages else None
    if not need.forms:
        return before is not None and before.text in passage.text
    if before is None:
        parts = (need.forms, need.subjects, *([(need.valid,)] if need.valid else []))
        return all(any(_in(passage, form) for form in part) for part in parts)
    return any(_in(passage, form) for form in need.forms) and _still(passage, before, need.subjects)


def _still(passage: Passage, before: Passage, values: Sequence[str]) -> bool:
    """Whether it holds one of the values that its old version held, if that held any."""
    held = [value for value in values if _in(before, value)]
    return not held or any(_in(passage, value) for value in held)


def _in(passage: Passage, value: str) -> bool:
    return states(passage.full, value)
