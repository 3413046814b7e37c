import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_robust.attacks import names
from rag_robust.gates import Number
from rag_robust.report.words import about, cut, figure, label, limits, spread, visible
from rag_robust.suite import Gate, Task
from rag_robust.types import Estimate


@pytest.mark.parametrize(
    ("value", "apart", "written"),
    [
        (0.35, (), "0.35"),
        (0.41666, (), "0.42"),
        (0.0, (), "0.00"),
        (-0.0, (), "0.00"),
        (-0.0001, (), "0.00"),
        (0.004, (), "0.004"),
        (0.998, (), "0.998"),
        (0.496, (0.5,), "0.496"),
        (0.5, (0.5,), "0.50"),
        (10.44, (), "10.4"),
        (12345.6, (), "12,346"),
        (float("-inf"), (), "-∞"),
    ],
)
def test_figures_are_short_and_never_look_like_what_they_are_not(value, apart, written):
    assert figure(value, apart) == written


@given(st.floats(-9.9, 9.9))
def test_figure_is_the_number_to_three_decimals_at_worst(value):
    assert abs(float(figure(value)) - value) <= 0.005


@given(st.text())
def test_visible_text_has_no_controls_and_keeps_every_other_character(text):
    shown = visible(text)
    hidden = {"Cc", "Cs"}
    assert all(unicodedata.category(c) not in hidden or c in "\n\t" for c in shown)
    unseen = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}  # and the variation selectors, which are marks
    kept = [c for c in text if unicodedata.category(c) not in unseen and c < "\U000e0000"]
    rest = iter(shown)
    assert all(c in rest for c in kept)


def test_bidirectional_and_invisible_characters_are_spelt_out_but_joiners_of_scripts_stay():
    assert visible("a\u202eb\u200bc\x1b") == "a⟨U+202E⟩b⟨U+200B⟩c⟨U+001B⟩"
    assert visible("mo\u200dre") == "mo⟨U+200D⟩re"
    assert visible("می\u200cخواهم\tok\n") == "می\u200cخواهم\tok\n"


def test_cut_says_that_there_is_more():
    assert cut("one\n two", 20) == "one two"
    assert cut("one two three", 8) == "one two…"


@pytest.mark.parametrize(
    ("bounds", "written"),
    [({"max": 0.5}, "max 0.5"), ({"min": 0}, "min 0"), ({"min": 1, "max": 3}, "1 to 3")],
)
def test_limits_use_the_words_of_the_suite(bounds, written):
    assert limits(Gate(task="t", metric="m", **bounds)) == written


def test_baselines_are_called_baselines():
    task = Task(name="t", attack="gaslite")
    conditions = ["gaslite", "gaslite/held-in", "random_passage", "clean", "simulated", "clean/norm@0.05"]
    assert [label(c, task) for c in conditions] == [
        "gaslite",
        "gaslite, known queries",
        "baseline random_passage",
        "clean",
        "perfect vectors (simulated)",
        "clean, behind norm@0.05",
    ]


@pytest.mark.parametrize("name", names())
def test_every_attack_tells_what_it_does_in_its_first_line(name):
    assert len(about(Task(name="t", attack=name))[1]) > 20


@pytest.mark.parametrize("task", [{"perturb": "typo"}, {"certify": "exact"}])
def test_perturbations_and_certificates_tell_what_they_do(task):
    assert len(about(Task(name="t", **task))[1]) > 20


def test_a_method_that_is_not_ours_has_no_second_sentence():
    assert about(Task(name="t", attack="my.module:Mine"))[1] == ""
    assert about(Task(name="t"))[1] == ""


def test_reports_load_no_model_library():
    code = (
        "import sys, rag_robust.report.html, rag_robust.report.json, rag_robust.report.table; "
        "print([m for m in ('torch', 'faiss', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_trials_are_told_by_how_far_they_lie_apart():
    estimate = Estimate(0.3, 0.1, 0.5, 0.95, 10, 0, "")
    assert spread(Number("t", "stuffing", "m", estimate, trials=(0.4, 0.2))) == "trials 0.20 to 0.40"
    assert spread(Number("t", "stuffing", "m", estimate)) == ""
