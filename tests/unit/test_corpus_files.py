from __future__ import annotations

from pathlib import Path

import pytest

from rag_robust.corpus import files
from rag_robust.corpus.html_text import page
from rag_robust.errors import CorpusError


def test_each_file_is_chunked_and_named_by_its_path_below_the_pattern(tmp_path: Path) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "a.md").write_text("Intro.\n\n## The heading ##\n\nBody.")
    (tmp_path / "docs" / "deep" / "b.md").write_text("\n\n".join(["word " * 100] * 3))
    (tmp_path / "docs" / "c.txt").write_text("not asked for")
    corpus = files.read(f"{tmp_path}/docs/**/*.md")
    assert list(corpus.passages) == ["a.md#0000", "deep/b.md#0000", "deep/b.md#0001", "deep/b.md#0002"]
    assert corpus.passages["a.md#0000"].title == "The heading"
    assert corpus.passages["deep/b.md#0000"].title == "b.md"


def test_a_folder_means_all_readable_files_in_it(tmp_path: Path) -> None:
    for name in ("a.txt", "b.md", "c.html", "d.png"):
        (tmp_path / name).write_text("text")
    assert [i.partition("#")[0] for i in files.read(str(tmp_path)).passages] == ["a.txt", "b.md", "c.html"]


def test_relative_patterns_and_single_files_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("text")
    monkeypatch.chdir(tmp_path)
    assert files.read("docs/*.txt") == files.read("docs/a.txt") == files.read("docs/**/*.txt")


def test_a_comment_in_a_code_block_is_no_heading(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("```sh\n# comment\n```\n# Title\n")
    assert files.read(f"{tmp_path}/*.md").passages["a.md#0000"].title == "Title"


def test_a_byte_order_mark_is_not_text_and_a_blank_file_has_no_passages(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbftext")
    (tmp_path / "b.txt").write_text(" \n")
    corpus = files.read(f"{tmp_path}/*.txt")
    assert [p.text for p in corpus.passages.values()] == ["text"]


def test_an_unreadable_encoding_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Zürich".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"latin.txt: expected UTF-8 text, got .* save the file as UTF-8"):
        files.read(f"{tmp_path}/*.txt")


@pytest.mark.parametrize("pattern", ["*.md", "none/**/*.md", "a.png"])
def test_no_match_is_an_error(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(CorpusError, match="got none for"):
        files.read(f"{tmp_path}/{pattern}")


def test_html_keeps_what_a_reader_sees() -> None:
    html = """<html><head><title>Tab</title><style>p {}</style></head>
    <body><script>var x = "<p>no</p>";</script>
    <h1>The <em>head</em>ing</h1><p>One &amp; two<br>three</p><ul><li>item</li></ul></body></html>"""
    assert page(html) == ("The heading", "# The heading\n\nOne & two\nthree\n\nitem")


def test_html_tables_become_rows_of_one_line_each() -> None:
    html = "<table><tr><th>Year</th><th>Rate</th></tr><tr><td>2008<td><p>1.1</p></tr></table>"
    assert page(html) == ("", "| Year | Rate |\n| --- | --- |\n| 2008 | 1.1 |")


def test_html_rows_without_end_tags_end_with_their_table() -> None:
    html = "<p>before</p><table><tr><td>a<td>b<tr><td>c</table><p>x</p><p>y</p>"
    assert page(html)[1] == "before\n\n| a | b |\n| c |\n\nx\n\ny"


def test_html_captions_stand_right_above_their_table_and_pipes_part_no_cells() -> None:
    html = "<table><caption>Staff\n of Oslo</caption><tr><th>Year<th>a|b</tr><tr><th>2021<td>5</tr></table>"
    assert page(html)[1] == "Staff of Oslo\n| Year | a/b |\n| --- | --- |\n| 2021 | 5 |"


def test_html_headings_keep_their_levels_and_the_first_h1_is_the_title() -> None:
    html = "<title>T</title><h2>Menu</h2><h1>Shop</h1><h3>A<br><b>B</b></h3><h4> </h4><h2>Open<p>x<h6>Last"
    assert page(html) == ("Shop", "## Menu\n\n# Shop\n\n### A B\n\n## Open\n\nx\n\n###### Last")


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title> A  page </title><p>text", "A page"),
        ("<title>Offices</title><h2>Oslo</h2>", "Offices"),
        ("<h2>Oslo</h2><h3>Staff</h3>", "Oslo"),
        ("<h1>One</h1><h1>Two</h1>", "One"),
        ("<p>text", ""),
    ],
)
def test_an_html_page_is_named_by_its_h1_its_title_or_its_first_heading(html: str, title: str) -> None:
    assert page(html)[0] == title


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p># 5 is alive</p><p>C# 5</p>", "\\# 5 is alive\n\nC# 5"),
        ("<p><b># 5</b></p><pre># comment\nls</pre>", "**\\# 5**\n\n\\# comment ls"),
        ("<table><tr><td># 5</td></tr></table>", "| # 5 |"),
    ],
)
def test_what_begins_like_a_heading_in_html_is_none(html: str, text: str) -> None:
    assert page(html)[1] == text


def test_html_bold_paragraphs_and_definitions_are_those_of_markdown() -> None:
    assert (
        page("<p><strong>Oslo</strong></p><p>It <b>must</b> <b>hold</b></p>")[1] == "**Oslo**\n\nIt must hold"
    )
    html = "<dl><dt>Mass</dt><dd><p>3 kg</p></dd><dt>Hue:</dt><dd>red</dd><dd>blue</dd></dl><p>x"
    assert page(html)[1] == "Mass: 3 kg\nHue: red; blue\n\nx"
