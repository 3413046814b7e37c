"""What happens to the passages a generator is given; every public function here is a name in a suite.

A change is `(passages, query, rng, known) -> passages` with keyword-only parameters, or None where
it does not apply. It declares its promises with `promised`; `applied.checked_passages` holds it to
them. Titles count: an answer in a title is an answer in the context. To add one, write the function
and list it in `__all__`. Intensity is the share of words that were added, dropped or replaced, of the
longer side; where passages only move, the share that moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from numpy.random import Generator

from rag_robust.errors import SuiteError
from rag_robust.perturb import _amount, _rivals
from rag_robust.perturb._injections import INJECTIONS, MARK
from rag_robust.perturb.document import evidence_removed, lexically_different
from rag_robust.perturb.knowledge import Known, elsewhere, on_topic, stated_in
from rag_robust.perturb.promises import (
    about_the_entity,
    added_states_no_answer,
    answers_gone,
    answers_kept,
    begins_alike,
    lines_kept,
    promised,
    same_passages,
    starts_the_same,
    texts_kept,
)
from rag_robust.types import Passage, Query

__all__ = [
    "contradicting",
    "counterfactual",
    "different",
    "diluted",
    "distractor",
    "flooded",
    "injected",
    "position",
    "removed",
    "reordered",
    "shuffled_rows",
    "stale",
    "top",
    "truncated",
]

Passages = Sequence[Passage]


@promised(answers_gone)
def removed(passages: Passages, query: Query, rng: Generator, known: Known) -> list[Passage] | None:
    """The evidence taken out: no passage, its title included, states an answer any more.

    Rows and sentences that state one go (`document.evidence_removed`); a passage of which too little
    is left goes as a whole. None if no passage stays. *Source*: RARE's "lexically similar, answer
    different".
    """
    del rng, known
    if not query.answers:
        return None
    left = []
    for passage in passages:
        text = (
            passage.text if not stated_in(passage, query) else evidence_removed(passage.text, query.answers)
        )
        if text is not None and not stated_in(replace(passage, text=text), query):
            left.append(replace(passage, text=text))
    return left or None


@promised(same_passages, answers_kept)
def different(
    passages: Passages, query: Query, rng: Generator, known: Known, *, ceiling: float = 0.95
) -> list[Passage] | None:
    """The same facts in other words, every answer kept (`document.lexically_different`).

    A passage that cannot be told otherwise stays as it is; None if none can. `ceiling` is the
    greatest Jaccard similarity of word types. *Source*: RARE's "lexically different, answer similar".
    """
    del known
    told = [lexically_different(p.text, query.answers, rng, ceiling=ceiling) for p in passages]
    made = [p if text is None else replace(p, text=text) for p, text in zip(passages, told, strict=True)]
    return made if made != list(passages) else None


@promised(same_passages, answers_gone)
def counterfactual(
    passages: Passages, query: Query, rng: Generator, known: Known, *, value: str = ""
) -> list[Passage] | None:
    """The answer replaced by a wrong one of the same type wherever it stands, all else as it was.

    The wrong one is `value`, or drawn by `rival`: a number with its unit, a date or a name of another
    fact. None if the answer is not stated, has no rival, or is spelled so that a place is missed.
    *Source*: the counterfactual documents of RGB (arXiv 2309.01431), there made by hand.
    """
    return _rivals.with_value(passages, query, value or _rivals.rival(passages, query, rng, known))


@promised(same_passages, answers_gone)
def stale(passages: Passages, query: Query, rng: Generator, known: Known) -> list[Passage] | None:
    """The answer replaced by what was true before: the last earlier value of the same fact.

    Needs facts with times; None without an earlier value that differs.
    """
    del rng
    return _rivals.with_value(passages, query, _rivals.stale_value(passages, query, known))


@promised(texts_kept, added_states_no_answer)
def contradicting(
    passages: Passages, query: Query, rng: Generator, known: Known, *, value: str = ""
) -> list[Passage] | None:
    """Beside every passage that states the answer, one that says the same with another value.

    The pair stands together, in either order; the value is that of `counterfactual`.
    """
    evidence = [p for p in passages if stated_in(p, query)]
    wrong = _rivals.with_value(evidence, query, value or _rivals.rival(passages, query, rng, known))
    copies = {p.id: q for p, q in zip(evidence, wrong or (), strict=bool(wrong))}
    made: list[Passage] = []
    for passage in passages:
        pair = [passage, *([_called(copies[passage.id], "other")] if passage.id in copies else [])]
        made += pair if rng.integers(2) else pair[::-1]
    return made if wrong else None


@promised(texts_kept, added_states_no_answer, about_the_entity)
def distractor(
    passages: Passages, query: Query, rng: Generator, known: Known, *, count: int = 1
) -> list[Passage] | None:
    """`count` passages of the corpus about the same entity but another relation, put in anywhere.

    The entity is the subject of the fact asked for, or else a name in the query, read as a whole word.
    Without facts nothing is known of relations. None if the corpus has no such passage that does not
    state the answer.
    """
    _at_least(1, "distractor", count=count)
    found = elsewhere(passages, query, known)
    chosen = [found[int(i)] for i in rng.permutation(len(found))[:count]]
    return _amount.inserted(passages, chosen, rng) if chosen else None


@promised(texts_kept, added_states_no_answer)
def diluted(
    passages: Passages, query: Query, rng: Generator, known: Known, *, factor: float = 1.0
) -> list[Passage] | None:
    """The evidence between whole sentences of other passages on the topic, `factor` times its words.

    Half before and half behind; the text itself stays whole, and no sentence put in states an
    answer or, as far as facts are known, the same relation for another time. None if the corpus has
    less than half of the padding that was asked for.
    """
    if factor <= 0:
        raise SuiteError(f"diluted: expected factor > 0, got {factor:g}")
    near = on_topic(passages, query, known, rng, _amount.SOURCES, other_relation=True)
    pads = _amount.sentences_of(near, query)
    made = [_amount.padded(p, pads, factor) if stated_in(p, query) else p for p in passages]
    return None if None in made or made == list(passages) else [p for p in made if p is not None]


@promised(texts_kept, added_states_no_answer)
def position(
    passages: Passages, query: Query, rng: Generator, known: Known, *, place: float = 0.5, size: int = 5
) -> list[Passage] | None:
    """The evidence at a `place` of the context: 0 first, 0.5 in the middle, 1 last; the others in order.

    A context of fewer than `size` passages is filled with passages on the topic that state no answer.
    None without evidence, or with nothing but evidence.
    """
    if not 0 <= place <= 1:
        raise SuiteError(f"position: expected 0 <= place <= 1, got {place:g}")
    filled = _filled(passages, query, rng, known, size)
    evidence = [p for p in filled if stated_in(p, query)]
    others = [p for p in filled if not stated_in(p, query)]
    at = round(place * len(others))
    return [*others[:at], *evidence, *others[at:]] if evidence and others else None


@promised(texts_kept, added_states_no_answer)
def reordered(
    passages: Passages, query: Query, rng: Generator, known: Known, *, order: str = "shuffled", size: int = 1
) -> list[Passage] | None:
    """The passages "shuffled" or "reversed"; fewer than `size` are first filled up as in `position`."""
    if order not in ("shuffled", "reversed"):
        raise SuiteError(f'reordered: expected order "shuffled" or "reversed", got "{order}"')
    filled = _filled(passages, query, rng, known, size)
    places = [int(i) for i in rng.permutation(len(filled))]
    if order == "reversed" or places == sorted(places):
        places = sorted(places, reverse=True)
    return [filled[i] for i in places] if len(filled) > 1 else None


@promised(begins_alike, added_states_no_answer)
def top(
    passages: Passages, query: Query, rng: Generator, known: Known, *, k: int = 5
) -> list[Passage] | None:
    """The first `k` passages; where there are fewer, others on the topic that state no answer follow."""
    _at_least(1, "top", k=k)
    made = _filled(passages, query, rng, known, k)[:k]
    return made if len(made) == k else None


@promised(texts_kept)
def flooded(
    passages: Passages, query: Query, rng: Generator, known: Known, *, copies: int = 4, of: str = "topic"
) -> list[Passage] | None:
    """`copies` near-duplicates of one passage, put in anywhere: of one on the topic, or of the "evidence".

    A copy differs by a connective before one of its sentences; no two are alike, and the Jaccard
    similarity of their word types to the original is at least 0.7. A copy of a passage on the topic
    states no answer.
    """
    _at_least(1, "flooded", copies=copies)
    if of not in ("topic", "evidence"):
        raise SuiteError(f'flooded: expected of = "topic" or "evidence", got "{of}"')
    evidence = [p for p in passages if stated_in(p, query)]
    found = evidence if of == "evidence" else on_topic(passages, query, known, rng, 1)
    made = _amount.near_copies(found[0], copies, rng) if found else []
    return _amount.inserted(passages, made, rng) if len(made) == copies else None


@promised(texts_kept, added_states_no_answer)
def injected(
    passages: Passages,
    query: Query,
    rng: Generator,
    known: Known,
    *,
    style: str = "answer",
    where: str = "inside",
    value: str = "",
) -> list[Passage] | None:
    """An order to the reader at the end of one passage, or of a passage of its own.

    `style`: "answer" demands a wrong answer (`value`, or that of `counterfactual`), "refuse" that
    nothing is answered, "mark" a word that no text has. `where`: "inside" the last passage, or "own",
    a passage on the topic that carries it, put in anywhere. The texts are data (`_injections`).
    """
    if style not in INJECTIONS or where not in ("inside", "own"):
        expected = 'style "answer", "refuse" or "mark" and where "inside" or "own"'
        raise SuiteError(f'injected: expected {expected}, got "{style}" and "{where}"')
    target = MARK if style == "mark" else value
    if style == "answer" and not target:
        target = _rivals.rival(passages, query, rng, known) or ""
    order = INJECTIONS[style][rng.integers(len(INJECTIONS[style]))].format(target=target)
    if (style == "answer" and not target) or not passages:
        return None
    if where == "inside":
        return [*passages[:-1], replace(passages[-1], text=f"{passages[-1].text}\n\n{order}")]
    carrier = on_topic(passages, query, known, rng, 1)
    told = [_called(replace(p, text=f"{p.text}\n\n{order}"), "order") for p in carrier]
    return _amount.inserted(passages, told, rng) if told else None


@promised(same_passages, lines_kept, answers_kept)
def shuffled_rows(passages: Passages, query: Query, rng: Generator, known: Known) -> list[Passage] | None:
    """The rows of every table in another order; headers, captions and prose stay where they are."""
    del query, known
    made = [replace(p, text=_amount.rows_shuffled(p.text, rng)) for p in passages]
    return made if made != list(passages) else None


@promised(same_passages, starts_the_same)
def truncated(
    passages: Passages, query: Query, rng: Generator, known: Known, *, share: float = 0.5
) -> list[Passage] | None:
    """Every passage cut after a `share` of its words, at least 5; the answer may go with the rest.

    Whether the evidence is still there is to be looked up with `stated.states`.
    """
    del query, rng, known
    if not 0 < share < 1:
        raise SuiteError(f"truncated: expected 0 < share < 1, got {share:g}")
    made = [replace(p, text=_amount.cut(p.text, share)) for p in passages]
    return made if made != list(passages) else None


def _filled(passages: Passages, query: Query, rng: Generator, known: Known, size: int) -> list[Passage]:
    missing = size - len(passages)
    return [*passages, *(on_topic(passages, query, known, rng, missing) if missing > 0 else ())]


def _called(passage: Passage, mark: str) -> Passage:
    return replace(passage, id=f"{passage.id}~{mark}")


def _at_least(least: int, name: str, **given: int) -> None:
    for key, value in given.items():
        if value < least:
            raise SuiteError(f"{name}: expected {key} >= {least}, got {value}")
