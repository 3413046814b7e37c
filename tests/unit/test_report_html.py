import re
import runpy
from html.parser import HTMLParser
from pathlib import Path

import pytest

from rag_robust.errors import UsageError
from rag_robust.report.html import to_html, write_html
from rag_robust.report.page import Page, page
from rag_robust.store import Store

support = runpy.run_path(str(Path(__file__).with_name("report_store.py")))
build = support["build"]
VOID = {"meta", "br", "col", "input", "link", "img", "hr"}


class Tree(HTMLParser):
    """Checks that tags are closed in order; collects tags, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def store(tmp_path_factory, tiny) -> Store:
    return build(tmp_path_factory.mktemp("run"), tiny)


@pytest.fixture(scope="module")
def told(store) -> Page:
    return page(store)


@pytest.fixture(scope="module")
def html(store) -> str:
    return to_html(store)


@pytest.fixture(scope="module")
def tree(html) -> Tree:
    return Tree(html)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, tiny) -> str:
    return to_html(build(tmp_path_factory.mktemp("run"), tiny, hostile=True))


def test_same_store_gives_the_same_page(store, html):
    assert to_html(store) == html


def test_page_asks_for_nothing_outside_itself(html, tree):
    assert {tag for tag, _ in tree.tags} & {"link", "img", "iframe", "object", "base", "form"} == set()
    assert [a for _, a in tree.tags if a.get("src")] == []
    assert all((a["href"] or "").startswith("#") for a in tree.all("a"))
    assert re.search(r"@import|url\(|https?://", html) is None


def test_every_link_leads_somewhere_and_no_id_is_there_twice(tree):
    ids = [a["id"] for _, a in tree.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for a in tree.all("a")} <= set(ids)


def test_tables_have_headers_and_drawings_have_words(tree):
    assert len(tree.all("table")) == len(tree.all("thead"))
    assert all("scope" in a for a in tree.all("th"))
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in tree.all("svg"))


def test_hostile_text_is_shown_and_never_becomes_a_part_of_the_page(hostile, tree):
    parsed = Tree(hostile)
    assert len(parsed.all("script")) == 1
    kinds = {tag for tag, _ in tree.tags}
    assert {tag for tag, _ in parsed.tags} == kinds
    assert not any(name.startswith("on") for _, a in parsed.tags for name in a)
    shown = "".join(parsed.texts)
    assert '<script>alert(1)</script> "></details> {{ 7*7 }}' in shown
    assert "⟨U+0000⟩⟨U+001B⟩[31m⟨U+202E⟩⟨U+200B⟩end" in shown
    assert re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\u200b]", hostile) is None


def test_only_our_own_script_may_run(html):
    import base64
    import hashlib

    script = html.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in html


def test_verdicts_are_words_and_signs_not_only_colours(html):
    for sign, verdict in [("✓", "PASS"), ("✕", "FAIL"), ("?", "INCONCLUSIVE"), ("–", "NOT APPLICABLE")]:
        assert f'<span aria-hidden="true">{sign}</span> {verdict}</span>' in html


def test_sections_follow_the_suite_and_gates_too(told):
    assert [s.kind for s in told.sections] == [
        "clean",
        "perturb",
        "attack",
        "attack",
        "certify",
        "questions",
        "certify",
    ]
    assert [g.verdict for g in told.gates][1:4] == ["ERROR", "FAIL", "PASS"]


def test_rankings_mark_what_is_relevant_and_what_was_inserted(told):
    row = told.sections[2].rows[0]
    clean, attacked = row.rankings
    assert (clean.label, attacked.label) == ("clean", "gaslite")
    assert [line.marks for line in attacked.lines[:2]] == [("inserted",), ("relevant",)]
    assert clean.lines[0].marks == ("relevant",)
    assert row.tags == (("inserted at 1", "bad"), ("relevant 1 → 2", "plain"))


def test_reworded_and_edited_words_are_marked(told):
    sections = told.sections
    reworded = sections[1].rows[0].reworded
    assert [text for text, new in reworded if new] == ["codl"]
    (written,) = sections[3].rows[2].change.written
    assert [text for text, new in written.pieces if new] == ["caption"]


def test_a_change_shared_by_all_queries_is_told_once_and_with_what_it_reached(told):
    attack, edit = told.sections[2:4]
    assert [c.name for c in attack.changes] == [
        "gaslite",
        "baseline information_only",
        "baseline random_passage",
    ]
    assert [c.n_known for c in attack.changes] == [6, 0, 0]
    assert ("cosine to their centre", "0.92") in attack.changes[0].written[0].facts
    assert edit.changes == ()
    assert edit.rows[3].change.failure == "budget allows 1 edits, the attack made 3"


def test_best_ranks_of_the_inserted_passage_are_counted_per_condition(told):
    bars = told.sections[2].bars
    assert len(bars) == 4
    assert 'aria-label="gaslite: 10 of 12 in the first 10, 0 beyond 20"' in bars[0].svg
    assert 'aria-label="baseline random_passage: 1 of 12 in the first 10, 11 beyond 20"' in bars[3].svg


def test_certificates_are_counted_and_their_reach_stands_beside_the_ranking(told):
    section = told.sections[4]
    assert section.verdicts.legend == (("certified", 8), ("undecided", 2), ("attacked", 2))
    reach = [line.reach for line in section.rows[0].rankings[0].lines]
    assert reach[:4] == ["", "", "", "2"]
    assert section.rows[2].witness


def test_question_grid_tells_shares_of_scored_answers_and_what_was_not_asked(told):
    section = told.sections[5]
    assert section.documents == ("none", "gold", "removed", "different", "retrieved")
    gold = section.grid["original"][1]
    assert (gold.n, round(gold.share, 2)) == (11, 0.73)
    assert section.grid["typo"][0] is None


def test_what_the_generator_was_shown_is_told_once_per_query(told):
    row = told.sections[5].rows[0]
    shown = {a.condition: a.shown for a in row.answers}
    assert shown["original / none"] == ""
    assert shown["original / gold"] == shown["typo / gold"] == "1"
    assert len(row.contexts) == len({texts for _, texts in row.contexts}) == 4


def test_failures_are_told_where_they_happened(html):
    assert "typo: timeout: no answer within 30 s" in html
    assert "the prompt is too long" in html


def test_every_passage_text_is_written_out_once(html):
    assert html.count("so the whole leaf is drunk") == 1


def test_queries_beyond_the_first_200_are_counted_not_listed(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr("rag_robust.report.page._MOST_ROWS", 5)
    told = page(build(tmp_path, tiny))
    assert {len(s.rows) for s in told.sections} == {5}
    assert {s.n_left_out for s in told.sections} == {7}


def test_page_that_cannot_be_written_is_a_usage_error(store, tmp_path):
    with pytest.raises(UsageError, match="cannot write"):
        write_html(store, tmp_path)
