"""The command `questions`: a verified test set from a corpus, into a folder."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from rag_robust import terminal
from rag_robust.errors import SuiteError, UsageError, nearest

if TYPE_CHECKING:
    from rag_robust.generate import TextGenerator
    from rag_robust.lone_questions import Job
    from rag_robust.questions.relations import Embed

__all__ = ["questions"]

_ADDED = ("dependencies", "demo", "endpoint")
"""What may read beside the three that always do."""

DEMO = "SmolLM2-135M-Instruct"


def questions(
    source: Annotated[
        str, typer.Argument(help="economy, economy:100, wikipedia, files:FOLDER, beir:FOLDER …")
    ],
    out: Annotated[Path | None, typer.Option(help="The folder to write; needed unless --dry-run.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many questions.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of every choice.")] = 0,
    share: Annotated[
        list[str] | None, typer.Option(help='pattern=share, e.g. "chain=0.5"; others get none.')
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="The folder of an earlier run: keep its questions.")
    ] = None,
    extractor: Annotated[
        list[str] | None,
        typer.Option(help="Beside tables, fields and typed sentences: dependencies (spaCy), endpoint, demo."),
    ] = None,
    base_url: Annotated[
        str, typer.Option(help="An OpenAI-compatible endpoint.")
    ] = "https://api.openai.com/v1",
    model: Annotated[str, typer.Option(help="Its model.")] = "",
    api_key_env: Annotated[str, typer.Option(help="The variable that holds its key.")] = "OPENAI_API_KEY",
    paraphrase: Annotated[
        bool, typer.Option("--paraphrase", help="Let the model word questions anew.")
    ] = False,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Most to spend, as the prices are given.")
    ] = None,
    price_in: Annotated[float, typer.Option(min=0, help="Price per million tokens read.")] = 0.0,
    price_out: Annotated[float, typer.Option(min=0, help="Price per million tokens written.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Of one reply.")] = 1024,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what the model would cost, for all it is to do; ask nothing."),
    ] = False,
    encoder: Annotated[str, typer.Option(help="Joins relations by meaning; spelling if empty.")] = "",
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Cosine from which relations are one.")
    ] = 0.9,
    aliases: Annotated[Path | None, typer.Option(help="TOML: other names = names.")] = None,
    wordings: Annotated[Path | None, typer.Option(help="TOML: own wordings by relation.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Refuse every connection but loopback.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Write questions with verified answers and evidence from a corpus. Started again, it goes on.

    Example: rag-robust questions economy --count 48000 --seed 0 --out q/
    """
    from rag_robust import lone_questions
    from rag_robust.questions.ledger import Budget
    from rag_robust.questions.quota import SHARES
    from rag_robust.questions.told import told
    from rag_robust.questions.wordings import WORDS, read_wordings

    if offline:
        terminal.refuse_sockets()
    names = extractor or []
    for name in names:
        if name not in _ADDED:
            raise SuiteError(f'no extractor "{name}" to add; {nearest(name, _ADDED)}')
    job = lone_questions.Job(
        source=source,
        count=count,
        seed=seed,
        shares=_shares(share) if share else SHARES,
        dependencies="dependencies" in names,
        encoder=encoder,
        embed=_embed(encoder),
        threshold=threshold,
        aliases=_aliases(aliases),
        wordings={**WORDS, **read_wordings(wordings)} if wordings else WORDS,
        against=against,
        model=_model(names, paraphrase or dry_run, (base_url, model, api_key_env), max_new_tokens),
        reads="endpoint" in names or "demo" in names,
        words_anew=paraphrase,
        demo="demo" in names,
        budget=Budget(budget, price_in, price_out, max_new_tokens),
    )
    if dry_run:
        _priced(job, out, as_json)
        return
    if out is None:
        raise UsageError("expected --out FOLDER to write to, got none")
    with terminal.progress() as progress:
        report = lone_questions.produce(job, out, tick=progress)
    typer.echo(json.dumps(report, indent=1, ensure_ascii=False) if as_json else told(report))
    if report["shortfall"]:
        terminal.err().print(report["shortfall"], style="yellow", markup=False)


def _priced(job: Job, out: Path | None, as_json: bool) -> None:
    from rag_robust.lone_questions import dry_run

    found = dry_run(job, out)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
        return
    typer.echo(
        f"{found.n_prompts:,} prompts, about {found.tokens_in:,} tokens in and at most {found.tokens_out:,} "
        f"out (4 characters per token): at most {found.cost:.2f}; nothing was sent"
    )


def _shares(given: list[str]) -> dict[str, float]:
    shares = {}
    for one in given:
        name, _, number = one.rpartition("=")
        try:
            shares[name] = float(number)
        except ValueError as error:
            raise SuiteError(f'expected --share pattern=number such as chain=0.5, got "{one}"') from error
    return shares


def _aliases(path: Path | None) -> Mapping[str, str]:
    if path is None:
        return {}
    try:
        held: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SuiteError(
            f'{path}: expected TOML such as "ECB" = "European Central Bank", got {error}'
        ) from error
    return {str(alias): str(name) for alias, name in held.items()}


def _embed(encoder: str) -> Embed | None:
    if not encoder:
        return None
    from rag_robust import encode

    model = encode.load(encoder, cache=terminal.cache_folder() / "vectors")

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = model.encode(texts, "passage")
        lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return np.asarray(vectors / lengths, dtype=np.float32)

    return embed


def _model(
    names: list[str], wanted: bool, endpoint: tuple[str, str, str], max_new_tokens: int
) -> TextGenerator | None:
    """The endpoint, or for the demonstration a small local model."""
    base_url, model, api_key_env = endpoint
    if "demo" in names:
        from rag_robust.generate import load

        chosen = {"kind": "huggingface", "model": model or DEMO, "max_new_tokens": min(max_new_tokens, 256)}
        return load(chosen, cache=terminal.cache_folder())
    if not wanted and "endpoint" not in names:
        return None
    if not model:
        raise UsageError("an endpoint needs --model NAME; with --base-url if it is not OpenAI's")
    from rag_robust.generate.openai import openai_compatible

    return openai_compatible(base_url, model, api_key_env=api_key_env, max_new_tokens=max_new_tokens)
