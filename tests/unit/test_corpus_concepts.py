from __future__ import annotations

from pathlib import Path

import pytest

from rag_robust.corpus.concepts import concept, names
from rag_robust.errors import CorpusError
from rag_robust.types import Query

TOML = """schema = 1
name = "chess"
description = "Chess is a game."
information = "Chess is boring."
held_in = ["how to play chess", "chess openings"]
held_out = ["is chess a sport"]
"""


def test_queries_are_numbered_by_list(tmp_path: Path) -> None:
    (tmp_path / "chess.toml").write_text(TOML)
    found = concept(str(tmp_path / "chess.toml"))
    assert (found.name, found.information) == ("chess", "Chess is boring.")
    assert found.held_in == (
        Query("chess-in-01", "how to play chess"),
        Query("chess-in-02", "chess openings"),
    )
    assert found.held_out == (Query("chess-out-01", "is chess a sport"),)


@pytest.mark.parametrize("name", names())
def test_shipped_concepts_read_by_name_or_folder_and_name(name: str) -> None:
    found = concept(name)
    assert found == concept(f"concepts/{name}")
    assert found.name == name
    assert not {q.text for q in found.held_in} & {q.text for q in found.held_out}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("schema = 1", "schema = 2", "expected schema = 1, got 2"),
        ("schema = 1", "schema = 1\ncolour = 3", 'got "colour"; .*known: '),
        ('name = "chess"\n', "", 'expected the key "name"'),
        ('"Chess is boring."', '" "', "expected a non-empty string as information"),
        ('["is chess a sport"]', "[]", "expected a list of query texts as held_out"),
        ('["is chess a sport"]', "[3]", "expected a list of query texts as held_out"),
        ('["is chess a sport"]', '["chess openings"]', 'each query once, got "chess openings" again'),
        ("schema = 1", "schema =", "expected a concept in TOML"),
    ],
)
def test_a_broken_concept_names_file_and_key(tmp_path: Path, before: str, after: str, message: str) -> None:
    (tmp_path / "chess.toml").write_text(TOML.replace(before, after))
    with pytest.raises(CorpusError, match=f"chess.toml: .*{message}"):
        concept(str(tmp_path / "chess.toml"))


def test_an_unknown_concept_names_the_nearest() -> None:
    with pytest.raises(CorpusError, match='got "concepts/cofee"; did you mean "coffee"'):
        concept("concepts/cofee")
    with pytest.raises(CorpusError, match=r"none.toml: expected a concept in TOML, got .*No such file"):
        concept("none.toml")
