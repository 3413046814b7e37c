"""Single-hop questions: one fact from a table, one question, every passage that answers it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import combinations
from typing import TypeVar

from numpy.random import Generator

from rag_robust.errors import CorpusError, UsageError
from rag_robust.questions import check, write
from rag_robust.questions.question import Question, QuestionSet
from rag_robust.questions.tables import tables
from rag_robust.questions.triplets import Stated, stated
from rag_robust.questions.values import alike, read
from rag_robust.seeds import digest
from rag_robust.text import STOP_WORDS, normalise, words
from rag_robust.types import Corpus, Fact, Query

__all__ = ["synthesise"]

T = TypeVar("T")
_Asked = tuple[str, str, str]
"""What one can ask for: (subject, relation, valid), normalised."""


def synthesise(
    corpus: Corpus,
    n: int,
    *,
    rng: Generator,
    extra_checks: Sequence[check.Check] = (),
) -> QuestionSet:
    """At most `n` questions with verified answers from the tables of the corpus.

    Relations take turns, and within a relation the subjects do, so a long table cannot crowd out
    the rest. Dropped, with a counted reason: what has two different values in the corpus ("not
    unique"), what fails `check.CHECKS` or one of `extra_checks` (reason, what must hold), and
    questions asked already. Every passage that states the fact is gold, also in prose: there, one
    that holds subject, date, value and the words of the relation. The result depends on the
    content of the corpus and the generator, not on the order of passages.

    *Source*: RARE-Get (arXiv 2506.00789), single hop. There a language model extracts, writes and
    judges; here the table is the answer key, so no question can have a wrong one.

    Raises:
        UsageError: `n` is below 1.
        CorpusError: the tables give no fact, or no question passes the checks.
    """
    if n < 1:
        raise UsageError(f"expected to be asked for at least 1 question, got {n}")
    groups = _grouped(corpus)
    prose = _Prose(corpus, {one.fact.passage_id for group in groups.values() for one in group})
    questions: list[Question] = []
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    for group in _in_turn(groups, rng):
        if len(questions) == n:
            break
        question = _question(group, prose, rng)
        why = _why_not(question, group, seen, (*check.CHECKS, *extra_checks))
        if why is None:
            seen |= {normalise(question.query.text), question.query.id}
            questions.append(question)
        else:
            dropped[why] += 1
    if not questions:
        told = ", ".join(f"{count} {why}" for why, count in sorted(dropped.items()))
        raise CorpusError(f"no question passes the checks (dropped: {told}); use a corpus with other tables")
    return QuestionSet(tuple(questions), dict(sorted(dropped.items())), n)


def _grouped(corpus: Corpus) -> dict[_Asked, list[Stated]]:
    """Facts by what one can ask for, in an order that the passages' order cannot change."""
    found = stated(corpus)
    if not found:
        n_tables = sum(1 for passage in corpus.passages.values() for _ in tables(passage.text))
        raise CorpusError(
            f"found no fact in {len(corpus.passages)} passages: looked for markdown tables (| header |, "
            f"| --- |, rows) under a line that says whom they are about, and found {n_tables}; "
            "put the tables of the source into the passages"
        )
    groups: defaultdict[_Asked, list[Stated]] = defaultdict(list)
    for one in sorted(found, key=lambda s: (_asked(s.fact), s.fact.object, s.fact.passage_id, s.fact.start)):
        groups[_asked(one.fact)].append(one)
    return dict(groups)


def _asked(fact: Fact) -> _Asked:
    return normalise(fact.subject), normalise(fact.relation), fact.valid


def _in_turn(groups: dict[_Asked, list[Stated]], rng: Generator) -> Iterator[list[Stated]]:
    """Every group once: relation after relation, and within each, subject after subject."""
    by_relation: defaultdict[str, defaultdict[str, list[_Asked]]] = defaultdict(lambda: defaultdict(list))
    for key in groups:
        by_relation[key[1]][key[0]].append(key)
    queues = [
        _interleaved([_shuffled(keys, rng) for keys in _shuffled([*subjects.values()], rng)])
        for subjects in _shuffled([*by_relation.values()], rng)
    ]
    for key in _interleaved(queues):
        yield groups[key]


def _shuffled(items: Sequence[T], rng: Generator) -> list[T]:
    return [items[i] for i in rng.permutation(len(items))]


def _interleaved(queues: Sequence[Sequence[T]]) -> list[T]:
    """The first of each, then the second of each, and so on."""
    longest = max(map(len, queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)]


def _question(group: Sequence[Stated], prose: _Prose, rng: Generator) -> Question:
    fact = group[0].fact
    query_id = f"economy-q-{digest(fact.subject, fact.relation, fact.object, fact.valid)[:8]}"
    answers = dict.fromkeys(answer for one in group for answer in write.answers(one))
    gold = {one.fact.passage_id for one in group} | prose.stating(fact)
    return Question(Query(query_id, write.question(fact, rng), tuple(answers)), fact, tuple(sorted(gold)))


def _why_not(
    question: Question, group: Sequence[Stated], seen: set[str], checks: Sequence[check.Check]
) -> str | None:
    units = {unit for one in group if (unit := read(one.fact.object, one.unit).unit)}
    one_unit = all(alike(a, b) for a, b in combinations(units, 2))
    if not one_unit or len({_value(one.fact.object) for one in group}) > 1:
        return "not unique"
    if normalise(question.query.text) in seen or question.query.id in seen:
        return "duplicate question"
    return check.reason(question, checks)


def _value(written: str) -> str:
    """One spelling for equal numbers ("57.10" and "57.1"), the normal form of anything else."""
    try:
        return str(Decimal(written.replace(",", "")).normalize())
    except InvalidOperation:
        return normalise(written)


class _Prose:
    """The passages that gave no facts, by word, to find those that state a fact all the same."""

    def __init__(self, corpus: Corpus, tabled: set[str]) -> None:
        self._texts = {i: p.full for i, p in corpus.passages.items() if i not in tabled}
        self._holding: defaultdict[str, set[str]] = defaultdict(set)
        for passage_id, text in self._texts.items():
            for word in words(normalise(text)):
                self._holding[word].add(passage_id)

    def stating(self, fact: Fact) -> set[str]:
        """Passages that hold subject, date and value, and every content word of the relation."""
        phrases = [part for part in (fact.object, fact.subject, fact.valid) if part]
        needed = {word for part in (*phrases, fact.relation) for word in words(normalise(part))}
        sets = [self._holding.get(word, set()) for word in needed - STOP_WORDS]
        near = set.intersection(*sets) if sets else set()
        return {i for i in near if all(check.phrase_in(self._texts[i], part) for part in phrases)}
