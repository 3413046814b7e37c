"""Files of word vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag_robust import synonyms
from rag_robust.errors import ModelError
from rag_robust.synonyms.vectors import read_vectors, write_vectors

GLOVE = "car 1 0\nThe 0 1\nauto 0.9 0.1\ncar 5 5\n42 1 1\nwell-known 1 1\n. . 1 1\nhot 0 -1\n"


def written(tmp_path: Path, content: str = GLOVE) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text(content)
    return path


def test_whole_words_are_read_once_and_lower_cased(tmp_path: Path):
    words, vectors = read_vectors(written(tmp_path))
    assert words == ["car", "the", "auto", "hot"]
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[1, 0], [0, 1], [pytest.approx(0.9), pytest.approx(0.1)], [0, -1]]


def test_the_first_line_of_word2vec_is_no_word(tmp_path: Path):
    words, vectors = read_vectors(written(tmp_path, "2 3\ncar 1 2 3\nauto 4 5 6\n"))
    assert words == ["car", "auto"]
    assert vectors.shape == (2, 3)


def test_only_the_first_lines_and_the_words_asked_for_are_kept(tmp_path: Path):
    assert read_vectors(written(tmp_path), first=2)[0] == ["car", "the"]
    assert read_vectors(written(tmp_path), vocabulary={"HOT", "auto"})[0] == ["auto", "hot"]


@pytest.mark.parametrize("line", ["bus", "bus 1", "bus one 2", "bus nan 1"])
def test_a_broken_line_is_named_by_number(tmp_path: Path, line: str):
    with pytest.raises(ModelError, match=r"glove\.txt:2: expected"):
        read_vectors(written(tmp_path, f"car 1 0\n{line}\n"))


def test_a_missing_file_and_one_without_words_say_so(tmp_path: Path):
    with pytest.raises(ModelError, match="no word vectors at"):
        read_vectors(tmp_path / "none.txt")
    with pytest.raises(ModelError, match="no word that was asked for"):
        read_vectors(written(tmp_path), vocabulary=["bicycle"])


def test_what_is_written_is_read_again_to_six_decimals(tmp_path: Path):
    vectors = np.random.default_rng(0).normal(size=(3, 5))
    write_vectors(tmp_path / "v.txt", ["one", "two", "three"], vectors)
    words, again = read_vectors(tmp_path / "v.txt")
    assert words == ["one", "two", "three"]
    np.testing.assert_allclose(again, vectors, atol=1e-6)


def test_a_source_of_vectors_holds_the_nearest_words(tmp_path: Path):
    source = synonyms.load(f"vectors:{written(tmp_path)}?threshold=0.9&top=1")
    assert source.sets == {"car": ("auto",), "auto": ("car",)}
    assert source.name == "vectors glove, cosine 0.9, top 1"


def test_the_vocabulary_narrows_a_source_of_vectors(tmp_path: Path):
    source = synonyms.load(f"vectors:{written(tmp_path)}?threshold=-1", vocabulary=["car", "hot"])
    assert source.sets == {"car": ("hot",), "hot": ("car",)}
