import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.questions.tables import tables

TEXT = """Some prose with | a pipe.

**Kenya: figures.** More about them.

| Year | Value |
| --- | ---: |
| 1992 | 59.3 |
|1997|54.4 \\| low|
| one cell |
| | 3 |

After the table."""


def test_header_rows_and_caption_are_read() -> None:
    [table] = tables(TEXT)
    assert table.caption == "Kenya: figures"
    assert table.header == ("Year", "Value")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["1992", "59.3"],
        ["1997", "54.4 \\| low"],
        ["", "3"],
    ]


def test_every_cell_knows_its_place() -> None:
    [table] = tables(TEXT)
    assert all(TEXT[cell.start : cell.end] == cell.text for row in table.rows for cell in row)


@pytest.mark.parametrize("text", ["", "no table", "| a | b |", "| a | b |\n| 1 | 2 |", "a | b\n---|---"])
def test_what_is_no_table_gives_none(text: str) -> None:
    assert list(tables(text)) == []


def test_two_tables_are_told_apart() -> None:
    first, second = tables("one:\n| a | b |\n|---|---|\n| 1 | 2 |\ntwo:\n| c | d |\n|---|---|\n| 3 | 4 |")
    assert (first.caption, second.caption) == ("one", "two")
    assert [row[1].text for table in (first, second) for row in table.rows] == ["2", "4"]


@given(st.text(st.sampled_from("|-: \\ab1\n"), max_size=80))
def test_any_text_gives_cells_that_lie_where_they_say(text: str) -> None:
    for table in tables(text):
        for row in table.rows:
            assert len(row) == len(table.header)
            assert all(text[cell.start : cell.end] == cell.text for cell in row)
