"""What an attacker sees of the system: no more than its threat model declares, every call counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from rag_robust import defend
from rag_robust.errors import BudgetError, TargetError, ThreatModelError
from rag_robust.synonyms.space import Space
from rag_robust.text import changed_tokens
from rag_robust.types import Answer, Change, Encoder, Kind, Passage, Query, Score, ThreatModel, Work

if TYPE_CHECKING:
    from rag_robust.encode.tokens import TokenModel
    from rag_robust.generate.language_model import LanguageModel
    from rag_robust.generate.masked import MaskedModel

__all__ = ["Checkpoint", "Secrets", "Tick", "Tools", "View", "check_budget"]


class Tick(Protocol):
    """Told how far an attack is; changes nothing."""

    def __call__(self, done: int, total: int, /) -> None:
        """`done` of `total` steps are over."""


def _quiet(done: int, total: int, /) -> None:
    pass


class Checkpoint(Protocol):
    """Where an unfinished attack keeps what it needs to go on."""

    def save(self, state: object, /) -> None:
        """Keep a JSON value in place of the one before."""

    def load(self) -> object | None:
        """The value kept last, or None."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the victim knows and an attacker may be shown; None where the system has no such thing.

    `models` are all encoders whose gradients are given, for an ensemble of surrogates; where it is
    empty, `model` is the only one. `ask(query, poison)` is what the whole system answers with the
    poison inserted, `answer(query, texts)` what its generator makes of these texts alone.
    `listed(query)` is the victim's own list, best first; `rank(query, versions)` (n,) the place of each
    edited passage in it, by itself, the others unchanged, ties for the others.
    """

    queries: Sequence[Query] = ()
    passages: Mapping[str, Passage] = field(default_factory=dict)
    model: TokenModel | None = None
    embed: Callable[[Sequence[str], Kind], NDArray[np.float32]] | None = None
    score: Score | None = None
    models: Sequence[TokenModel] = ()
    ask: Callable[[Query, Sequence[Passage]], Answer] | None = None
    answer: Callable[[Query, Sequence[str]], str] | None = None
    rank: Callable[[Query, Sequence[Passage]], NDArray[np.int64]] | None = None
    listed: Callable[[Query], Sequence[Passage]] | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What an attacker brings along: no secret of the victim; each is made when it is first used."""

    language_model: Callable[[], LanguageModel] | None = None
    encoder: Callable[[], Encoder] | None = None
    masked_model: Callable[[], MaskedModel] | None = None


@dataclass
class View:
    """One attacker's view, built by the harness from the attack's own `ThreatModel`.

    Reading what is not declared raises `ThreatModelError`; `calls` counts every text sent to the
    victim and going over `budget.oracle_calls` raises `BudgetError`. `targets` are the passages
    an editing attacker owns, `space` what it may make of one by substitutions, `n_tokens` the ruler of
    the token budget, `target` the wrong answer it is after: none of them is a secret of the victim.
    `notes` are JSON values that the attack wants kept beside its change, `work` counts what its language
    model is made to compute.
    """

    threat: ThreatModel
    secrets: Secrets = Secrets()
    targets: Sequence[Passage] = ()
    space: Callable[[Passage], Space] = lambda passage: Space(passage.text, (), 0)
    n_tokens: Callable[[str], int] = lambda text: len(text.split())
    tick: Tick = _quiet
    calls: int = 0
    tools: Tools = Tools()
    target: str | None = None
    checkpoint: Checkpoint | None = None
    notes: dict[str, object] = field(default_factory=dict)
    work: Work = field(default_factory=Work)

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries the attacker knows: one (knows-all) or a sample (knows-what, knows-nothing)."""
        self._need("queries")
        if not self.secrets.queries:
            raise TargetError("the attacker knows no query; give it at least one", "not_applicable")
        return tuple(self.secrets.queries)

    @property
    def passages(self) -> Mapping[str, Passage]:
        """The corpus."""
        self._need("corpus")
        return self.secrets.passages

    @cached_property
    def model(self) -> TokenModel:
        """White-box access to an encoder: the victim's, or the surrogates the suite names, as one."""
        if len(self.models) == 1:
            return self.models[0]
        from rag_robust.encode.ensemble import Ensemble

        return cast("TokenModel", Ensemble(self.models))

    @property
    def models(self) -> tuple[TokenModel, ...]:
        """Every encoder the attacker has in hand; more than one is an ensemble of surrogates."""
        self._need("gradients")
        if self.secrets.model is None and not self.secrets.models:
            raise _cannot("has no encoder to take gradients from; name a surrogate")
        return tuple(self.secrets.models) or tuple(filter(None, [self.secrets.model]))

    @property
    def language_model(self) -> LanguageModel:
        """The attacker's own language model; it belongs to nobody's secrets."""
        if self.tools.language_model is None:
            raise TargetError("the attacker was given no language model", "not_applicable")
        return replace(self.tools.language_model(), work=self.work)

    @property
    def encoder(self) -> Encoder:
        """The attacker's own sentence encoder, to hold its versions against; nobody's secret either."""
        if self.tools.encoder is None:
            raise TargetError("the attacker was given no encoder of its own", "not_applicable")
        return self.tools.encoder()

    def filtered_by(self, name: str) -> Callable[[Sequence[Passage]], NDArray[np.float64]]:
        """A filter that the defender may have, on the attacker's own machine: n passages to suspicions (n,).

        It compares with the corpus as it was, without what else the attacker inserts. What a defender
        keeps to itself is replaced by the attacker's own: its models, the first encoder in its hands, and
        for queries that were seen those it knows.
        """
        self._need("filters")
        own = defend.Tools(
            language_model=lambda: self.language_model,
            token_model=lambda: self.models[0],
            encoder=lambda: self.models[0].encoder,
            masked_model=self.tools.masked_model,
            passages=self.passages,
            queries=tuple(query.text for query in self.queries),
        )
        suspicion = defend.load(name)
        return lambda passages: suspicion(passages, own)

    @property
    def target_answer(self) -> str:
        """The wrong answer the attacker wants for the first query, chosen by the harness."""
        if self.target is None:
            raise TargetError(
                "there is no wrong answer to aim at: no answers are known; state target = in the task",
                "not_applicable",
            )
        return self.target

    def embed(self, texts: Sequence[str], kind: Kind) -> NDArray[np.float32]:
        """Vectors of shape (n, dim) from the victim's encoder."""
        self._need("embeddings")
        if self.secrets.embed is None:
            raise _cannot("has no encoder to ask for embeddings; name a surrogate")
        self._spend(len(texts))
        return self.secrets.embed(texts, kind)

    def scores(self, query: Query, texts: Sequence[str]) -> NDArray[np.float64]:
        """The victim's scores of `texts` for one query, shape (n,)."""
        self._need("scores")
        if self.secrets.score is None:
            raise _cannot("tells no scores of single passages, or not those it ranks by")
        self._spend(len(texts))
        return self.secrets.score(query.text, texts)

    def rank(self, query: Query, passages: Sequence[Passage]) -> NDArray[np.int64]:
        """Where the victim lists each version of a passage, shape (n,), the others unchanged; a call each."""
        self._need("ranks")
        if self.secrets.rank is None:
            raise _cannot("tells no ranks of edited passages")
        self._spend(len(passages))
        return self.secrets.rank(query, passages)

    def listed(self, query: Query) -> tuple[Passage, ...]:
        """The victim's own list for a query, best first; it is there to be seen and costs no call."""
        self._need("ranks")
        if self.secrets.listed is None:
            raise _cannot("shows no list of passages with their texts")
        return tuple(self.secrets.listed(query))

    def ask(self, query: Query, poison: Sequence[Passage]) -> Answer:
        """What the whole system answers with these passages inserted; one call."""
        self._need("answers")
        if self.secrets.ask is None:
            raise _cannot("has no generator, or passages cannot be inserted, so it cannot be asked")
        self._spend(1)
        return self.secrets.ask(query, poison)

    def answer(self, query: Query, texts: Sequence[str]) -> str:
        """What the victim's generator answers when it is given these texts alone; one call."""
        self._need("answers")
        if self.secrets.answer is None:
            raise _cannot("has no generator that can be given its passages")
        self._spend(1)
        return self.secrets.answer(query, texts)

    def save(self, state: object) -> None:
        """Keep a JSON value from which the attack can go on if it is interrupted; calls stay spent."""
        if self.checkpoint is not None:
            self.checkpoint.save({"calls": self.calls, "state": state})

    def load(self) -> object | None:
        """What an interrupted run of this very attack saved last; None for a fresh start."""
        kept = self.checkpoint.load() if self.checkpoint is not None else None
        if not isinstance(kept, dict):
            return None
        self.calls = max(self.calls, kept["calls"])
        state: object = kept["state"]
        return state

    def _need(self, what: str) -> None:
        if what not in self.threat.reads:
            raise ThreatModelError(f"the attack reads {sorted(self.threat.reads)}; {what} were asked for")

    def _spend(self, n: int) -> None:
        self.calls += n
        limit = self.threat.budget.oracle_calls
        if limit is not None and self.calls > limit:
            raise BudgetError(
                f"budget allows {limit} texts to be sent to the victim, the attack sent {self.calls}"
            )


def _cannot(what: str) -> TargetError:
    return TargetError(f"the system {what}", "not_applicable")


def check_budget(
    change: Change, threat: ThreatModel, passages: Mapping[str, Passage], n_tokens: Callable[[str], int]
) -> None:
    """Hold a proposed change against the declared threat model; tokens are counted on the text.

    `passages` are those the attacker may edit; an edit of a punctuation mark counts as one of a word.

    Raises:
        BudgetError: too many passages, tokens or edits, or something changed that was not declared.
    """
    budget = threat.budget
    written = {"insert": change.inserted, "edit": change.edited, "reword": change.reworded}
    if any(what for writes, what in written.items() if writes != threat.writes):
        raise BudgetError(f"the attack declared that it would {threat.writes}, and changed something else")
    touched = len(change.inserted) + len(change.edited)
    if budget.passages is not None and touched > budget.passages:
        raise BudgetError(f"budget allows {budget.passages} passages, the attack changed {touched}")
    for passage in change.inserted:
        tokens = n_tokens(passage.full)
        if budget.tokens is not None and tokens > budget.tokens:
            raise BudgetError(f"budget allows {budget.tokens} tokens per passage, the text has {tokens}")
        if not passage.full:
            raise BudgetError("the attack inserted an empty passage")
    for passage_id, passage in change.edited.items():
        _check_edit(passages.get(passage_id), passage, passage_id, budget.edits)


def _check_edit(before: Passage | None, after: Passage, passage_id: str, limit: int | None) -> None:
    if before is None or after.id != passage_id:
        raise BudgetError(f"the attack edited {passage_id!r}, which is not one of its targets")
    n = changed_tokens(before.full, after.full)
    if limit is not None and n > limit:
        raise BudgetError(f"budget allows {limit} changed words, {passage_id!r} has {n}")
