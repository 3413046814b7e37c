"""Suites: every mistake is named with its place and the nearest right word."""

from __future__ import annotations

import pytest

from rag_robust import suite as suites
from rag_robust.errors import SuiteError

GOOD = """
schema = 1
name = "mine"
[corpus]
source = "tiny"
[[task]]
name = "clean"
[[gate]]
task = "clean"
metric = "nDCG@10"
min = 0.5
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "suite.toml"
    path.write_text(GOOD)
    return path


def test_a_suite_reads_with_its_defaults(file):
    suite = suites.read(str(file))
    assert (suite.name, suite.seed, suite.level, suite.task[0].kind) == ("mine", 0, 0.95, "clean")
    assert suite.system.retriever.encoder == "all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('source = "tiny"', 'sorce = "tiny"', r'unknown key "corpus.sorce"; did you mean "source"'),
        ("min = 0.5", "minimum = 0.5", r'unknown key "gate.0.minimum".*min'),
        ('task = "clean"', 'task = "claen"', r'no task "claen"; did you mean "clean"'),
        ("min = 0.5", "", r"a gate needs min, max or both"),
        ("min = 0.5", "min = 0.9\nmax = 0.1", r"min 0.9 is above max 0.1"),
        ("schema = 1", "schema = 2", r"schema: Input should be 1, got '2'"),
        ("schema = 1", "schema = ", r"not TOML"),
        ('name = "clean"', 'name = "clean"\nattack = "a"\ncertify = "b"', r"has attack and certify"),
        ("[[gate]]", '[[task]]\nname = "clean"\n[[gate]]', r"two tasks are called 'clean'"),
        ("[[task]]", '[system]\nkind = "http"\n[[task]]', r'kind "http" needs url'),
        ('source = "tiny"', 'source = "tiny"\nlimit = 0', r"corpus.limit: .*greater than or equal to 1"),
    ],
)
def test_a_mistake_is_named_with_its_place(file, before, after, message):
    file.write_text(GOOD.replace(before, after, 1))
    with pytest.raises(SuiteError, match=message) as error:
        suites.read(str(file))
    assert str(file) in str(error.value)


def test_keys_can_be_set_from_outside(file):
    suite = suites.read(
        str(file), changes=["corpus.limit=7", "gate.0.min=0.25", "system.retriever.kind=bm25"]
    )
    assert (suite.corpus.limit, suite.gate[0].min, suite.system.retriever.kind) == (7, 0.25, "bm25")


@pytest.mark.parametrize("change", ["corpus.limit", "gate.7.min=1", "name.x=1"])
def test_a_place_that_is_not_there_cannot_be_set(file, change):
    with pytest.raises(SuiteError, match="--set"):
        suites.read(str(file), changes=[change])


def test_a_missing_file_lists_the_suites_that_come_along():
    with pytest.raises(SuiteError, match=r'no suite file quickstrat.*did you mean "quickstart"'):
        suites.find("quickstrat")


@pytest.mark.parametrize("name", suites.names())
def test_every_suite_that_ships_is_valid(name):
    assert suites.read(name).description


def test_smaller_limits_every_task(file):
    assert [t.limit for t in suites.smaller(suites.read(str(file)), 3).task] == [3]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["stuffing"], {"stuffing"}),
        (["stuffing", "hotflip"], {"stuffing", "hotflip"}),
        (["*transferred"], {"gaslite, transferred"}),
        (["gaslite · knows-what · coffee"], {"gaslite"}),
    ],
)
def test_only_keeps_tasks_by_name_by_part_or_by_pattern(patterns, expected):
    chosen = suites.only(suites.read("poisoning"), patterns)
    assert {task.name.split(" · ")[0] for task in chosen.task} == expected
    assert all(task in suites.read("poisoning").task for task in chosen.task)


def test_only_drops_gates_of_tasks_that_are_gone_and_refuses_what_fits_none():
    whole = suites.read("quickstart")
    name = whole.task[-1].name
    chosen = suites.only(whole, [name])
    assert [task.name for task in chosen.task] == [name]
    assert {gate.task for gate in chosen.gate} <= {name}
    assert len(chosen.gate) < len(whole.gate)
    with pytest.raises(
        SuiteError, match=r'no task of suite "quickstart" fits "stufing"; did you mean "stuffing"'
    ):
        suites.only(whole, [name, "stufing"])
