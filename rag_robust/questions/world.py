"""What questions are written from: the corpus read, its facts as a graph, and who found them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag_robust.errors import CorpusError
from rag_robust.questions.copies import copied
from rag_robust.questions.evidence import EXTRACTORS, WORDED, Triplet, Validated, validated
from rag_robust.questions.graph import FactGraph, connected
from rag_robust.questions.keyvalue import from_fields
from rag_robust.questions.mentions import Mentions
from rag_robust.questions.names import articles, key, names
from rag_robust.questions.relations import THRESHOLD, Embed, merged
from rag_robust.questions.triplets import stated
from rag_robust.questions.typed import from_patterns, gazetteer
from rag_robust.types import Corpus, Fact

__all__ = ["Score", "World", "extracted", "prepare", "scores"]


@dataclass(frozen=True, slots=True)
class World:
    """The corpus, its fact graph, where phrases stand, names with articles, and the triplets behind it."""

    corpus: Corpus
    graph: FactGraph
    mentions: Mentions
    articled: frozenset[str]
    triplets: tuple[Triplet, ...]
    dropped: Mapping[str, Mapping[str, int]]


_Identity = tuple[str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class Score:
    """How well one extractor did against known facts, over the passages it found any in.

    `precision` is the share of its triplets that are facts, `recall` the share of all facts that it
    found, `own_recall` the share of the facts of the passages in which it found something.
    """

    extractor: str
    n: int
    precision: float
    recall: float
    own_recall: float


def prepare(
    corpus: Corpus,
    *,
    more: Iterable[Triplet] = (),
    embed: Embed | None = None,
    threshold: float = THRESHOLD,
    aliases: Mapping[str, str] | None = None,
) -> World:
    """Read a corpus: tables, fields and typed patterns, and `more` triplets, through one validator.

    `more` comes from `dependency.from_sentences` or `endpoint.from_endpoint`; `embed` and
    `threshold` join relations (`relations.merged`); `aliases` maps further names to names.

    Raises:
        CorpusError: no triplet stands; says how many were found and why they fell.
    """
    checked = extracted(corpus, more)
    if not checked.triplets:
        told = {e: sum(n.values()) for e, n in checked.dropped.items()} or "none was found"
        raise CorpusError(
            f"found no fact in {len(corpus.passages)} passages (dropped: {told}); looked for markdown "
            'tables, lines "Field: value" and typed sentences; put the tables of the source into the '
            "passages, or add an extractor"
        )
    found = checked.triplets
    surfaces = [n for t in found for n in (t.fact.subject, *_named(t))]
    known = names(corpus, surfaces, given=aliases)
    mentions = Mentions(corpus)
    graph = connected(
        found,
        names=known,
        relations=merged(Counter(t.fact.relation for t in found), embed=embed, threshold=threshold),
        kinds=gazetteer(corpus, found),
        copies=copied(corpus, mentions, known),
    )
    spoken = sorted(
        {n for e in graph.edges for n in (e.subject, *([e.object] if e.value.kind == "name" else []))}
    )
    articled = articles([p.text for p in corpus.passages.values()], spoken)
    articled |= {name for name, kind in graph.kinds.items() if kind == "currency"}
    return World(corpus, graph, mentions, articled, found, checked.dropped)


def extracted(corpus: Corpus, more: Iterable[Triplet] = ()) -> Validated:
    """The validated triplets of all extractors."""
    found = [Triplet(s.fact, s.evidence, "tables", s.header, s.kind, s.unit) for s in stated(corpus)]
    found += from_fields(corpus)
    found += from_patterns(corpus, gazetteer(corpus, found))
    return validated(corpus, [*found, *more])


def scores(triplets: Sequence[Triplet], gold: Sequence[Fact]) -> list[Score]:
    """Precision and recall per extractor: same subject, relation, date and place as a known fact.

    Of extractors that are not `WORDED` only the two ends are asked, in any order, and the passage.
    """
    by: defaultdict[str, set[_Identity]] = defaultdict(set)
    for one in triplets:
        by[one.extractor].add(_identity(one.fact, one.extractor))
    rows = []
    for extractor in (e for e in EXTRACTORS if e in by):
        truth = {_identity(fact, extractor) for fact in gold}
        right = len(by[extractor] & truth)
        places = {found[3] for found in by[extractor]}
        own = sum(fact[3] in places for fact in truth)
        n = len(by[extractor])
        rows.append(Score(extractor, n, right / n, right / max(1, len(truth)), right / max(1, own)))
    return rows


def _identity(fact: Fact, extractor: str) -> _Identity:
    if extractor in WORDED:
        return key(fact.subject), fact.relation, fact.valid, fact.passage_id, fact.start
    first, last = sorted([key(fact.subject), key(fact.object)])
    return first, last, "", fact.passage_id, 0


def _named(one: Triplet) -> tuple[str, ...]:
    return (one.fact.object,) if one.value.kind == "name" else ()
