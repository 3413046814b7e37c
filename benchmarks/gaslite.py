"""GASLITE beside the paper author's own framework: cosine on text, CPU seconds, memory, in one run.

    python benchmarks/gaslite.py --peer peer/bin/python

`--peer` is an interpreter that has tropt (`benchmarks/peers/tropt_gaslite.py` says how it is made);
without it only ours runs. `--sides tropt,paper` holds our own form of the published algorithm against
it. Every attack is a process of its own with one thread. Both sides get the same information, queries
and sizes; both cosines are of the finished text, encoded anew. With `--rows FILE` every finished row is
kept there as a line of JSON with its sizes, code and machine; a later run takes those that are of its own
and leaves the others be. `--sides default,together` crafts all of them in one process and the same
batches, beside one by one. `--device cuda` measures the bar on a GPU instead (`gaslite_gpu.py`).
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

CONCEPTS = ("coffee", "tennis", "vaccine")
SIZES = {"trigger_tokens": 20, "n_steps": 30, "n_grad": 20, "n_cand": 64, "n_flip": 10}
SIDES = ("tropt", "paper", "default", "fast", "together")
ASKED = "tropt,default,fast"
FAST_STEPS = 50
HERE = Path(__file__).resolve()
Row = dict[str, Any]


def main() -> None:
    """Run every case on every side, print rows as they come and the table at the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peer", help="a Python that has tropt 0.1.1")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--concepts", default=",".join(CONCEPTS), help="names, with commas between")
    parser.add_argument("--sides", default=ASKED, help=f"some of {', '.join(SIDES)}, with commas between")
    parser.add_argument("--rows", type=Path, help="keep each finished row in this file, and go on from there")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="only the bar on a GPU, on this device")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        print(json.dumps(inside(given.inside, json.load(sys.stdin))))
        return
    if given.device:
        from gaslite_gpu import bar

        print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, {bar(given.device)}")
        return
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, one thread; {SIZES}", flush=True)
    kept = [json.loads(line) for line in lines(given.rows)]
    rows = []
    sides = [side for side in given.sides.split(",") if given.peer or side != "tropt"]
    for case in cases(given.concepts.split(","), given.seeds, sides, given.peer):
        row = next((r for r in kept if case.items() <= r.items()), None)
        if row is None:
            row = {**case, **run(case, given.peer)}
            if given.rows:
                with given.rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
        rows.append(row)
        print(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()))
        sys.stdout.flush()
    print(table(rows))


def lines(path: Path | None) -> list[str]:
    """The lines of a file, none if there is no file yet."""
    return path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []


def cases(concepts: list[str], seeds: int, sides: list[str], peer: str | None) -> Iterator[Row]:
    """Every side of every concept and seed, side by side, and the model's own inference."""
    for name in concepts:
        for seed in range(seeds):
            for side in (s for s in sides if s != "together"):
                yield {"concept": name, "seed": seed, **made_by(side, peer)}
    if "together" in sides:
        each = [[name, seed] for name in concepts for seed in range(seeds)]
        yield {"each": each, **made_by("together", peer)}
    yield made_by("inference", peer)


def made_by(side: str, peer: str | None) -> Row:
    """A side and what its rows hang on beside concept and seed: rows that differ in it are not reused."""
    sizes = SIZES | ({"n_steps": FAST_STEPS} if side == "fast" else {})
    return {"side": side, "sizes": sizes, "code": code(side, peer), "machine": machine()}


@functools.cache
def code(side: str, peer: str | None) -> str:
    """Which code crafts: tropt's version, or a digest of our own package."""
    if peer and side == "tropt":
        ask = "import importlib.metadata as m, json; print(json.dumps({'version': m.version('tropt')}))"
        return f"tropt {child([peer, '-c', ask], [])['version']}"
    import rag_robust

    files = sorted(Path(rag_robust.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def run(case: Row, peer: str | None) -> Row:
    """One case in a process of its own."""
    each = case.get("each", [[case["concept"], case["seed"]]] if "concept" in case else [])
    told = [{**about(name), "seed": seed, **case["sizes"]} for name, seed in each]
    if peer and case["side"] == "tropt":
        return child([peer, str(HERE.parent / "peers/tropt_gaslite.py")], told[0])
    return child([sys.executable, str(HERE), "--inside", case["side"]], told)


def about(name: str) -> Row:
    """What an attacker says about a concept, and the queries that it knows."""
    from rag_robust.corpus.concepts import concept

    found = concept(f"concepts/{name}")
    return {"information": found.information, "held_in": [q.text for q in found.held_in]}


def child(command: list[str], told: Row | list[Row]) -> Row:
    """What a process of its own printed as its last line."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    done = subprocess.run(
        command, input=json.dumps(told), capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    found: Row = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def inside(side: str, told: list[Row]) -> Row:
    """One attack of ours, or several in the same batches, or the model's own inference, in this process."""
    import torch

    from rag_robust import encode
    from rag_robust.attacks._view import Secrets, View
    from rag_robust.attacks.gaslite import Gaslite, together
    from rag_robust.encode.tokens import token_model
    from rag_robust.seeds import generator
    from rag_robust.types import Query

    torch.set_num_threads(1)
    encoder = encode.load("all-MiniLM-L6-v2")
    if side == "inference":
        encoder.encode([" ".join(["passage"] * 250)] * 32, "passage")
        return {"peak_mib": peak()}
    profile = "default" if side == "together" else side
    model = token_model(encoder)
    several, views = [], []
    for case in told:
        sizes = {name: case[name] for name in SIZES}
        several.append(Gaslite(information=case["information"], profile=profile, **sizes))
        queries = tuple(Query(str(i), text) for i, text in enumerate(case["held_in"]))
        views.append(View(several[-1].threat, Secrets(queries, model=model), n_tokens=model.n_tokens))
    began, spent = time.perf_counter(), time.process_time()
    changes = together(several, views, [generator(case["seed"]) for case in told])
    n = len(told)
    cost = {"cpu_s": (time.process_time() - spent) / n, "wall_s": (time.perf_counter() - began) / n}
    texts, cosines = [change.inserted[0].text for change in changes], []
    for case, text in zip(told, texts, strict=True):
        known = encoder.encode(case["held_in"], "query").mean(axis=0)
        cosines.append(float(encoder.encode([text], "passage")[0] @ known / (known @ known) ** 0.5))
    work = model.work
    counts = {
        "n_forwards": work.forwards / n,
        "n_backwards": work.backwards / n,
        "flops": work.flops / n,
    }
    text = " / ".join(texts)
    return {
        "cosine": mean(cosines),
        "cosines": cosines,
        "text": text,
        "peak_mib": peak(),
        **counts,
        **cost,
    }


def peak() -> float:
    """This process' largest resident size so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def table(rows: list[Row]) -> str:
    """The means per side as a markdown table, and the ratios that count."""
    sides = [s for s in SIDES if any(r["side"] == s for r in rows)]
    of = {s: [r for r in rows if r["side"] == s] for s in sides}
    total = {s: mean(r["cpu_s"] for r in of[s]) for s in sides}
    steps = {s: mean(r["sizes"]["n_steps"] for r in of[s]) for s in sides}
    cosine = {s: mean(r["cosine"] for r in of[s]) for s in sides}
    inference = next(r["peak_mib"] for r in rows if r["side"] == "inference")
    lines = [
        "",
        "| | cosine on text, mean (least, most) | steps | CPU s per step | CPU s in all | peak MiB |",
    ]
    lines.append("|---|---|---|---|---|---|")
    for s in sides:
        values = [value for r in of[s] for value in r.get("cosines", [r["cosine"]])]
        spread = f"{cosine[s]:.4f} ({min(values):.4f}, {max(values):.4f})"
        memory = max(r["peak_mib"] for r in of[s])
        lines.append(
            f"| {s} | {spread} | {steps[s]:.0f} | {total[s] / steps[s]:.2f} | {total[s]:.1f} | {memory:.0f} |"
        )
    lines.append(f"| inference, 32 × 256 tokens | | | | | {inference:.0f} |")
    lines.append("")
    for s in (own for own in sides if own != "tropt" and "tropt" in sides):
        per_step, in_all = total[s] / steps[s] / (total["tropt"] / steps["tropt"]), total[s] / total["tropt"]
        cost, more = f"CPU s {per_step:.3f} per step, {in_all:.3f} in all", cosine[s] - cosine["tropt"]
        lines.append(f"{s} / tropt: {cost}, at {more:+.4f} cosine")
    most = {s: max(r["peak_mib"] for r in of[s]) for s in sides if s != "tropt"}
    lines += [f"memory of {s} / inference: {mib / inference:.2f}" for s, mib in most.items()]
    return "\n".join(lines)


def machine() -> str:
    """The processor, its cores and the memory, as far as they say."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def processor() -> str:
    """The processor's name, as far as it says."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in text.splitlines() if line.startswith("model name")), "")


if __name__ == "__main__":
    main()
