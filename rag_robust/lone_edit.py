"""An attack on ranked lists without a suite: for every query what became of its target, or of its list."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rag_robust import encode
from rag_robust.assemble import white_box
from rag_robust.attacks import tools
from rag_robust.attacks._space import as_passage, check_space
from rag_robust.attacks._view import Secrets, Tools, View, check_budget
from rag_robust.errors import BudgetError, TargetError
from rag_robust.listed import demotable, owned, ranking, ranks
from rag_robust.lone_list import Opened, Rows
from rag_robust.metrics.promoted import rank_of
from rag_robust.metrics.stability import overlap
from rag_robust.propose import ENCODER, called, plain
from rag_robust.retrieve.scores import bi_encoder
from rag_robust.seeds import generator
from rag_robust.synonyms.space import Space
from rag_robust.text import changed_words, words
from rag_robust.threats import demotes
from rag_robust.types import Attack, Change, Changeable, Encoder, Hit, Passage, Query

if TYPE_CHECKING:
    from rag_robust.generate.language_model import LanguageModel

__all__ = ["Editor", "edited", "summary"]

_P = 0.9
"""The persistence of rank-biased overlap: most of its weight is on the first ten places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """An attack by its name, with what it has in hand: encoders instead of the victim's, a language model."""

    name: str
    attack: Attack
    surrogates: tuple[str, ...] = ()
    language_model: str = "SmolLM2-135M-Instruct"


def edited(at: Opened, editor: Editor, rows: Rows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Attack the queries whose rows are not there yet, once per trial; yields how many are over, and a row.

    The edit is held against its budget and against the task's substitutions, and ranked by the system over
    the corpus with the edit in it; `..._pessimistic` ranks give ties to the others. Of a reworded query
    it is said what share of the clean first k is `kept` there, and the `rbo` of the two lists.

    Raises:
        UsageError: the substitutions, an encoder or a model cannot be used.
    """
    task = at.case.task
    secrets = _secrets(at, editor)
    for done, query in enumerate(at.queries):
        if rows.done(query.id):
            continue
        fresh = []
        for trial in range(task.runs):
            started = time.perf_counter()
            row = {"query_id": query.id, "query": query.text, "trial": trial}
            row |= _attacked(at, editor, secrets, query, trial)
            fresh.append({**row, "seconds": round(time.perf_counter() - started, 4)})
        rows.add(fresh)
        for row in rows.kept[-task.runs :]:
            yield done + 1, row


def summary(rows: Sequence[Mapping[str, Any]], k: int) -> dict[str, tuple[float, int]]:
    """Means over the attacked lists, and how many they are over: success, within k, boost, swaps, calls.

    Where queries were reworded success is that a passage left the first k: success, kept, rbo, swaps, calls.
    """
    seen = [row for row in rows if "failure" not in row]
    if seen and "kept" in seen[0]:
        return {
            "success": _mean([float(row["kept"] < 1) for row in seen]),
            f"kept of {k}": _mean([row["kept"] for row in seen]),
            "rbo": _mean([row["rbo"] for row in seen]),
            "swaps": _mean([float(row["n_swaps"]) for row in seen]),
            "calls": _mean([float(row["calls"]) for row in seen]),
        }
    ranks = [(row["rank_before"], row["rank"]) if row["target"] else None for row in seen]
    return {
        "success": _mean([float(r is not None and r[1] < r[0]) for r in ranks]),
        f"within {k}": _mean([float(r is not None and r[1] <= k) for r in ranks if r is None or r[0] > k]),
        "boost": _mean([float(r[0] - r[1]) if r else 0.0 for r in ranks]),
        "swaps": _mean([float(row["n_swaps"]) for row in seen if row["target"]]),
        "calls": _mean([float(row["calls"]) for row in seen]),
    }


def _mean(values: Sequence[float]) -> tuple[float, int]:
    return (float(np.mean(values)) if values else float("nan"), len(values))


def _secrets(at: Opened, editor: Editor) -> Secrets:
    """What an attack may be shown; with surrogates, nothing from within the ranker but its ranks."""
    loaded = [_encoder(at, name) for name in editor.surrogates]
    own = loaded[0] if loaded else at.world.encoder
    white = [white_box(e) for e in loaded] if loaded else [at.token_model]
    models = tuple(model for model in white if model is not None)
    task = at.case.task
    return Secrets(
        passages=at.world.corpus.passages,
        model=models[0] if models else None,
        embed=own.encode if own else None,
        score=bi_encoder(own) if loaded and own else at.world.score,
        models=models,
        rank=ranks(at.world, task),
        listed=lambda query: ranking(at.world, task, query),
    )


def _encoder(at: Opened, name: str) -> Encoder:
    at.say(f"loading {name}")
    return encode.load(name, device=at.device, cache=at.cache / "vectors")


def _attacked(at: Opened, editor: Editor, secrets: Secrets, query: Query, trial: int) -> dict[str, object]:
    """One attack on one list: what it wrote and what that did, or why there is nothing."""
    view = _view(at, editor, secrets, query)
    try:
        change = _proposed(at, editor, view, trial)
    except (BudgetError, TargetError) as error:
        kind = error.kind if isinstance(error, TargetError) else "budget"
        return {"failure": {"kind": kind, "message": str(error)}, "calls": view.calls}
    told: dict[str, object] = {"calls": view.calls, "notes": plain(view.notes)}
    if editor.attack.threat.writes == "reword":
        return _relisted(at, query, change.reworded.get(query.id)) | told
    for passage in change.edited.values():
        return _placed(at, query, passage) | told
    return {"target": None} | told


def _view(at: Opened, editor: Editor, secrets: Secrets, query: Query) -> View:
    def language_model() -> LanguageModel:
        from rag_robust.generate.language_model import language_model

        at.say(f"loading {editor.language_model}")
        return language_model(editor.language_model, cache=at.cache / "models", device=at.device)

    name = (*editor.surrogates, ENCODER)[0]
    mine = Tools(functools.cache(language_model), functools.cache(lambda: _encoder(at, name)))
    view = View(editor.attack.threat, replace(secrets, queries=(query,)), tools=mine)
    if secrets.models:
        view.n_tokens = secrets.models[0].n_tokens
    return view


def _proposed(at: Opened, editor: Editor, view: View, trial: int) -> Change:
    """The edit, within its budget and the task's substitutions."""
    (query,) = view.secrets.queries
    threat, ruler = editor.attack.threat, view.n_tokens  # as they are before the attack has them in hand
    mine = {p.id: p for p in _own(at, editor.attack, query, trial)}

    def space(passage: Passage) -> Space:
        return at.allowed.space(passage.text, query.text)

    view.targets = tuple(mine.values()) if threat.writes == "edit" else ()
    view.space = space if "space" in tools(editor.attack) else view.space
    change = called(editor.attack, view, generator(at.case.seed, "alone", editor.name, query.id, trial))
    check_budget(change, threat, mine, ruler)
    if "space" in getattr(editor.attack, "tools", ()):
        check_space(change, mine, space)
    return change


def _own(at: Opened, attack: Attack, query: Query, trial: int) -> Sequence[Passage]:
    """What the attacker may rewrite: passages of the list, or the query."""
    task = at.case.task
    if attack.threat.writes == "reword":
        return [as_passage(query)]
    if demotes(attack):
        return demotable(at.world, task, query)
    rng = generator(at.case.seed, "targets", task.targets, query.id, trial)
    return owned(at.world, task, query, trial, rng)


def _relisted(at: Opened, query: Query, text: str | None) -> dict[str, object]:
    """The reworded query, what it cost in words, and what is left of the list; None: left as it was."""
    asked = query.text if text is None else text
    clean, now = (
        [h.passage_id for h in at.world.system(q).hits] for q in (query, replace(query, text=asked))
    )
    top = clean[: at.case.task.k]
    swaps = changed_words(query.text, asked)
    return {
        "reworded": text,
        "kept": len({*top} & {*now[: len(top)]}) / len(top) if top else 1.0,
        "rbo": overlap(clean, now, _P) if clean else 1.0,
        "n_swaps": swaps,
        "changed_share": swaps / max(1, len(words(query.text))),
    }


def _placed(at: Opened, query: Query, passage: Passage) -> dict[str, object]:
    """The edited passage, what it cost in words, and its rank before and after in both tie modes."""
    world = at.world
    before = world.corpus.passages[passage.id]
    clean = world.system(query).hits
    now: tuple[Hit, ...] = ()
    if isinstance(world.system, Changeable):
        now = world.system.changed(Change(edited={passage.id: passage}))(query).hits
    told: dict[str, object] = {"target": passage.id, "title": passage.title, "text": passage.text}
    for name, hits in (("rank_before", clean), ("rank", now)):
        told[name] = rank_of(hits, passage.id)
        told[f"{name}_pessimistic"] = rank_of(hits, passage.id, strict=True)
    swaps = changed_words(before.full, passage.full)
    return told | {"n_swaps": swaps, "changed_share": swaps / max(1, len(words(before.full)))}
