import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag_robust.report.plots import axis, histogram, scale, stack, track

numbers = st.floats(-1e6, 1e6)


def shapes(svg: str, name: str) -> list[dict[str, str]]:
    return [e.attrib for e in ET.fromstring(svg) if e.get("class") == name]


@given(st.lists(numbers, min_size=1))
def test_axis_holds_every_value_and_rises(values):
    on = axis(values, (-math.inf, math.inf))
    invisible = 1e-5 * (on.high - on.low)
    assert on.low - invisible <= min(values) <= max(values) <= on.high + invisible
    assert list(on.ticks) == sorted(set(on.ticks))
    assert 2 <= len(on.ticks) <= 12


@example([11.0])
@given(st.lists(st.floats(1, 11), min_size=1))
def test_axis_stays_within_the_bounds_of_the_metric(values):
    on = axis(values, (1.0, 11.0))
    assert 1.0 <= on.low < on.high <= 11.0


def test_shares_are_always_drawn_from_nought_to_one():
    assert axis([0.4], (0.0, 1.0)).ticks == (0.0, 0.25, 0.5, 0.75, 1.0)


def test_an_infinite_end_reaches_the_edge_and_no_further():
    svg = track((2.0, -math.inf, math.inf), axis([2.0, 4.0], (-math.inf, math.inf)))
    xs = [float(x) for x in re.findall(r'x\d?="([-\d.]+)%"', svg)]
    assert (min(xs), max(xs)) == (0.0, 100.0)
    assert "inf" not in svg


def test_track_draws_value_interval_and_limit_where_they_are():
    svg = track((0.4, 0.2, 0.7), axis([], (0.0, 1.0)), limits=(None, 0.5), says="so it is")
    assert [d["cx"] for d in shapes(svg, "dot")] == ["40.0%"]
    assert [d["x1"] for d in shapes(svg, "limit")] == ["50.0%"]
    assert [(d["x"], d["width"]) for d in shapes(svg, "forbidden")] == [("50.0%", "50.0%")]
    assert ET.fromstring(svg).get("aria-label") == "so it is"


def test_scale_names_every_tick():
    texts = [e.text for e in ET.fromstring(scale(axis([], (0.0, 1.0))))]
    assert texts == ["0", "0.25", "0.5", "0.75", "1"]


def test_histogram_marks_the_first_bars_and_keeps_the_place_of_empty_ones():
    svg = histogram([("1", 3), ("2", 0), (">2", 1)], hot=2, says="ranks")
    assert [d["height"] for d in shapes(svg, "hot")] == ["46.0"]
    assert [d["x"] for d in shapes(svg, "cold")] == ["70.0%"]


@pytest.mark.parametrize("counts", [[], [("1", 0)]])
def test_histogram_of_nothing_is_drawn(counts):
    ET.fromstring(histogram(counts, hot=1, says="nothing"))


def test_stack_fills_the_bar():
    widths = [float(e["width"][:-1]) for e in (p for p in _pieces([("certified", 1), ("attacked", 2)]))]
    assert sum(widths) == pytest.approx(100, abs=0.1)


def _pieces(parts: list[tuple[str, int]]) -> list[dict[str, str]]:
    return [e.attrib for e in ET.fromstring(stack(parts, says="")) if e.tag == "rect"]


def test_hostile_words_stay_words():
    svg = histogram([('"><script>', 1)], hot=0, says='"><script>\x00')
    assert ET.fromstring(svg).get("aria-label") == '"><script>⟨U+0000⟩'
    assert "<script" not in svg
