import io
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rag_robust.gates import Result, judge
from rag_robust.report.table import summary, verdict_table

build = runpy.run_path(str(Path(__file__).with_name("report_store.py")))["build"]


@pytest.fixture(scope="module")
def result(tmp_path_factory, tiny) -> Result:
    return judge(build(tmp_path_factory.mktemp("run"), tiny))


def printed(thing: object, *, width: int = 100, colour: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    system = "truecolor" if colour else None
    Console(file=file, width=width, color_system=system, force_terminal=colour, legacy_windows=False).print(
        thing
    )
    file.flush()
    return raw.getvalue().decode(encoding)


def test_every_verdict_is_a_word_and_has_its_colour(result):
    plain, coloured = printed(summary(result)), printed(summary(result), colour=True)
    for verdict, code in [("PASS", "32"), ("FAIL", "1;31"), ("INCONCLUSIVE", "33"), ("ERROR", "35")]:
        assert verdict in plain
        assert f"\x1b[{code}m{verdict}" in coloured
    assert "\x1b" not in plain


@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_line_is_wider_than_the_terminal(result, width):
    assert max(map(len, printed(summary(result), width=width).splitlines())) <= width


def test_verdicts_are_whole_at_80_columns(result):
    text = printed(verdict_table(result), width=80)
    assert text.count("INCONCLUSIVE") == 3
    assert text.count("ERROR") >= 1
    assert "APPLICABLE" in text


def test_numbers_keep_their_figures_at_100_columns(result):
    text = printed(verdict_table(result))
    for figures in ("0.83", "[0.40, 0.99]", "max 0.2", "12 (0)", "3 to 11", "0 (12)"):
        assert figures in text


def test_attack_stands_beside_its_baselines_and_the_system_beside_policies(result):
    text = printed(summary(result))
    first = {line.split("  ")[0] for line in text.splitlines()}
    assert {"gaslite", "gaslite, known queries", "baseline random_passage", "policy always refuse"} <= first


def test_long_task_names_fold_and_keep_every_word(result):
    name = "a task whose name goes on and on " * 5
    task = result.suite.task[0].model_copy(update={"name": name})
    gate = result.gates[0]
    gate = replace(gate, gate=gate.gate.model_copy(update={"task": name}))
    suite = result.suite.model_copy(update={"task": (task,)})
    text = printed(verdict_table(replace(result, suite=suite, gates=(gate,), numbers=())))
    assert sum(line.count("goes") for line in text.splitlines()) == 5
    assert "min 0.5" in text


def test_why_a_gate_did_not_pass_is_said_below(result):
    text = " ".join(printed(summary(result)).split())
    assert "1 of 12 records failed, the first: no answer within 30 s" in text
    assert "about 68 queries at this rate would decide" in text


def test_problems_and_missing_records_are_said(result):
    broken = replace(result, problems=("query q1: certified, yet broken",), planned=999)
    text = printed(summary(broken))
    assert "CONTRADICTION  query q1" in text
    assert f"{999 - len(result.records)} of 999 records are missing" in text


def test_markup_and_control_characters_are_only_text(result):
    gate = replace(result.gates[0], reason="[bold red]x[/] \x1b[31m [link=http://a]b[/link]")
    text = printed(summary(replace(result, gates=(gate,), numbers=())), colour=True)
    assert "[bold red]x[/] ⟨U+001B⟩[31m [link=http://a]b[/link]" in text


def test_a_run_without_gates_still_ends_with_a_verdict(result):
    done = replace(result, gates=(), numbers=(), problems=())
    assert printed(summary(done)).splitlines()[-1] == "PASS  everything  (no gates; exit code 0)"


def test_old_encodings_are_no_reason_to_fail(result):
    assert "INCONCLUSIVE" in printed(summary(result), encoding="cp1252")
