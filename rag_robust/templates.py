"""What a suite's file says in short: a task that stands for many, a system that differs in a few keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from itertools import product
from typing import Any

from rag_robust.corpus import concepts
from rag_robust.errors import SuiteError

__all__ = ["spelled_out"]

# Any: the values of a TOML file, before anything has looked at them
Tree = Mapping[str, Any]


def spelled_out(tree: Tree) -> dict[str, Any]:
    """The suite without short forms; one that has none stays as it is.

    A task with `each` becomes one task per combination of the lists in it, called by its own name
    and the values: "gaslite · knows-what · coffee". A value that is no list holds for all of them
    and is not in the name; "concepts/*" lists the concepts that fit. Where `each` is a list of tables,
    every table is such a product. A gate on a template's name is a gate on each of its tasks.
    `[systems.NAME]` falls back on `[system]`, key by key, in the tables inside it as well.

    Raises:
        SuiteError: a key both in a template and under its `each`, or a list of no values.
    """
    full = dict(tree)
    if isinstance(systems := tree.get("systems"), Mapping):
        full["systems"] = {name: _over(tree.get("system", {}), own) for name, own in systems.items()}
    if isinstance(tasks := tree.get("task"), list):
        made = [(task, list(_tasks(task)) if _is_template(task) else [task]) for task in tasks]
        full["task"] = [task for _, some in made for task in some]
        named = {task["name"]: [t["name"] for t in some] for task, some in made if _is_template(task)}
        if isinstance(gates := tree.get("gate"), list):
            full["gate"] = [one for gate in gates for one in _gates(gate, named)]
    return full


def _over(base: Any, own: Any) -> Any:
    if not isinstance(base, Mapping) or not isinstance(own, Mapping):
        return own
    return {**base, **{key: _over(base.get(key), value) for key, value in own.items()}}


def _is_template(task: Any) -> bool:
    return isinstance(task, Mapping) and bool(task.get("each")) and isinstance(task.get("name"), str)


def _tasks(template: Tree) -> Iterator[dict[str, Any]]:
    """The tasks of a template, in the order of its lists, the last list running fastest."""
    base = {key: value for key, value in template.items() if key != "each"}
    tables = template["each"] if isinstance(template["each"], list) else [template["each"]]
    for table in tables:
        if not isinstance(table, Mapping):
            raise SuiteError(f'task "{base["name"]}": each is a table of lists, got {table!r:.60}')
        if both := sorted(table.keys() & base.keys()):
            raise SuiteError(
                f'task "{base["name"]}": {both[0]} stands in the task and under each; choose one'
            )
        lists = {key: _choices(base["name"], key, value) for key, value in table.items()}
        for values in product(*(choices for choices, _ in lists.values())):
            given = dict(zip(lists, values, strict=True))
            words = [_word(key, value) for key, value in given.items() if lists[key][1]]
            yield {**base, **given, "name": " · ".join(filter(None, [base["name"], *words]))}


def _choices(task: str, key: str, value: Any) -> tuple[list[Any], bool]:
    """The values of a key, and whether they tell tasks apart."""
    if isinstance(value, list):
        found = value
    elif key == "concept" and isinstance(value, str) and "*" in value:
        found = [f"concepts/{name}" for name in concepts.names() if fnmatch(f"concepts/{name}", value)]
    else:
        return [value], False
    if not found:
        raise SuiteError(f'task "{task}": each.{key} lists nothing, so there would be no task')
    return found, True


def _word(key: str, value: Any) -> str:
    """A value as the name of a task has it."""
    if isinstance(value, str):
        return value.rpartition("/")[2].removesuffix(".toml")
    if isinstance(value, Mapping):
        return " ".join(f"{name} {inner}" for name, inner in value.items())
    if isinstance(value, list):
        return f"{key} {' '.join(map(str, value))}"
    return f"{key} {value}"


def _gates(gate: Any, named: Mapping[str, list[str]]) -> list[Any]:
    if not isinstance(gate, Mapping):
        return [gate]
    return [{**gate, "task": name} for name in named.get(gate.get("task", ""), [])] or [gate]
