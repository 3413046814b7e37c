"""The facts of a corpus as a graph: who, which relation, what, when, with all the evidence of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from rag_robust.questions.evidence import Triplet
from rag_robust.questions.names import Names
from rag_robust.questions.relations import is_participle
from rag_robust.questions.values import Value, alike, scaled
from rag_robust.types import Fact

__all__ = ["Edge", "Evidence", "FactGraph", "connected"]


_LABELS = frozenset(
    "barcode code codes extension fax hotline iban id identifier isbn mobile number phone postcode rank room "
    "sku telephone version year zip".split()
)
"""Words of relations whose numbers are names; "number of ..." begins an amount."""


_SHORT = 3
"""Words of a table's unit that is written."""


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

    An object that is a number is written with the unit of its own place. `until` is the date of the
    fact that supersedes it ("" if none does), `forms` are all spellings of the object, `conflict` is
    true if the corpus gives this subject, relation and date several values of a type that has only
    one, or one number in several units.
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
        self._measured: dict[str, bool] = {}
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
            self._amounts[relation] = amount and _LABELS.isdisjoint(words) and not is_participle(relation)
        return self._amounts[relation]

    def one_to_one(self, relation: str) -> bool:
        """True if no subject has several values of it at a date."""
        found = self._single.get(relation)
        if found is None:
            edges = self.get("r", relation)
            found = self._single[relation] = len({(e.subject, e.valid) for e in edges}) == len(edges)
        return found

    def one_unit(self, relation: str) -> bool:
        """True if all its numbers have one unit, or none: only then is one bound true of all."""
        found = self._measured.get(relation)
        if found is None:
            units = {e.value.unit for e in self.get("r", relation) if e.value.number is not None}
            found = self._measured[relation] = all(alike(a, b) for a, b in combinations(units, 2))
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
    units = _Units(triplets, relations)
    groups: defaultdict[tuple[str, str, str, str], list[Triplet]] = defaultdict(list)
    for one in triplets:
        relation = relations[one.fact.relation]
        groups[names.of(one.fact.subject), relation, one.value.key, one.fact.valid].append(one)
    edges = []
    for key in sorted(groups):
        group = sorted(groups[key], key=lambda t: (t.fact.passage_id, t.fact.start, t.extractor))
        edges.append(_edge(key, group, (names, units), copies))
    named = {names.of(surface): kind for surface, kind in sorted(kinds.items()) if kind}
    return FactGraph(_settled(edges), named, names.aliases)


class _Units:
    """The unit to write with a number of a table, which must be the unit of its own place in other words."""

    def __init__(self, triplets: Sequence[Triplet], relations: Mapping[str, str]) -> None:
        self._told: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        self._tabled: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        for one in triplets:
            if one.value.number is not None and (unit := _unit(one)):
                place = relations[one.fact.relation], scaled(unit)[0]
                (self._tabled if _bare(one) else self._told)[place][unit] += 1

    def of(self, relation: str, unit: str) -> str:
        """What running text mostly calls the unit, else tables in at most three words, else nothing.

        Only if all units of the relation in this scale are one: else dollars may be of two countries.
        """
        place = relation, scaled(unit)[0]
        told, tabled = self._told[place], self._tabled[place]
        counted = told or Counter({u: n for u, n in tabled.items() if len(u.split()) <= _SHORT})
        bare = {scaled(u)[1] for u in [*told, *tabled]}
        if all(alike(a, b) for a, b in combinations(bare, 2)):
            return min(counted, key=lambda u: (-counted[u], u), default="")
        return unit


def _unit(one: Triplet) -> str:
    """The unit that stands with the value, or in its table."""
    return one.fact.object[len(_digits(one.fact.object)) :].strip() or one.unit


def _bare(one: Triplet) -> bool:
    return one.fact.object == _digits(one.fact.object)


def _digits(written: str) -> str:
    end = next((i for i, c in enumerate(written) if c.isalpha() or c in "%°"), len(written))
    return written[:end].rstrip()


def _edge(
    key: tuple[str, str, str, str],
    group: list[Triplet],
    how: tuple[Names, _Units],
    copies: Callable[[Triplet, str], Iterable[Evidence]],
) -> Edge:
    subject, relation, _, valid = key
    names, units = how
    first = group[0]
    apart = False
    if first.value.number is None:
        shown = names.of(first.fact.object)
        surfaces = sorted({one.fact.object for one in group})
        forms = dict.fromkeys([shown, *surfaces, *names.aliases.get(shown, ())])
    else:
        known = [one for one in group if one.value.unit] or group
        apart = not all(alike(a, b) for a, b in combinations({one.value.unit for one in known}, 2))
        first = min(known, key=lambda t: (not _bare(t), t.fact.object))
        unit = units.of(relation, _unit(first)) if _bare(first) and _unit(first) else ""
        shown = f"{first.fact.object} {unit}".strip()
        forms = dict.fromkeys([shown, *([] if scaled(_unit(first))[0] else [_digits(shown)])])
    evidence = {Evidence(o.fact.passage_id, *o.evidence, o.extractor) for o in group}
    stated = {e.passage_id for e in evidence}
    for one in group:
        evidence |= {e for e in copies(one, subject) if e.passage_id not in stated}
    return Edge(
        *(subject, relation, shown, valid, first.value, group[0].fact, tuple(sorted(evidence)), tuple(forms)),
        conflict=apart,
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
        yield replace(edge, until=min(later, default=""), conflict=several or edge.conflict)
