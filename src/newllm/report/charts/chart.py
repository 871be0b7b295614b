"""What a page draws: curves and heat maps as plain data, and how their numbers travel to the browser.

A chart is described here and drawn by `web/charts.js` and `web/heat.js`, in a report as on the local page. Numbers go
as base64 of compressed columns: float32 values (NaN and the infinities stay), steps as a range where they are one. No
spike is sampled away: a line of more than `MOST_POINTS` points keeps the lowest and the highest of each bucket.
"""

import base64
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from newllm.plotting.lines import extremes, medians

MOST_POINTS = 200_000
"""Of a line, before it goes in buckets."""

BUCKETS_A_MEDIAN = 2
"""Stretches of which the lowest and the highest are kept, to one of which the median is."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a plot.

    Attributes:
        name: unique in its chart; of a recorded signal its name in the trace, so that a live page can go on with it.
        label: for a person.
        colour: a name of the stylesheet: "training", "validation", "context", "learning-rate", "sky", "spike", "muted".
        x: positions, rising strictly.
        y: values of the same length.
        low, high: a band around it (an interval), of the same length; None without one.
        faint: one of many, drawn thin.
        dash: tells lines of one colour apart: 0 solid, 1 dashed, 2 dotted; a faint one is solid.
        middle: of a line that keeps only the lowest and the highest of each stretch, positions and medians of stretches
            of all its points: between extremes there is no trend to be found. None where it has all its points.
    """

    name: str
    label: str
    colour: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    faint: bool = False
    dash: int = 0
    middle: tuple[np.ndarray, np.ndarray] | None = None

    def thinned(self, buckets: int) -> "Line":
        """Return the line with the lowest, the highest and a gap of each bucket, itself where it has few points."""
        if len(self.y) <= 4 * buckets:
            return self
        y = np.asarray(self.y, dtype=float)
        keep = extremes(y, buckets)
        low, high = (None if edge is None else edge[keep] for edge in (self.low, self.high))
        middle = self.middle or medians(self.x, y, max(1, buckets // BUCKETS_A_MEDIAN))
        return replace(self, x=self.x[keep], y=self.y[keep], low=low, high=high, middle=middle)


@dataclass(frozen=True)
class Mark:
    """A stretch to shade.

    Attributes:
        first, last: its ends.
        severity: "fault", "warning", "note", "good", or "planned" of what a person said beforehand.
        label: what is there, a few words.
        quiet: whether its label is told under the cursor alone, and not written.
    """

    first: float
    last: float
    severity: str
    label: str
    quiet: bool = False


@dataclass(frozen=True, eq=False)
class Curves:
    """Lines over one axis.

    Attributes:
        id: unique on the page: letters, digits and dashes.
        title: of the plot.
        axis: what x counts ("step", "epoch").
        unit: of the values ("nats per token"), may be empty.
        lines: what is drawn.
        marks: what is shaded.
        log: whether the values' axis is logarithmic at first.
        about: one sentence on how to read it, may be empty.
        log_x: whether positions, all above 0, are spaced by their logarithm.
        around: values that are in sight at least, with a line in their middle: that of a growth which is none. So
            noise is not drawn as if it were a fall. None without such a value.
    """

    id: str
    title: str
    axis: str
    unit: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    log: bool = False
    about: str = ""
    log_x: bool = False
    around: tuple[float, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what `charts.js` draws."""
        return {
            **_head(self, "curves"),
            "log_x": self.log_x,
            "around": self.around,
            "unit": self.unit,
            "lines": [_line(line) for line in self.lines],
            "marks": [vars(mark) for mark in self.marks],
        }


@dataclass(frozen=True, eq=False)
class Heat:
    """A map of numbers: rows (layers, positions) by columns (steps).

    Attributes:
        id, title, axis, unit, log, about: as of `Curves`; here `log` is that of the colours.
        x: position of each column [N], rising.
        rows: name of each row, the uppermost first.
        values: [rows, N]; what was not measured is NaN.
        marks: what is shaded.
        centre: the value that is neither much nor little (an update ratio of 1e-3); None without one.
    """

    id: str
    title: str
    axis: str
    unit: str
    x: np.ndarray
    rows: tuple[str, ...]
    values: np.ndarray
    marks: tuple[Mark, ...] = ()
    log: bool = True
    about: str = ""
    centre: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what `heat.js` draws."""
        return {
            **_head(self, "heat"),
            "unit": self.unit,
            "x": packed(self.x),
            "rows": list(self.rows),
            "values": packed(self.values),
            "marks": [vars(mark) for mark in self.marks],
            "centre": self.centre,
        }


Chart = Curves | Heat


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a page.

    Attributes:
        id: unique on the page, also its address behind `#`.
        title: its heading.
        html: its content, escaped. Where it holds `figure(chart)`, the chart of that id is drawn.
        charts: those that it draws.
        folded: whether only its title is seen until somebody unfolds it.
        gist: a few words of what a folded one holds, may be empty.
    """

    id: str
    title: str
    html: str
    charts: tuple[Chart, ...] = field(default=())
    folded: bool = False
    gist: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, for the local page."""
        return {
            "id": self.id, "title": self.title, "html": self.html, "folded": self.folded, "gist": self.gist,
            "charts": {chart.id: chart.as_dict() for chart in self.charts},
        }  # fmt: skip


def packed(numbers: np.ndarray) -> dict[str, Any]:
    """Return an array as JSON: a range of whole numbers as such, else base64 of deflated little-endian numbers.

    Whole numbers go as int32 differences where they fit, all others as float32.
    """
    flat = np.ascontiguousarray(numbers).reshape(-1)
    if np.issubdtype(flat.dtype, np.integer):
        by = np.diff(flat)
        if len(flat) and (len(flat) == 1 or (by == by[0]).all()):
            return {"kind": "range", "first": int(flat[0]), "by": int(by[0]) if len(by) else 1, "n": len(flat)}
        differences = np.diff(flat, prepend=0)
        if len(flat) and np.abs(differences).max() < 2**31:
            return {"kind": "delta", "n": len(flat), "data": _deflated(differences.astype("<i4"))}
    with np.errstate(over="ignore"):
        return {"kind": "float", "n": len(flat), "data": _deflated(flat.astype("<f4"))}


def _deflated(numbers: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(numbers.tobytes(), 6)).decode()


def _head(chart: Chart, kind: str) -> dict[str, Any]:
    return {
        "kind": kind, "id": chart.id, "title": chart.title, "axis": chart.axis, "log": chart.log, "about": chart.about
    }  # fmt: skip


def _line(line: Line) -> dict[str, Any]:
    drawn = line.thinned(MOST_POINTS // 4)
    middle = {} if drawn.middle is None else {"middle": dict(zip("xy", map(packed, drawn.middle), strict=True))}
    return {
        "name": line.name, "label": line.label, "colour": line.colour, "faint": line.faint,
        "dash": line.dash, "bucketed": drawn is not line, "x": packed(drawn.x), "y": packed(drawn.y),
        "low": None if drawn.low is None else packed(drawn.low),
        "high": None if drawn.high is None else packed(drawn.high),
        **middle,
    }  # fmt: skip
