"""A signal as inline SVG: no script, no style of its own; its colours are classes of the page's stylesheet."""

import html
import math
from dataclasses import dataclass

import numpy as np

from newllm.messages import Catalogue
from newllm.plotting.axes import beside, compact, is_crushed
from newllm.plotting.lines import LARGEST, decimate, gaps, lonely
from newllm.trace import Series

_WIDTH, _HEIGHT = 760, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 14, 10, 28  # around the plot
_FEW = 60  # points up to which each is a dot that tells its numbers


@dataclass(frozen=True)
class _Frame:
    """The ranges of a plot and where they lie on the page."""

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool

    def across(self, x: np.ndarray | float) -> np.ndarray:
        low, high = self.x
        share = (np.asarray(x, dtype=float) - low) / (high - low) if high > low else np.full(np.shape(x), 0.5)
        return _LEFT + np.clip(share, 0, 1) * (_WIDTH - _LEFT - _RIGHT)

    def down(self, y: np.ndarray | float) -> np.ndarray:
        drawn, (low, high) = np.asarray(y, dtype=float), self.y
        if self.log:
            drawn, low, high = np.log(drawn), math.log(low), math.log(high)
        share = (drawn - low) / (high - low) if high > low else np.full(np.shape(y), 0.5)
        return _HEIGHT - _BOTTOM - np.clip(share, 0, 1) * (_HEIGHT - _BOTTOM - _TOP)


def curve_svg(
    series: Series,
    *,
    kind: str,
    axis: str,
    title: str,
    marked: tuple[float, float] | None,
    words: Catalogue,
    behind: Series | None = None,
) -> str:
    """Draw a signal.

    Args:
        series: the signal, at least one point of it.
        kind: CSS class of the line: "training", "validation", "context", "learning-rate".
        axis: what the steps count.
        title: for who cannot see it.
        marked: first and last of the steps to shade.
        words: the language.
        behind: the same signal of another run, drawn in grey behind it, but for what would flatten this one.

    Returns:
        An `<svg>` element.
    """
    finite = np.isfinite(series.value)
    x, value = series.step.astype(float), np.where(finite, np.clip(series.value, -LARGEST, LARGEST), np.nan)
    if not finite.any():
        return f'<p class="muted">{html.escape(words("doctor-no_finite_value", signal=title))}</p>'
    grey, other = _within(behind, series)
    other = beside(value, other)
    both = np.concatenate([value, other])
    log = is_crushed(both)
    frame = _Frame((x[0], x[-1]), _padded(float(np.nanmin(both)), float(np.nanmax(both)), log=log), log)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(title)}">',
        *_shades(frame, x, value, marked, words),
        *_grid(frame, axis),
        *([f'<path class="curve behind" d="{_path(frame, *decimate(grey, other))}"/>'] if len(grey) else []),
        f'<path class="curve {kind}" d="{_path(frame, *decimate(x, value))}"/>',
        *_dots(frame, x, value, kind, axis),
        "</svg>",
    ]
    return "".join(parts)


def _within(behind: Series | None, series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps and values of another curve between the ends of a signal, what is not finite as NaN."""
    if behind is None:
        return np.empty(0), np.empty(0)
    kept = (behind.step >= series.step[0]) & (behind.step <= series.step[-1])
    value = np.where(np.isfinite(behind.value), np.clip(behind.value, -LARGEST, LARGEST), np.nan)
    return behind.step[kept].astype(float), value[kept]


def _padded(low: float, high: float, *, log: bool) -> tuple[float, float]:
    """Return the range with a little room around it."""
    if log:
        factor = (high / low) ** 0.05
        return low / factor, high * factor
    room = 0.06 * (high - low)
    return low - room, high + room


def _shades(
    frame: _Frame, x: np.ndarray, value: np.ndarray, marked: tuple[float, float] | None, words: Catalogue
) -> list[str]:
    shades = [_band(frame, start, stop, "gap", words("doctor-not_finite")) for start, stop in gaps(x, value)]
    if marked is not None and marked[1] >= x[0] and marked[0] <= x[-1]:
        shades.append(_band(frame, *marked, "region", words("doctor-marked")))
    return shades


def _band(frame: _Frame, start: float, stop: float, kind: str, title: str) -> str:
    left, right = float(frame.across(start)), float(frame.across(stop))
    wide = max(4.0, right - left)
    left -= (wide - (right - left)) / 2
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{_TOP}" width="{wide:.1f}" height="{_HEIGHT - _TOP - _BOTTOM}">'
        f"<title>{html.escape(title)}</title></rect>"
    )


def _grid(frame: _Frame, axis: str) -> list[str]:
    floor = _HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{_LEFT},{floor}H{_WIDTH - _RIGHT}"/>']
    for tick in _logarithmic(*frame.y) if frame.log else ticks(*frame.y, 5):
        y = float(frame.down(tick))
        parts.append(f'<path class="grid" d="M{_LEFT},{y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{compact(tick)}</text>')
    whole = [tick for tick in ticks(*frame.x, 7) if tick == round(tick)] or [frame.x[0]]
    for tick in whole:
        x = float(frame.across(tick))
        parts.append(f'<path class="axis" d="M{x:.1f},{floor}v4"/>')
        parts.append(f'<text x="{x:.1f}" y="{floor + 19}" text-anchor="middle">{compact(tick)}</text>')
    parts.append(f'<text x="{_LEFT - 8}" y="{floor + 19}" text-anchor="end">{html.escape(axis)}</text>')
    return parts


def ticks(low: float, high: float, parts: int) -> list[float]:
    """Return the round numbers between two, about `parts` of them."""
    if not high > low:
        return [low]
    rough = (high - low) / parts
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= rough * 0.99)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _logarithmic(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = max(1, len(decades) // 5)
    return [10.0**power for power in decades[::every] if low <= 10.0**power <= high] or [low, high]


def _path(frame: _Frame, x: np.ndarray, y: np.ndarray) -> str:
    """Return the line, broken where a value is NaN."""
    parts, pen = [], "M"
    for across, down in zip(frame.across(x).tolist(), frame.down(y).tolist(), strict=True):
        if math.isfinite(down):
            parts.append(f"{pen}{across:.1f},{down:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)


def _dots(frame: _Frame, x: np.ndarray, y: np.ndarray, kind: str, axis: str) -> list[str]:
    """Draw the points of a short signal, with their numbers to point at; of a long one those no line reaches."""
    shown = np.isfinite(y) & ((len(x) <= _FEW) | lonely(y))
    at = np.flatnonzero(shown)[:1000]
    across, down = frame.across(x[at]).tolist(), frame.down(y[at]).tolist()
    return [
        f'<circle class="{kind}" cx="{left:.1f}" cy="{top:.1f}" r="2.6">'
        f"<title>{html.escape(axis)} {step:,.0f}: {value:.6g}</title></circle>"
        for left, top, step, value in zip(across, down, x[at].tolist(), y[at].tolist(), strict=True)
    ]
