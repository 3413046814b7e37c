"""One attack alone: queries and an encoder in, passages and how far they come out; no suite, no system."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_robust import corpus as corpora
from rag_robust import encode
from rag_robust.attacks import identity
from rag_robust.attacks._view import Secrets, Tick, Tools, View, check_budget
from rag_robust.errors import SuiteError, TargetError
from rag_robust.index.order import pair_scores
from rag_robust.measured import Effort, _means, _near
from rag_robust.retrieve.dense import Dense, dense
from rag_robust.seeds import digest, generator
from rag_robust.threats import neutral
from rag_robust.types import Attack, Change, Corpus, Encoder, Passage, Query
from rag_robust.unfinished import Unfinished

__all__ = ["DEPTHS", "Case", "craft", "read_queries"]

DEPTHS = (1, 3, 5, 10, 20, 100)
"""The k of appeared@k."""

_SPENT = ("forwards", "backwards", "tokens", "flops", "cpu_s", "wall_s")
_OFFERED = frozenset({"queries", "gradients", "embeddings", "corpus", "filters"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What an attack is let loose on: an encoder, the queries it knows, and what it is judged on.

    `source` is a corpus to read and to rank in ("" for none), `target` the wrong answer an attack on
    answers is after. An attack that needs more than that is refused, before any model is loaded.
    """

    name: str
    attack: Attack
    encoder: str
    held_in: tuple[Query, ...]
    held_out: tuple[Query, ...] = ()
    source: str = ""
    target: str | None = None
    language_model: str = "SmolLM2-135M-Instruct"
    masked_model: str = "SPLADE-tiny"
    seed: int = 0

    def __post_init__(self) -> None:
        if missing := _missing(self.attack, self.encoder, self.source):
            raise SuiteError(f"attack {self.name} {missing}")


def read_queries(path: Path, name: str) -> tuple[Query, ...]:
    """The queries of a text file, one a line, empty lines left out; called "name-01", "name-02".

    Raises:
        SuiteError: there is none, or the file is no text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SuiteError(f"{path}: expected text in UTF-8, one query a line, got {error.reason}") from error
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise SuiteError(f"{path}: expected one query a line, got an empty file")
    return tuple(Query(f"{name}-{i:02d}", text) for i, text in enumerate(texts, 1))


def craft(
    case: Case,
    *,
    cache: Path,
    device: str = "cpu",
    out: Path | None = None,
    tick: Tick = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> list[dict[str, object]]:
    """Let the attack propose, hold it against its budget, and measure its passages: a row for each.

    Measured are the texts, encoded again. With c the mean of the held-in query vectors and v a
    passage's: `cos_text` is cos(v, c) (for dot products v · c), `ceiling` is ‖c‖, `heldin_mean` and
    `heldout_mean` are the mean similarities of v to the queries; `cos_ids` is the first as the attack
    itself saw it on token ids. What was spent, from `forwards` on, is that of all passages together,
    by the encoder and the attacker's language model, before an interruption and after; what filters ask
    of a masked model is not in it. With a corpus, `heldin_ranks` are the places of this passage among
    the corpus and all inserted ones, 1 is the first, ties given to the attacker, and
    `heldin_appeared@k` is the share of queries with any of the inserted passages among the first k;
    `heldout_…` likewise. An attack that evades filters has `filters` beside: what each makes of the
    passage, on the attacker's own machine.

    With `out`, the file that the rows are for, an unfinished attack is kept beside it, and the same case
    goes on from there.

    Raises:
        SuiteError: the attack asked for something that it cannot have here.
        BudgetError: it proposed more than it declared.
    """
    corpus = corpora.load(case.source) if case.source else None
    say(f"loading {case.encoder}")
    encoder = encode.load(case.encoder, device=device, cache=cache / "vectors")
    view = _view(case, encoder, corpus, models=cache / "models", device=device)
    view.tick = tick
    effort = Effort((*view.secrets.models, view))
    unfinished = _beside(out, case, encoder, corpus) if out else None
    if unfinished:
        view.checkpoint = Unfinished(unfinished, effort)
    passages = _proposed(case, view)
    spent = effort.spent()
    say("measuring")
    rows = _measured(case, view, encoder, passages)
    ranked: list[dict[str, object]] = [{} for _ in passages]
    if corpus is not None:
        ranked = _ranked(case, dense(encoder, corpus.passages, cache=cache / "indexes"), passages)
    shared = {name: spent[name] for name in _SPENT} | _about(case, encoder, corpus)
    whole = [row | shared | _filters(view, i) | ranked[i] for i, row in enumerate(rows)]
    if unfinished:
        unfinished.unlink(missing_ok=True)
    return whole


def _missing(attack: Attack, encoder: str, source: str) -> str:
    """What an attack needs and cannot have here, as the end of a sentence; "" if it has all."""
    suite = "only a suite has one: rag-robust run"
    if attack.threat.writes == "edit":
        return "edits passages that a ranker lists: it takes --corpus and --ranker"
    if more := sorted(attack.threat.reads - _OFFERED):
        return f"reads the {' and '.join(more)} of a whole system, and here is none; {suite}"
    if "corpus" in attack.threat.reads and not source:
        return "reads the corpus; give one with --attack-corpus"
    if "gradients" in attack.threat.reads and encoder == "hashed":
        return 'needs gradients, and "hashed" has none; give the name or folder of a model'
    return ""


def _beside(out: Path, case: Case, encoder: Encoder, corpus: Corpus | None) -> Path:
    """Where an unfinished attack is kept: beside its rows, by a hash of all that can change its passages."""
    known = [(q.id, q.text) for q in case.held_in]
    shown = (
        encoder.fingerprint,
        corpus and corpus.digest,
        known,
        case.target,
        case.language_model,
        case.masked_model,
    )
    attack = digest(case.name, identity(case.attack), shown, case.seed)[:12]
    return out.with_name(f"{out.name}.{attack}.unfinished")


def _view(case: Case, encoder: Encoder, corpus: Corpus | None, *, models: Path, device: str) -> View:
    """What the attack sees; its language model is loaded when it is first asked for."""
    white = []
    if case.encoder != "hashed":
        from rag_robust.encode.tokens import token_model

        white.append(token_model(encoder))

    def language_model() -> Any:  # a LanguageModel, whose module loads torch
        from rag_robust.generate.language_model import language_model as load

        return load(case.language_model, cache=models, device=device)

    def masked_model() -> Any:
        from rag_robust.generate.masked import masked_model as load

        return load(case.masked_model, device=device)

    secrets = Secrets(
        queries=case.held_in,
        passages=corpus.passages if corpus else {},
        model=white[0] if white else None,
        embed=white[0].counted(encoder.encode) if white else encoder.encode,
        models=tuple(white),
    )
    tools = Tools(language_model=functools.cache(language_model), masked_model=functools.cache(masked_model))
    view = View(case.attack.threat, secrets, tools=tools, target=case.target)
    if white:
        view.n_tokens = white[0].n_tokens
    return view


def _proposed(case: Case, view: View) -> tuple[Passage, ...]:
    """The passages under neutral ids, within the budget."""
    threat, ruler = case.attack.threat, view.n_tokens  # as they are before the attack has them in hand
    try:
        change = case.attack(view, generator(case.seed, "lone attack", case.name))
    except TargetError as error:
        here = "" if case.target else " (for an attack alone: --target TEXT)"
        raise SuiteError(f"attack {case.name}: {error}{here}") from error
    change = replace(change, inserted=neutral(change.inserted))
    check_budget(change, threat, {}, ruler)
    return change.inserted


def _measured(
    case: Case, view: View, encoder: Encoder, passages: Sequence[Passage]
) -> list[dict[str, object]]:
    """How near each passage comes, and what the attack noted of it."""
    texts = [p.full for p in passages]
    near: dict[str, Any] = _near(encoder, texts, case.held_in)
    inside: Any = _means(encoder, texts, "mean", case.held_in)["mean"]
    outside: Any = _means(encoder, texts, "mean", case.held_out).get("mean", [None] * len(texts))
    cosines = near["cosine"] if encoder.similarity == "cosine" else inside
    notes = _notes(view, len(texts))
    return [
        {
            "text": text,
            "trigger": note.get("trigger", _trigger(case.attack, text)),
            "cos_text": cosines[i],
            "cos_ids": note.get("similarity_ids"),
            "ceiling": near["ceiling"],
            "heldin_mean": inside[i],
            "heldout_mean": outside[i],
            "steps": note.get("steps", view.notes.get("steps", 0)),
        }
        for i, (text, note) in enumerate(zip(texts, notes, strict=True))
    ]


def _notes(view: View, n: int) -> list[dict[str, Any]]:
    """What the attack noted of each of its passages; nothing, if that is not one note for each."""
    noted = json.loads(json.dumps(view.notes.get("passages", []), default=str))
    return noted if len(noted) == n else [{} for _ in range(n)]


def _filters(view: View, i: int) -> dict[str, object]:
    """What the filters that the attack evades make of its passage, each beside the limit it knew."""
    noted: Any = view.notes.get("filters") if "filters" in view.threat.reads else None
    told = noted.items() if isinstance(noted, dict) else ()
    found = {
        name: {"suspicion": body["suspicion"][i], "limit": body.get("limit")}
        for name, body in told
        if isinstance(body, dict) and len(body.get("suspicion", ())) > i
    }
    return {"filters": found} if found else {}


def _trigger(attack: Attack, text: str) -> str | None:
    """What follows the attacker's sentence; None where there is no such sentence."""
    information = getattr(attack, "information", None)
    return text.removeprefix(information).strip() if information else None


def _ranked(case: Case, retriever: Dense, passages: Sequence[Passage]) -> list[dict[str, object]]:
    """Ranks of each passage per query, and how often any of them appears."""
    changed = retriever.changed(Change(inserted=tuple(passages)))
    rows: list[dict[str, object]] = [{} for _ in passages]
    for name, queries in (("heldin", case.held_in), ("heldout", case.held_out)):
        if not queries:
            continue
        ranks = _ranks(changed, [p.id for p in passages], queries)
        best = ranks.min(axis=0)
        appeared = {f"{name}_appeared@{k}": float((best <= k).mean()) for k in DEPTHS}
        for row, own in zip(rows, ranks.tolist(), strict=True):
            row |= {f"{name}_ranks": own, **appeared}
    return rows


def _ranks(retriever: Dense, ids: Sequence[str], queries: Sequence[Query]) -> NDArray[np.int64]:
    """1 + the passages that score higher, per passage and query: shape (n_passages, n_queries)."""
    places = {name: i for i, name in enumerate(retriever.ids)}
    own = [places[i] for i in ids]
    vectors = retriever.vectors
    ranks = []
    for query in retriever.encoder.encode([q.text for q in queries], "query"):
        scores = pair_scores(vectors, query)
        ranks.append(1 + (scores[None] > scores[own, None]).sum(axis=1))
    return np.stack(ranks, axis=1)


def _about(case: Case, encoder: Encoder, corpus: Corpus | None) -> dict[str, object]:
    """What was attacked, by what and with which numbers."""
    about: dict[str, object] = {
        "similarity": encoder.similarity,
        "attack": case.name,
        "parameters": asdict(case.attack),  # type: ignore[call-overload]
        "encoder": encoder.fingerprint,
        "seed": case.seed,
    }
    return about if corpus is None else about | {"corpus": case.source, "n_passages": len(corpus.passages)}
