"""From a graph query to an English question: the query says what, the wordings say how."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from rag_robust.questions.ask import GraphQuery, Hop, is_variable
from rag_robust.questions.general_wordings import general
from rag_robust.questions.graph import FactGraph
from rag_robust.questions.wordings import WORDS, Words, plural

__all__ = ["Verbaliser"]

_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_TENSES = ({"is": "is", "has": "has", "does": "does"}, {"is": "was", "has": "had", "does": "did"})

_COMPARED = (
    "Which {kind} {more}: {a} or {b}?",
    "Which of {a} and {b} {more}?",
    "Of {a} and {b}, which {more}?",
)
_YEARS = (
    "In which year was the {noun} of {s} {more}: {a} or {b}?",
    "Was the {noun} of {s} {more} in {a} or in {b}?",
)
_TIMES: Mapping[str, tuple[str, ...]] = {
    "as of": (
        "As of {b}, what was the most recent figure on record for the {noun} of {s}?",
        "What was the latest figure that the documents gave for the {noun} of {s} up to {b}?",
    ),
    "before": (
        "What was the last figure recorded for the {noun} of {s} before {b}?",
        "Which figure do the documents give for the {noun} of {s} at the last date before {b}?",
    ),
    "after": (
        "What was the first figure recorded for the {noun} of {s} after {b}?",
        "Which figure do the documents give for the {noun} of {s} at the first date after {b}?",
    ),
    "previous": (
        "Which figure for the {noun} of {s} was superseded by {o}?",
        "Which figure for the {noun} of {s} was on record before {o} superseded it?",
    ),
    "next": (
        "Which figure for the {noun} of {s} superseded {o}?",
        "Which figure was recorded next, after {o}, for the {noun} of {s}?",
    ),
}
_WHICH = (
    "Which {kind} covered by the documents {preds}?",
    "Of the {kinds} in the documents, which one {preds}?",
    "Among the {kinds} that the documents cover, which one {preds}?",
)
_OTHER = (
    "Which other {kind} covered by the documents {preds}?",
    "Of the other {kinds} in the documents, which one {preds}?",
)
_EVERY = ("Name every {other}{kind} in the documents that {preds}.",)


@dataclass(frozen=True, slots=True)
class Verbaliser:
    """Writes questions; which of the wordings is taken depends on the seed and the query's id alone."""

    graph: FactGraph
    seed: int
    articled: frozenset[str] = frozenset()
    wordings: Mapping[str, Words] = field(default_factory=lambda: WORDS)

    def question(self, query: GraphQuery, query_id: str, *, several: bool = False) -> str:
        """The question; `several` if it has more than one answer, all of which are asked for."""
        text = _Sentence(self, query, query_id).question(several)
        text = re.sub(r"\s+([?.,;:])", r"\1", " ".join(text.split()))
        text = re.sub(r"\b((?:than|exactly) 1 [a-z]+)s\b", r"\1", text)
        return text[:1].upper() + text[1:]

    def name(self, name: str) -> str:
        """A name inside a sentence, with its article if it takes one."""
        return f"the {name}" if name in self.articled else name

    def words(self, relation: str, *, dated: bool = True) -> Words:
        """The wordings of a relation, its own or general ones; ours of dated facts ask for no others."""
        found = self.wordings.get(relation)
        if found and (dated or found is not WORDS.get(relation) or "{when}" not in found.ask[0]):
            return found
        return _general(relation, self.graph.value_kind(relation, counts=True))

    def bound(self, relation: str, bound: str) -> str:
        """A bound as it is said: "8 million people"."""
        sample = self.graph.get("r", relation)[0].object
        unit = re.sub(r"^[^A-Za-z%]*", "", sample)
        number = Decimal(bound).scaleb(-_SCALES.get(unit.partition(" ")[0], 0)).normalize()
        return f"{number:,f}{'' if unit == '%' else ' '}{unit}".strip()


@lru_cache(maxsize=4096)
def _general(relation: str, kind: str) -> Words:
    return general(relation, kind)


class _Sentence:
    """One question in the making; every hop is said once."""

    def __init__(self, verbaliser: Verbaliser, query: GraphQuery, query_id: str) -> None:
        self.v, self.query, self.id = verbaliser, query, query_id
        self.said: set[int] = set()

    def question(self, several: bool) -> str:
        if self.query.op in ("highest", "lowest"):
            return self._compared()
        if self.query.op:
            return self._in_time()
        find = self.query.find
        asked = [
            i for i, hop in enumerate(self.query.hops) if hop.object == find and not self._is_subject(find)
        ]
        return self._value(asked[-1], several) if asked else self._which(several)

    def _is_subject(self, term: str) -> bool:
        return any(hop.subject == term for hop in self.query.hops)

    def _pick(self, options: Sequence[str], slot: str) -> str:
        """One of the options, by a hash: the same question gets the same words in every run."""
        if len(options) == 1:
            return options[0]
        hashed = hashlib.blake2b(f"{self.v.seed}|{self.id}|{slot}".encode(), digest_size=4).digest()
        return options[int.from_bytes(hashed) % len(options)]

    def _value(self, at: int, several: bool) -> str:
        """A question for the object of hop `at`."""
        hop = self.query.hops[at]
        self.said.add(at)
        words = self.v.words(hop.relation, dated=bool(hop.valid))
        subject = self._np(hop.subject)
        when = self._when(hop)
        long = is_variable(hop.subject) or is_variable(hop.valid)
        options: tuple[str, ...] = (f"Name every {words.noun} of {{s}} {{when}}.",)
        if not several:
            fitting = [o for o in words.lead if ("{When}" in o) == bool(when)] if long else []
            options = tuple(fitting) or words.ask
        plain = re.fullmatch(r"in (\d{4})", when)
        options = tuple(o for o in options if plain or "{year}" not in o)
        return self._filled(
            self._pick(options, "ask"), hop, {"s": subject, "when": when, "year": plain[1] if plain else ""}
        )

    def _filled(self, template: str, hop: Hop, parts: Mapping[str, str]) -> str:
        when = parts.get("when", "")
        tense = _TENSES[bool(hop.valid)]
        return template.format(**tense, **parts, When=when[:1].upper() + when[1:])

    def _which(self, several: bool) -> str:
        """A question for a subject: all that is said of it."""
        find = self.query.find
        preds = self._preds(find)
        kind = self._kind(find)
        other = any(find in pair for pair in self.query.differ)
        if several:
            template = self._pick(_EVERY, "every")
        else:
            template = self._pick(_OTHER if other else _WHICH, "which")
        return template.format(
            kind=kind or "entry", kinds=plural(kind), preds=_listed(preds), other="other " if other else ""
        )

    def _kind(self, term: str) -> str:
        """The kind of the things a variable stands for, by a relation that is said of it."""
        kinds = (self.v.graph.subject_kind(h.relation) for h in self.query.hops if h.subject == term)
        values = (h.relation for h in self.query.hops if h.object == term and h.relation.isalpha())
        return next(filter(None, (*kinds, *values)), "")

    def _preds(self, term: str) -> list[str]:
        found = []
        for i, hop in enumerate(self.query.hops):
            if hop.subject == term and i not in self.said:
                self.said.add(i)
                found.append(self._pred(i, hop))
        return found

    def _pred(self, i: int, hop: Hop) -> str:
        """What hop i says of its subject."""
        words = self.v.words(hop.relation, dated=bool(hop.valid))
        twin = next(
            (j for j, h in enumerate(self.query.hops) if j not in self.said and self._twins(hop, h)), None
        )
        if twin is not None:
            self.said.add(twin)
            parts = {"s": self._np(self.query.hops[twin].subject), "when": self._when(hop)}
            return self._filled(words.same or f"{{has}} the same {words.noun} as {{s}} {{when}}", hop, parts)
        return self._filled(self._pick(self._options(words, hop), f"pred{i}"), hop, self._object(hop))

    def _twins(self, hop: Hop, other: Hop) -> bool:
        """The other hop says the same of another subject, and nothing else is said of the object."""
        same = (hop.relation, hop.object, hop.valid) == (other.relation, other.object, other.valid)
        return same and is_variable(hop.object) and hop.subject != other.subject

    def _options(self, words: Words, hop: Hop) -> tuple[str, ...]:
        options = {"": words.which, ">": words.above, "<": words.below}[hop.test]
        sign = {"": "of", ">": "above", "<": "below"}[hop.test]
        return options or (f"{{has}} a {words.noun} {sign} {{o}} {{when}}",)

    def _object(self, hop: Hop) -> dict[str, str]:
        told = self.v.bound(hop.relation, hop.object) if hop.test else self._np(hop.object)
        return {"o": told, "when": self._when(hop)}

    def _np(self, term: str) -> str:
        """A name, or the description of what a variable stands for by the hops not yet said."""
        if not is_variable(term):
            return self.v.name(term)
        for i, hop in enumerate(self.query.hops):
            if hop.object == term and i not in self.said:
                self.said.add(i)
                head = self.v.words(hop.relation, dated=bool(hop.valid)).phrase.format(
                    s=self._np(hop.subject)
                )
                more = self._clauses(term)
                return f"{head} {more}".strip()
        other = any(term in pair for pair in self.query.differ)
        only = f"the only {'other ' if other else ''}{{}} in the documents {{}}"
        told = only if other or self._many(term) else "the {} {}"
        return told.format(self._kind(term) or "entry", self._clauses(term)).strip()

    def _many(self, term: str) -> bool:
        """True if a variable is described by what may be true of many things."""
        mine = [h for i, h in enumerate(self.query.hops) if h.subject == term and i not in self.said]
        return any(h.test for h in mine) or not any(
            self.v.graph.identifies(h.relation, h.valid) for h in mine
        )

    def _clauses(self, term: str) -> str:
        """Relative clauses for what is said of the variable."""
        mine = [i for i, hop in enumerate(self.query.hops) if hop.subject == term and i not in self.said]
        if len(mine) == 1 and not self.query.hops[mine[0]].test:
            hop = self.query.hops[mine[0]]
            words = self.v.words(hop.relation, dated=bool(hop.valid))
            twins = any(self._twins(hop, h) for j, h in enumerate(self.query.hops) if j not in self.said)
            if words.whose and not twins:
                self.said.add(mine[0])
                return self._filled(self._pick(words.whose, f"whose{mine[0]}"), hop, self._object(hop))
        preds = self._preds(term)
        return f"that {_listed(preds)}" if preds else ""

    def _when(self, hop: Hop) -> str:
        if not is_variable(hop.valid):
            on = "on" if len(hop.valid) == len("2007-03-01") else "in"
            return f"{on} {hop.valid}" if hop.valid else ""
        for i, other in enumerate(self.query.hops):
            if other.valid == hop.valid and i not in self.said:
                self.said.add(i)
                template = self._pick(self._options(self.v.words(other.relation), other), f"when{i}")
                told = self.v.bound(other.relation, other.object) if other.test else self._np(other.object)
                said = self._filled(template, other, {"o": told, "when": ""}).strip()
                return f"in the year in which {self._np(other.subject)} {said}"
        return ""

    def _compared(self) -> str:
        query, up = self.query, self.query.op == "highest"
        a, b = self._turned(query.hops)
        words = self.v.words(a.relation, dated=bool(a.valid))
        if query.find == "valid":
            more = "higher" if up else "lower"
            parts = {"noun": words.noun, "s": self._np(a.subject), "a": a.valid, "b": b.valid, "more": more}
            return self._pick(_YEARS, "compare").format(**parts)
        general = f"{{has}} the {'higher' if up else 'lower'} {words.noun} {{when}}"
        template = (words.higher if up else words.lower) or general
        more = self._filled(template, a, {"when": self._when(a)})
        kinds = {self.v.graph.kind(a.subject), self.v.graph.kind(b.subject)}
        kind = kinds.pop() if len(kinds) == 1 else ""
        options = _COMPARED if kind else _COMPARED[1:]
        return self._pick(options, "compare").format(
            kind=kind, more=more.strip(), a=self._np(a.subject), b=self._np(b.subject)
        )

    def _turned(self, hops: Sequence[Hop]) -> tuple[Hop, Hop]:
        """The two alternatives in an order that says nothing about the answer."""
        return (hops[0], hops[1]) if self._pick("01", "order") == "0" else (hops[1], hops[0])

    def _in_time(self) -> str:
        hop = self.query.hops[0]
        parts = {"noun": self.v.words(hop.relation).noun, "s": self._np(hop.subject), "b": self.query.bound}
        told = "" if is_variable(hop.object) else self._np(hop.object)
        return self._pick(_TIMES[self.query.op], "time").format(**parts, o=told)


def _listed(parts: Sequence[str]) -> str:
    """One part, "a and b", or "a, b and c"."""
    bare = [part.strip() for part in parts]
    return bare[0] if len(bare) == 1 else f"{', '.join(bare[:-1])} and {bare[-1]}"
