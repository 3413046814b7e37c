"""What the documentation shows, runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rag_robust.cli import app
from rag_robust.suite import Suite

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

pytest_plugins = ["pytester"]


def test_the_library_example_runs_and_prints_a_verdict(tmp_path):
    done = subprocess.run([sys.executable, "-c", PYTHON[0]], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.match(r"(PASS|FAIL|INCONCLUSIVE) appeared@3 [\d.]+ ", done.stdout)


def test_the_pytest_example_passes(pytester):
    pytester.makepyfile(PYTHON[1])
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_every_command_is_shown_and_no_other():
    shown = set(re.findall(r"^rag-robust (\w+)", README, re.MULTILINE))
    known = {c.name or c.callback.__name__ for c in app.registered_commands} | {
        g.name for g in app.registered_groups
    }
    assert shown == known


def test_every_file_linked_is_there():
    links = re.findall(r"\]\(([\w./-]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_published_schema_is_the_suites():
    """To renew it: write `json.dumps(Suite.model_json_schema(by_alias=True), indent=1)` there."""
    assert json.loads((ROOT / "docs/suite.schema.json").read_text()) == Suite.model_json_schema(by_alias=True)


@pytest.mark.parametrize("target", ["demo", "test", "test-models", "check"])
def test_make_targets_named_in_the_documentation_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
