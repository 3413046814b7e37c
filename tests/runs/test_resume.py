"""A run can be killed at any moment and started again, on any number of workers: the result is the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rag_robust import run as runner
from rag_robust.errors import StoreError
from rag_robust.report.json import to_json
from rag_robust.store import Store
from rag_robust.suite import parse

SUITE = {
    "schema": 1,
    "name": "everything small",
    "corpus": {"source": "tiny"},
    "system": {
        "retriever": {"encoder": "hashed"},
        "generator": {"kind": "canned", "default": "I don't know."},
    },
    "task": [
        {"name": "clean", "metrics": ["nDCG@10"]},
        {"name": "typos", "perturb": "typo"},
        {"name": "stuffed", "attack": "stuffing", "concept": "coffee", "with": {"tokens": 24}},
        {
            "name": "stuffed each",
            "attack": "stuffing",
            "threat": "knows-all",
            "information": "Buy now.",
            "limit": 3,
        },
    ],
    "gate": [
        {"task": "typos", "metric": "nDCG@10 drop", "max": 0.5},
        {"task": "stuffed", "metric": "appeared@3", "max": 0.5},
        {"task": "stuffed each", "metric": "appeared@10", "max": 0.5},
    ],
}


def result(folder: Path, tmp_path: Path, suite: dict = SUITE, workers: int = 1) -> dict:
    judged = to_json(runner.run(parse(suite), folder, cache=tmp_path / "cache", workers=workers))
    del judged["costs"]
    return judged


def test_a_second_run_does_nothing_and_says_the_same(tmp_path):
    first = result(tmp_path / "a", tmp_path)
    seen = []
    again = runner.run(
        parse(SUITE), tmp_path / "a", cache=tmp_path / "cache", progress=lambda *a: seen.append(a[2])
    )
    assert not [label for label in seen if ":" in label]
    assert to_json(again)["gates"] == first["gates"]


def test_two_workers_are_one_worker(tmp_path):
    # without the task for whose perfect vectors every process would have to load torch
    few = {
        **SUITE,
        **{what: [x for x in SUITE[what] if "stuffed" not in x.values()] for what in ("task", "gate")},
    }
    one, two = (result(tmp_path / str(n), tmp_path, few, workers=n) for n in (1, 2))
    assert one == two


def test_the_order_of_tasks_does_not_matter(tmp_path):
    turned = {**SUITE, "task": SUITE["task"][::-1]}
    a = runner.run(parse(SUITE), tmp_path / "a", cache=tmp_path / "cache")
    b = runner.run(parse(turned), tmp_path / "b", cache=tmp_path / "cache")
    assert {r.key: r.hits for r in a.records} == {r.key: r.hits for r in b.records}
    assert [g.estimate for g in a.gates] == [g.estimate for g in b.gates]


def test_a_new_gate_reruns_no_model(tmp_path):
    result(tmp_path / "a", tmp_path)
    more = {**SUITE, "gate": [*SUITE["gate"], {"task": "clean", "metric": "RR@10", "min": 0.1}]}
    seen = []
    judged = runner.run(
        parse(more), tmp_path / "a", cache=tmp_path / "cache", progress=lambda *a: seen.append(a[2])
    )
    assert not [label for label in seen if ":" in label]
    assert judged.gates[-1].estimate.n == 20


@pytest.fixture(scope="module")
def slow(tmp_path_factory) -> Path:
    """A folder with a suite whose system takes its time, and "whole", what it gives undisturbed."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "slow.py").write_text(
        "import time\ndef answer(query):\n    time.sleep(0.01)\n    return [query.text[:1]]\n"
    )
    (folder / "suite.toml").write_text(
        'schema = 1\nname = "slow"\n[corpus]\nsource = "tiny"\n[system]\nkind = "function"\n'
        'target = "slow:answer"\n'
        + "".join(f'[[task]]\nname = "t{i}"\nperturb = "typo"\n' for i in range(4))
        + '[[gate]]\ntask = "t0"\nmetric = "jaccard@3"\nmin = 0.9\n'
    )
    _finished(folder, "whole")
    return folder


@pytest.mark.parametrize("n_seen", [3, 30])
def test_killed_and_started_again_it_goes_on_and_the_result_is_identical(slow, n_seen):
    name = f"killed after {n_seen}"
    command, options = _command(slow, name)
    with subprocess.Popen(command, **options, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and _n_records(slow / name) < n_seen:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert 0 < _n_records(slow / name) < 160
    _finished(slow, name)
    done = [json.loads((slow / n / "result.json").read_text()) for n in (name, "whole")]
    for each in done:
        del each["costs"]
    assert done[0] == done[1]


def _command(folder: Path, name: str) -> tuple[list[str], dict[str, Any]]:
    """The command that runs the suite, and where."""
    command = [sys.executable, "-m", "rag_robust", "run", "suite.toml", "--store", name]
    more = {"PYTHONPATH": str(folder), "RAG_ROBUST_CACHE": str(folder / "cache"), "CI": "1"}
    return command, {"cwd": folder, "env": {**os.environ, **more}}


def _finished(folder: Path, name: str) -> None:
    command, options = _command(folder, name)
    done = subprocess.run(command, **options, capture_output=True, text=True)
    assert done.returncode in (0, 1, 3), done.stderr


def _n_records(folder: Path) -> int:
    try:
        with closing(Store(folder)) as store:
            return len(store.done())
    except StoreError:  # no file yet, or one without tables
        return 0
