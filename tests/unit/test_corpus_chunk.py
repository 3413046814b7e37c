from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.corpus.chunk import chunk
from rag_robust.errors import CorpusError

TABLE = "Rates of 2009.\n| Year | Rate |\n| --- | --- |\n| 2008 | 1.1 |\n| 2009 | 1.2 |\n"

documents = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(["word", "End.", " ", "\n", "\n\n", "| a | b |\n", "Next", "\r\n", "\u2028"])
    ).map("".join),
)


@given(documents, st.integers(1, 20))
def test_pieces_join_back_to_the_text_exactly(text: str, max_words: int) -> None:
    assert "".join(chunk(text, max_words=max_words)) == text


@given(documents, st.integers(1, 20))
def test_pieces_stay_within_the_limit_and_none_is_blank(text: str, max_words: int) -> None:
    pieces = chunk(text, max_words=max_words)
    assert all(len(piece.split()) <= max_words for piece in pieces)
    assert all(piece.strip() for piece in pieces) or len(pieces) == 1


@given(documents)
def test_a_text_within_the_limit_is_one_piece(text: str) -> None:
    assert chunk(text, max_words=1000) == ([text] if text else [])


def test_paragraphs_are_packed_greedily() -> None:
    assert chunk("a b\n\nc d\n\ne f g\n\nh", max_words=4) == ["a b\n\nc d\n\n", "e f g\n\nh"]


def test_a_table_stays_whole_with_its_caption() -> None:
    text = f"{'before ' * 10}\n\n{TABLE}\n{'after ' * 10}"
    assert f"{TABLE}\n" in chunk(text, max_words=25)


def test_a_table_stays_whole_when_its_paragraph_is_too_long() -> None:
    rows = TABLE.partition("\n")[2]
    assert rows in chunk(f"{'Some words here. ' * 10}\n{rows}", max_words=20)


def test_a_table_above_the_limit_is_cut_between_rows() -> None:
    pieces = chunk(TABLE, max_words=12)
    assert len(pieces) > 1
    assert all(piece.endswith("\n") for piece in pieces)


def test_a_long_paragraph_is_cut_between_sentences_then_words() -> None:
    assert chunk("One two. Three four.", max_words=3) == ["One two. ", "Three four."]
    assert chunk("a b c d e", max_words=2) == ["a b ", "c d ", "e"]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(CorpusError, match="at least 1 word per passage, got 0"):
        chunk("text", max_words=0)
