from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag_robust.cli import app
from rag_robust.errors import RagRobustError

LANDS = {"Avaria": "Alton", "Belmont": "Brill", "Cordia": "Crome", "Dunland": "Drax"}


def folder(path: Path, *, rain: str = "12") -> Path:
    path.mkdir(exist_ok=True)
    for i, (land, town) in enumerate(LANDS.items()):
        values = {1990: 20 + 3 * i, 1995: 21 + 3 * i, 2000: 50 + i if i else rain}
        rows = "".join(f"\n| {year} | {value} |" for year, value in values.items())
        (path / f"{land}.md").write_text(
            f"# Country profile: {land}\n\nCapital: {town}\nCode: {land[:3].upper()}\n"
        )
        caption = f"# Rain\n\nRainfall of {land}, by year, in days."
        text = f"{caption}\n| Year | Rainfall |\n| --- | --- |{rows}\n"
        (path / f"{land}-rain.md").write_text(text)
    (path / "trade.csv").write_text("Country,Year,Exports\nAvaria,1990,7\nBelmont,1990,9\n")
    (path / "towns.html").write_text(
        "<h1>Towns</h1><table><tr><th>Town</th><th>Inhabitants</th></tr>"
        "<tr><td>Alton</td><td>1,200</td></tr><tr><td>Brill</td><td>900</td></tr></table>"
    )
    return path


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["questions", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code
    return result.stdout


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (path / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_own_files_give_questions_a_graph_and_a_report(tmp_path: Path) -> None:
    source = f"files:{folder(tmp_path / 'docs')}"
    told = run(source, "--count", "60", "--out", str(tmp_path / "q"))
    found = records(tmp_path / "q")
    assert {"single", "chain", "comparison", "temporal", "unanswerable"} <= {r["pattern"] for r in found}
    assert {e["extractor"] if isinstance(e, dict) else e for e in ("tables", "key-value")} <= set(
        told.split()
    )
    assert (tmp_path / "q" / "graph.graphml").is_file()
    assert (tmp_path / "q" / "corpus" / "corpus.jsonl").is_file()
    report = json.loads((tmp_path / "q" / "report.json").read_text())
    assert report["written"] == len(found)
    assert sum(report["patterns"].values()) == len(found)


def test_the_same_seed_gives_the_same_bytes_and_a_finished_folder_stays(tmp_path: Path) -> None:
    source = f"files:{folder(tmp_path / 'docs')}"
    for name in ("a", "b"):
        run(source, "--count", "40", "--seed", "3", "--out", str(tmp_path / name))
    for name in ("questions.jsonl", "graph.graphml", "graph.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    before = (tmp_path / "a" / "report.json").stat().st_mtime_ns
    run(source, "--count", "40", "--seed", "3", "--out", str(tmp_path / "a"))
    assert (tmp_path / "a" / "report.json").stat().st_mtime_ns == before


def test_an_update_keeps_ids_and_marks_what_is_superseded(tmp_path: Path) -> None:
    docs = folder(tmp_path / "docs")
    run(f"files:{docs}", "--count", "60", "--out", str(tmp_path / "old"))
    folder(docs, rain="48")  # one figure is another now
    told = run(
        f"files:{docs}", "--count", "60", "--against", str(tmp_path / "old"), "--out", str(tmp_path / "new")
    )
    old = {r["id"]: r for r in records(tmp_path / "old")}
    new = {r["id"]: r for r in records(tmp_path / "new")}
    against = json.loads((tmp_path / "new" / "report.json").read_text())["against"]
    same = [i for i in old if i in new and old[i]["answers"] == new[i]["answers"]]
    assert against["unchanged"] == len(same) > 20
    assert all(old[i]["question"] == new[i]["question"] for i in same)
    gone = [json.loads(line) for line in (tmp_path / "new" / "superseded.jsonl").read_text().splitlines()]
    assert len(gone) == against["superseded"] + against["withdrawn"] == len(old) - len(same) > 0
    assert "against the earlier run" in told


def respelled(docs: Path) -> None:
    """The same facts once more, and other files in which a country mostly goes by another name."""
    for i in range(4):
        (docs / f"note{i}.md").write_text(
            f"# Country profile: the AVARIA\n\nMotto {i}: onward\nFlag {i}: red\n"
        )


def test_files_that_spell_a_name_otherwise_withdraw_and_supersede_nothing(tmp_path: Path) -> None:
    docs = folder(tmp_path / "docs")
    run(f"files:{docs}", "--count", "60", "--out", str(tmp_path / "old"))
    respelled(docs)
    run(f"files:{docs}", "--count", "80", "--against", str(tmp_path / "old"), "--out", str(tmp_path / "new"))
    old, new = ({r["id"]: r for r in records(tmp_path / name)} for name in ("old", "new"))
    assert any("the AVARIA" in str(r["graph_query"]) for r in new.values())
    against = json.loads((tmp_path / "new" / "report.json").read_text())["against"]
    assert (against["unchanged"], against["superseded"], against["withdrawn"]) == (60, 0, 0)
    assert all(
        new[i]["question"] == r["question"] and new[i]["answer"] == r["answer"] for i, r in old.items()
    )
    assert sum(not r["answers"] for r in old.values()) > 0


def test_a_shortfall_is_explained(tmp_path: Path) -> None:
    told = run(f"files:{folder(tmp_path / 'docs')}", "--count", "100000", "--out", str(tmp_path / "q"))
    assert "of 100000 questions could be written" in told
    assert "no further candidates: single, chain" in told


def test_shares_choose_the_patterns(tmp_path: Path) -> None:
    run(
        f"files:{folder(tmp_path / 'docs')}",
        "--count",
        "5",
        "--share",
        "chain=1",
        "--out",
        str(tmp_path / "q"),
    )
    assert {r["pattern"] for r in records(tmp_path / "q")} == {"chain"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--share", "chian=1"], 'did you mean "chain"'),
        (["--share", "chain"], "expected --share"),
        (["--extractor", "table"], 'no extractor "table"'),
        (["--extractor", "endpoint"], "needs --model"),
        (["--against", "nowhere"], "to compare with"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(tmp_path: Path, arguments: list[str], message: str) -> None:
    docs = folder(tmp_path / "docs")
    with pytest.raises(RagRobustError, match=message):
        run(f"files:{docs}", "--out", str(tmp_path / "q"), *arguments)


def test_a_dry_run_prices_the_endpoint_and_sends_nothing(tmp_path: Path) -> None:
    told = run(
        f"files:{folder(tmp_path / 'docs')}",
        *("--extractor", "endpoint", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"),
        *("--price-in", "2", "--price-out", "8", "--dry-run"),
    )
    assert "nothing was sent" in told


def test_a_dry_run_prices_every_stage_and_no_other(tmp_path: Path) -> None:
    source = f"files:{folder(tmp_path / 'docs')}"
    given = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--dry-run", "--json", "--count", "30")

    def n(*stages: str) -> int:
        return int(json.loads(run(source, *given, *stages))["n_prompts"])

    reading, wording = n("--extractor", "endpoint"), n("--paraphrase")
    assert (reading > 5, wording) == (True, 30)
    assert n("--extractor", "endpoint", "--paraphrase") == reading + wording
    with pytest.raises(RagRobustError, match="something to do"):
        n()
