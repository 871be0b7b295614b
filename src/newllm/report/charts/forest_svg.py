"""Estimates with their intervals as a small drawing: a row of a forest plot, its colours classes of the stylesheet.

The numbers stand beside it in words: the drawing is hidden from who cannot see it.
"""

from collections.abc import Sequence

from newllm.report.markup import Html
from newllm.statistics.plain_data import Estimate

_WIDE, _EDGE, _LANE = 150, 6, 13


def forest_svg(
    estimates: Sequence[Estimate | None], ends: tuple[float, float], lines: Sequence[float] = (), moods: str = ""
) -> Html:
    """Return the drawing.

    Args:
        estimates: one a lane, the value with the low and high end of its interval; without these it is hollow, and None
            leaves its lane empty.
        ends: of the axis; what lies outside stops at its edge, with an arrow.
        lines: where uprights stand, such as no effect; the first is the stronger one.
        moods: classes of the whole.
    """
    high = _LANE * max(1, len(estimates)) + 3
    uprights = [
        f'<path class="{"axis" if at == 0 else "grid"}" d="M{_across(line, ends):.1f},0V{high}"/>'
        for at, line in enumerate(lines)
    ]
    lanes = [_lane(one, ends, _LANE * (at + 0.5) + 1.5, at) for at, one in enumerate(estimates) if one is not None]
    return Html(
        f'<svg class="forest {moods}" width="{_WIDE}" height="{high}" viewBox="0 0 {_WIDE} {high}" aria-hidden="true">'
        f"{''.join(uprights + lanes)}</svg>"
    )


def scale(estimates: Sequence[Estimate], *also: float) -> tuple[float, float]:
    """Return the ends of an axis that holds all estimates with their intervals, and further values."""
    values = [value for one in estimates for value in one if value is not None] + list(also)
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _lane(row: Estimate, ends: tuple[float, float], y: float, at: int) -> str:
    value, low, high = row
    kind = ("first", "second")[min(at, 1)]
    x, has = _across(value, ends), low is not None and high is not None
    dot = f'<circle class="{kind}{"" if has else " hollow"}" cx="{x:.1f}" cy="{y}" r="3.6"/>'
    if at:  # a second shape, for who tells no colours apart
        dot = f'<path class="mark {kind}{"" if has else " hollow"}" d="M{x - 4:.1f},{y}l4,-4l4,4l-4,4z"/>'
    if low is None or high is None:
        return dot
    left, right = _across(low, ends), _across(high, ends)
    arrows = [_arrow(left, y, -1)] if low < ends[0] else []
    arrows += [_arrow(right, y, 1)] if high > ends[1] else []
    return f'<path class="range {kind}" d="M{left:.1f},{y}H{right:.1f}"/>{"".join(arrows)}{dot}'


def _arrow(x: float, y: float, way: int) -> str:
    return f'<path class="range" d="M{x - 4 * way:.1f},{y - 3}l{4 * way},3l{-4 * way},3"/>'


def _across(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    share = (min(high, max(low, value)) - low) / (high - low) if high > low else 0.5
    return _EDGE + share * (_WIDE - 2 * _EDGE)
