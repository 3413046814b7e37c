"""The words of the house: small frozen values, and the protocols that connect them.

Everything the harness does to the world is a `Change`. Everything it sees is a `Record`.
Everything it concludes is an `Estimate`. The rest of the package turns one into the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = [
    "CLEAN",
    "Answer",
    "Attack",
    "Budget",
    "Certificate",
    "Change",
    "Changeable",
    "Corpus",
    "Cost",
    "Encoder",
    "Estimate",
    "Executor",
    "Fact",
    "Failure",
    "FailureKind",
    "Generate",
    "Hit",
    "Judge",
    "Kind",
    "Metric",
    "Passage",
    "Perturbation",
    "Query",
    "Reader",
    "Record",
    "Retriever",
    "Score",
    "System",
    "ThreatModel",
    "Verdict",
    "Work",
]

Kind = Literal["query", "passage"]
"""Which of a model's two sides a text is encoded on (its prompt differs)."""

FailureKind = Literal["crash", "timeout", "refused", "parse", "overflow", "budget", "not_applicable"]

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR", "NOT APPLICABLE"]

CLEAN = "clean"
"""The name of the condition in which nothing was changed."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One unit of the corpus: what is encoded, indexed, retrieved and shown to a generator."""

    id: str
    text: str
    title: str = ""

    @property
    def full(self) -> str:
        """Title and text in one string, `(title + " " + text).strip()` as BEIR does it."""
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Query:
    """What a user asks, with every answer that counts as right (none: only retrieval is scored).

    `rejected` are the spellings of what the question offers beside the right one: "B" in "which of A and B".
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage and its score; larger is better, for every retriever."""

    passage_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system gave for one query: text (None for a pure retriever) and hits, best first."""

    text: str | None = None
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class Corpus:
    """Passages, queries and relevance judgements, with a hash of all three.

    `qrels[query_id][passage_id]` is the grade (0: judged and not relevant). `digest` is a
    SHA-256 over the content in id order and is part of every record's key.
    """

    passages: Mapping[str, Passage]
    queries: Mapping[str, Query]
    qrels: Mapping[str, Mapping[str, int]]
    digest: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Who, what, which value, when, and where it is written.

    `valid` is a year ("2007"), a date ("2007-03-01") or "" for facts without a time.
    `start` and `end` are character offsets of the value in the text of passage `passage_id`.
    """

    subject: str
    relation: str
    object: str
    valid: str
    passage_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to the world: passages put in, passages edited, queries reworded.

    `edited` maps the id of a passage to its new version (same id); `reworded` maps a query id
    to its new text. A change is applied to a copy and goes away by itself.
    """

    inserted: tuple[Passage, ...] = ()
    edited: Mapping[str, Passage] = field(default_factory=dict)
    reworded: Mapping[str, str] = field(default_factory=dict)

    @property
    def touches_corpus(self) -> bool:
        """True if a system must be `Changeable` to live in the changed world."""
        return bool(self.inserted or self.edited)


@dataclass(frozen=True, slots=True)
class Budget:
    """What an attacker may spend; None is no limit.

    `passages` inserted or edited; `tokens` per inserted passage, counted by the harness on the
    *text*; `edits` words changed per edited passage; `oracle_calls` texts sent to the victim.
    """

    passages: int | None = None
    tokens: int | None = None
    edits: int | None = None
    oracle_calls: int | None = None


@dataclass(frozen=True, slots=True)
class ThreatModel:
    """What an attacker may read and write, and how much of it.

    `reads` is a subset of {"queries", "corpus", "ranks", "scores", "embeddings", "gradients",
    "answers", "filters"}; `writes` is "insert", "edit" or "reword" (queries). A `View` enforces it.
    """

    reads: frozenset[str]
    writes: Literal["insert", "edit", "reword"]
    budget: Budget = Budget()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer. Never a score of zero, never an absent row."""

    kind: FailureKind
    message: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What one record took: wall seconds, calls to the system or model, tokens generated."""

    seconds: float = 0.0
    calls: int = 0
    tokens: int = 0


@dataclass
class Work:
    """What a model was made to compute: sequences forward and backward, tokens, floating-point operations.

    A gradient is a forward and a backward pass. The first costs 2 operations per weight and token, the
    second 4; embedding tables and the attention's products of tokens with tokens are left out, as is usual.
    """

    forwards: int = 0
    backwards: int = 0
    tokens: int = 0
    flops: float = 0.0

    def forward(self, sequences: int, tokens: int, weights: int) -> None:
        """Count a forward pass of sequences that have so many tokens in all."""
        self.forwards += sequences
        self.tokens += tokens
        self.flops += 2.0 * weights * tokens

    def gradient(self, sequences: int, tokens: int, weights: int) -> None:
        """Count a forward pass and the way back."""
        self.forward(sequences, tokens, weights)
        self.backwards += sequences
        self.flops += 4.0 * weights * tokens


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is proved about one query's listed passages under substitutions, and how.

    `swaps` words may change per passage (None: any number), each to a member of its set in `source` (a
    content hash with a name; `synonyms` is how the source was asked for, its options included).
    `parameters` are all of the method's own, `first_stage` whether the list is the whole corpus, so that
    nothing can be promoted from outside. `alpha` is 0 for exact methods, else the family-wise error per
    query. `ranker` says what is certified: "the model", or the ranker a family makes of it. `scores` are the
    listed passages and its estimates of their scores, best first: the first `k` are the top k.
    `lower` holds for every listed passage a score it does not fall below while it is left alone, `upper`
    one that no version of it exceeds (absent where none is known). `low` is the least lower bound in the
    top `k`, `high` the greatest upper bound outside (None where one is unknown). `witness` is a change
    that breaks the list when the verdict is "attacked"; `reason` says what would decide an undecided one.
    """

    method: str
    k: int
    swaps: int | None
    source: str
    alpha: float
    samples: int
    low: float
    high: float | None
    verdict: Literal["certified", "attacked", "undecided"]
    ranker: str = "the model"
    scores: Mapping[str, float] = field(default_factory=dict)
    lower: Mapping[str, float] = field(default_factory=dict)
    upper: Mapping[str, float] = field(default_factory=dict)
    witness: Change | None = None
    reason: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    synonyms: str = ""
    first_stage: bool | None = None

    @property
    def worst_ranks(self) -> dict[str, int]:
        """w(j), the best rank that an outsider j with a known bound can reach when it attacks alone."""
        outsiders = list(self.scores)[self.k :]
        return {
            j: 1 + sum(low > self.upper[j] for i, low in self.lower.items() if i != j)
            for j in outsiders
            if j in self.upper
        }


@dataclass(frozen=True, slots=True)
class Record:
    """One query under one condition: everything that is measured later.

    `key` hashes all that can change the result. `condition` is `CLEAN`, the name of a change, or
    for question tasks "query form/document condition". `change` is the key of the stored
    `Change` ("" for none), `inserted` the ids it put in or edited, which attack metrics look for.
    `notes` are small named facts for the report (a cosine, a token count, the reworded query).
    """

    key: str
    task: str
    condition: str
    query_id: str
    seed: int
    hits: tuple[Hit, ...] = ()
    answer: str | None = None
    failure: Failure | None = None
    cost: Cost = Cost()
    change: str = ""
    inserted: tuple[str, ...] = ()
    certificate: Certificate | None = None
    notes: Mapping[str, float | int | str | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval at confidence `level`.

    `n` queries were scored, `unscored` were not (and are printed beside the mean). `method`
    names the interval, e.g. "Clopper-Pearson" or "clustered BCa bootstrap, 4000 resamples".
    """

    value: float
    low: float
    high: float
    level: float
    n: int
    unscored: int
    method: str


@runtime_checkable
class System(Protocol):
    """What is under test. A plain function of one query qualifies."""

    def __call__(self, query: Query, /) -> Answer:
        """Answer one query."""


@runtime_checkable
class Changeable(Protocol):
    """A system that may also live in a changed world."""

    def changed(self, change: Change, /) -> System:
        """The same system over the changed corpus; the original is untouched."""


@runtime_checkable
class Reader(Protocol):
    """A system whose generator can be given its passages: the document conditions need it."""

    def read(self, queries: Sequence[Query], contexts: Sequence[Sequence[str]]) -> list[Answer]:
        """Answer query i from the texts `contexts[i]` alone (an empty list: closed book)."""


class Retriever(Protocol):
    """Finds passages for texts."""

    def search(self, texts: Sequence[str], k: int) -> list[list[Hit]]:
        """The `k` best hits per text, in the total order of `text.order_key`."""

    def changed(self, change: Change) -> Retriever:
        """The retriever over the changed corpus; exact for the index in use."""


class Encoder(Protocol):
    """Turns texts into vectors; the similarity is the model's own."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def similarity(self) -> Literal["cosine", "dot"]:
        """How two vectors are compared; cosine encoders return unit vectors."""

    @property
    def fingerprint(self) -> str:
        """Model id, weight hash, prompts, similarity and dtype, in one line."""

    def encode(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
        """Vectors of shape (n, dim); row i depends on `texts[i]` alone."""


class Attack(Protocol):
    """Proposes a change; the harness decides whether it was allowed and whether it worked."""

    @property
    def threat(self) -> ThreatModel:
        """What the attack reads, writes and may spend."""

    def __call__(self, view: Any, rng: Generator, /) -> Change:  # Any: a `View`, which is L2
        """The change it proposes, from the view and the generator alone."""


Metric = Callable[[Sequence[Record], Corpus], NDArray[np.float64]]
"""Records of one task (clean ones and one condition) to one value per query; NaN is unscored."""

Perturbation = Callable[[str, Generator], str]
Score = Callable[[str, Sequence[str]], NDArray[np.float64]]
"""A ranker: (query, n passages) to n scores, larger is better."""

Generate = Callable[[Sequence[str]], list[str]]
Judge = Callable[[Query, str], bool | None]

T = TypeVar("T")
R = TypeVar("R")
Executor = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
