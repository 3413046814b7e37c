"""The fact graph outside the program: as a networkx graph, as GraphML and as JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import networkx as nx

from rag_robust.questions.graph import Edge, Evidence, FactGraph
from rag_robust.questions.values import Value
from rag_robust.types import Fact

__all__ = ["from_json", "to_json", "to_networkx", "write_graphml"]


def to_networkx(graph: FactGraph) -> nx.MultiDiGraph[str]:
    """A multi-digraph: node per name or value, edge per fact, keyed by relation and date.

    Nodes carry `kind`, edges `relation`, `valid`, `until`, `type`, `conflict` and `evidence`, the
    spans as "passage:start-end" between spaces, so that it can be written as GraphML.
    """
    drawn: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for name in sorted({n for edge in graph.edges for n in (edge.subject, edge.object)}):
        drawn.add_node(name, kind=graph.kind(name))
    for edge in graph.edges:
        spans = " ".join(f"{e.passage_id}:{e.start}-{e.end}" for e in edge.evidence)
        drawn.add_edge(
            edge.subject,
            edge.object,
            key=f"{edge.relation}|{edge.valid}",
            relation=edge.relation,
            valid=edge.valid,
            until=edge.until,
            type=edge.value.kind,
            conflict=edge.conflict,
            evidence=spans,
        )
    return drawn


def write_graphml(graph: FactGraph, path: Path) -> None:
    """The graph as GraphML, the same bytes for the same graph; the file appears when it is complete."""
    part = path.with_name(f"{path.name}.part")
    nx.write_graphml_xml(to_networkx(graph), part, encoding="utf-8")
    part.replace(path)


def to_json(graph: FactGraph) -> dict[str, Any]:
    """The graph as JSON values, everything in order."""
    return {
        "kinds": graph.kinds,
        "aliases": {name: list(found) for name, found in graph.aliases.items() if len(found) > 1},
        "facts": [
            {
                "subject": e.subject,
                "relation": e.relation,
                "object": e.object,
                "valid": e.valid,
                "until": e.until,
                "type": e.value.kind,
                "number": None if e.value.number is None else f"{e.value.number:f}",
                "unit": e.value.unit,
                "key": e.value.key,
                "conflict": e.conflict,
                "forms": list(e.forms),
                "fact": [
                    e.fact.subject,
                    e.fact.relation,
                    e.fact.object,
                    e.fact.passage_id,
                    e.fact.start,
                    e.fact.end,
                ],
                "evidence": [[s.passage_id, s.start, s.end, s.extractor] for s in e.evidence],
            }
            for e in graph.edges
        ],
    }


def from_json(text: str) -> FactGraph:
    """The graph that `to_json` wrote."""
    held = json.loads(text)
    edges = []
    for row in held["facts"]:
        number = None if row["number"] is None else Decimal(row["number"])
        subject, relation, written, *place = row["fact"]
        edges.append(
            Edge(
                row["subject"],
                row["relation"],
                row["object"],
                row["valid"],
                Value(row["type"], row["key"], number, row["unit"]),
                Fact(subject, relation, written, row["valid"], *place),
                tuple(Evidence(*spans) for spans in row["evidence"]),
                tuple(row["forms"]),
                row["until"],
                row["conflict"],
            )
        )
    return FactGraph(edges, held["kinds"], {n: tuple(a) for n, a in held["aliases"].items()})
