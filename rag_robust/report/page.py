"""The whole page as values: what stands at its head, and what each task has to tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag_robust import __version__
from rag_robust.gates import GateResult, Result, judge, task_corpus
from rag_robust.report.answered import Cell, grid
from rag_robust.report.changes import Told, told
from rag_robust.report.comparison import METRIC, compare
from rag_robust.report.figures import Bars, Plot, Square, bar, interval_plots, rank_bars, squares, verdict_bar
from rag_robust.report.filters import Filtered, filtered
from rag_robust.report.question_table import QuestionTable
from rag_robust.report.questions import compared, question_tables
from rag_robust.report.ranked import ranked
from rag_robust.report.ranked_page import Beside, beside
from rag_robust.report.rankings import Library, Scene
from rag_robust.report.rows import Row, rows
from rag_robust.report.susceptibility import Susceptibility, susceptibility
from rag_robust.report.words import GLOSSARY, about, figure, interval, label, level, limits, whose
from rag_robust.store import Store
from rag_robust.suite import Task
from rag_robust.types import Record, Verdict

__all__ = ["MARKS", "Decided", "Page", "Section", "page"]

MARKS: dict[Verdict, str] = {
    "PASS": "✓",
    "FAIL": "✕",
    "INCONCLUSIVE": "?",
    "ERROR": "!",
    "NOT APPLICABLE": "–",
}
"""What stands beside a verdict's word, so that colour is not the only signal."""

_MOST_ROWS, _MOST_ROWS_OF_ALL, _MOST_ANSWERS = 200, 2000, 2500


@dataclass(frozen=True, slots=True)
class Decided:
    """A gate in the words of the page."""

    verdict: Verdict
    task: str
    anchor: str
    metric: str
    condition: str
    value: str
    interval: str
    bar: str
    limit: str
    n: int
    unscored: int
    level: str
    method: str
    reason: str


@dataclass(frozen=True, slots=True)
class Section:
    """A task: what it did, what came out, and every query."""

    anchor: str
    name: str
    kind: str
    method: str
    says: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    gates: tuple[Decided, ...]
    plots: tuple[Plot, ...]
    bars: tuple[Bars, ...]
    verdicts: Bars | None
    corner: str
    documents: tuple[str, ...]
    grid: dict[str, tuple[Cell | None, ...]]
    tables: tuple[QuestionTable, ...]
    changes: tuple[Told, ...]
    rows: tuple[Row, ...]
    n_left_out: int


@dataclass(frozen=True, slots=True)
class Page:
    """Everything the template needs."""

    title: str
    description: str
    verdict: Verdict
    conclusion: str
    problems: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    gates: tuple[Decided, ...]
    metric: str
    columns: tuple[tuple[str, str], ...]
    lines: dict[str, tuple[Square | None, ...]]
    susceptibility: Susceptibility | None
    filtered: tuple[Filtered, ...]
    ranked: tuple[Beside, ...]
    versus: QuestionTable
    sections: tuple[Section, ...]
    passages: tuple[tuple[str, str, str, str, str], ...]
    glossary: dict[str, str]
    version: str


def page(store: Store, result: Result | None = None) -> Page:
    """The page of a run folder; the same folder gives the same page. `result`: its judgement, if at hand."""
    result = result or judge(store)
    library = Library()
    attacks = compare(result)
    changes, contexts = store.artifacts("change"), store.artifacts("context")
    sections = []
    for number, task in enumerate(result.suite.task, 1):
        scene = Scene(task, task_corpus(store, task), library, changes, contexts)
        world = store.artifact(f"world {task.questions or ''} {task.name}") or {}
        sections.append(_section(result, scene, f"t{number}", world.get("dropped") or {}))
    return Page(
        title=result.suite.name,
        description=result.suite.description,
        verdict=result.verdict,
        conclusion=_conclusion(result),
        problems=tuple(_problems(result)),
        facts=tuple(_facts(result)),
        gates=tuple(_decided(result, g, f"t{_place(result, g)}") for g in result.gates),
        metric=METRIC,
        columns=tuple((c.system, c.situation) for c in attacks.columns) if attacks else (),
        lines=squares(attacks) if attacks else {},
        susceptibility=susceptibility(result, attacks),
        filtered=filtered(result),
        ranked=tuple(beside(ranked(result))),
        versus=compared(result.versus),
        sections=tuple(sections),
        passages=tuple(library.entries()),
        glossary=GLOSSARY,
        version=__version__,
    )


def _section(result: Result, scene: Scene, anchor: str, dropped: dict[str, int]) -> Section:
    task = scene.task
    records = [r for r in result.records if r.task == task.name]
    shared = _shared(scene, records)
    own_changes = task.kind == "attack" and not shared
    most = min(_MOST_ROWS, max(3, _MOST_ROWS_OF_ALL // len(result.suite.task)))
    if task.kind == "questions":
        most = min(most, max(3, _MOST_ANSWERS // max(1, len({r.condition for r in records}))))
    shown, n_left_out = rows(scene, records, own_changes=own_changes, most=most)
    corner, documents, cells = grid(records, scene.corpus) if task.kind == "questions" else ("", (), {})
    return Section(
        anchor=anchor,
        name=task.name,
        kind=task.kind,
        method=task.method,
        says=tuple(sentence for sentence in about(task) if sentence),
        facts=tuple(_task_facts(task, dropped)),
        gates=tuple(_decided(result, g, anchor) for g in result.gates if g.gate.task == task.name),
        plots=tuple(interval_plots(result, task)),
        bars=tuple(rank_bars(records, task, scene.corpus)),
        verdicts=verdict_bar(records) if task.kind == "certify" else None,
        corner=corner,
        documents=documents,
        grid=cells,
        tables=tuple(t for f in result.findings if f.task == task.name for t in question_tables(f)),
        changes=shared,
        rows=shown,
        n_left_out=n_left_out,
    )


def _shared(scene: Scene, records: Sequence[Record]) -> tuple[Told, ...]:
    """The changes of an attack that all its queries went through in its first trial, its own first."""
    keys: dict[str, set[str]] = {}
    first_seed = min((r.seed for r in records), default=0)
    for record in records:
        if record.change and record.seed == first_seed and "/" not in record.condition:
            keys.setdefault(record.condition, set()).add(record.change)
    if scene.task.kind != "attack" or any(len(found) > 1 for found in keys.values()):
        return ()
    bodies = {label(name, scene.task): scene.changes.get(*found) or {} for name, found in keys.items()}
    changes = [told(name, body, scene.corpus) for name, body in bodies.items()]
    return (*changes[:1], *(replace(c, known=(), n_known=0) for c in changes[1:]))


def _place(result: Result, gate: GateResult) -> int:
    return [task.name for task in result.suite.task].index(gate.gate.task) + 1


def _decided(result: Result, gate: GateResult, anchor: str) -> Decided:
    estimate, task = gate.estimate, result.suite.select(gate.gate.task)
    apart = [x for x in (gate.gate.min, gate.gate.max) if x is not None]
    return Decided(
        verdict=gate.verdict,
        task=task.name,
        anchor=anchor,
        metric=gate.gate.metric,
        condition=whose(gate, task),
        value=figure(estimate.value, apart) if estimate.n else "–",
        interval=interval(estimate, apart) if estimate.n else "",
        bar=bar(gate),
        limit=limits(gate.gate),
        n=estimate.n,
        unscored=estimate.unscored,
        level=level(estimate),
        method=estimate.method,
        reason=gate.reason,
    )


def _conclusion(result: Result) -> str:
    if not result.gates:
        return "This suite has no gates: it shows numbers and decides nothing."
    words = {
        "PASS": "passed",
        "FAIL": "failed",
        "INCONCLUSIVE": "undecided",
        "ERROR": "not measured",
        "NOT APPLICABLE": "not applicable",
    }
    counts = {v: sum(g.verdict == v for g in result.gates) for v in MARKS}
    told = ", ".join(f"{n} {words[v]}" for v, n in counts.items() if n)
    return f"{len(result.gates)} gates: {told}."


def _problems(result: Result) -> Iterator[str]:
    for line in result.problems:
        yield f"Contradiction, which must never be: {line}. Please report it."
    if (missing := result.planned - len(result.records)) > 0:
        yield f"{missing} of {result.planned} records are missing: the run was cut short. Run it again."


def _facts(result: Result) -> Iterator[tuple[str, str]]:
    """Where the numbers come from."""
    run, suite = result.run, result.suite
    corpus, system, versions = (run.get(name) or {} for name in ("corpus", "system", "versions"))
    if date := run.get("date"):
        yield "Date", str(date)
    yield "Corpus", _corpus(suite.corpus.source, corpus)
    yield "System", str(system.get("fingerprint") or suite.system.kind)
    for name, further in sorted((run.get("systems") or {}).items()):
        yield f"System {name}", str(further.get("fingerprint"))
    if reader := system.get("reader"):
        yield "Generator", str(reader)
    failed = sum(r.failure is not None for r in result.records)
    yield "Records", f"{len(result.records):,} of {result.planned:,}, {failed:,} of them failures"
    yield "Seed and level", f"{suite.seed}, {suite.level:g}"
    if versions:
        yield "Versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    if where := ", ".join(str(run[name]) for name in ("device", "platform") if run.get(name)):
        yield "Computed on", where


def _corpus(source: str, corpus: dict[str, Any]) -> str:
    if not corpus:
        return source
    sizes = f"{corpus.get('passages', 0):,} passages, {corpus.get('queries', 0):,} queries"
    return f"{source}: {sizes}, digest {str(corpus.get('digest', ''))[:12]}"


def _task_facts(task: Task, dropped: dict[str, int]) -> Iterator[tuple[str, str]]:
    """What the suite says about the task, where it is not plain from its name."""
    if task.system:
        yield "system", task.system
    if task.kind == "attack":
        knows = {
            "knows-all": "the query it is judged on",
            "knows-what": "other queries of its kind",
            "knows-nothing": "what people ask in general",
        }
        yield "the attacker knows", knows[task.knows]
        if task.surrogates:
            yield "encoders it has instead of the victim's", ", ".join(task.surrogates)
        if task.runs > 1:
            yield "trials", str(task.runs)
        if task.concept:
            yield "concept", task.concept
        yield "passages", str(task.passages)
    if task.kind in {"attack", "certify"}:
        yield "top k", str(task.k)
        yield "list depth", str(task.depth)
    for name, value in sorted(task.parameters.items()):
        yield name, str(value)
    if dropped:
        told = ", ".join(f"{n} {reason}" for reason, n in sorted(dropped.items()))
        yield "questions written and not asked", told
