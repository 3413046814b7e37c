"""Human-written questions about Wikipedia pages, with answers and the page that holds them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rag_robust.corpus.data import package_file
from rag_robust.types import Passage, Query

__all__ = ["queries"]


def queries(passages: Mapping[str, Passage]) -> tuple[list[Query], dict[str, dict[str, int]]]:
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
    path = package_file(
        "fanoutqa",
        "data/fanout-final-dev.json",
        install="--no-deps fanoutqa==1.1.1",
        purpose='the queries "fanoutqa"',
    )
    by_title = {p.title: p.id for p in passages.values()}
    found: dict[str, Query] = {}
    qrels: dict[str, dict[str, int]] = {}
    # numbers stay text, so that 8848.86 is not printed as something else
    for part in _simple(json.loads(path.read_bytes(), parse_int=str, parse_float=str)):
        page = by_title.get(part["evidence"]["title"]) if part["evidence"] else None
        if page is None:
            continue
        text = " ".join(part["question"].split())
        known = found.get(text) or Query(f"fanoutqa-{part['id']}", text)
        answers = dict.fromkeys([*known.answers, *_answers(part["answer"])])
        found[text] = Query(known.id, text, tuple(answers))
        qrels.setdefault(known.id, {})[page] = 1
    return list(found.values()), qrels


def _simple(questions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The sub-questions that are not decomposed any further, in file order."""
    for question in questions:
        for part in question["decomposition"]:
            if part["decomposition"]:
                yield from _simple([part])
            else:
                yield part


def _answers(answer: Any) -> Iterator[str]:
    if isinstance(answer, bool):
        yield "yes" if answer else "no"
    elif isinstance(answer, str):
        yield answer
    elif isinstance(answer, list | dict):
        for item in answer.values() if isinstance(answer, dict) else answer:
            yield from _answers(item)
