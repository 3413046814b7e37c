"""From about 500 documents to 48,000 verified questions: seconds, memory and counts, without an LLM.

    python benchmarks/questions.py [--source economy:100] [--count 48000] [--seed 0]

The corpus is built first and not counted. Everything else is: extraction by all built-in rules, the graph,
writing, checking, and the files. Both wall seconds and CPU seconds are printed: on a machine that others
use too, only the latter say something.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import resource
import tempfile
import time
from pathlib import Path

from rag_robust.lone_questions import Job, produce, read_corpus

MOST_SECONDS, MOST_MIB = 60.0, 2048.0


def main() -> None:
    """One run, its figures as JSON; the exit status says whether it kept the limits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--source", default="economy:100")
    parser.add_argument("--count", type=int, default=48_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="keep the files here")
    given = parser.parse_args()
    read_corpus(given.source)
    with tempfile.TemporaryDirectory() as folder:
        out = given.out or Path(folder)
        wall, cpu = time.perf_counter(), time.process_time()
        report = produce(Job(source=given.source, count=given.count, seed=given.seed), out)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        written = hashlib.sha256((out / "questions.jsonl").read_bytes()).hexdigest()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {
        "source": given.source,
        "documents": report["documents"],
        "passages": report["passages"],
        "facts": report["facts"],
        "questions": report["written"],
        "patterns": report["patterns"],
        "wall_s": round(wall, 1),
        "cpu_s": round(cpu, 1),
        "peak_mib": round(peak),
        "sha256": written[:16],
        "python": platform.python_version(),
    }
    print(json.dumps(row, indent=1))
    short = report["written"] < given.count
    if short or cpu > MOST_SECONDS or peak > MOST_MIB:
        raise SystemExit(f"over a limit: {MOST_SECONDS:g} s, {MOST_MIB:g} MiB; {report['shortfall']}")


if __name__ == "__main__":
    main()
