"""Robustness as tests: a marker for one gate, `--rag-suite` for a whole suite of them.

Override the `rag_system` fixture with your own system and mark a test:

    @pytest.fixture(scope="session")
    def rag_system(): return rag_robust.systems.function.function(my_search)

    @pytest.mark.rag_robust(attack="stuffing", concept="coffee", metric="appeared@10", max=0.5)
    def test_nobody_stuffs_their_way_in(rag_gate): ...

Nothing but pytest is imported until a marker or an option asks for more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from rag_robust.gates import GateResult, Result

__all__ = [
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_configure",
    "pytest_runtest_setup",
    "rag_corpus",
    "rag_gate",
    "rag_system",
]

_GATE = ("metric", "min", "max", "condition")
_TASK = (
    "perturb",
    "attack",
    "certify",
    "questions",
    "threat",
    "concept",
    "information",
    "passages",
    "k",
    "depth",
    "limit",
    "synonyms",
    "per_word",
    "forms",
    "documents",
    "parameters",
    "generate",
)
MARKER = (
    "rag_robust(metric, min=, max=, attack=, perturb=, certify=, …): the test's gate; keywords are those "
    "of a suite's task and gate"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options in a group of their own."""
    group = parser.getgroup("rag-robust")
    group.addoption(
        "--rag-suite", action="append", default=[], metavar="FILE", help="run a suite's gates as tests"
    )
    group.addoption(
        "--rag-store", default=None, metavar="DIR", help="where runs are kept (default: pytest's cache)"
    )
    group.addoption(
        "--rag-inconclusive", choices=("skip", "fail"), default="skip", help="what an undecided gate becomes"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker; add the suites to what is collected."""
    config.addinivalue_line("markers", MARKER)
    if config.getoption("--rag-suite"):
        config.args += [str(_suite_path(name)) for name in config.getoption("--rag-suite")]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse unknown keywords of the marker by name, before anything runs."""
    marks = list(item.iter_markers("rag_robust"))
    for mark in marks:
        _check(mark)
    if len(marks) > 1:
        raise pytest.UsageError("one rag_robust marker per test; write a test, or a suite, per gate")
    if marks and "rag_gate" not in getattr(item, "fixturenames", ()):
        raise pytest.UsageError("a test marked rag_robust takes the rag_gate fixture, or nothing is judged")


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Collector | None:
    """A suite named by --rag-suite is a file of tests, one per gate."""
    suites = parent.config.getoption("--rag-suite")
    if suites and file_path.suffix == ".toml" and file_path in {_suite_path(name) for name in suites}:
        collector: pytest.Collector = _SuiteFile.from_parent(parent, path=file_path)
        return collector
    return None


@pytest.fixture(scope="session")
def rag_system() -> Any:
    """The system under test; override it. None: the pipeline of the suite or marker's defaults."""
    return None


@pytest.fixture(scope="session")
def rag_corpus() -> str:
    """The corpus source the marked tests use; override it."""
    return "tiny"


@pytest.fixture
def rag_gate(
    request: pytest.FixtureRequest,
    rag_system: Any,
    rag_corpus: str,
    record_property: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> GateResult:
    """The judged gate of the test's marker; a FAIL fails the test before its body runs."""
    mark = request.node.get_closest_marker("rag_robust")
    if mark is None:
        raise pytest.UsageError("the rag_gate fixture needs @pytest.mark.rag_robust(metric=…, …) on the test")
    from rag_robust.run import run
    from rag_robust.suite import parse

    task = {key: mark.kwargs[key] for key in _TASK if key in mark.kwargs}
    if "parameters" in task:
        task["with"] = task.pop("parameters")
    gate = {key: mark.kwargs[key] for key in _GATE if key in mark.kwargs}
    suite = parse(
        {
            "schema": 1,
            "name": request.node.nodeid,
            "corpus": {"source": rag_corpus},
            "system": mark.kwargs.get("system", {"retriever": {"kind": "bm25"}}),
            "task": [{"name": "marked", **task}],
            "gate": [{"task": "marked", **gate}],
        },
        where=request.node.nodeid,
    )
    folder = tmp_path_factory.mktemp("rag-robust")
    result = run(suite, folder, cache=_cache(request.config), system=rag_system)
    _report(result, 0, record_property, request.config)
    return result.gates[0]


class _SuiteFile(pytest.File):
    """A suite as a file of tests: it is run once, when the first of its gates is asked for."""

    result: Result | None = None

    def collect(self) -> Iterator[pytest.Item]:
        from rag_robust.suite import read

        for number, gate in enumerate(read(str(self.path)).gate):
            limits = " ".join(f"{s} {v:g}" for s, v in ((">=", gate.min), ("<=", gate.max)) if v is not None)
            name = f"{gate.task}: {gate.metric} {limits}"
            yield _GateItem.from_parent(self, name=name, number=number)

    def judged(self) -> Result:
        """The suite's result; under xdist the workers share one run through a lock."""
        if self.result is None:
            from filelock import FileLock

            from rag_robust.run import run
            from rag_robust.suite import read

            suite = read(str(self.path))
            folder = _store(self.config) / suite.name.replace("/", "-")
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "lock"):
                self.result = run(suite, folder, cache=_cache(self.config))
        return self.result


class _GateItem(pytest.Item):
    """One gate of a suite."""

    number: int

    def __init__(self, *, number: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.number = number

    def runtest(self) -> None:
        parent = self.parent
        assert isinstance(parent, _SuiteFile)
        keep = lambda name, value: self.user_properties.append((name, value))  # noqa: E731
        _report(parent.judged(), self.number, keep, self.config)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:  # noqa: ARG002
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


def _report(result: Result, number: int, record: Any, config: pytest.Config) -> None:
    """Properties for JUnit, then the verdict as pytest knows it; an invalid run fails every gate."""
    gate = result.gates[number]
    found = gate.estimate
    for name in ("value", "low", "high", "level", "n", "unscored"):
        record(f"rag_robust_{name}", getattr(found, name))
    record("rag_robust_verdict", gate.verdict)
    what = (
        f"{gate.verdict}: {gate.gate.metric} = {found.value:.3g} [{found.low:.3g}, {found.high:.3g}] "
        f"over {found.n} queries ({found.unscored} unscored): {gate.reason}"
    )
    if result.problems:
        pytest.fail(f"ERROR: the run is invalid: {result.problems[0]}", pytrace=False)
    undecided = gate.verdict in {"INCONCLUSIVE", "NOT APPLICABLE"}
    if undecided and config.getoption("--rag-inconclusive") == "skip":
        pytest.skip(what)
    if gate.verdict != "PASS":
        pytest.fail(what, pytrace=False)


def _check(mark: pytest.Mark) -> None:
    from rag_robust.errors import nearest

    known = (*_GATE, *_TASK, "system")
    if mark.args:
        raise pytest.UsageError(f"rag_robust takes keywords only, got {mark.args!r}")
    for key in mark.kwargs:
        if key not in known:
            raise pytest.UsageError(f'rag_robust has no keyword "{key}"; {nearest(key, known)}')
    if "metric" not in mark.kwargs or not {"min", "max"} & mark.kwargs.keys():
        raise pytest.UsageError("rag_robust needs metric= and min= or max=")


def _suite_path(name: str) -> Path:
    from rag_robust.errors import UsageError
    from rag_robust.suite import find

    try:
        return find(name).resolve()
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def _store(config: pytest.Config) -> Path:
    from pathlib import Path

    chosen = config.getoption("--rag-store")
    if chosen:
        return Path(chosen)
    if getattr(config, "cache", None) is None:
        raise pytest.UsageError("without pytest's cache plugin, say --rag-store DIR")
    return Path(config.cache.mkdir("rag-robust"))


def _cache(config: pytest.Config) -> Path:
    return _store(config) / "cache"
