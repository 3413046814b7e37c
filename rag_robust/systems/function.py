"""A plain function as a system under test."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from pathlib import Path

from rag_robust.errors import RagRobustError, TargetError
from rag_robust.types import Answer, Change, Hit, Passage, Query, System

__all__ = ["Insert", "Returned", "as_answer", "function", "source_hash"]

Returned = Answer | str | Sequence[object] | Mapping[str, object]
"""What a user's function may return; `as_answer` says which forms are understood."""

Insert = Callable[[Sequence[Passage]], AbstractContextManager[object]]
"""Puts passages in when entered and takes them out when left."""

_TEXT_KEYS = ("answer", "text")
_HIT_KEYS = ("hits", "sources", "documents", "ids")
_FORMS = (
    "an Answer, a string, a list of passage ids, a list of (passage id, score), best first, or a dict with "
    "the answer under answer or text and such a list under hits, sources, documents or ids"
)


def function(answer: Callable[[Query], Returned], *, insert: Insert | None = None) -> System:
    """The system that asks `answer(query)`, and understands the usual forms of a reply.

    With `insert` the system is `Changeable`: a changed one enters `insert(passages)` around each
    call or batch of calls (`many`), so passages are put in and taken out again, also on error.
    Whatever the function raises becomes a `TargetError` with type and message (a TimeoutError: of
    kind "timeout", a reply in no known form: "parse").
    """
    return _Fixed(answer) if insert is None else _Open(answer, insert)


def source_hash(thing: object) -> str | None:
    """A hash of the source file a function or class lives in; None where there is no file."""
    try:
        file = inspect.getsourcefile(inspect.unwrap(thing) if callable(thing) else type(thing))
    except TypeError:
        return None
    if file is None or not Path(file).is_file():
        return None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A function whose corpus cannot be changed."""

    answer: Callable[[Query], Returned]

    @property
    def fingerprint(self) -> str | None:
        """The function's name and a hash of its source file; None where there is no file."""
        return _named(self.answer)

    def __call__(self, query: Query, /) -> Answer:
        """Answer one query."""
        return _ask(self.answer, query)


@dataclass(frozen=True, slots=True)
class _Open:
    """A function with a way to insert passages."""

    answer: Callable[[Query], Returned]
    insert: Insert

    @property
    def fingerprint(self) -> str | None:
        """The function's name and a hash of its source file; None where there is no file."""
        return _named(self.answer)

    def __call__(self, query: Query, /) -> Answer:
        """Answer one query."""
        return _ask(self.answer, query)

    def why_not(self, change: Change, /) -> str | None:
        """Edited passages are not offered."""
        return "the system offers no way to edit passages" if change.edited else None

    def changed(self, change: Change, /) -> System:
        """The same function, with the inserted passages in while it is asked."""
        reason = self.why_not(change)
        if reason is not None:
            raise TargetError(f"not applicable: {reason}", "not_applicable")
        return _Inserted(self.answer, self.insert, change.inserted) if change.inserted else self


@dataclass(frozen=True, slots=True)
class _Inserted:
    """A function that is asked while passages are in its corpus."""

    answer: Callable[[Query], Returned]
    insert: Insert
    passages: tuple[Passage, ...]

    def __call__(self, query: Query, /) -> Answer:
        """Answer one query."""
        return self.many([query])[0]

    def many(self, queries: Sequence[Query]) -> list[Answer]:
        """Put the passages in once, answer the queries in order, take the passages out."""
        answers: list[Answer] = []
        first: TargetError | None = None
        with _blamed("inserting or removing passages"), self.insert(self.passages):
            for query in queries:
                try:
                    answers.append(_ask(self.answer, query))
                except TargetError as error:  # must not cross `insert`, which may not clean up then
                    first = first or error
        if first is not None:
            raise first
        return answers


def _named(answer: Callable[[Query], Returned]) -> str | None:
    source = source_hash(answer)
    return source and f"{getattr(answer, '__qualname__', type(answer).__qualname__)} {source}"


@contextmanager
def _blamed(what: str) -> Iterator[None]:
    """Turns whatever the user's code raises into a TargetError that says what was being done."""
    try:
        yield
    except RagRobustError:
        raise
    except Exception as error:  # a user's function may raise anything
        kind = "timeout" if isinstance(error, TimeoutError) else "crash"
        raise TargetError(f"{what} raised {type(error).__name__}: {error}", kind) from error


def _ask(answer: Callable[[Query], Returned], query: Query) -> Answer:
    with _blamed(f'query "{query.id}"'):
        return as_answer(answer(query))


def as_answer(reply: object) -> Answer:
    """One reply in any of the usual forms, as an `Answer`; hits are taken in the order given.

    Ids without scores get n, n-1, ..., 1. Scores must be finite and not rise down the list: a list
    of distances, best first, would otherwise be read upside down.

    Raises:
        TargetError: another form came; the message lists the forms and shows what came.
    """
    if isinstance(reply, Answer):
        return Answer(reply.text, _hits([(hit.passage_id, hit.score) for hit in reply.hits]))
    if isinstance(reply, str):
        return Answer(text=reply)
    if isinstance(reply, Mapping):
        return _from_mapping(reply)
    if isinstance(reply, Sequence) and not isinstance(reply, bytes | bytearray):
        return Answer(hits=_hits(reply))
    raise _not_understood(reply)


def _from_mapping(reply: Mapping[object, object]) -> Answer:
    texts = [reply[key] for key in _TEXT_KEYS if key in reply]
    lists = [reply[key] for key in _HIT_KEYS if key in reply]
    text, hits = texts[0] if texts else None, lists[0] if lists else ()
    if not (texts or lists) or not (text is None or isinstance(text, str)):
        raise _not_understood(reply)
    if isinstance(hits, str | bytes) or not isinstance(hits, Sequence):
        raise _not_understood(reply)
    return Answer(text=text, hits=_hits(hits))


def _hits(items: Sequence[object]) -> tuple[Hit, ...]:
    pairs = [_pair(item) for item in items]
    ids, scores = [i for i, _ in pairs], [s for _, s in pairs if s is not None]
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise TargetError(f'passage "{twice}" stands twice in one reply; give each passage once', "parse")
    if scores and len(scores) < len(ids):
        got = f"{len(scores)} of {len(ids)}"
        raise TargetError(f"expected a score for every passage or for none, got {got}", "parse")
    for above, below in pairwise(scores):
        if below > above:
            raise TargetError(
                f"scores must not rise down the list (larger is better), got {below:g} after {above:g}; "
                "sort by score, negate distances, or return ids alone",
                "parse",
            )
    ranked = scores or [float(len(ids) - i) for i in range(len(ids))]
    return tuple(Hit(i, score) for i, score in zip(ids, ranked, strict=True))


def _pair(item: object) -> tuple[str, float | None]:
    """The id and, if there is one, the score of one listed passage."""
    if isinstance(item, Hit):
        item = (item.passage_id, item.score)
    elif isinstance(item, Mapping):
        item = (item.get("id"), item["score"]) if "score" in item else item.get("id")
    if isinstance(item, str) and item:
        return item, None
    if isinstance(item, Sequence) and len(item) == 2:
        passage_id, score = item
        scored = not isinstance(score, bool) and isinstance(score, Real) and math.isfinite(score)
        if isinstance(passage_id, str) and passage_id and scored:
            return passage_id, float(score)
    raise _not_understood(item)


def _not_understood(value: object) -> TargetError:
    return TargetError(f"expected {_FORMS}; got {type(value).__name__}: {repr(value)[:80]}", "parse")
