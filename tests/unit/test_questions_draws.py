"""How often conditions are drawn, and that one hears of it."""

import time

from rag_robust.corpus.build import build
from rag_robust.questions.draft import Scene
from rag_robust.questions.quota import write_questions
from rag_robust.questions.stars import inverted_stars, stars
from rag_robust.questions.world import prepare
from rag_robust.types import Passage


def firms(n: int) -> list[Passage]:
    head = "| Firm | Country | Trade | Employees | Profit |\n| --- | --- | --- | --- | --- |"
    rows = [
        f"| Firm{i} | Land{i % 7} | {'food steel toys'.split()[i % 3]} | {100 + 7 * i} | {i + 0.5} |"
        for i in range(n)
    ]
    return [Passage(f"f-{i:03d}", "\n".join([head, *rows[i : i + 20]])) for i in range(0, n, 20)]


def test_a_sheet_whose_rows_stand_in_one_passage_each_is_not_drawn_from() -> None:
    scene = Scene(prepare(build(firms(400))).graph, 0)
    begun = time.process_time()
    assert [d for d in stars(scene) if d.kind in ("which", "described")] == []
    assert [d for d in inverted_stars(scene) if d.kind == "narrowed"] == []
    assert time.process_time() - begun < 5


def test_progress_is_told_while_questions_are_looked_for() -> None:
    heard: list[tuple[int, int]] = []
    write_questions(prepare(build(firms(60))), 30, tick=lambda n, of: heard.append((n, of)))
    assert len(heard) > 2
    assert {of for _, of in heard} == {30}
    assert [n for n, _ in heard] == sorted(n for n, _ in heard)


def test_there_are_no_more_draws_than_the_scene_says() -> None:
    halves = [[row.split(" | ") for row in p.text.split("\n")] for p in firms(40)]
    parted = [
        Passage(
            f"{i}-{part}", "\n".join(" | ".join([row[0], *row[keep]]).strip(" |").join("||") for row in table)
        )
        for i, table in enumerate(halves)
        for part, keep in enumerate((slice(1, 3), slice(3, 5)))
    ]
    graph = prepare(build(parted)).graph
    told: list[int] = []
    found = [d for d in stars(Scene(graph, 0, draws=3000, tick=lambda: told.append(1))) if d.kind == "which"]
    more = [d for d in stars(Scene(graph, 0)) if d.kind == "which"]
    assert len(told) == 6  # two kinds of stars
    assert 0 < len(found) < len(more)
