import json
import runpy
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from rag_robust.errors import UsageError
from rag_robust.gates import Result, judge
from rag_robust.report.json import to_json, write_json
from rag_robust.types import Cost, Estimate

STORE = runpy.run_path(str(Path(__file__).with_name("report_store.py")))
build, ATTACK = STORE["build"], STORE["ATTACK"]
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/result.schema.json").read_text(encoding="utf-8"))
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


@pytest.fixture(scope="module")
def result(tmp_path_factory, tiny) -> Result:
    return judge(build(tmp_path_factory.mktemp("run"), tiny))


def problems(value: Any, schema: dict[str, Any], where: str = "result") -> list[str]:
    """What of a value does not fit: the few keywords that the schema uses."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    found = []
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and (isinstance(value, bool) or not any(isinstance(value, TYPES[k]) for k in kinds)):
        return [f"{where}: {value!r} is no {kinds}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        found.append(f"{where}: {value!r}")
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        found.append(f"{where}: {value} is too small")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{where}.{key} is missing" for key in schema.get("required", []) if key not in value]
        if schema.get("additionalProperties") is False:
            found += [f"{where}.{key} is unknown" for key in value if key not in known]
        for key in known.keys() & value.keys():
            found += problems(value[key], known[key], f"{where}.{key}")
    if isinstance(value, list):
        for place, item in enumerate(value):
            found += problems(item, schema.get("items", {}), f"{where}[{place}]")
    return found


def test_result_fits_its_published_schema(result):
    assert problems(to_json(result), SCHEMA) == []


@pytest.mark.parametrize(
    ("key", "value"), [("verdict", "fine"), ("n_records", -1), ("gates", [{}]), ("run", None), ("more", 1)]
)
def test_schema_check_finds_what_does_not_fit(result, key, value):
    assert problems(to_json(result) | {key: value}, SCHEMA)


def test_every_gate_and_estimate_is_there_with_its_own_level(result):
    told: Any = to_json(result)
    assert [(g["task"], g["metric"]) for g in told["gates"]] == [
        (g.gate.task, g.gate.metric) for g in result.gates
    ]
    assert [g["level"] for g in told["gates"]] == [g.estimate.level for g in result.gates]
    assert len(told["estimates"]) == len(result.numbers)
    assert {"always refuse", ""} <= {e["policy"] for e in told["estimates"]}


def test_failures_are_counted_by_task_condition_and_kind(result):
    told: Any = to_json(result)
    counts = {(f["task"], f["condition"], f["kind"]): f["n"] for f in told["failures"]}
    assert counts == {
        ("one typing error", "typo", "timeout"): 1,
        ("one edited word", "substitution", "budget"): 1,
        ("questions about sixty passages", "original/gold", "overflow"): 1,
        ("what cannot be done", "exact", "not_applicable"): 12,
    }


def test_infinite_ends_become_null_and_nan_is_refused(result, tmp_path):
    endless = Estimate(2.0, -inf, inf, 0.95, 12, 0, "Hoeffding")
    gate = replace(result.gates[0], estimate=endless)
    told: Any = to_json(replace(result, gates=(gate,)))
    assert (told["gates"][0]["low"], told["gates"][0]["high"]) == (None, None)
    nan = replace(gate, estimate=replace(endless, level=float("nan")))
    with pytest.raises(ValueError, match="JSON"):
        write_json(replace(result, gates=(nan,)), tmp_path / "result.json")


def test_value_of_nothing_scored_is_null_and_not_zero(result):
    told: Any = to_json(result)
    assert [g["value"] for g in told["gates"] if not g["n"]] == [None]


def test_only_costs_differ_when_a_run_takes_longer(result):
    slower = [replace(r, cost=Cost(99.0, 7, 5)) for r in result.records]
    a = to_json(result)
    b = to_json(replace(result, records=tuple(slower), run=result.run | {"date": "2026-11-23"}))
    assert {key for key in a if a[key] != b[key]} == {"costs"}


def test_what_making_a_change_took_is_told_once_for_each_change(result):
    work = {
        "forwards": 12,
        "backwards": 3,
        "tokens": 99,
        "flops": 1e9,
        "cpu_s": 1.5,
        "wall_s": 2.0,
        "version": 2,
    }
    notes = {"steps": 7, "passages": [{"objective_ids": 0.9}]}
    more = {"work": work, "notes": notes, "trial": 0}
    changes = {key: {**body, **more} if "calls" in body else body for key, body in result.changes.items()}
    told: Any = to_json(replace(result, changes=changes))
    assert problems(told, SCHEMA) == []
    found = told["costs"]["work"]
    (gaslite,) = [row for row in found if row["condition"] == "gaslite"]
    expected = {
        "task": ATTACK,
        "query_id": None,
        "steps": 7,
        "forwards": 12,
        "objective_ids": [0.9],
        "cpu_s": 1.5,
    }
    assert {name: gaslite[name] for name in expected} == expected
    edits = [row["query_id"] for row in found if row["condition"] == "substitution"]
    assert len(edits) == len(set(edits)) > 1


def test_file_is_whole_and_nothing_is_left_beside_it(result, tmp_path):
    path = tmp_path / "new" / "result.json"
    write_json(result, path)
    assert json.loads(path.read_text(encoding="utf-8")) == to_json(result)
    assert [p.name for p in path.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize("name", ["taken", "taken/result.json", "x" * 300])
def test_path_that_cannot_be_written_is_a_usage_error_and_leaves_nothing(result, tmp_path, name):
    (tmp_path / "taken").write_text("a file") if "/" in name else (tmp_path / "taken").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        write_json(result, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_a_usage_error(result, tmp_path, monkeypatch):
    whole = Path.write_text
    monkeypatch.setattr(Path, "write_text", lambda _, *a, **k: whole(Path("/dev/full"), *a, **k))
    with pytest.raises(UsageError, match="No space left"):
        write_json(result, tmp_path / "result.json")
