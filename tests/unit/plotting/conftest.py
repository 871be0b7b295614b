"""Figures as text: what stands where, and how it looks."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.plotting import style


@pytest.fixture
def looks_as_kept(as_kept, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Path], object]], None]:
    """Draw a figure, and hold it to the description that is kept of it."""
    drawn: list[Any] = []
    monkeypatch.setattr(style, "save", lambda figure, _: (figure.draw_without_rendering(), drawn.append(figure)))

    def check(name: str, draw: Callable[[Path], object]) -> None:
        draw(Path())
        as_kept(name, "".join(f"{line}\n" for line in _figure(drawn[-1])))

    return check


def _figure(figure: Any) -> Iterator[str]:
    width, height = figure.get_size_inches()
    yield f"figure {_numbers([width, height])} inches at {figure.dpi:g} dpi"
    for text in (figure._suptitle, *figure.texts):
        yield f"  {_text(text)}"
    for legend in figure.legends:
        yield from _legend(legend)
    for axes in figure.axes:
        yield from _axes(axes)
        for child in axes.child_axes:
            yield f"  beside it: {child.get_ylabel()}"
            yield f"    y {_axis(child.yaxis, child.get_ylim())}"
            yield f"    right spine {child.spines['right'].get_visible()}"


def _legend(legend: Any) -> Iterator[str]:
    box = legend.get_window_extent()
    at = legend.figure.transFigure.inverted().transform((box.x0, box.y1))
    yield f"  legend at {_rounded(at)}, {legend._ncols} columns, frame {legend.get_frame_on()}"
    yield f"    lengths {_numbers([legend.handlelength, legend.columnspacing, legend.borderpad, legend.borderaxespad])}"
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        shown = _line(handle) if hasattr(handle, "get_marker") else _patch(handle)
        yield f"    {_text(text)}: {shown}"


def _axes(axes: Any) -> Iterator[str]:
    yield f"panel at {_rounded(axes.get_position().extents)}"
    yield f"  title {_text(axes.title)} {_text(axes._left_title)}"
    yield f"  x {axes.get_xscale()} {axes.get_xlabel()!r} {_axis(axes.xaxis, axes.get_xlim())}"
    yield f"  y {axes.get_yscale()} {axes.get_ylabel()!r} {_axis(axes.yaxis, axes.get_ylim())}"
    spines = {name: spine.get_linewidth() for name, spine in axes.spines.items() if spine.get_visible()}
    yield f"  spines {spines}, margins {axes.margins()}, grid below {axes.get_axisbelow()}"
    if axes.get_legend():
        yield from _legend(axes.get_legend())
    yield from (f"  line {_line(line)} {_points(line.get_xydata())}" for line in axes.lines)
    yield from (f"  {_collection(one)}" for one in axes.collections)
    yield from (f"  patch {_patch(one)} {_points(one.get_path().vertices)}" for one in axes.patches)
    yield from (f"  {_text(one)}" for one in axes.texts)


def _axis(axis: Any, ends: Sequence[float]) -> str:
    ticks = axis._update_ticks()  # those that are seen
    seen = {f"{tick.get_loc():.4g}": tick.label1.get_text() or tick.label2.get_text() for tick in ticks}
    tick = axis.get_major_ticks()[0]
    return (
        f"{_numbers(ends)} {seen} length {tick.tick1line.get_markersize():g} pad {round(tick.get_pad(), -1):g} "
        f"grid {tick.gridline.get_visible()} {tick.gridline.get_linewidth():g} {tick.gridline.get_color()} "
        f"size {tick.label1.get_fontsize():g} first {tick.label1.get_visible()} "
        f"second {tick.label2.get_visible()} {tick.tick2line.get_visible()}"
    )


def _line(line: Any) -> str:
    label = "" if line.get_label().startswith("_child") else line.get_label()
    return (
        f"{label!r} {line.get_color()} {line.get_linewidth():g} {line._unscaled_dash_pattern} "
        f"alpha {line.get_alpha()} {line.get_solid_capstyle()} {line.get_marker()!r} {line.get_markersize():g} "
        f"{line.get_markerfacecolor()} {line.get_markeredgecolor()} {line.get_markeredgewidth():g} "
        f"every {line.get_markevery()} order {line.get_zorder():g} cut {line.get_clip_on()}"
    )


def _patch(patch: Any) -> str:
    return f"{patch.get_label()!r} {_numbers(patch.get_facecolor())} {patch.get_linewidth():g} {patch.get_zorder():g}"


def _collection(one: Any) -> str:
    look = f"{_numbers(one.get_facecolor())} {_numbers(one.get_edgecolor())} {one.get_linewidth().tolist()}"
    places = " ".join(_points(path.vertices) for path in one.get_paths())
    return f"{type(one).__name__} {look} order {one.get_zorder():g} {places}"


def _text(text: Any) -> str:
    at = getattr(text, "xyann", text.get_position())
    box = text.get_bbox_patch()
    boxed = "" if box is None else f" on {_patch(box)} {box.get_boxstyle().pad:g}"
    return (
        f"{text.get_text()!r} {_numbers(at)} {text.get_fontsize():g} {text.get_fontweight()} {text.get_color()} "
        f"{text.get_ha()} {text.get_va()} math {text.get_parse_math()} order {text.get_zorder():g}{boxed}"
        f"{''.join(f' stroke {one._gc}' for one in text.get_path_effects())}{_arrow(text)}"
    )


def _arrow(text: Any) -> str:
    arrow = getattr(text, "arrow_patch", None)
    return "" if arrow is None else f" arrow {_numbers(text.xy)} {arrow.get_linewidth():g} {arrow.shrinkB:g}"


def _points(points: Any) -> str:
    return " ".join(f"{x:.4g},{y:.4g}" for x, y in np.asarray(points, dtype=float))


def _numbers(values: Any, digits: int = 4) -> str:
    return " ".join(f"{value:.{digits}g}" for value in np.asarray(values, dtype=float).ravel())


def _rounded(places: Any) -> str:
    """To a hundredth of the figure: how wide a text is may differ a little between machines."""
    return " ".join(f"{place:.2f}" for place in places)
