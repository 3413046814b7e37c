from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag_robust import metrics
from rag_robust.errors import SuiteError
from rag_robust.types import Corpus, Hit, Record

EMPTY = Corpus({}, {}, {}, "")


def test_every_listed_metric_loads_and_scores_nothing_as_nan_or_value() -> None:
    records = [Record("k", "t", "clean", "q2", 0), Record("k", "t", "clean", "q1", 0)]
    for name in metrics.names():
        values = metrics.load(name)(records, EMPTY)
        assert values.dtype == np.float64
        assert values.shape == (2,)


def test_every_listed_metric_has_a_description_and_bounds() -> None:
    for name in metrics.names():
        assert metrics.describe(name).endswith(".")
        low, high = metrics.bounds(name)
        assert low < high


def test_listed_are_the_metrics_of_the_folder_and_usual_ir_names() -> None:
    names = metrics.names()
    assert {"appeared@10", "nDCG@10", "nDCG@10 drop", "rbo", "rare_overall", "certified_share"} <= set(names)
    assert not {"judge", "refused", "baseline_records", "policies"} & set(names)
    assert names == sorted(names)


def test_cut_off_is_passed_on() -> None:
    record = Record("k", "t", "x", "q", 0, hits=(Hit("a", 2.0), Hit("bad", 1.0)), inserted=("bad",))
    assert metrics.load("appeared@1")([record], EMPTY).tolist() == [0.0]
    assert metrics.load("appeared@2")([record], EMPTY).tolist() == [1.0]


def test_hyphens_are_underscores() -> None:
    assert metrics.load("wins-over-gold") is metrics.load("wins_over_gold")


def test_unknown_metric_names_its_nearest() -> None:
    with pytest.raises(SuiteError, match='no metric "apeared@10"; did you mean "appeared@10"'):
        metrics.load("apeared@10")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("appeared", "needs a cut-off"),
        ("rbo@10", "takes no cut-off"),
        ("appeared@0", "whole number"),
        ("appeared@ten", "whole number"),
        ("appeared@-1", "whole number"),
        ("nDCG@ten", "no metric"),
        (" drop", "no metric"),
        ("no_such_package:mine", "cannot be imported"),
        ("math:tua", 'did you mean "tau"|no function'),
        ("math:pi", "no function"),
    ],
)
def test_impossible_name_is_refused(name: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        metrics.load(name)


def test_bounds_follow_the_cut_off_and_the_drop() -> None:
    assert metrics.bounds("best_rank@20") == (1.0, 21.0)
    assert metrics.bounds("nDCG@10") == (0.0, 1.0)
    assert metrics.bounds("nDCG@10 drop") == (-1.0, 1.0)
    assert metrics.bounds("NumRet") == (0.0, math.inf)


MINE = '''"""."""
BOUNDS = {"far": (0.0, 9.0)}


def far(records, corpus, *, k):
    """How far."""
    return k


def near(records, corpus):
    """How near."""
'''


def test_metric_of_a_user_is_found_by_module_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own_metrics.py").write_text(MINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert metrics.load("my_own_metrics:far@3")([], EMPTY) == 3
    assert metrics.bounds("my_own_metrics:far@3") == (0.0, 9.0)
    assert metrics.bounds("my_own_metrics:near") == (-math.inf, math.inf)
    assert metrics.describe("my_own_metrics:far@3") == "How far."


def python(code: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_file_dropped_in_the_folder_is_found(tmp_path: Path) -> None:
    package = Path(metrics.__file__).parents[1]
    shutil.copytree(package, tmp_path / "rag_robust", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "rag_robust/metrics/mine.py").write_text(
        '__all__ = ["new_one"]\ndef new_one(records, corpus):\n    """New."""\n'
    )
    code = "from rag_robust.metrics import *; print('new_one' in names(), load('new-one').__name__)"
    assert python(code, tmp_path) == ["True", "new_one"]


def test_metrics_load_no_heavy_library(tmp_path: Path) -> None:
    code = "import sys, rag_robust.metrics as m; print('ir_measures' in sys.modules); m.names()"
    assert python(f"{code}; print('torch' in sys.modules)", tmp_path) == ["False", "False"]
