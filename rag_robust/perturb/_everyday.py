"""A short list of everyday words that may stand for each other, for when no dictionary is at hand."""

from __future__ import annotations

from itertools import combinations

from rag_robust.synonyms.source import Source, grouped

__all__ = ["everyday"]

_GROUPS = """
big large; bigger larger; biggest largest; smallest tiniest; huge enormous; tiny minuscule; country nation
countries nations; inhabitants residents; illness disease; illnesses diseases
lawyer attorney; lawyers attorneys; teacher instructor; teachers instructors; author writer; authors writers
photograph photo; photographs photos; method technique; methods techniques
began started commenced; bought purchased; obtain acquire; obtained acquired
built constructed erected; chosen selected; located situated; invented devised
allowed permitted; forbidden prohibited; needed required; explained elucidated
assess evaluate; assessed evaluated; gathered collected; lived resided; altered modified; utilised utilized
often frequently; quickly rapidly swiftly; mainly primarily chiefly; entirely completely wholly
solely exclusively; exactly precisely; nearly almost; initially originally; subsequently afterwards
famous renowned; wealthy affluent; founded established
neighbour neighbor; neighbours neighbors; kilometre kilometer; kilometres kilometers; litre liter
litres liters; centimetre centimeter; centimetres centimeters; organisation organization
organisations organizations; colour color; colours colors; harbour harbor; harbours harbors
favourite favorite; theatre theater; theatres theaters; labour labor; recognised recognized
organised organized; travelled traveled; aluminium aluminum; defence defense
"""
"""Left out is what has a second sense or class: "won" is a currency, "right" a side, "change" is coins."""


def everyday() -> Source:
    """About 150 words in groups; single words, each group of one part of speech and sense.

    It is no dictionary: "wordnet", "pairs:FILE" and "vectors:FILE" have more. Ours.
    """
    groups = [line.split() for line in _GROUPS.replace("\n", ";").split(";") if line.strip()]
    pairs = [pair for group in groups for a, b in combinations(group, 2) for pair in ((a, b), (b, a))]
    return Source("everyday", grouped(pairs))
