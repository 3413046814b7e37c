from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag_robust.corpus import load
from rag_robust.corpus.build import build
from rag_robust.errors import CorpusError
from rag_robust.types import Passage, Query

CONFIGS = {"corpus": "corpus", "queries": "queries", "default": "test"}


def hub_folder(path: Path, configs: dict[str, str] = CONFIGS, grade: object = 1) -> str:
    rows = {
        "corpus": [{"_id": "1", "title": "T", "text": "one"}, {"_id": "2", "title": None, "text": "two"}],
        "queries": [{"_id": "q", "text": "which?"}, {"_id": "unjudged", "text": "why?"}],
        "default": [{"query-id": "q", "corpus-id": "1", "score": grade}],
    }
    card = ["---", "configs:"]
    for config, split in configs.items():
        file = path / config / f"{split}.jsonl"
        file.parent.mkdir()
        file.write_text("".join(json.dumps(row) + "\n" for row in rows[config]))
        card += [f"- config_name: {config}", "  data_files:", f"  - split: {split}"]
        card += [f"    path: {config}/{split}.jsonl"]
    (path / "README.md").write_text("\n".join([*card, "---", ""]))
    return f"hf:{path}"


def test_a_local_folder_in_the_hub_layout_is_read(tmp_path: Path) -> None:
    expected = build([Passage("1", "one", "T"), Passage("2", "two")], [Query("q", "which?")], {"q": {"1": 1}})
    assert load(hub_folder(tmp_path)) == expected


def test_judgements_of_dev_are_used_where_there_is_no_test(tmp_path: Path) -> None:
    source = hub_folder(tmp_path, {**CONFIGS, "default": "dev"}, grade=2.0)
    assert load(source).qrels == {"q": {"1": 2}}


@pytest.mark.parametrize(
    ("configs", "message"),
    [
        ({"corpus": "corpus", "default": "test"}, 'expected a configuration "queries", got'),
        (
            {"corpus": "corpus", "queries": "queries"},
            'expected judgements in a configuration "default" or "qrels"',
        ),
        ({**CONFIGS, "default": "other"}, 'expected "default" to have a split test, dev, validation, train'),
    ],
)
def test_another_layout_is_refused(tmp_path: Path, configs: dict[str, str], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load(hub_folder(tmp_path, configs))


def test_a_grade_that_is_no_whole_number_is_named_by_its_row(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"default:1: expected a whole number as the grade, got 0.5"):
        load(hub_folder(tmp_path, grade=0.5))


def test_a_folder_without_data_is_a_corpus_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="expected a data set on the hub or a local folder"):
        load(f"hf:{tmp_path}")
