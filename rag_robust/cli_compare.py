"""The command `compare`: what an update of the documents did to the answers."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rag_robust import terminal

__all__ = ["compare"]


def compare(
    first: Annotated[Path, typer.Argument(help="The run folder before the update.")],
    second: Annotated[Path, typer.Argument(help="The run folder after it.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Two runs of the same questions: right before, right after, and who still gives the old answer.

    Example: rag-robust compare runs/january runs/february
    """
    from rag_robust.store import Store
    from rag_robust.updates import compared

    with closing(Store(first)) as one, closing(Store(second)) as two:
        found = compared(one, two)
    if as_json:
        rows = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(u).items()}
            for u in found
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table(
        "condition", "same", "right before", "after", "p", "superseded", "renewed", "stale", box=None
    )
    for update in found:
        shares = [f"{share:.2f}" if share == share else "" for share in (update.before, update.after)]
        counts = [str(n) for n in (update.superseded, update.renewed, update.stale)]
        table.add_row(update.condition, str(update.n), *shares, f"{update.p:.3g}", *counts)
    terminal.out().print(table)
    told = {(u.withdrawn, u.new) for u in found}
    withdrawn, new = max(told)
    terminal.err().print(f"{withdrawn} questions were asked before alone, {new} after alone", markup=False)
