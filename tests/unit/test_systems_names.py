from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from rag_robust.errors import UsageError
from rag_robust.systems import applicable, load
from rag_robust.systems.function import function
from rag_robust.types import Answer, Change, Passage, Query, System

INSERTED = Change(inserted=(Passage("x", "…"),))
EDITED = Change(edited={"a": Passage("a", "…")})
REWORDED = Change(reworded={"q": "…"})


def plain(query: Query) -> Answer:
    return Answer("x")


def insert(passages: Sequence[Passage]) -> AbstractContextManager[None]:
    return nullcontext()


class Everywhere:
    def __call__(self, query: Query) -> Answer:
        return Answer()

    def changed(self, change: Change) -> System:
        return self


@pytest.mark.parametrize(
    ("system", "change", "sentence"),
    [
        (plain, REWORDED, None),
        (plain, INSERTED, "not applicable: the system offers no way to insert passages"),
        (plain, EDITED, "not applicable: the system offers no way to edit passages"),
        (function(plain), INSERTED, "not applicable: the system offers no way to insert passages"),
        (function(plain, insert=insert), INSERTED, None),
        (function(plain, insert=insert), EDITED, "not applicable: the system offers no way to edit passages"),
        (Everywhere(), EDITED, None),
    ],
)
def test_a_system_that_cannot_live_in_a_world_is_not_applicable(
    system: object, change: Change, sentence: str | None
) -> None:
    assert applicable(system, change) == sentence


def test_a_target_is_found_by_module_and_name() -> None:
    assert load("rag_robust.types:Passage") is Passage
    assert load("rag_robust.types:Passage.full") is Passage.full


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("rag_robust.types", 'written "package.module:name"'),
        (":name", 'written "package.module:name"'),
        ("no_such_module:x", "ModuleNotFoundError.*PYTHONPATH"),
        ("rag_robust.text:wrods", 'no "wrods".*words'),
        ("rag_robust.types:Passage.nothing", 'no "nothing"'),
    ],
)
def test_a_wrong_target_is_explained(target: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(target)


def test_a_module_that_fails_while_importing_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rag_that_breaks.py").write_text("raise RuntimeError('no index')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="RuntimeError: no index"):
        load("rag_that_breaks:system")
