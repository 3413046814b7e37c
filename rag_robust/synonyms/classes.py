"""Words that may replace each other as classes: each word in one, any member for any other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rag_robust.errors import ModelError
from rag_robust.synonyms.source import Source, links

__all__ = ["classes", "cliques"]

_MOST = 20_000_000


def classes(source: Source, cap: int | None = None) -> dict[str, str]:
    """Each word of the source to the representative of its class: its member with the most links inside.

    The classes are those of `cliques`; of members with equally many links the first of the alphabet counts.
    A text with every word replaced by `classes.get(word, word)` does not change under swaps inside classes.
    Without a cap a class is a connected component, whatever its size.

    Raises:
        ModelError: a cap below 1.
    """
    found: dict[str, str] = {}
    for members in _partition(source, cap):
        found |= dict.fromkeys(members, _centre(source, members))
    return found


def cliques(source: Source, cap: int) -> Source:
    """The source made transitive: every member of a class may replace every other; at most `cap` in a class.

    Without a cut a class is a connected component. Every known list has one giant component, which the cap
    cuts: links are taken from the strongest to the weakest, and one joins its two classes if together
    they have at most `cap` words. Strength is |N[w] ∩ N[u]| / |N[w] ∪ N[u]| (N[w] is w and its set), then
    the worse of the two places that w and u have in each other's sets, then the alphabet. Components of at
    most `cap` words are never cut.

    The result is another threat than the source: wider by the links that transitivity adds, narrower by
    those that are cut. Its name counts both, and so every certificate over it does.

    Raises:
        ModelError: a cap below 1, or one that makes sets of more words in all than fit in memory.
    """
    parts = _partition(source, cap)
    total = sum(len(members) ** 2 for members in parts)
    if total > _MOST:
        raise ModelError(
            f"classes of at most {cap} words make sets of {total} words in all; give a smaller cap"
        )
    where = {word: number for number, members in enumerate(parts) for word in members}
    linked = links(source)
    kept = sum(where[w] == where[u] for w, u in linked)
    added = sum(len(members) * (len(members) - 1) // 2 for members in parts) - kept
    sets = {w: _own_first(source, w, members) for members in parts for w in members}
    counts = f"{len(linked) - kept} of {len(linked)} links cut, {added} added"
    return Source(f"{source.name}, classes of at most {cap} ({counts})", sets)


def _own_first(source: Source, word: str, members: Sequence[str]) -> tuple[str, ...]:
    """The other members: those of the word's own set in its order, then the rest."""
    inside = set(members)
    own = [u for u in source.sets[word] if u in inside]
    return tuple(dict.fromkeys([*own, *(u for u in members if u != word)]))


def _centre(source: Source, members: Sequence[str]) -> str:
    inside = set(members)
    return min(members, key=lambda word: (-sum(u in inside for u in source.sets[word]), word))


def _partition(source: Source, cap: int | None) -> list[list[str]]:
    """The classes, members and classes in order of the alphabet; none of one word unless the cap made it."""
    if cap is not None and cap < 1:
        raise ModelError(f"expected classes of at least 1 word, got cap = {cap}")
    members = {word: [word] for word in source.sets}
    for w, u in _strongest_first(source):
        one, two = members[w], members[u]
        if one is not two and (cap is None or len(one) + len(two) <= cap):
            larger, smaller = (one, two) if len(one) >= len(two) else (two, one)
            larger += smaller
            members |= dict.fromkeys(smaller, larger)
    distinct = {id(group): group for group in members.values()}
    return sorted(sorted(group) for group in distinct.values())


def _strongest_first(source: Source) -> Iterable[tuple[str, str]]:
    around = {word: {word, *options} for word, options in source.sets.items()}
    place = {word: {u: i for i, u in enumerate(options)} for word, options in source.sets.items()}

    def weakness(link: tuple[str, str]) -> tuple[float, int, tuple[str, str]]:
        w, u = link
        shared = len(around[w] & around[u]) / len(around[w] | around[u])
        return -shared, max(place[w][u], place[u][w]), link

    return sorted(links(source), key=weakness)
