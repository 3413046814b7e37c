"""The facts of a corpus as a graph: who, which relation, what, when, with all the evidence of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rag_robust.questions.evidence import Triplet
from rag_robust.questions.names import Names
from rag_robust.questions.values import Value
from rag_robust.types import Fact

__all__ = ["Edge", "Evidence", "FactGraph", "connected"]


_LABELS = frozenset({"code", "codes", "id", "identifier", "phone", "rank", "year", "zip", "number"})
"""Words of relations whose numbers are names; "number of ..." begins an amount."""


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """A span of a passage that states a fact; `extractor` "copy" if it was found by its words alone."""

    passage_id: str
    start: int
    end: int
    extractor: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A fact of the corpus: subject and object by the names to write, `valid` from when.

    `until` is the date of the fact that supersedes it ("" if none does), `forms` are all spellings
    of the object, `conflict` is true if the corpus gives this subject, relation and date several
    values of a type that has only one.
    """

    subject: str
    relation: str
    object: str
    valid: str
    value: Value
    fact: Fact
    evidence: tuple[Evidence, ...]
    forms: tuple[str, ...]
    until: str = ""
    conflict: bool = False
    passages: frozenset[str] = field(init=False, compare=False, repr=False)
    """Every passage that states it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "passages", frozenset(e.passage_id for e in self.evidence))

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the fact it is."""
        return self.subject, self.relation, self.object, self.valid


class FactGraph:
    """Edges in the order of their keys, found by what is known of them; never changed."""

    def __init__(
        self, edges: Iterable[Edge], kinds: Mapping[str, str], aliases: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.edges: tuple[Edge, ...] = tuple(sorted(edges, key=lambda e: e.key))
        self.kinds = dict(sorted(kinds.items()))
        self.aliases = dict(sorted(aliases.items()))
        self.found: defaultdict[tuple[str, ...], list[Edge]] = defaultdict(list)
        for edge in self.edges:
            s, r, o, t = edge.key
            for known in (
                ("r", r),
                ("sr", s, r),
                ("srt", s, r, t),
                ("ro", r, o),
                ("rot", r, o, t),
                ("rt", r, t),
                ("s", s),
                ("o", o),
            ):
                self.found[known].append(edge)
        self._single: dict[str, bool] = {}
        self._amounts: dict[str, bool] = {}
        self._kinds: dict[str, tuple[str, str]] = {}
        self._subject_kinds: dict[str, str] = {}
        self._identifying: dict[tuple[str, str], bool] = {}
        self.relations: tuple[str, ...] = tuple(sorted({edge.relation for edge in self.edges}))
        self.subjects: tuple[str, ...] = tuple(sorted({edge.subject for edge in self.edges}))

    def get(self, *known: str) -> list[Edge]:
        """The edges for a key such as ("sr", subject, relation); s, r, o, t say what follows."""
        return self.found.get(known, [])

    def kind(self, name: str) -> str:
        """What a name is ("country"), or ""."""
        return self.kinds.get(name, "")

    def quantity(self, relation: str) -> bool:
        """True if the relation's values are amounts: numbers that are no codes, years or ids."""
        if relation not in self._amounts:
            amount = self.value_kind(relation) in ("number", "percent")
            words = relation.casefold().removeprefix("number of ").split()
            self._amounts[relation] = amount and _LABELS.isdisjoint(words)
        return self._amounts[relation]

    def one_to_one(self, relation: str) -> bool:
        """True if no subject has several values of it at a date."""
        found = self._single.get(relation)
        if found is None:
            edges = self.get("r", relation)
            found = self._single[relation] = len({(e.subject, e.valid) for e in edges}) == len(edges)
        return found

    def identifies(self, relation: str, valid: str) -> bool:
        """True if a value says who has it, for nearly all (0.9) of at least 10 facts of the relation then."""
        known = (relation, valid)
        if known not in self._identifying:
            edges = self.get("rt", *known) if not valid.startswith("?") else self.get("r", relation)
            n = len({(e.object, e.valid) for e in edges})
            self._identifying[known] = self.one_to_one(relation) and n >= 0.9 * len(edges) >= 9
        return self._identifying[known]

    def value_kind(self, relation: str, *, counts: bool = False) -> str:
        """The most frequent type of the relation's values; with `counts`, "count" for bare whole numbers."""
        if relation not in self._kinds:
            edges = self.get("r", relation)
            kind = Counter(e.value.kind for e in edges).most_common(1)[0][0]
            bare = all(e.object.replace(",", "").isdecimal() for e in edges)
            self._kinds[relation] = kind, "count" if kind == "number" and bare else kind
        return self._kinds[relation][counts]

    def subject_kind(self, relation: str) -> str:
        """The most frequent kind of those that have the relation."""
        if relation not in self._subject_kinds:
            kinds = Counter(k for e in self.get("r", relation) if (k := self.kind(e.subject)))
            self._subject_kinds[relation] = min(kinds, key=lambda k: (-kinds[k], k), default="")
        return self._subject_kinds[relation]

    def kept(self, keep: Callable[[Edge], bool]) -> FactGraph:
        """The graph of the edges for which `keep` is true."""
        return FactGraph(filter(keep, self.edges), self.kinds, self.aliases)

    def without_passages(self, passages: frozenset[str]) -> FactGraph:
        """What is left of the graph if these passages are taken away."""
        return self.kept(lambda edge: not edge.passages <= passages)


def connected(
    triplets: Sequence[Triplet],
    *,
    names: Names,
    relations: Mapping[str, str],
    kinds: Mapping[str, str],
    copies: Callable[[Triplet, str], Iterable[Evidence]] = lambda _one, _subject: (),
) -> FactGraph:
    """The graph of the triplets: equal facts become one edge with all their evidence.

    `relations` is the outcome of `relations.merged`. `copies` finds further passages that state a
    triplet. The result depends on the set of triplets and not on their order.
    """
    units = _units(triplets, relations)
    groups: defaultdict[tuple[str, str, str, str], list[Triplet]] = defaultdict(list)
    for one in triplets:
        relation = relations[one.fact.relation]
        groups[names.of(one.fact.subject), relation, one.value.key, one.fact.valid].append(one)
    edges = []
    for key in sorted(groups):
        group = sorted(groups[key], key=lambda t: (t.fact.passage_id, t.fact.start, t.extractor))
        edges.append(_edge(key, group, (names, units.get(key[1], "")), copies))
    named = {names.of(surface): kind for surface, kind in sorted(kinds.items()) if kind}
    return FactGraph(_settled(edges), named, names.aliases)


def _units(triplets: Sequence[Triplet], relations: Mapping[str, str]) -> dict[str, str]:
    """By relation, the unit to write: the most frequent in running text, else a short one of a table."""
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    tabled: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in triplets:
        if one.value.number is None:
            continue
        relation = relations[one.fact.relation]
        digits = _digits(one.fact.object)
        rest = one.fact.object[len(digits) :].strip()
        if rest:
            told[relation][rest] += 1
        elif one.unit and len(one.unit.split()) <= 3:
            tabled[relation][one.unit] += 1
    return {r: min(c, key=lambda u: (-c[u], u)) for r, c in [*tabled.items(), *told.items()]}


def _digits(written: str) -> str:
    end = next((i for i, c in enumerate(written) if c.isalpha() or c == "%"), len(written))
    return written[:end].rstrip()


def _edge(
    key: tuple[str, str, str, str],
    group: list[Triplet],
    how: tuple[Names, str],
    copies: Callable[[Triplet, str], Iterable[Evidence]],
) -> Edge:
    subject, relation, _, valid = key
    names, unit = how
    first = group[0]
    surfaces = sorted({one.fact.object for one in group})
    if first.value.number is None:
        shown = names.of(first.fact.object)
        forms = dict.fromkeys([shown, *surfaces, *names.aliases.get(shown, ())])
    else:
        digits = [_digits(s) if s == _digits(s) else s for s in surfaces]
        bare = min(digits, key=lambda d: (len(d.split()) > 1, d))
        shown = f"{bare} {unit}" if unit and bare == _digits(bare) and bare[-1:].isdigit() else bare
        scaled = any(word in {"thousand", "million", "billion", "trillion"} for word in unit.split())
        forms = dict.fromkeys([shown, *([] if scaled and unit else [_digits(bare)])])
    evidence = {Evidence(o.fact.passage_id, *o.evidence, o.extractor) for o in group}
    stated = {e.passage_id for e in evidence}
    for one in group:
        evidence |= {e for e in copies(one, subject) if e.passage_id not in stated}
    return Edge(
        subject, relation, shown, valid, first.value, first.fact, tuple(sorted(evidence)), tuple(forms)
    )


def _settled(edges: list[Edge]) -> Iterator[Edge]:
    """With `until` and `conflict`, which depend on the edges beside them."""
    dates: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    values: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for edge in edges:
        if edge.valid:
            dates[edge.subject, edge.relation].add(edge.valid)
        values[edge.subject, edge.relation, edge.valid].add(edge.value.key)
    for edge in edges:
        later = [d for d in dates[edge.subject, edge.relation] if d > edge.valid] if edge.valid else []
        several = len(values[edge.subject, edge.relation, edge.valid]) > 1 and edge.value.kind != "name"
        yield replace(edge, until=min(later, default=""), conflict=several)
