"""The report of a set of questions, in words and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["told"]


def told(report: Mapping[str, Any]) -> str:
    """The report in words and columns."""
    lines = [
        f"{report['written']:,} of {report['asked']:,} questions from {report['source']} ({report['seed']})",
        f"{report['documents']:,} documents, {report['passages']:,} passages, {report['facts']:,} facts, "
        f"{report['relations']} relations, {report['conflicting facts']} facts with conflicting values",
        report["shortfall"],
        "",
        *_columns("questions by pattern", report["patterns"]),
        *_columns("by kind", report["kinds"]),
        *_columns("by facts that must be put together", report["hops"]),
    ]
    for pattern, reasons in report["dropped"].items():
        lines += _columns(f"dropped, {pattern}", reasons)
    if report["patterns without further candidates"]:
        lines += [f"no further candidates: {', '.join(report['patterns without further candidates'])}", ""]
    lines += _columns("triplets by extractor", report["triplets"])
    for extractor, reasons in report["triplets dropped"].items():
        lines += _columns(f"dropped, {extractor}", reasons)
    lines += _scored(
        "extractors on this corpus (in-sample: their patterns were written from it)", report["extractors"]
    )
    lines += _scored(
        "extractors on the held-out passages (questions/held_out.py)", report.get("extractors, held out", [])
    )
    if "against" in report:
        lines += ["", *_columns("against the earlier run", report["against"])]
    lines += ["", *_columns("seconds", report.get("seconds", {}))]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _scored(title: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [
        f"  {row['extractor']}: precision {row['precision']:.4f}, recall {row['recall']:.4f} of all facts, "
        f"{row['own_recall']:.4f} of the facts where it found any (n={row['n']:,})"
        for row in rows
    ]
    return [f"{title}:", *found, ""] if found else []


def _columns(title: str, counts: Mapping[str, Any]) -> list[str]:
    if not counts:
        return []
    width = max(map(len, counts))
    return [f"{title}:", *(f"  {name:<{width}}  {n:>8,}" for name, n in counts.items()), ""]
