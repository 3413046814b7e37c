"""How a relation is worded that has no wordings of its own."""

from __future__ import annotations

from rag_robust.questions.wordings import Words

__all__ = ["general"]


def general(relation: str, kind: str) -> Words:
    """Wordings for a relation without its own, by the type of its values; "count" are bare whole numbers."""
    if relation.startswith("to "):
        return _verb(relation)
    if kind == "boolean":
        return Words(
            noun=relation,
            ask=(f"Under “{relation}”, what do the documents say about {{s}} {{when}}?",),
            which=(f"{{has}} {{o}} under “{relation}” {{when}}",),
        )
    if kind == "count" and relation.endswith("s"):
        return _counted(relation)
    r, number = relation, kind in ("number", "count", "percent")
    article = "an" if r[:1].lower() in "aeiou" else "a"
    return Words(
        noun=r,
        ask=(
            f"What {{is}} the {r} of {{s}} {{when}}?",
            f"Which {r} do the documents give for {{s}} {{when}}?",
        ),
        lead=(f"{{When}}, what {{is}} the {r} of {{s}}?", f"What {{is}} the {r} of {{s}}?"),
        which=(f"{{has}} {article} {r} of {{o}} {{when}}",)
        if number
        else (f"{{has}} {{o}} as its {r} {{when}}",),
        whose=(f"whose {r} {{is}} {{o}} {{when}}",),
        above=(f"{{has}} {article} {r} above {{o}} {{when}}",),
        below=(f"{{has}} {article} {r} below {{o}} {{when}}",),
        same=f"{{has}} the same {r} as {{s}} {{when}}",
        higher=f"{{has}} the higher {r} {{when}}",
        lower=f"{{has}} the lower {r} {{when}}",
    )


def _counted(things: str) -> Words:
    """Wordings for what is counted: "employees"."""
    return Words(
        noun=f"number of {things}",
        ask=(
            f"How many {things} {{does}} {{s}} have {{when}}?",
            f"What {{is}} the number of {things} of {{s}} {{when}}?",
        ),
        lead=(
            f"{{When}}, what {{is}} the number of {things} of {{s}}?",
            f"What {{is}} the number of {things} of {{s}}?",
        ),
        which=(f"{{has}} {{o}} {things} {{when}}",),
        whose=(f"that {{has}} {{o}} {things} {{when}}",),
        above=(f"{{has}} more than {{o}} {things} {{when}}",),
        below=(f"{{has}} fewer than {{o}} {things} {{when}}",),
        same=f"{{has}} as many {things} as {{s}} {{when}}",
        higher=f"{{has}} more {things} {{when}}",
        lower=f"{{has}} fewer {things} {{when}}",
    )


def _verb(relation: str) -> Words:
    """Wordings for a verb that grammar found: "to supply to"."""
    said = f"“{{s}} … {relation} …”"
    return Words(
        noun=f"what completes “{relation}”",
        ask=(f"Which name or figure completes the statement {said} {{when}}?",),
        which=(f"{{is}} said “{relation}” {{o}} {{when}}",),
        np=f"what completes {said}",
    )
