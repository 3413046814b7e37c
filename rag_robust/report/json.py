"""The result as JSON for machines: schema `docs/result.schema.json`, version 1.8."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rag_robust import __version__
from rag_robust.gates import EXIT, GateResult, Number, Result
from rag_robust.report.changes import on_ids, spent
from rag_robust.report.comparison import METRIC, Cell, Comparison, compare
from rag_robust.report.files import write_text
from rag_robust.report.filters import Filtered, filtered
from rag_robust.report.ranked import Ranked, ranked
from rag_robust.types import Estimate, Record

__all__ = ["SCHEMA_VERSION", "to_json", "write_json"]

SCHEMA_VERSION = "1.8"
"""Major: a reader may break. Minor: keys were added."""


def to_json(result: Result) -> dict[str, object]:
    """The result as plain JSON values, in the order of the suite.

    Everything but "costs" is the same for every run of the same suite with the same models on the
    same kind of machine. There is no NaN and no infinity: the end of an interval that is infinite
    (a metric without bounds, too few queries) is null, and so is a value where nothing was scored.
    `n_planned` above `n_records` means that the run was cut short.
    """
    run = {key: value for key, value in result.run.items() if key != "date"}
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "rag-robust", "version": __version__},
        "verdict": result.verdict,
        "exit_code": EXIT[result.verdict],
        "n_records": len(result.records),
        "n_planned": result.planned,
        "gates": [_gate(gate) for gate in result.gates],
        "estimates": [_number(number) for number in result.numbers],
        "comparison": _comparison(compared) if (compared := compare(result)) else None,
        "filters": [_filtered(one) for one in filtered(result)],
        "geometry": [
            {"system": name, **{key: value for key, value in body.items() if key != "made"}}
            for name, body in result.spaces.items()
        ],
        "ranked": [_ranked(one) for one in ranked(result)],
        "questions": [_plain(found) for found in result.findings],
        "versus": [_plain(pair) for pair in result.versus],
        "failures": list(_failures(result)),
        "problems": list(result.problems),
        "suite": result.suite.model_dump(mode="json", by_alias=True),
        "run": run,
        "costs": {
            "date": result.run.get("date"),
            "conditions": list(_costs(result)),
            "work": list(_work(result)),
        },
    }


def write_json(result: Result, path: Path) -> None:
    """Write `to_json` to a file that is whole or not there.

    Raises:
        UsageError: the path cannot be written, or the disk is full.
    """
    write_text(path, json.dumps(to_json(result), indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def _gate(result: GateResult) -> dict[str, object]:
    gate = result.gate
    return {
        "task": gate.task,
        "condition": result.condition,
        "metric": gate.metric,
        "min": gate.min,
        "max": gate.max,
        **_estimate(result.estimate),
        "verdict": result.verdict,
        "reason": result.reason,
    }


def _number(number: Number) -> dict[str, object]:
    return {
        "task": number.task,
        "condition": number.condition,
        "policy": number.policy,
        "metric": number.metric,
        **_estimate(number.estimate),
        "trials": list(number.trials),
    }


def _estimate(estimate: Estimate) -> dict[str, object]:
    return {
        "value": _finite(estimate.value) if estimate.n else None,
        "low": _finite(estimate.low),
        "high": _finite(estimate.high),
        "level": estimate.level,
        "n": estimate.n,
        "unscored": estimate.unscored,
        "method": estimate.method,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _comparison(compared: Comparison) -> dict[str, object]:
    return {
        "metric": METRIC,
        "columns": [
            {"system": c.system, "threat": c.threat, "passages": c.passages} for c in compared.columns
        ],
        "rows": [
            {
                "name": line.name,
                "condition": line.condition,
                "surrogates": list(line.surrogates),
                "cells": [_cell(cell) if cell else None for cell in line.cells],
            }
            for line in compared.lines
        ],
    }


def _cell(cell: Cell) -> dict[str, object]:
    known = cell.held_in
    return {
        **_estimate(cell.estimate),
        "first": _estimate(cell.first),
        "lead": _estimate(cell.lead) if cell.lead else None,
        "held_in": _finite(known.value) if known and known.n else None,
        "trials": list(cell.trials),
        "first_trials": list(cell.first_trials),
        "harm": cell.harm,
    }


def _filtered(one: Filtered) -> dict[str, object]:
    """Every attack behind every filter of one system; null where the suite does not ask."""
    return {
        "system": one.system,
        "filters": [
            {"name": each.name, "rate": each.rate, "cost": _plain(cost)}
            for each, cost in zip(one.filters, one.cost, strict=True)
        ],
        "attacks": [
            {
                "name": attack.name,
                "condition": attack.condition,
                "situation": situation,
                "first": _estimate(attack.first),
                "behind": _plain(attack.behind),
            }
            for situation, attacks in one.attacks.items()
            for attack in attacks
        ],
    }


def _ranked(one: Ranked) -> dict[str, object]:
    """Attacks and certificates of one threat; seconds differ from run to run and are left out."""
    return {
        "system": one.system,
        "threat": one.threat,
        "k": one.k,
        "clean": _estimate(one.clean) if one.clean else None,
        "attacks": [
            {
                "task": a.task,
                "name": a.name,
                "success": _estimate(a.success),
                "entered": _estimate(a.entered),
                "within_ten": _estimate(a.within_ten),
                "boost": _estimate(a.boost),
                "swaps": _finite(a.swaps),
                "calls": _finite(a.calls),
            }
            for a in one.attacks
        ],
        "certificates": [
            {
                "task": p.task,
                "name": p.name,
                "ranker": p.ranker,
                "alpha": p.alpha,
                "quality": _estimate(p.quality) if p.quality else None,
                "certified": _estimate(p.certified),
                "curve": [{"k": k, **_estimate(e)} for k, e in p.curve],
                "broken": _estimate(p.broken),
                "hostile": _estimate(p.hostile),
                "samples": _finite(p.samples),
            }
            for p in one.proofs
        ],
        "most_swaps": {name: _estimate(swaps) for name, swaps in one.most_swaps},
    }


def _plain(value: object) -> object:
    """A value of ours, and all values in it, as JSON."""
    if isinstance(value, Estimate):
        return _estimate(value)
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return _finite(value) if isinstance(value, float) else value


def _failures(result: Result) -> Iterator[dict[str, object]]:
    counts = Counter((r.task, r.condition, r.failure.kind) for r in result.records if r.failure)
    for (task, condition, kind), n in counts.items():
        yield {"task": task, "condition": condition, "kind": kind, "n": n}


def _costs(result: Result) -> Iterator[dict[str, object]]:
    """What the records of each condition took together; making an attack's change is not included."""
    for task, condition in dict.fromkeys((r.task, r.condition) for r in result.records):
        costs = [r.cost for r in result.records if (r.task, r.condition) == (task, condition)]
        yield {
            "task": task,
            "condition": condition,
            "seconds": math.fsum(c.seconds for c in costs),
            "calls": sum(c.calls for c in costs),
            "tokens": sum(c.tokens for c in costs),
        }


def _work(result: Result) -> Iterator[dict[str, object]]:
    """What making each change of an attack took; the change of a twin, made once, is told of both."""
    asked: dict[tuple[str, str], dict[str, Record]] = {}
    for record in result.records:
        if (result.changes.get(record.change) or {}).get("work"):
            asked.setdefault((record.task, record.change), {}).setdefault(record.query_id, record)
    for (task, key), records in asked.items():
        body = result.changes[key]
        yield {
            "task": task,
            "condition": body["attack"],
            "query_id": next(iter(records)) if len(records) == 1 else None,
            "trial": body["trial"],
            "calls": body["calls"],
            "objective_ids": [_finite(value) for value in on_ids(body)],
            **{name: _finite(value) for name, value in spent(body).items()},
        }
