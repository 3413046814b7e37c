"""The benchmark of certificates holds bars against like things; its exit code says if one is missed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from rag_robust.synonyms.source import Source
from rag_robust.synonyms.space import Substitutions
from rag_robust.types import Passage

FILE = Path(__file__).parents[2] / "benchmarks/certify.py"


@pytest.fixture
def bench(monkeypatch):
    spec = importlib.util.spec_from_file_location("benchmark_certify", FILE)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.corpus, "load", lambda name: type("C", (), {"passages": {}}))
    monkeypatch.setattr(module.synonyms, "load", lambda name: Source(name, {}))
    return module


@pytest.mark.parametrize(("met", "code"), [(True, 0), (False, 1)])
def test_a_missed_bar_is_named_and_is_the_exit_code(bench, monkeypatch, capsys, met, code):
    monkeypatch.setattr(sys, "argv", ["certify.py", "--only", "shared"])
    monkeypatch.setattr(bench, "shared", lambda *given: {"fast": met})
    assert bench.main() == code
    assert ("missed: fast" in capsys.readouterr().out) is not met


@pytest.mark.parametrize(("share", "told"), [(0.0, "ratio to CertDR's: none"), (0.05, "10.0 x CertDR's")])
def test_no_ratio_is_taken_to_a_share_of_nothing(bench, monkeypatch, capsys, share, told):
    monkeypatch.setattr(bench, "shares", lambda kind, n: ([], {"CertDR": share, "hoeffding": share}))
    monkeypatch.setattr(bench, "run", lambda *given: (0.5, 0.1))
    bars = bench.synthetic(10)
    assert told in capsys.readouterr().out
    assert len(bars) == (4 if share else 0)


def test_the_samplers_bars_compare_like_with_like(bench, monkeypatch):
    allowed = Substitutions(source=Source("s", {"cat": ("cow",)}), swaps=1)

    def met(drawn: float, written: float) -> list[bool]:
        # seconds of: words drawn in Python, texts written in Python (both 20 samples); ours (1000 samples)
        seconds = iter([1.0, 1.0, drawn, written])
        monkeypatch.setattr(bench, "cpu", lambda call, times=2: (next(seconds), None))
        return list(bench.sampler([Passage("p", "cat cat")], allowed).values())

    assert met(drawn=1.0, written=1e-4) == [True, True]  # 1000 / 20 = 50 times, 20 million words a second
    assert met(drawn=1.1, written=1e-9) == [True, False]  # texts written fast do not make up for slow draws
    assert met(drawn=1e-9, written=1e-3) == [False, True]


def test_a_few_texts_are_still_a_list_with_an_outsider(bench, monkeypatch, capsys):
    def score(query, texts):
        return np.array([float(sum(range(10**5)) % 7) for _ in texts])  # takes its time

    monkeypatch.setattr("rag_robust.encode.load", lambda name: None)
    monkeypatch.setattr(bench, "bi_encoder", lambda encoder: score)
    bench.exhaustive([Passage(str(i), "cat") for i in range(9)], Substitutions(source=Source("s", {})), 1)
    assert "2 passages" in capsys.readouterr().out
