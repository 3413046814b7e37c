"""What people see while they wait."""

from __future__ import annotations

import pytest

from rag_robust.terminal import progress


def test_the_time_left_is_told_once_a_hundredth_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as tell:
        for done, label in ((0, "loading"), (1, "first"), (2, "second"), (0, "nothing to do")):
            tell(done, 100 * (label != "nothing to do"), label)
    told = {
        line.split("s  ")[1].split("  ")[0]: "left" in line for line in capsys.readouterr().err.splitlines()
    }
    assert told == {"loading": False, "first": False, "second": True, "nothing to do": False}
