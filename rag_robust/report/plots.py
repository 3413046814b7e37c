"""Small drawings in SVG, made of percentages so that they fit a phone and a page alike.

Colours come from the page's style sheet by class name. Every drawing carries its content in words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rag_robust.report.words import visible

__all__ = ["Axis", "axis", "curve", "histogram", "scale", "stack", "track"]

_TRACK_HEIGHT = 22
_BARS_HEIGHT = 84
_GROUND = 62


@dataclass(frozen=True, slots=True)
class Axis:
    """What is drawn between left and right, and where it is labelled."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The place of a value, in percent from the left; beyond the ends it sticks to them."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


def axis(values: Sequence[float], bounds: tuple[float, float]) -> Axis:
    """[0, 1] for shares, else round numbers around all values, within the metric's bounds.

    >>> axis([-0.02, 0.31], (-1.0, 1.0))
    Axis(low=-0.1, high=0.4, ticks=(-0.1, 0.0, 0.1, 0.2, 0.3, 0.4))
    """
    if bounds == (0.0, 1.0):
        return Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))
    seen = [v for v in values if math.isfinite(v)] or [0.0]
    low, high = min(seen), max(seen)
    step = _step(max(high - low, 1e-6 * abs(high), 1e-6))
    first, last = math.floor(round(low / step, 6)), math.ceil(round(high / step, 6))
    last = max(last, first + 1)
    start, end = max(min(first * step, bounds[1] - step), bounds[0]), min(last * step, bounds[1])
    inner = [round(i * step, 10) for i in range(first, last + 1)]
    inner = [t for t in inner if start + step / 2 <= t <= end - step / 2]
    ticks = (round(start, 10), *inner, round(end, 10))
    return Axis(ticks[0], ticks[-1], ticks)


def _step(span: float) -> float:
    """1, 2 or 5 times a power of ten, so that four to eight steps span it."""
    power = 10.0 ** math.floor(math.log10(span / 4))
    return next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= 6)


def track(
    ends: tuple[float, float, float],
    on: Axis,
    *,
    limits: tuple[float | None, float | None] = (None, None),
    style: str = "own",
    says: str = "",
) -> str:
    """A value with its interval (value, low, high) on an axis; what the limits forbid is shaded."""
    value, low, high = ends
    middle = _TRACK_HEIGHT / 2
    parts = [*_forbidden(on, limits)]
    parts += [_line(on.at(t), 0, on.at(t), _TRACK_HEIGHT, "grid") for t in on.ticks]
    parts += [_line(on.at(x), 0, on.at(x), _TRACK_HEIGHT, "limit") for x in limits if x is not None]
    parts += [_line(on.at(x), middle - 4, on.at(x), middle + 4, "whisker") for x in (low, high)]
    parts.append(_line(on.at(low), middle, on.at(high), middle, "whisker"))
    parts.append(f'<circle cx="{on.at(value)}%" cy="{middle:g}" r="4.5" class="dot"/>')
    return _svg(parts, _TRACK_HEIGHT, f"track {style}", says)


def scale(on: Axis) -> str:
    """The numbers below tracks."""
    parts = [f'<text x="{on.at(t)}%" y="11" text-anchor="middle">{t:g}</text>' for t in on.ticks]
    return _svg(parts, 14, "scale", "")


def histogram(counts: Sequence[tuple[str, int]], *, hot: int, says: str) -> str:
    """Bars side by side; the first `hot` are the ones to worry about, empty bars keep their place."""
    width = 100 / max(1, len(counts))
    top = max((n for _, n in counts), default=0) or 1
    spacing = max(1, math.ceil(len(counts) / 10))
    parts = [_line(0, _GROUND, 100, _GROUND, "ground")]
    for i, (name, n) in enumerate(counts):
        centre = round((i + 0.5) * width, 2)
        height = round((_GROUND - 16) * n / top, 1)
        style = "hot" if i < hot else "cold"
        if n:
            parts.append(
                f'<rect x="{round((i + 0.1) * width, 2)}%" width="{round(0.8 * width, 2)}%" '
                f'y="{round(_GROUND - height, 1)}" height="{height}" class="{style}"/>'
                f'<text x="{centre}%" y="{round(_GROUND - height - 4, 1)}" text-anchor="middle">{n}</text>'
            )
        if n or i == len(counts) - 1 or i % spacing == 0:
            parts.append(f'<text x="{centre}%" y="{_GROUND + 14}" text-anchor="middle">{_safe(name)}</text>')
    if 0 < hot < len(counts):
        parts.append(_line(round(hot * width, 2), 4, round(hot * width, 2), _GROUND, "limit"))
    return _svg(parts, _BARS_HEIGHT, "bars", says)


def curve(points: Sequence[tuple[int, float, float, float]], *, says: str) -> str:
    """Shares with their intervals (place, value, low, high) side by side, on an axis from 0 to 1."""
    width, height = 100 / max(1, len(points)), _GROUND - 6

    def at(share: float) -> float:
        return round(_GROUND - height * share, 1)

    parts = [_line(0, at(share), 100, at(share), "grid") for share in (0.5, 1.0)]
    parts.append(_line(0, _GROUND, 100, _GROUND, "ground"))
    for i, (place, value, low, high) in enumerate(points):
        x = round((i + 0.5) * width, 2)
        parts.append(_line(x, at(low), x, at(high), "whisker"))
        parts.append(f'<circle cx="{x}%" cy="{at(value)}" r="3.5" class="dot"/>')
        parts.append(f'<text x="{x}%" y="{_GROUND + 14}" text-anchor="middle">{place}</text>')
    return _svg(parts, _BARS_HEIGHT, "bars own", says)


def stack(parts: Sequence[tuple[str, int]], *, says: str) -> str:
    """One bar in pieces; each piece's class is its name."""
    total = sum(n for _, n in parts) or 1
    drawn, start = [], 0.0
    for name, n in parts:
        width = 100 * n / total
        if n:
            drawn.append(
                f'<rect x="{round(start, 2)}%" width="{round(width, 2)}%" y="0" height="22" '
                f'class="piece {_safe(name)}"/>'
                f'<text x="{round(start + width / 2, 2)}%" y="15" text-anchor="middle">{n}</text>'
            )
        start += width
    return _svg(drawn, 22, "stack", says)


def _forbidden(on: Axis, limits: tuple[float | None, float | None]) -> list[str]:
    low, high = limits
    zones = []
    if low is not None and on.at(low) > 0:
        zones.append((0.0, on.at(low)))
    if high is not None and on.at(high) < 100:
        zones.append((on.at(high), round(100 - on.at(high), 2)))
    return [
        f'<rect x="{x}%" width="{w}%" y="0" height="{_TRACK_HEIGHT}" class="forbidden"/>' for x, w in zones
    ]


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1}%" y1="{y1:g}" x2="{x2}%" y2="{y2:g}" class="{style}"/>'


def _svg(parts: Sequence[str], height: int, style: str, says: str) -> str:
    heard = f'role="img" aria-label="{_safe(says)}"' if says else 'aria-hidden="true"'
    return f'<svg class="{style}" width="100%" height="{height}" {heard}>{"".join(parts)}</svg>'


def _safe(text: str) -> str:
    return escape(visible(text))
