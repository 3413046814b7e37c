"""The questions of a task: written from tables or from a graph of facts, or those a corpus comes with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from rag_robust.brought import NOTHING, Brought, brought
from rag_robust.errors import CorpusError, SuiteError, nearest
from rag_robust.kept import kept
from rag_robust.needs import facts, judged, needs, saying, wanted
from rag_robust.perturb import Known, known
from rag_robust.perturb.document import evidence_removed, lexically_different
from rag_robust.perturb.stated import states
from rag_robust.questions import Question, QuestionSet, synthesise
from rag_robust.questions.draft import PATTERNS
from rag_robust.questions.quota import SHARES, write_questions
from rag_robust.questions.triplets import stated
from rag_robust.questions.world import World
from rag_robust.seeds import generator
from rag_robust.task import OWN, Task
from rag_robust.types import Corpus, Fact, Passage, Query

__all__ = ["Sheet", "check_patterns", "sheet"]

_USUAL = 20


@dataclass(frozen=True, slots=True)
class Sheet:
    """The questions of a task by id, in the order they are asked in, and what operators may know.

    `brought` are wordings and passages that a set has of its own.
    """

    written: QuestionSet
    by_id: Mapping[str, Question]
    known: Known
    brought: Brought = NOTHING


def sheet(corpus: Corpus, task: Task, seed: int, prepared: Callable[[], World]) -> Sheet:
    """The questions of a task over a corpus; `prepared` reads the corpus for its facts.

    Raises:
        CorpusError: none can be asked.
        SuiteError: forms or documents are to come with a set that does not have them.
    """
    if task.questions == OWN:
        return _sheet(_own(corpus, task), known(corpus))
    if task.kept:
        found = kept(task.kept, corpus, task.limit, prepared)
        told = [one.fact for one in prepared().triplets] if any(q.asks for q in found.questions) else []
    elif not task.patterns:
        found, told = _tabled(corpus, task, seed), [one.fact for one in stated(corpus)]
    else:
        world = prepared()
        found = write_questions(world, _count(task), seed=seed, shares=_shares(task))
        told = [one.fact for one in world.triplets]
    behind = {q.query.id: borne for q in found.questions if (borne := facts(q))}
    own = brought(task) if task.kept else NOTHING
    return replace(_sheet(found, known(corpus, told, behind=behind)), brought=own)


def check_patterns(task: Task) -> None:
    """Refuse patterns that there are not.

    Raises:
        SuiteError: names the nearest.
    """
    for name in _shares(task):
        if name not in PATTERNS:
            raise SuiteError(f'task "{task.name}": no pattern "{name}"; {nearest(name, PATTERNS)}')


def _sheet(found: QuestionSet, world: Known) -> Sheet:
    return Sheet(found, {q.query.id: q for q in found.questions}, world)


def _shares(task: Task) -> dict[str, float]:
    """Of each pattern so much, in proportion."""
    if isinstance(task.patterns, Mapping):
        return {name: float(n) for name, n in task.patterns.items()}
    return {name: SHARES.get(name, 0.0) for name in (SHARES if task.patterns == "all" else task.patterns)}


def _count(task: Task) -> int:
    """The task's limit, else the sum of its counts, else 20."""
    given = list(task.patterns.values()) if isinstance(task.patterns, Mapping) else []
    counted = sum(int(n) for n in given) if given and min(given) >= 1 else _USUAL
    return task.limit or counted


def _own(corpus: Corpus, task: Task) -> QuestionSet:
    """The corpus' queries whose judged passages state every answer that is asked for, in id order.

    Those that rest on one passage and on several take turns, so that a limit leaves some of both.
    """
    dropped: Counter[str] = Counter()
    single, several = [], []
    for query in (corpus.queries[i] for i in sorted(corpus.queries)):
        gold = judged(corpus, query.id)
        fault = _unfit(query, gold, corpus)
        if fault:
            dropped[fault] += 1
            continue
        nobody = Fact("", "", "", "", gold[0], 0, 0)
        question = Question(query, nobody, gold, answer_sets=wanted(query))
        if len({need.best for need in needs(question, corpus)}) == 1:
            single.append(question)
        else:
            several.append(replace(question, pattern="several passages"))
    questions = [q for pair in zip_longest(single, several) for q in pair if q is not None]
    if not questions:
        raise CorpusError(
            f'task "{task.name}": no query of the corpus can be asked (dropped: {dict(dropped)}); '
            "it needs answers, and judged passages that state them"
        )
    asked = questions[: task.limit]
    return QuestionSet(tuple(asked), dict(sorted(dropped.items())), len(asked))


def _unfit(query: Query, gold: Sequence[str], corpus: Corpus) -> str:
    """Why a query of the corpus cannot be asked, or ""."""
    if not query.answers:
        return "no answer"
    if not gold:
        return "no judged passage"
    if {answer.casefold() for answer in query.answers} & {"yes", "no"}:
        return "no passage says yes or no"
    missing = not all(saying(forms, gold, corpus) for forms in wanted(query))
    return "its passages do not state the answer" if missing else ""


def _tabled(corpus: Corpus, task: Task, seed: int) -> QuestionSet:
    """Questions written from the corpus that every document condition of the task applies to."""

    def gold(question: Question) -> Passage:
        return corpus.passages[question.fact.passage_id]

    def quiet_title(question: Question) -> bool:
        return not any(states(gold(question).title, answer) for answer in question.query.answers)

    def removable(question: Question) -> bool:
        return evidence_removed(gold(question).text, question.query.answers) is not None

    def rewordable(question: Question) -> bool:
        rng = generator(seed, "rewordable", question.query.id)
        return lexically_different(gold(question).text, question.query.answers, rng) is not None

    return synthesise(
        corpus,
        task.limit or _USUAL,
        rng=generator(seed, "questions", task.name),
        extra_checks=(
            ("title states the answer", quiet_title),
            ("evidence cannot be removed", removable),
            ("passage cannot be worded differently", rewordable),
        ),
    )
