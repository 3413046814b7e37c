"""Human-written questions about Wikipedia pages, with answers and the page that holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rag_robust.corpus.data import package_file
from rag_robust.text import normalise
from rag_robust.types import Passage, Query

__all__ = ["joined", "queries"]

_MOST = 3
"""Sub-questions joined in one."""

_Found = tuple[list[Query], dict[str, dict[str, int]]]


def queries(passages: Mapping[str, Passage]) -> _Found:
    """The simple sub-questions of FanOutQA's dev set whose evidence page is among the passages.

    A page is found by its title; it is the one relevant passage, grade 1. Answers are the strings
    of the data set's answer: the items of a list, the values of an object, numbers as written,
    true and false as "yes" and "no". Sub-questions with the same text become one query with all
    their answers and pages. None is left out for its wording: all name what they ask about.

    The page is the evidence, yet a corpus of lead sections often lacks the sentence with the
    answer: good for judging retrieval, a hard bound on answering.

    *Source*: Zhu et al., "FanOutQA", ACL 2024; data CC BY-SA 4.0.

    Raises:
        MissingExtra: the package `fanoutqa` is not installed.
    """
    found: dict[str, Query] = {}
    qrels: dict[str, dict[str, int]] = {}
    for part, page in _placed(_simple(_read()), passages):
        text = _text(part)
        known = found.get(text) or Query(f"fanoutqa-{part['id']}", text)
        answers = dict.fromkeys([*known.answers, *_answers(part["answer"])])
        found[text] = Query(known.id, text, tuple(answers))
        qrels.setdefault(known.id, {})[page] = 1
    return list(found.values()), qrels


def joined(passages: Mapping[str, Passage]) -> _Found:
    """For answering: the same sub-questions with lists as lists, and joined ones over several pages.

    An answer of several items is asked for as a whole and has two spellings, "A, B and C" and
    "A, B, C" (`metrics.answers.listed`). Of each question of the data set, sub-questions with one answer,
    whose first three words are the same and whose pages hold their answers, are also asked two or three at
    a time: "What is the capital of China, and what is the capital of Japan?" has two relevant passages and
    both answers. No question of the data set itself can be asked: each needs a page that is no vital article.
    """
    found: dict[str, Query] = {}
    qrels: dict[str, dict[str, int]] = {}
    for question in _read():
        simple = list(_placed(_simple([question]), passages))
        for part, page in simple:
            query = Query(f"fanoutqa-{part['id']}", _text(part), _listed(tuple(_answers(part["answer"]))))
            if query.text not in found:
                found[query.text] = query
                qrels[query.id] = {page: 1}
        for n, some in enumerate(_groups(simple, passages)):
            query = _join(f"fanoutqa-{question['id']}-{n}", [part for part, _ in some])
            if query.text not in found:
                found[query.text] = query
                qrels[query.id] = dict.fromkeys((page for _, page in some), 1)
    return list(found.values()), qrels


def _read() -> list[dict[str, Any]]:
    path = package_file(
        "fanoutqa",
        "data/fanout-final-dev.json",
        install="--no-deps fanoutqa==1.1.1",
        purpose='the queries "fanoutqa"',
    )
    # numbers stay text, so that 8848.86 is not printed as something else
    questions: list[dict[str, Any]] = json.loads(path.read_bytes(), parse_int=str, parse_float=str)
    return questions


def _simple(questions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The sub-questions that are not decomposed any further, in file order."""
    for question in questions:
        for part in question["decomposition"]:
            if part["decomposition"]:
                yield from _simple([part])
            else:
                yield part


_Placed = tuple[dict[str, Any], str]


def _placed(parts: Iterator[dict[str, Any]], passages: Mapping[str, Passage]) -> Iterator[_Placed]:
    """Each sub-question with its page, if that is among the passages."""
    by_title = {p.title: p.id for p in passages.values()}
    for part in parts:
        page = by_title.get(part["evidence"]["title"]) if part["evidence"] else None
        if page is not None:
            yield part, page


def _text(part: Mapping[str, Any]) -> str:
    return " ".join(part["question"].split())


def _answers(answer: Any) -> Iterator[str]:
    if isinstance(answer, bool):
        yield "yes" if answer else "no"
    elif isinstance(answer, str):
        yield answer
    elif isinstance(answer, list | dict):
        for item in answer.values() if isinstance(answer, dict) else answer:
            yield from _answers(item)


def _listed(items: Sequence[str]) -> tuple[str, ...]:
    """One answer, or two ways to write several."""
    items = tuple(dict.fromkeys(items))
    return items if len(items) < 2 else (f"{', '.join(items[:-1])} and {items[-1]}", ", ".join(items))


def _groups(parts: Sequence[_Placed], passages: Mapping[str, Passage]) -> Iterator[list[_Placed]]:
    """Two or three sub-questions at a time, worded alike, with another answer and another page each."""
    fit = sorted((one for one in parts if _held(one, passages)), key=lambda one: _text(one[0]).split()[:3])
    for _, alike in groupby(fit, key=lambda one: _text(one[0]).split()[:3]):
        by_page = {page: (part, page) for part, page in alike}
        apart = list({part["answer"]: (part, page) for part, page in by_page.values()}.values())
        while len(apart) > 1:
            n = _MOST if len(apart) == _MOST else 2
            yield apart[:n]
            apart = apart[n:]


def _held(one: _Placed, passages: Mapping[str, Passage]) -> bool:
    """Whether it is a question with one name or number for an answer, and its page has these words."""
    part, page = one
    answer = part["answer"]
    if not isinstance(answer, str) or ", " in answer or not _text(part).endswith("?"):
        return False
    return normalise(answer) in normalise(passages[page].full)


def _join(query_id: str, parts: Sequence[Mapping[str, Any]]) -> Query:
    first, *rest = (_text(part).removesuffix("?") for part in parts)
    rest = [f"{text[:1].lower()}{text[1:]}" for text in rest]
    text = f"{', '.join([first, *rest[:-1]])}, and {rest[-1]}?"
    return Query(query_id, text, _listed([part["answer"] for part in parts]))
