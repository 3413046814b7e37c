"""What was found of a question task, as tables that the page and the terminal share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rag_robust.findings import CellRow, Findings, Group, Score, Toll, Versus
from rag_robust.report import plots
from rag_robust.report.question_table import NOTHING, WARNED, Cell, Line, QuestionTable, called, cell
from rag_robust.report.words import cut, figure, interval, meaning

__all__ = ["compared", "question_tables"]

_LONGEST = 160
_HEADS: Mapping[str, str] = {
    "balanced_robustness": "balanced",
    "answering": "answering",
    "refusing": "refusing",
    "truthfulness": "truthfulness",
    "worst_case": "worst case",
    "rare_overall": "rare 2025-06-13",
    "rare_v1_overall": "rare v1",
}
_SIDES = ("answering", "refusing")
_EVIDENCE = {"full": "all of it", "partial": "a part", "none": "none", None: "not known"}
_KINDS = {
    "counterfactual": "a false value in the place of the true one",
    "contradiction": "a false value beside the true one",
    "stale": "what was true before",
    "injection": "an order to answer something else",
}


def question_tables(found: Findings) -> tuple[QuestionTable, ...]:
    """The tables of a task that have a row, the most telling first."""
    made = (
        _policies(found),
        _cells(found),
        _worst(found),
        _losses(found),
        _tolls(found),
        _hops(found),
        _groups(found),
        _planted(found),
        _scores("Retrieval by itself", "No generator is needed for these.", found.retrieval),
        _others(found),
        _judge(found),
    )
    return tuple(table for table in made if table.lines)


def compared(found: Sequence[Versus]) -> QuestionTable:
    """Systems on the questions they share."""
    lines = [
        Line(
            f"{v.first} against {v.second}",
            "",
            (
                Cell(figure(v.rates[0])),
                Cell(figure(v.rates[1])),
                Cell(f"{v.pairs.only_first} : {v.pairs.only_second}", f"of {v.pairs.n}"),
                Cell(f"{v.pairs.p:.2g}", "a difference" if v.decided else "undecided"),
            ),
        )
        for v in found
    ]
    return QuestionTable(
        "Systems on the same questions",
        "Right answers over what each system retrieved, question by question. McNemar's exact test: only "
        "where one of both is right do they differ. Decided after Holm over all pairs.",
        ("", "first", "second", "right alone", "p"),
        tuple(lines),
        short=(0, 1, 2, 3),
    )


def _policies(found: Findings) -> QuestionTable:
    warned = dict(found.warnings)
    heads = [f"{_HEADS[m]}{WARNED if m in warned else ''}" for m in found.heads]
    lines = [
        Line(name or "the system", "", tuple(map(cell, scores)), "policy" if name else "own")
        for name, scores in found.policies
    ]
    return QuestionTable(
        "Beside policies that understand nothing",
        "Each answered the same questions over the same passages. Balanced: half for answers where one is "
        "due (known by heart, all the evidence shown), half for refusals where it is not there. "
        "Truthfulness: right less wrong. Worst case: questions handled under every condition.",
        ("", *heads),
        tuple(lines),
        (*(f"{WARNED} {_HEADS[m]}: {warned[m]}." for m in found.heads if m in warned), *_not_beaten(found)),
        short=(0, 3, 5),
    )


def _not_beaten(found: Findings) -> Iterator[str]:
    """Scores in which a policy that understands nothing is no worse than the system."""
    own = next(scores for name, scores in found.policies if not name)
    for i, metric in enumerate(found.heads):
        if metric in _SIDES:
            continue
        others = [name for name, s in found.policies if name not in ("", "ideal") and s[i].n]
        best = [name for name in others if own[i].n and dict(found.policies)[name][i].value >= own[i].value]
        if best:
            yield f"{WARNED} {_HEADS[metric]}: the system does not beat {', '.join(best)}."


def _cells(found: Findings) -> QuestionTable:
    notes = []
    if luck := sum(row.luck for row in found.cells):
        notes.append(f"{luck} right answers that nothing supports are luck: they count neither way.")
    if found.unclear:
        notes.append(f"{found.unclear} answers are in no cell: what was known or shown cannot be told.")
    if failed := [f"{n} {kind.replace('_', ' ')}" for kind, n in found.failures]:
        notes.append(f"Not answered: {', '.join(failed)}. They are no scores.")
    return QuestionTable(
        "What it knows, and what it was shown",
        f"{found.n_questions} questions from {found.n_sources} documents, which intervals go by. "
        "Known: right in the closed book. Systems that know different things face different "
        "cells: compare them cell by cell.",
        ("", "as expected", "n", "right", "refused", "wrong", "empty", ""),
        tuple(map(_cell_line, found.cells)),
        tuple(notes),
        short=(0, 1, 2, 3, 4, 5),
    )


def _cell_line(row: CellRow) -> Line:
    name = f"{'known' if row.known else 'not known'}, evidence: {_EVIDENCE[row.evidence]}"
    counts = (row.correct, row.refusal, row.wrong, row.empty)
    parts = list(zip(("correct", "refusal", "wrong", "empty"), counts, strict=True))
    says = ", ".join(f"{n} {word}" for word, n in parts)
    numbers = (Cell(str(n)) for n in (row.n, *counts))
    return Line(
        name, f"due: {row.due}", (cell(row.expected), *numbers, Cell("", "", plots.stack(parts, says=says)))
    )


def _worst(found: Findings) -> QuestionTable:
    return QuestionTable(
        "The worst case",
        "An average hides what an attacker picks: here one failure among the conditions is enough.",
        ("", "share", "n"),
        tuple(_score_line(score) for score in found.worst),
        short=(0, 1),
    )


def _losses(found: Findings) -> QuestionTable:
    lines = [
        Line(x.form, "", (cell(x.loss), cell(x.retriever), cell(x.generator), Cell(str(x.loss.n))))
        for x in found.losses
    ]
    return QuestionTable(
        "Where rewordings lose answers",
        "Loss = what other passages cost (the original question over what was found for the reworded one) "
        "+ what the wording itself costs the reader. Below 0 it helped.",
        ("wording", "loss", "retriever", "generator", "n"),
        tuple(lines),
        short=(0, 1, 2, 3),
    )


def _tolls(found: Findings) -> QuestionTable:
    return QuestionTable(
        "What each change costs",
        "Right answers without the change and with it, on the questions that have both. Lost : won are those "
        "answered right only without and only with it; p by McNemar's exact test, each by itself. As "
        "expected: after the change, where a refusal is due if the evidence went with it.",
        ("change", "right before", "right after", "lost : won", "p", "as expected", "changed", "not made"),
        tuple(_toll(toll) for toll in found.tolls),
    )


def _toll(toll: Toll) -> Line:
    lost = f"{toll.pairs.only_first} : {toll.pairs.only_second}"
    missing = sum(n for _, n in toll.dropped)
    reasons = "; ".join(f"{n} {cut(why, 60)}" for why, n in toll.dropped)
    return Line(
        toll.name,
        "over the evidence" if toll.against == "gold" else "over what was retrieved",
        (
            cell(toll.before),
            cell(toll.after),
            Cell(lost, f"of {toll.pairs.n}"),
            Cell(f"{toll.pairs.p:.2g}" if toll.pairs.n else NOTHING),
            cell(toll.handled),
            Cell(NOTHING if toll.intensity is None else figure(toll.intensity)),
            Cell(str(missing) if missing else "", reasons),
        ),
    )


_BY = ("evidence", "right, gold", "right, retrieved", "worst case", "questions")


def _hops(found: Findings) -> QuestionTable:
    whole = [group for group in found.groups if not group.hops]
    return QuestionTable(
        "One fact against several",
        "Evidence: the share of needed facts in what was retrieved. Right answers over the gold "
        "passages and over what was retrieved; worst case: handled as expected under every condition.",
        ("questions that need", *_BY),
        tuple(map(_group, whole)) if len(whole) > 1 else (),
        short=(0, 1, 2, 3),
    )


def _groups(found: Findings) -> QuestionTable:
    own = tuple(_group(group) for group in found.groups if group.hops)
    return QuestionTable("By pattern", "As above, pattern by pattern.", ("pattern", *_BY), own)


def _group(group: Group) -> Line:
    facts = "1 fact" if group.hops == 1 else f"{group.hops} facts"
    numbers = (group.covered, group.gold, group.retrieved, group.worst)
    return Line(group.pattern, facts if group.hops else "", (*map(cell, numbers), Cell(str(group.n))))


def _planted(found: Findings) -> QuestionTable:
    lines = [
        Line(
            _KINDS.get(p.kind, p.kind or "planted"),
            "",
            (*map(cell, (p.adopted, p.right, p.refused)), Cell(str(p.n))),
        )
        for p in found.planted
    ]
    return QuestionTable(
        "False values that were planted",
        "Adopted: the answer says the planted value and does not deny it.",
        ("planted", "adopted", "right", "refused", "answers"),
        tuple(lines),
    )


def _others(found: Findings) -> QuestionTable:
    warned = dict(found.warnings)
    own = [score for score in found.others if score.metric not in found.heads]
    table = _scores(
        "Further scores", "Shares of one kind of cell, and scores of other people on the same answers.", own
    )
    lines = tuple(
        Line(f"{line.name}{WARNED}" if score.metric in warned else line.name, line.under, line.cells)
        for line, score in zip(table.lines, own, strict=True)
    )
    notes = tuple(f"{WARNED} {called(s.metric)}: {warned[s.metric]}." for s in own if s.metric in warned)
    return QuestionTable(table.title, table.lead, table.heads, lines, notes)


def _scores(title: str, lead: str, found: Sequence[Score]) -> QuestionTable:
    return QuestionTable(title, lead, ("", "value", "n"), tuple(_score_line(score) for score in found))


def _score_line(score: Score) -> Line:
    lower = " Lower is better." if score.better == "lower" else ""
    value = (cell(score.estimate), Cell(str(score.estimate.n)))
    return Line(called(score.metric), meaning(score.metric) + lower, value)


def _judge(found: Findings) -> QuestionTable:
    lines = [
        Line(
            cut(asked, _LONGEST),
            f"expected: {cut(truth, _LONGEST)}",
            (Cell("", cut(answer, _LONGEST)), Cell("", said)),
        )
        for asked, truth, answer, said in found.disagreements
    ]
    share = f"{figure(found.disagreed.value)} {interval(found.disagreed)}" if found.disagreed.n else NOTHING
    return QuestionTable(
        "Where the judge's stages disagree",
        f"The share of answers on which they do: {share}. Typed: numbers, dates, yes and no by what they "
        "mean; alias: the words as they are written. The typed one counts where there is one. Look at these.",
        ("question", "answer", "said"),
        tuple(lines),
    )
