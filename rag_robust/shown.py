"""What a question of a task is asked in and what is shown to answer it from, with notes on both."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from rag_robust import perturb
from rag_robust.asking import ask, each
from rag_robust.brought import named
from rag_robust.errors import SuiteError, nearest
from rag_robust.metrics.cells import FOR
from rag_robust.needs import answer_stated, covered, document, gold, needs
from rag_robust.questions import Question
from rag_robust.seeds import generator
from rag_robust.systems.pipeline import Pipeline
from rag_robust.text import changed_tokens
from rag_robust.types import Answer, Failure, Hit, Passage, Query
from rag_robust.worlds import World
from rag_robust.written import Sheet

__all__ = ["Case", "Desk", "check_documents", "over_evidence"]

Note = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Case:
    """One question on its way to a record.

    `sought` is the wording that passages are looked for with, `asked` the one that is answered. `shown` is
    None where nobody knows it: the system found passages by itself and answered from them.
    """

    question: Question
    asked: Query
    sought: Query
    notes: Mapping[str, Note]
    shown: tuple[Passage, ...] | None = None
    hits: tuple[Hit, ...] = ()
    answer: Answer | None = None
    failure: Failure | None = None


def check_documents(documents: str) -> None:
    """Refuse what cannot be shown.

    Raises:
        SuiteError: no operator of that name, or a parameter it does not have.
    """
    base, _, operator = _parts(documents)
    if base == "none":
        raise SuiteError('documents: "none", the closed book, is always asked once; leave it out')
    if operator and not named(operator):
        bare = operator.partition("?")[0]
        if ":" not in bare and bare.replace("-", "_") not in perturb.names("passages"):
            known = ["gold", "retrieved", *perturb.names("passages")]
            raise SuiteError(f'nothing called "{documents}" can be shown; {nearest(bare, known)}')
        perturb.load_document(operator)


def over_evidence(documents: str) -> bool:
    """Whether a condition shows the evidence, which unanswerable questions do not have."""
    return _parts(documents)[0] == "gold"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where questions are worded and passages laid out: a world, its questions, the seed of every choice."""

    world: World
    sheet: Sheet
    seed: int
    draws: str

    def asked(self, query: Query, form: str) -> Case:
        """A question in the words of a form, or dropped because it cannot be worded so."""
        question = self.sheet.by_id[query.id]
        case = Case(question, query, query, _about(question, self.world))
        if form == "original":
            return replace(case, notes={**case.notes, "asked": query.text})
        applied = self._brought(query, form) if named(form) else self._reworded(query, form)
        if applied.result is None:
            return _dropped(case, form, applied.reason)
        told: dict[str, Note] = {
            "asked": applied.result,
            "edits": applied.edits,
            "intensity": applied.intensity,
        }
        worded = replace(query, text=applied.result)
        return replace(case, asked=worded, sought=worded, notes={**case.notes, **told})

    def shown(self, cases: Sequence[Case], documents: str) -> list[Case]:
        """Every case with the passages of a condition; those that were dropped stay as they are."""
        base, other, operator = _parts(documents)
        if named(operator):
            lay = self._found_before if base == "retrieved" else self._changed_before
            return [self._looked_at(lay(case, named(operator))) for case in cases]
        if base == "retrieved":
            made = self._found([self._sought(case, other) if other else case for case in cases], operator)
        else:
            made = [self._laid_out(case, base) for case in cases]
        if operator and not (base == "retrieved" and _deeper(operator)):
            made = [self._changed(case, operator, documents) for case in made]
        return [self._looked_at(case) for case in made]

    def _reworded(self, query: Query, form: str) -> perturb.Applied[str]:
        rng = generator(self.seed, self.draws, form, query.id)
        return perturb.checked(perturb.load(form), query.text, rng, answers=query.answers, kind=form)

    def _brought(self, query: Query, form: str) -> perturb.Applied[str]:
        words = self.sheet.brought.forms(query.id).get(named(form))
        if words is None:
            return perturb.Applied(form, None, "the set has no such wording of the question")
        edits, longest = (
            changed_tokens(query.text, words),
            max(changed_tokens("", t) for t in (query.text, words)),
        )
        return perturb.Applied(form, words, edits=edits, intensity=edits / max(1, longest))

    def _changed_before(self, case: Case, name: str) -> Case:
        """The case with the evidence as the set has it changed."""
        found = self.sheet.brought.evidence(case.question.query.id, name, self.world.corpus)
        if case.failure is not None or found is None:
            return (
                case if case.failure else _dropped(case, name, "the set has no such passages of the question")
            )
        return replace(case, shown=found)

    def _found_before(self, case: Case, name: str) -> Case:
        """The case with what a retriever of the set's own found for its words."""
        passages = self.world.corpus.passages
        ids = self.sheet.brought.found(case.question.query, case.sought.text, name)
        if case.failure is not None or ids is None:
            return (
                case if case.failure else _dropped(case, name, "the set has nothing found for this wording")
            )
        if any(i not in passages for i in ids):
            return _dropped(case, name, "what was found is not in the corpus")
        hits = tuple(Hit(i, 1 / rank) for rank, i in enumerate(ids, 1))
        return replace(case, hits=hits, shown=tuple(passages[i] for i in ids))

    def _laid_out(self, case: Case, base: str) -> Case:
        if case.failure is not None or base == "none":
            return replace(case, shown=())
        if not needs(case.question, self.world.corpus):
            return _dropped(case, "gold", "no evidence: the question has no answer")
        return replace(case, shown=tuple(gold(case.question, self.world.corpus)))

    def _sought(self, case: Case, form: str) -> Case:
        """The same question, with passages looked for in the words of another form."""
        other = self.asked(case.question.query, form)
        if other.failure is not None:
            return _dropped(case, form, other.failure.message)
        return replace(case, sought=other.asked)

    def _found(self, cases: Sequence[Case], operator: str) -> list[Case]:
        """Every case with what the system finds for it; a system that is no pipeline answers at once."""
        system = self.world.system
        todo = [case for case in cases if case.failure is None]
        sought = [case.sought for case in todo]
        if isinstance(system, Pipeline):
            found = each(system.find, sought) if sought else []
        elif operator or any(case.sought != case.asked for case in todo):
            found = [Failure("not_applicable", _CANNOT)] * len(todo)
        else:
            found = ask(system, sought) if sought else []
        done = iter([self._with_hits(case, one, operator) for case, one in zip(todo, found, strict=True)])
        return [case if case.failure is not None else next(done) for case in cases]

    def _with_hits(self, case: Case, found: Answer | Failure, operator: str) -> Case:
        system = self.world.system
        if isinstance(found, Failure):
            return replace(case, failure=found)
        if not isinstance(system, Pipeline):
            return replace(case, hits=found.hits, answer=found)
        n = _deeper(operator) or system.context
        if len(found.hits) < n and _deeper(operator):
            return _dropped(case, operator, "not applicable")
        return replace(case, hits=found.hits, shown=tuple(system.shown(found.hits[:n])))

    def _changed(self, case: Case, operator: str, documents: str) -> Case:
        """The case with its passages changed, or dropped with the promise that was broken."""
        if case.failure is not None or case.shown is None:
            return case
        query, known = _with_spellings(case.question), self.sheet.known
        dice = generator(self.seed, self.draws, "planted", query.id)
        if perturb.bare(operator) in _FALSE and case.question.asks and case.question.asks.op in _CHOICES:
            return _dropped(case, operator, "no rival: the question names what there is to choose from")
        value, given = perturb.planted(operator, case.shown, query, dice, known)
        rng = generator(self.seed, self.draws, documents, query.id)
        change = perturb.load_document(operator, **given)
        applied = perturb.checked_passages(change, case.shown, query, rng, known, kind=operator)
        if applied.result is None:
            return _dropped(case, operator, applied.reason)
        told: dict[str, Note] = {"edits": applied.edits, "intensity": applied.intensity}
        if value:
            told |= {"planted": value, "plants": perturb.PLANTS[perturb.bare(operator)]}
        return replace(case, shown=applied.result, notes={**case.notes, **told})

    def _looked_at(self, case: Case) -> Case:
        """The case with what its passages hold of what the answer needs."""
        if case.failure is not None or case.shown is None:
            return case
        told = {
            "shown": len(case.shown),
            "covered": covered(case.question, case.shown, self.world.corpus),
            "states": answer_stated(case.question, case.shown),
        }
        return replace(case, notes={**case.notes, **told})


_FALSE, _CHOICES = ("contradicting", "counterfactual", "stale"), ("highest", "lowest")
_CANNOT = "what the system finds cannot be changed before it reads it"


def _about(question: Question, world: World) -> dict[str, Note]:
    """What is the same under all conditions."""
    needed = needs(question, world.corpus)
    return {
        "pattern": question.pattern,
        "hops": len(needed) or question.hops,
        "source": document(question, world.corpus),
        "unanswerable": not question.query.answers,
        "needs": json.dumps([sorted(need.passages) for need in needed]),
    }


def _dropped(case: Case, operator: str, reason: str) -> Case:
    notes = {**case.notes, "dropped": operator}
    return replace(case, failure=Failure("not_applicable", reason), notes=notes)


def _with_spellings(question: Question) -> Query:
    """The question's query with every spelling of every answer; a list of answers is none of them."""
    forms = (form for one in question.answer_sets for form in one)
    return replace(question.query, answers=tuple(dict.fromkeys(forms)) or question.query.answers)


def _parts(documents: str) -> tuple[str, str, str]:
    """Where passages come from, the form they are retrieved for if that is another one, and the operator."""
    if documents in ("none", "gold", "retrieved"):
        return documents, "", ""
    if documents.startswith(f"retrieved{FOR}"):
        return "retrieved", documents.removeprefix(f"retrieved{FOR}"), ""
    if documents.startswith("retrieved+"):
        return "retrieved", "", documents.removeprefix("retrieved+")
    return "gold", "", documents


@cache
def _deeper(operator: str) -> int:
    """How many hits are shown where the operator is a cut of the ranking; 0 where it is none."""
    if perturb.bare(operator) != "top":
        return 0
    given = getattr(perturb.load_document(operator), "keywords", {})
    return int(given.get("k", inspect.signature(perturb.load_document("top")).parameters["k"].default))
