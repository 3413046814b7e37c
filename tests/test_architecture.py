"""The rules of the house that a reader relies on, held by reading the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import rag_robust

ROOT = Path(rag_robust.__file__).parent
PACKAGE = ROOT.name

LEVELS = {
    0: "batches errors said seeds stats text tokens types",
    1: "corpus encode generate index retrieve synonyms",
    2: "attacks certify defend perturb questions systems",
    3: "aggregate metrics",  # beside the others: sees level 0 only
    4: "asking assemble attack_units benign brought clusters contradictions defended execute findings gates "
    "kept listed lone_attack lone_certify lone_edit lone_list lone_questions measured needs opinions plan "
    "propose question_units question_values questioned run shown simulated spaces store suite suspicions "
    "tallies task templates threats train trial unfinished updates versus withstood work worlds written",
    5: "__main__ cli cli_attack cli_certify cli_compare cli_corpus cli_geometry cli_perturb cli_questions "
    "cli_synonyms doctor pytest_plugin report terminal",
}
LEVEL = {"": -1} | {part: level for level, parts in LEVELS.items() for part in parts.split()}

SIBLINGS = {"attacks": {"defend"}, "retrieve": {"encode", "generate", "index"}}
"""Folders of one level do not import each other, but for these: an attacker may know the filters."""

HEAVY = {
    "bm25s": "retrieve",
    "datasets": "corpus train",
    "faiss": "index",
    "gguf": "encode generate",
    "haystack": "systems",
    "ir_datasets": "corpus",
    "ir_measures": "metrics",
    "jinja2": "report",
    "langchain_core": "systems",
    "llama_index": "systems",
    "networkx": "aggregate questions",
    "openai": "generate",
    "pandas": "",
    "pyarrow": "corpus",
    "pydantic": "suite task",
    "ray": "execute",
    "rich": "cli cli_certify cli_compare cli_corpus cli_geometry cli_synonyms report terminal",
    "scipy": "aggregate attacks defend stats",
    "sentence_transformers": "encode retrieve train",
    "spacy": "perturb questions",
    "torch": "attacks defend encode generate index retrieve train",
    "transformers": "encode generate retrieve train",
    "typer": "cli cli_attack cli_certify cli_compare cli_corpus cli_geometry cli_perturb cli_questions "
    "cli_synonyms",
}
"""Library to the parts that may wrap it; a new wrapper is a word here."""


def name_of(path: Path) -> str:
    parts = [PACKAGE, *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def nodes(tree: ast.AST, *, inside_functions: bool) -> Iterator[ast.AST]:
    """All nodes that run: not those under TYPE_CHECKING, and on request not those of functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not inside_functions:
            continue
        yield node
        yield from nodes(node, inside_functions=inside_functions)


def imports(module: str, *, inside_functions: bool = True) -> set[str]:
    """Modules of ours, and top-level names of others, that a module imports."""
    found: set[str] = set()
    for node in nodes(MODULES[module], inside_functions=inside_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import; write it out"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & set(MODULES)) or {str(node.module)}
    return {name if name in MODULES else name.split(".")[0] for name in found}


def part(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_module_has_a_level():
    without = [module for module in MODULES if part(module) not in LEVEL]
    assert without == [], "give each a level in tests/test_architecture.py"


def may_import(own: str, other: str) -> bool:
    down = LEVEL[other] < LEVEL[own] if LEVEL[own] != 3 else LEVEL[other] == 0
    return down or (
        LEVEL[other] == LEVEL[own] and (LEVEL[own] in (0, 4, 5) or other in SIBLINGS.get(own, ()))
    )


def test_imports_go_down_and_metrics_see_only_the_first_level():
    wrong = []
    for module in MODULES:
        own = part(module)
        others = {part(name) for name in imports(module) if name in MODULES} - {"", own}
        wrong += [f"{module} imports {other}" for other in sorted(others) if not may_import(own, other)]
    assert wrong == [], "what is imported is not below"


def test_no_import_cycles():
    graph = {module: imports(module, inside_functions=False) & set(MODULES) - {module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


def test_heavy_libraries_are_imported_only_where_they_are_wrapped():
    wrong = [
        f"{module} imports {library}; only {HEAVY[library] or 'nobody'} may"
        for module in MODULES
        for library in sorted(imports(module) & set(HEAVY))
        if part(module) not in HEAVY[library].split()
    ]
    assert wrong == []


def test_no_package_loads_its_heavy_modules_until_asked():
    packages = [name_of(path) for path in sorted(ROOT.rglob("__init__.py"))]
    heavy = sorted(set(HEAVY) - {"scipy"})  # stats is scipy, and light enough
    code = f"import {', '.join(packages)}, sys; print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_the_package_is_quick():
    code = "import time; t = time.perf_counter(); import rag_robust; print(time.perf_counter() - t)"
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(3)
    ]
    assert min(map(float, runs)) <= 0.3


def rank(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, as ruff sorts them."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2, name)


def exported(module: str) -> list[str] | None:
    """The module's `__all__`; None if it has none."""
    bound = {
        ast.unparse(n.target if isinstance(n, ast.AnnAssign) else n.targets[0]): n.value
        for n in MODULES[module].body
        if isinstance(n, ast.Assign | ast.AnnAssign)
    }
    if module == PACKAGE and "__all__" in bound:  # whose public names load lazily, from a table
        return []
    return ast.literal_eval(bound["__all__"]) if "__all__" in bound else None


def test_all_is_there_and_sorted():
    names = {module: exported(module) for module in MODULES}
    assert [module for module, found in names.items() if found is None] == []
    assert [module for module, found in names.items() if found != sorted(set(found or ()), key=rank)] == []


def test_only_the_command_line_prints():
    printing = [
        f"{module}:{node.lineno}"
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert [place for place in printing if not place.startswith(f"{PACKAGE}.cli:")] == []


def test_no_error_is_swallowed():
    """No bare except; a broad one only where what a person's code raised is raised again, by our name."""
    wrong = [
        f"{module}:{node.lineno}"
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and _swallows(node)
    ]
    assert wrong == []


def _swallows(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    caught = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)}
    return bool(caught & {"BaseException", "Exception"}) and not isinstance(node.body[-1], ast.Raise)
