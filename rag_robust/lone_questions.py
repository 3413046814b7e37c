"""A set of questions in a folder: records, graph, report, and what changed since an earlier set."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from rag_robust import corpus as corpora
from rag_robust.corpus import beir, economy
from rag_robust.errors import UsageError
from rag_robust.generate import TextGenerator
from rag_robust.kept import as_before, older, redrafted, since
from rag_robust.questions.ask import query_id
from rag_robust.questions.compose import MOST_WORDS
from rag_robust.questions.draft import PATTERNS, Draft
from rag_robust.questions.endpoint import from_endpoint, prompts
from rag_robust.questions.evidence import Triplet
from rag_robust.questions.graph_files import to_json, write_graphml
from rag_robust.questions.held_out import held_out_scores
from rag_robust.questions.ledger import Budget, Ledger, Price, price
from rag_robust.questions.own_files import read_files
from rag_robust.questions.paraphrase import PROMPT, reworded
from rag_robust.questions.question import Question, QuestionSet
from rag_robust.questions.quota import SHARES, write_questions
from rag_robust.questions.rare_format import RareRecord, as_record, write_records
from rag_robust.questions.relations import THRESHOLD, Embed
from rag_robust.questions.told import told
from rag_robust.questions.wordings import WORDS, Words
from rag_robust.questions.world import World, prepare, scores
from rag_robust.seeds import digest
from rag_robust.types import Corpus, Fact, FailureKind

__all__ = ["Job", "dry_run", "produce", "read_corpus"]

VERSION = 3
"""Of what this module writes: a folder of another version is made anew."""

_AGAIN = frozenset(get_args(FailureKind)) - {"budget"}
"""Why a prompt fails that the same job sends again."""

_LONGEST = 8 * MOST_WORDS
"""Characters of the longest questions, about."""

Tick = Callable[[float, float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is asked for.

    `embed` joins relations and `encoder` names it; `model` reads passages (`reads`) or words
    questions anew (`words_anew`).
    """

    source: str
    count: int
    seed: int = 0
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    dependencies: bool = False
    encoder: str = ""
    embed: Embed | None = None
    threshold: float = THRESHOLD
    aliases: Mapping[str, str] = field(default_factory=dict)
    wordings: Mapping[str, Words] = field(default_factory=lambda: WORDS)
    against: Path | None = None
    model: TextGenerator | None = None
    reads: bool = False
    words_anew: bool = False
    demo: bool = False
    budget: Budget = field(default_factory=Budget)

    def key(self, corpus: Corpus, old: Sequence[RareRecord]) -> str:
        """A hash of all that can change the records."""
        parts = (
            *(VERSION, corpus.digest, self.count, self.seed, dict(self.shares), self.dependencies),
            *(
                self.threshold,
                self.encoder,
                dict(self.aliases),
                sorted(map(repr, self.wordings.items())),
            ),
            *(self.model.fingerprint if self.model else "", self.reads, self.words_anew, self.demo),
            *(asdict(self.budget), [(record.id, record.question, record.answers) for record in old]),
        )
        return digest("questions", *parts)


def read_corpus(source: str) -> Corpus:
    """The corpus of a source; `files:` also reads CSV and JSON (`questions.own_files`)."""
    kind, _, rest = source.partition(":")
    return read_files(rest) if kind == "files" and rest else corpora.load(source)


def dry_run(job: Job, out: Path | None = None) -> Price:
    """What the job's model would cost at most, for each stage that it does; nothing is sent.

    Replies that the folder `out` has are known. Where the questions to be worded anew are not there before
    the passages are read, as many as are asked for are counted, each of the most words a question has.
    """
    if job.model is None or not (job.reads or job.words_anew):
        raise UsageError(
            "a dry run needs a model to price; give it something to do, to read passages or to word questions"
        )
    ledger = Ledger(out / "replies.jsonl" if out else Path("/dev/null"))
    corpus = read_corpus(job.source)
    sent = prompts(corpus) if job.reads else []
    if job.words_anew and job.reads:
        sent += [f"{PROMPT}{i:>{_LONGEST}}" for i in range(job.count)]
    elif job.words_anew:
        old = older(job.against)
        world, _ = _world(job, corpus, ledger)
        sent += [f"{PROMPT}{q.query.text}" for q in _fresh(_written(job, world, old)[0], old)]
    return price(sent, job.model, ledger, job.budget)


def produce(job: Job, out: Path, *, tick: Tick = lambda _d, _p, _l: None) -> dict[str, Any]:
    """Write `questions.jsonl`, `graph.graphml`, `graph.json`, `report.json` and `report.txt`.

    The records depend on the corpus and the job alone: the same job gives the same bytes. A folder
    that is finished is not made again; one with failed prompts is not finished. Replies of a model are kept
    one by one in `replies.jsonl`, so an interrupted job goes on; all files appear only when they are
    complete. With `against`, the questions of that folder come first and keep their ids and words; those
    with other answers now are in `superseded.jsonl`. Own files are kept as the BEIR folder `corpus`, which
    a system under test has to index.

    Raises:
        CorpusError: the corpus gives no fact or no question, or the folder to compare with has none.
        UsageError: the job makes no sense.
    """
    clock = _Clock()
    corpus = read_corpus(job.source)
    clock.lap("read")
    old = older(job.against)
    key = job.key(corpus, old)
    report = _finished(out, key)
    if report is not None:
        return report
    out.mkdir(parents=True, exist_ok=True)
    tick(0, 4, "extracting facts")
    ledger = Ledger(out / "replies.jsonl")
    world, model_report = _world(job, corpus, ledger)
    clock.lap("extract and connect")
    tick(1, 4, "writing questions")
    questions, written = _written(job, world, old, tick)
    if job.words_anew and job.model is not None:
        anew = reworded(world, _fresh(questions, old), job.model, ledger=ledger, budget=job.budget)
        model_report["wordings kept"] = dict(anew.kept)
        said = {q.query.id: q for q in anew.questions}
        questions = tuple(said.get(q.query.id, q) for q in questions)
    clock.lap("write and check")
    tick(3, 4, "saving")
    records = [as_record(question, corpus, domain=job.source) for question in questions]
    write_records(records, out / "questions.jsonl")
    _save_graph(world, out)
    if job.source.startswith("files:"):
        _save_corpus(corpus, out)
    report = _report(job, world, written) | ({"model": model_report} if model_report else {})
    if job.against:
        report["against"] = since(old, records, out)
    clock.lap("save")
    report |= {"seconds": clock.laps, "key": key}
    _save(out / "report.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    _save(out / "report.txt", told(report))
    tick(4, 4, "done")
    return report


class _Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 2)
        self._last = now


def _finished(out: Path, key: str) -> dict[str, Any] | None:
    """The report of a folder in which this very job was finished and no prompt is to be sent again."""
    try:
        report: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = report.get("key") == key and (out / "questions.jsonl").is_file()
    model = report.get("model", {})
    failed = {*model.get("failed prompts", ()), *model.get("wordings kept", ())} & _AGAIN
    return report if whole and not failed else None


def _world(job: Job, corpus: Corpus, ledger: Ledger) -> tuple[World, dict[str, Any]]:
    """The corpus read for its facts, and what the job's model had to do with it."""
    more, told = _more(job, corpus, ledger)
    world = prepare(corpus, more=more, embed=job.embed, threshold=job.threshold, aliases=job.aliases)
    return world, told


def _written(
    job: Job, world: World, old: Sequence[RareRecord], tick: Tick = lambda _d, _p, _l: None
) -> tuple[tuple[Question, ...], QuestionSet]:
    """The questions, those of an earlier run first, as they were; and how they came about."""
    redraft = redrafted(world.graph)
    drafts: dict[str, tuple[RareRecord, Draft]] = {}
    for record in old:
        if draft := redraft(record):
            drafts.setdefault(query_id(draft.query), (record, draft))
    written = write_questions(
        world,
        job.count,
        seed=job.seed,
        shares=job.shares,
        wordings=job.wordings,
        first=[draft for _, draft in drafts.values()],
        tick=lambda found, asked: tick(1 + 2 * found / asked, 4, "writing questions"),
    )
    return tuple(
        as_before(drafts[q.query.id][0], q) if q.query.id in drafts else q for q in written.questions
    ), written


def _fresh(questions: Sequence[Question], old: Sequence[RareRecord]) -> list[Question]:
    """Those that an earlier run does not have."""
    known = {record.id for record in old}
    return [question for question in questions if question.query.id not in known]


def _more(job: Job, corpus: Corpus, ledger: Ledger) -> tuple[list[Triplet], dict[str, Any]]:
    """Triplets of the extractors that are asked for by name."""
    found: list[Triplet] = []
    notes: dict[str, Any] = {}
    if job.dependencies:
        from rag_robust.questions.dependency import from_sentences

        found += from_sentences(corpus)
    if job.reads and job.model is not None:
        read = from_endpoint(
            corpus, job.model, ledger=ledger, budget=job.budget, extractor="demo" if job.demo else "endpoint"
        )
        found += read.triplets
        notes = {"fingerprint": job.model.fingerprint, "triplets": len(read.triplets)}
        notes |= {"dropped": dict(read.dropped), "failed prompts": dict(read.failed)}
    return found, notes


def _report(job: Job, world: World, written: QuestionSet) -> dict[str, Any]:
    questions = written.questions
    rows = scores(world.triplets, _gold(job.source)) if _gold(job.source) else []
    return {
        "source": job.source,
        "corpus": world.corpus.digest,
        "seed": job.seed,
        "asked": written.asked,
        "written": len(questions),
        "shortfall": written.shortfall,
        "patterns": {p: n for p in PATTERNS if (n := sum(q.pattern == p for q in questions))},
        "kinds": _counts(f"{q.pattern}: {q.kind}" for q in questions),
        "hops": _counts(str(q.hops) for q in questions),
        "answer types": _counts(q.answer_type for q in questions),
        "dropped": {p: dict(n) for p, n in written.dropped_by.items()},
        "patterns without further candidates": list(written.exhausted),
        "documents": len({_document(i) for i in world.corpus.passages}),
        "passages": len(world.corpus.passages),
        "facts": len(world.graph.edges),
        "relations": len(world.graph.relations),
        "conflicting facts": sum(edge.conflict for edge in world.graph.edges),
        "triplets": _counts(t.extractor for t in world.triplets),
        "triplets dropped": {e: dict(n) for e, n in world.dropped.items()},
        "extractors": [asdict(row) for row in rows],
        "extractors, held out": [asdict(row) for row in held_out_scores()],
    }


def _counts(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _document(passage_id: str) -> str:
    """What a passage is part of: its id up to the last "-" or "#"."""
    return passage_id.rpartition("#")[0] or passage_id.rpartition("-")[0] or passage_id


def _gold(source: str) -> Sequence[Fact]:
    """The facts that are known of a corpus, if it is the economy's."""
    kind, _, rest = source.partition(":")
    if kind != "economy":
        return ()
    return economy.facts(int(rest) if rest else None)


def _save_graph(world: World, out: Path) -> None:
    write_graphml(world.graph, out / "graph.graphml")
    _save(out / "graph.json", json.dumps(to_json(world.graph), ensure_ascii=False, indent=0) + "\n")


def _save_corpus(corpus: Corpus, out: Path) -> None:
    if not (out / "corpus").exists():
        beir.write(corpus, out / "corpus")


def _save(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)
