"""The command `attack`: one attack alone, every parameter of it an option, its passages in a file."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from rag_robust import attacks, terminal
from rag_robust.cli_certify import (
    Depth,
    Device,
    FreezeQuery,
    Limit,
    Out,
    PerWord,
    Ranker,
    Seed,
    Share,
    Source,
    Swaps,
    Synonyms,
    TopK,
    case_of,
    exit_code,
    tell_failures,
    worked,
)
from rag_robust.errors import SuiteError

__all__ = ["attack_app"]

ALIASES = {"information": "--info", "n_steps": "--steps"}
"""Second names of parameters."""

OWN = "The attack"

Targets = Literal["outsiders", "easy-5", "hard-5"]


class Attacks(TyperGroup):
    """A command per attack, made when it is asked for: to list them all would load every library."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 (typer's types change by version)
        """The command of an attack, or of a person's own, "package.module:Class"."""
        made = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)
        made.command(cmd_name, help=_about(cmd_name), no_args_is_help=True)(_command(cmd_name))
        return typer.main.get_command(made)


attack_app = typer.Typer(
    cls=Attacks,
    no_args_is_help=True,
    subcommand_metavar="NAME [OPTIONS]",
    help="Let one attack alone loose on an encoder, or on the lists of a ranker if it edits passages or "
    "rewords queries; what it writes comes out as JSON lines.\n\n"
    f'NAME: {", ".join(attacks.names())}, or your own, "package.module:Class".\n\n'
    "NAME --help shows its parameters; rag-robust list attacks says what each one is.",
)


def _alone(
    name: str,
    given: dict[str, Any],
    *,
    encoder: Annotated[str, typer.Option(help="The model: a hub id, a folder, an installed package.")],
    queries: Annotated[
        Path, typer.Option(help="Queries that the attack knows, one a line.", exists=True, dir_okay=False)
    ],
    heldout: Annotated[
        Path | None,
        typer.Option(help="Queries that it is judged on and never sees.", exists=True, dir_okay=False),
    ] = None,
    attack_corpus: Annotated[
        str, typer.Option(help="A corpus to read, and to rank in: wikipedia, beir:FOLDER, files:PATTERN …")
    ] = "",
    target: Annotated[str | None, typer.Option(help="The wrong answer an attack on answers wants.")] = None,
    language_model: Annotated[
        str, typer.Option(help="The attacker's own; loaded if the attack asks for it.")
    ] = "SmolLM2-135M-Instruct",
    masked_model: Annotated[
        str, typer.Option(help="What it evades masked_token with; loaded if it does.")
    ] = "SPLADE-tiny",
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 0,
    device: Annotated[str, typer.Option(help='"cpu", "cuda", "cuda:1" …')] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads; all if not given.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the result; standard output if not given.")
    ] = None,
) -> None:
    from rag_robust import lone_attack

    case = lone_attack.Case(
        name=name,
        attack=attacks.load(name, **given),
        encoder=encoder,
        held_in=lone_attack.read_queries(queries, "held-in"),
        held_out=lone_attack.read_queries(heldout, "held-out") if heldout else (),
        source=attack_corpus,
        target=target,
        language_model=language_model,
        masked_model=masked_model,
        seed=seed,
    )
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
    if threads:
        from rag_robust.encode.threads import use_threads

        use_threads(threads)
    rows = _crafted(case, device, out)
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    if out is None:
        typer.echo(lines, nl=False)
        return
    out.write_text(lines, encoding="utf-8")
    terminal.err().print(f"wrote {len(rows)} passages to {out}", markup=False)


def _on_lists(
    name: str,
    given: dict[str, Any],
    *,
    corpus: Source = "",
    ranker: Ranker = "",
    k: TopK = 10,
    depth: Depth = 20,
    swaps: Swaps = 1,
    share: Share = None,
    synonyms: Synonyms = "neighbours",
    per_word: PerWord = None,
    freeze_query: FreezeQuery = False,
    targets: Annotated[
        Targets, typer.Option(help="All below the top k, or five trials with one target each.")
    ] = "outsiders",
    surrogate: Annotated[
        list[str] | None,
        typer.Option(help="An encoder the attacker has instead of the victim's."),
    ] = None,
    language_model: Annotated[
        str, typer.Option(help="The attacker's own; loaded if the attack asks for it.")
    ] = "SmolLM2-135M-Instruct",
    limit: Limit = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Out = None,
) -> None:
    from rag_robust.lone_edit import Editor, edited
    from rag_robust.threats import demotes

    attack = attacks.load(name, **given)
    if targets != "outsiders" and (attack.threat.writes == "reword" or demotes(attack)):
        raise SuiteError(f"--targets {targets} are to be brought up, which {name} does not")
    task = {
        "attack": name,
        "k": k,
        "depth": depth,
        "swaps": swaps,
        "share": share,
        "synonyms": synonyms,
        "per_word": per_word,
        "freeze_query": freeze_query,
        "targets": targets,
        "surrogate": surrogate or None,
        "limit": limit,
        "with": given,
    }
    writer = language_model if "language_model" in attacks.tools(attack) else ""
    case = case_of(task, corpus=corpus, ranker=ranker, seed=seed, language_model=writer)
    editor = Editor(
        name=name, attack=attack, surrogates=tuple(surrogate or ()), language_model=language_model
    )
    rows, interrupted = worked(
        case,
        out,
        lambda at, own: edited(at, editor, own),
        device=device,
        label=f"{name}, {ranker}",
        lists="lists",
    )
    _summed(rows, k)
    raise typer.Exit(130 if interrupted else exit_code(rows))


def _summed(rows: Any, k: int) -> None:
    """What the attack reached in all, on the stream that is not full of records."""
    from rag_robust.lone_edit import summary
    from rag_robust.report.words import figure

    console = terminal.out() if rows.path else terminal.err()
    for name, (value, n) in summary(rows.kept, k).items():
        if n:
            console.print(f"{name} {figure(value)} ({n} lists)", highlight=False)
    tell_failures(rows)
    if rows.path:
        terminal.err().print(f"{len(rows.kept)} records in {rows.path}", markup=False)


def _needs_lists(name: str) -> bool:
    """Whether an attack edits passages or rewords queries: then it needs lists and not an encoder."""
    module = importlib.import_module(attacks.attack_class(name).__module__)
    try:
        return attacks.load(name, **getattr(module, "SMOKE", {})).threat.writes != "insert"
    except SuiteError:  # one's own, which needs parameters
        return False


def _crafted(case: Any, device: str, out: Path | None) -> list[dict[str, object]]:
    """The rows of the attack (a `Case`, whose module is heavy), its progress on standard error."""
    from rag_robust import lone_attack

    try:
        with terminal.progress() as progress:
            return lone_attack.craft(
                case,
                cache=terminal.cache_folder(),
                device=device,
                out=out,
                tick=lambda done, total: progress(done, total, case.name),
                say=lambda what: progress(0, 1, what),
            )
    except KeyboardInterrupt:
        again = f"; the same command goes on from what is kept beside {out}" if out else ""
        terminal.err().print(f"interrupted; no passage was written{again}", markup=False)
        raise typer.Exit(130) from None


def _command(name: str) -> Any:
    """A function of the attack's parameters and of what every attack needs, for typer to read."""
    alone = _on_lists if _needs_lists(name) else _alone
    shared = [*inspect.signature(alone, eval_str=True).parameters.values()][2:]
    one = {"k"} if alone is _on_lists else set()  # the places that count are those of the list
    own = [p for p in _parameters(name) if p.name not in one]
    if twice := sorted({p.name for p in own} & {p.name for p in shared}):
        raise SuiteError(f"attack {name}: its parameter {twice[0]} has the name of an option of ours")
    names, both = {p.name for p in own}, one & attacks.parameters(name).keys()

    def run(**words: Any) -> None:
        given = {key: words.pop(key) for key in names} | {key: words[key] for key in both}
        alone(name, given, **words)

    signature = inspect.Signature([*shared, *own])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return run


def _parameters(name: str) -> Iterator[inspect.Parameter]:
    """The attack's parameters as options, e.g. `n_steps` as --n-steps and --steps."""
    defaults, told = attacks.parameters(name), attacks.parameter_help(name)
    for key, kind in attacks.kinds(name).items():
        default, spelt = defaults[key], f"--{key.replace('_', '-')}"
        names = [f"{spelt}/--no-{spelt[2:]}" if kind is bool else spelt, ALIASES.get(key)]
        shown = "empty" if default == "" else True
        option = typer.Option(*filter(None, names), help=told[key], show_default=shown, rich_help_panel=OWN)
        yield inspect.Parameter(
            key,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if default is dataclasses.MISSING else default,
            annotation=Annotated[kind, option],
        )


def _about(name: str) -> str:
    """What the attack is and what its class says of itself, without the parameters."""
    told = (inspect.getdoc(attacks.attack_class(name)) or "").partition("\nParameters:\n")[0]
    return f"{attacks.describe(name)}\n\n{told.strip()}"
