"""Words and figures that all reports share: how a number, a limit and a condition are written."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from pathlib import Path

from rag_robust import metrics
from rag_robust.gates import GateResult, Number
from rag_robust.suite import Gate, Task
from rag_robust.types import CLEAN, Estimate

__all__ = [
    "GLOSSARY",
    "about",
    "cut",
    "extremes",
    "figure",
    "interval",
    "label",
    "level",
    "limits",
    "meaning",
    "method",
    "score",
    "scored",
    "spread",
    "visible",
    "whose",
]

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]|(?<=[!-~])[\u200c\u200d]"
)
_PACKAGE = Path(__file__).resolve().parents[1]
_INF = "\N{INFINITY}"

_KINDS = {
    "clean": "Measures the system as it is; nothing is changed.",
    "perturb": "Rewords every query and compares what the system finds with what it found before.",
    "attack": "Changes the corpus as an attacker would, then asks queries and looks for what was changed.",
    "certify": "Proves, query by query, what allowed word substitutions can do to the top of the list: "
    "nothing (certified), break it (attacked; the text that does is shown), or it stays open (undecided).",
    "questions": "Asks questions written from the corpus, in several wordings and with different documents.",
}

GLOSSARY: dict[str, str] = {
    "PASS": "The whole interval lies within the limit.",
    "FAIL": "The whole interval lies beyond the limit.",
    "INCONCLUSIVE": "The limit lies inside the interval: these queries are too few to decide.",
    "ERROR": "Too many queries failed, or nothing was scored: the number says nothing.",
    "NOT APPLICABLE": "The system cannot be put into this situation. That is not a PASS.",
    "Interval": "The value is measured on a sample of queries. An interval made this way holds the value "
    "for all such queries in about the stated share of runs (its level, e.g. 0.95).",
    "Level (Holm)": "Every further gate is a further chance to be wrong. Each gate is therefore judged at "
    "a stricter level of its own, so that a single wrong PASS or FAIL among all gates of the suite is as "
    "unlikely as the suite's level asks.",
    "Unscored": "Queries without a value, such as failed or unjudged ones. They are counted, and they are "
    "not part of the mean.",
}
"""What a newcomer needs to read a verdict."""


def visible(text: str) -> str:
    """The text with control, bidirectional and invisible characters spelt out, e.g. "⟨U+202E⟩".

    Joiners stay between letters of scripts that need them and are spelt out after ASCII.
    """
    return _HIDDEN.sub(lambda m: f"⟨U+{ord(m.group()):04X}⟩", text)


def cut(text: str, length: int) -> str:
    """The first `length` characters on one line, with an ellipsis if there are more."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def figure(value: float, apart: Sequence[float] = ()) -> str:
    """A number in two decimals, or three where that tells it from 0, 1 or one of `apart`.

    >>> figure(0.4167), figure(0.496, apart=[0.5]), figure(12.34)
    ('0.42', '0.496', '12.3')
    """
    if not math.isfinite(value):
        return _INF if value > 0 else f"-{_INF}"
    if abs(value) >= 10:
        return f"{value:.1f}" if abs(value) < 100 else f"{value:,.0f}"
    short, exact = f"{value:z.2f}", f"{value:z.3f}"
    near = (0.0, 1.0, *apart)
    same = [other for other in near if float(short) == other != value]
    return exact if same and float(exact) not in near else short


def score(value: float) -> str:
    """The score of a passage, in enough decimals to see why one stands above the other."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"


def interval(estimate: Estimate, apart: Sequence[float] = ()) -> str:
    """The interval as "[0.15, 0.72]"."""
    return f"[{figure(estimate.low, apart)}, {figure(estimate.high, apart)}]"


def level(estimate: Estimate) -> str:
    """The confidence level, e.g. "0.983"."""
    return f"{estimate.level:.4f}".rstrip("0")


def limits(gate: Gate) -> str:
    """The limits of a gate, in the suite's own words: "max 0.5"."""
    if gate.min is not None and gate.max is not None:
        return f"{gate.min:g} to {gate.max:g}"
    return f"max {gate.max:g}" if gate.max is not None else f"min {gate.min:g}"


def meaning(metric: str) -> str:
    """What a metric says, in one line, without the small print for programmers."""
    return _quoted(metrics.describe(metric).partition("; NaN")[0])


def scored(estimate: Estimate) -> str:
    """How many queries the number is about, and in brackets how many it is not: "12 (1)"."""
    return f"{estimate.n} ({estimate.unscored})"


def spread(number: Number) -> str:
    """How far the trials of an attack lie apart, "trials 0.20 to 0.35"; "" for a single one."""
    return extremes(number.trials)


def extremes(trials: Sequence[float]) -> str:
    """The least and the greatest of some trials, "trials 0.20 to 0.35", or "trials all 0.20"; "" for none."""
    ends = [figure(end(trials)) for end in (min, max)] if trials else []
    return f"trials {' to '.join(ends)}" if len(set(ends)) > 1 else f"trials all {ends[0]}" if ends else ""


def label(condition: str, task: Task) -> str:
    """A condition as the reader knows it: a baseline is called one, "held-in" are known queries."""
    if condition in {CLEAN, task.method}:
        return condition
    if not condition:
        return "all questions"
    if task.kind == "questions":
        return condition.replace("?for=", " for ").replace("/", " / ")
    base, *parts = condition.split("/")
    if parts:
        told = [_PARTS.get(part, f"behind {part}") for part in parts]
        return ", ".join((label(base, task), *told))
    if condition == "simulated":
        return "perfect vectors (simulated)"
    return f"baseline {condition}" if task.kind == "attack" else condition


_PARTS = {"held-in": "known queries", "benign": "benign queries"}
"""What stands after a condition's name besides a defence."""


def whose(number: Number | GateResult, task: Task) -> str:
    """Under which condition, or by which policy instead of the system, a number came about."""
    policy = number.policy if isinstance(number, Number) else ""
    return f"policy {policy}" if policy else label(number.condition, task)


def about(task: Task) -> tuple[str, str]:
    """What a task does, and what its method is, in a line each."""
    return _KINDS[task.kind], method(task.kind, task.method)


def method(kind: str, name: str) -> str:
    """The first line of an attack's, perturbation's or certificate's docstring; "" for a user's own.

    The docstring is read from the source, not imported: methods may load heavy libraries.
    """
    folders = {"attack": "attacks", "certify": "certify", "perturb": "perturb"}
    if kind not in folders or ":" in name:
        return ""
    module = name.replace("-", "_")
    file = _PACKAGE / folders[kind] / f"{'query' if kind == 'perturb' else module}.py"
    return _first_line(file, module if kind == "perturb" else "")


def _first_line(file: Path, function: str) -> str:
    """The first line of the docstring of a module, or of a function in it; "" if there is none."""
    if not file.is_file():
        return ""
    tree: ast.Module | ast.FunctionDef = ast.parse(file.read_text(encoding="utf-8"))
    if function:
        inside = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function]
        if not inside:
            return ""
        tree = inside[0]
    return _quoted((ast.get_docstring(tree) or "").partition("\n")[0])


def _quoted(line: str) -> str:
    return re.sub(r"`([^`]*)`", r"“\1”", line)
