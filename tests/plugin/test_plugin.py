"""The pytest plugin, by real pytest sessions: silent until used, exact when it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SUITE = """
schema = 1
name = "gates"
[corpus]
source = "tiny"
[system.retriever]
kind = "bm25"
[[task]]
name = "clean"
[[gate]]
task = "clean"
metric = "RR@10"
min = 0.2
[[gate]]
task = "clean"
metric = "P@10"
min = 0.9
[[gate]]
task = "clean"
metric = "Success@1"
min = {undecided}
"""

MARKED = """
import pytest
@pytest.mark.rag_robust({})
def test_it(rag_gate):
    assert rag_gate.verdict == "PASS"
"""


def test_an_unrelated_session_sees_and_imports_nothing(pytester):
    pytester.makepyfile(
        "import sys\ndef test_it(): assert not {'torch', 'faiss', 'pydantic'} & set(sys.modules)"
    )
    done = pytester.runpytest_subprocess("-q", "-p", "no:randomly")
    done.assert_outcomes(passed=1)
    assert "rag" not in done.stdout.str().replace("rag_robust-", "")


def test_the_plugin_costs_an_unrelated_session_next_to_nothing():
    code = (
        "import pytest, time; t = time.perf_counter(); import rag_robust.pytest_plugin; "
        "print(time.perf_counter() - t)"
    )
    times = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(3)]
    assert min(times) <= 0.05


def test_a_suites_gates_are_tests(pytester):
    pytester.makefile(".toml", suite=SUITE.format(undecided=0.9))
    done = pytester.runpytest_inprocess("--rag-suite", "suite.toml", "-rs", "--junitxml=out.xml")
    done.assert_outcomes(passed=1, failed=1, skipped=1)
    done.stdout.fnmatch_lines(["*INCONCLUSIVE: Success@1 = *over 20 queries*"])
    xml = (pytester.path / "out.xml").read_text()
    assert xml.count('name="rag_robust_low"') == 3


def test_an_undecided_gate_can_be_a_failure(pytester):
    pytester.makefile(".toml", suite=SUITE.format(undecided=0.9))
    done = pytester.runpytest_inprocess("--rag-suite", "suite.toml", "--rag-inconclusive=fail")
    done.assert_outcomes(passed=1, failed=2)


def test_a_marked_test_gets_its_gate_judged(pytester):
    pytester.makepyfile(MARKED.format('metric="nDCG@10", min=0.2'))
    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=1)


def test_a_gate_that_fails_fails_the_test(pytester):
    keywords = (
        'attack="stuffing", concept="coffee", metric="appeared@10", max=0.05, parameters={"tokens": 40}'
    )
    pytester.makepyfile(MARKED.format(keywords))
    done = pytester.runpytest_inprocess()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*FAIL: appeared@10 = *"])


def test_an_unknown_keyword_is_named(pytester):
    pytester.makepyfile(MARKED.format('metric="nDCG@10", minimum=0.2'))
    done = pytester.runpytest_inprocess()
    assert 'no keyword "minimum"' in done.stdout.str() + done.stderr.str()


def test_a_users_own_system_is_what_is_tested(pytester):
    pytester.makeconftest(
        "import pytest\nfrom rag_robust.systems.function import function\n"
        "@pytest.fixture(scope='session')\ndef rag_system(): return function(lambda query: ['tiny-001'])\n"
    )
    pytester.makepyfile(MARKED.format('metric="nDCG@10", min=0.9'))
    done = pytester.runpytest_inprocess()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*FAIL: nDCG@10 = *"])


@pytest.mark.slow
def test_workers_of_xdist_share_one_run(pytester):
    pytester.makefile(".toml", suite=SUITE.format(undecided=0.9))
    done = pytester.runpytest_subprocess("--rag-suite", "suite.toml", "-n", "2")
    done.assert_outcomes(passed=1, failed=1, skipped=1)
