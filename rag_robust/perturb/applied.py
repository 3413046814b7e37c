"""An operator run and held against what it promised: the result with its intensity, or why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Generic, TypeVar

from numpy.random import Generator

from rag_robust.errors import TargetError
from rag_robust.perturb.knowledge import Known
from rag_robust.perturb.promises import Case, contract, protected_kept
from rag_robust.perturb.stated import states
from rag_robust.text import changed_tokens, normalise, words
from rag_robust.types import Passage, Perturbation, Query

__all__ = ["NOT_APPLICABLE", "Applied", "ChangePassages", "checked", "checked_passages", "drops"]

T = TypeVar("T")

ChangePassages = Callable[[Sequence[Passage], Query, Generator, Known], Sequence[Passage] | None]
"""(passages, query, generator, what is known) to the changed passages; None if it cannot be done."""

NOT_APPLICABLE = "not applicable"
"""The reason for no result where there was nothing to change."""

_MOST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class Applied(Generic[T]):
    """What an operator made of a text or of passages.

    `result` is None if there is none, and then `reason` says why: "not applicable", "failed: …", or
    "broken: " and the promise. `edits` counts words and marks that differ; `intensity` is their share
    of the longer side, in [0, 1]; for passages in another order, the passages that moved. `seed` is
    None where the caller brought the generator.
    """

    kind: str
    result: T | None
    reason: str = ""
    edits: int = 0
    intensity: float = 0.0
    seed: int | None = None


def checked(
    operator: Perturbation, text: str, rng: Generator, *, answers: Sequence[str] = (), kind: str = ""
) -> Applied[str]:
    """Run a rewording and drop a result that breaks its promises.

    Every rewording promises: the text differs, it still has words if it had any, protected spans it
    did not declare are intact, no answer was put in, and at most its declared share was changed.
    """
    kind = kind or _name(operator)
    try:
        after = operator(text, rng)
    except TargetError as error:
        return Applied(kind, None, f"failed: {error.kind}")
    if after == text:
        return Applied(kind, None, NOT_APPLICABLE)
    edits, intensity = _share(text, after)
    broken = _broken(operator, text, after, answers) or _too_much(operator, intensity)
    return Applied(kind, None if broken else after, broken, edits, intensity)


def _broken(operator: Perturbation, before: str, after: str, answers: Sequence[str]) -> str:
    declared = contract(operator)
    general = (
        ("text kept", bool(words(after)) or not words(before)),
        ("protected kept", protected_kept(before, after, declared.touches)),
        ("answer not put in", not _put_in(before, after, answers)),
    )
    own = ((_name(promise), promise(before, after)) for promise in declared.promises)
    return next((f"broken: {name}" for name, held in (*general, *own) if not held), "")


def _put_in(before: str, after: str, answers: Sequence[str]) -> bool:
    return any(states(after, a) and not states(before, a) for a in answers if normalise(a))


def checked_passages(
    operator: ChangePassages,
    passages: Sequence[Passage],
    query: Query,
    rng: Generator,
    known: Known,
    *,
    kind: str = "",
) -> Applied[tuple[Passage, ...]]:
    """Run a change of passages and drop a result that breaks its promises.

    Every change promises: something differs, there are passages, none without words where it had
    some, and no id stands twice.
    """
    kind, before = kind or _name(operator), tuple(passages)
    try:
        made = operator(before, query, rng, known)
    except TargetError as error:
        return Applied(kind, None, f"failed: {error.kind}")
    if made is None or tuple(made) == before:
        return Applied(kind, None, NOT_APPLICABLE)
    case = Case(before, tuple(made), query, known)
    edits, intensity = _touched(case)
    broken = _broken_passages(operator, case) or _too_much(operator, intensity)
    return Applied(kind, None if broken else case.after, broken, edits, intensity)


def _broken_passages(operator: ChangePassages, case: Case) -> str:
    full = {p.id for p in case.before if words(p.text)}
    general = (
        ("passages left", bool(case.after)),
        ("text kept", all(words(p.text) for p in case.after if p.id in full)),
        ("ids differ", len({p.id for p in case.after}) == len(case.after)),
    )
    own = ((_name(promise), promise(case)) for promise in contract(operator).promises)
    return next((f"broken: {name}" for name, held in (*general, *own) if not held), "")


def _too_much(operator: Callable[..., object], intensity: float) -> str:
    return "broken: intensity within its bound" if intensity > contract(operator).most else ""


def drops(applied: Iterable[Applied[T]]) -> Counter[str]:
    """How often there was no result, by operator and reason."""
    return Counter(f"{one.kind}: {one.reason}" for one in applied if one.reason)


def _name(function: Callable[..., object]) -> str:
    inner = function.func if isinstance(function, partial) else function
    return str(getattr(inner, "__name__", type(inner).__name__)).replace("_", " ")


def _touched(case: Case) -> tuple[int, float]:
    """Words that differ, and their share; of passages that only moved, the share of those."""
    before, after = ({p.id: p.full for p in side} for side in (case.before, case.after))
    ids = list(dict.fromkeys([*before, *after]))
    edits = sum(_edits(before.get(i, ""), after.get(i, "")) for i in ids)
    if edits:
        longer = max(sum(map(_tokens, side.values())) for side in (before, after))
        return edits, min(1.0, edits / max(1, longer))
    moved = sum(a.id != b.id for a, b in zip(case.before, case.after, strict=False))
    return moved, moved / len(case.before)


def _share(before: str, after: str) -> tuple[int, float]:
    edits = _edits(before, after)
    return edits, min(1.0, edits / max(1, _tokens(before), _tokens(after)))


def _tokens(text: str) -> int:
    return changed_tokens(text, "")


def _edits(before: str, after: str) -> int:
    """How many words and marks differ, at least 1 if the texts do; what is equal at the ends is cut first."""
    one, two = before.split(), after.split()
    while one and two and one[-1] == two[-1]:
        one.pop(), two.pop()
    start = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))
    one, two = one[start:], two[start:]
    if len(one) == len(two) and len(one) ** 2 > _MOST_STEPS:  # too long to align: compared place by place
        return max(1, sum(changed_tokens(a, b) for a, b in zip(one, two, strict=True) if a != b))
    return max(int(before != after), changed_tokens(" ".join(one), " ".join(two)))
