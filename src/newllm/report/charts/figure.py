"""The place of a chart on a page: its title, where the browser draws it, and the numbers behind it as a table."""

import math
from collections.abc import Sequence

import numpy as np

from newllm.messages import Catalogue
from newllm.report.charts.chart import Chart, Curves, Heat, Line
from newllm.report.markup import Html, folded, table, tag
from newllm.words.numbers import number

_ROWS = 60
_LONG = 6000  # points of a line from which not each of them can begin a row
_COLUMNS = 8  # lines of a table
_TOLD = 6  # lines of a description


def figure(chart: Chart, words: Catalogue) -> Html:
    """Return the HTML of a chart's place.

    Args:
        chart: what is drawn there. Its texts are escaped here.
        words: of the page.
    """
    about = tag("small", chart.about) if chart.about else Html()
    numbers = _heat_table(chart, words) if isinstance(chart, Heat) else _curves_table(chart, words)
    return tag(
        "figure",
        tag("figcaption", chart.title, " ", about),
        tag("div", kind="plot", role="img", aria_label=described(chart, words), tabindex=0),
        folded(words("table"), numbers, kind="numbers"),
        kind="chart",
        data_chart=chart.id,
    )


def small_figure(chart: Chart, words: Catalogue) -> Html:
    """Return the HTML of a small chart's place: its legend is its title, and its numbers stand elsewhere."""
    return tag(
        "figure",
        tag("figcaption", chart.title, kind="unseen"),
        tag("div", kind="plot", role="img", aria_label=described(chart, words), tabindex=0),
        kind="chart small",
        data_chart=chart.id,
    )


def described(chart: Chart, words: Catalogue) -> str:
    """Return what a chart shows, for who cannot see it."""
    unit = f" ({chart.unit})" if chart.unit else ""
    if isinstance(chart, Heat):
        parts = [
            words("heat-shows", title=chart.title + unit, rows=len(chart.rows), columns=len(chart.x), axis=chart.axis)
        ]
    else:
        shown = [line for line in chart.lines if not line.faint] or list(chart.lines)
        parts = [f"{chart.title}{unit}.", *(_described(line, chart.axis, words) for line in shown[:_TOLD])]
    marks = [f"{mark.label} {span(mark.first, mark.last, words)}" for mark in chart.marks[:_TOLD]]
    return " ".join([*parts, *([words("chart-marked", marks=", ".join(marks))] if marks else [])])


def span(first: float, last: float, words: Catalogue) -> str:
    """Return a stretch: "19 to 22", "19"."""
    ends = [f"{end:,.0f}" if float(end).is_integer() else number(words, end) for end in (first, last)]
    return ends[0] if ends[0] == ends[1] else words("span", first=ends[0], last=ends[1])


def _described(line: Line, axis: str, words: Catalogue) -> str:
    y = np.asarray(line.y, dtype=float)
    finite = np.flatnonzero(np.isfinite(y))
    if not len(finite):
        return words("line-nothing", label=line.label)
    low, high = finite[y[finite].argmin()], finite[y[finite].argmax()]
    said = words(
        "line-shows", label=line.label, first=number(words, y[finite[0]]), last=number(words, y[finite[-1]]),
        low=number(words, y[low]), high=number(words, y[high]), axis=axis,
        at_low=_at(line.x[low], words), at_high=_at(line.x[high], words),
    )  # fmt: skip
    gone = len(y) - len(finite)
    return f"{said} {words('line-not_finite', count=f'{gone:,}')}" if gone else said


def _curves_table(chart: Curves, words: Catalogue) -> Html:
    lines = ([line for line in chart.lines if not line.faint] or list(chart.lines))[:_COLUMNS]
    at = _positions([np.asarray(line.x) for line in lines if len(line.x)])
    heads = [chart.axis, *(line.label for line in lines)]
    rows = _each(lines, at, words) if len(at) <= _ROWS else _buckets(lines, at, words)
    return table(heads, rows, about=chart.title)


def _positions(found: Sequence[np.ndarray]) -> np.ndarray:
    """Return the positions of some lines, rising; of long ones those of the longest between the ends of all."""
    longest = max(found, key=len, default=np.empty(0))
    if len(longest) < _LONG:
        return np.unique(np.concatenate([*found, longest]))
    first, last = min(x[0] for x in found), max(x[-1] for x in found)
    before, behind = [first] if first < longest[0] else [], [last] if last > longest[-1] else []
    return np.concatenate([before, longest, behind])


def _each(lines: Sequence[Line], at: np.ndarray, words: Catalogue) -> list[list[str]]:
    rows = [[_at(x, words)] for x in at.tolist()]
    for line in lines:
        known = dict(zip(np.asarray(line.x).tolist(), np.asarray(line.y).tolist(), strict=True))
        for row, x in zip(rows, at.tolist(), strict=True):
            row.append(number(words, known[x]) if x in known else "")
    return rows


def _buckets(lines: Sequence[Line], at: np.ndarray, words: Catalogue) -> list[list[str]]:
    """Return a row for each stretch of the axis, with the lowest and the highest of every line in it."""
    edges = np.unique(at[np.linspace(0, len(at), _ROWS + 1).astype(int)[:-1]])
    lasts = [*(at[np.searchsorted(at, edges[1:]) - 1]), at[-1]]
    rows = [[span(first, last, words)] for first, last in zip(edges.tolist(), lasts, strict=True)]
    for line in lines:
        cuts = np.append(np.searchsorted(line.x, edges), len(line.x))
        for row, start, stop in zip(rows, cuts[:-1], cuts[1:], strict=True):
            row.append(_range(np.asarray(line.y[start:stop], dtype=float), words))
    return rows


def _range(values: np.ndarray, words: Catalogue) -> str:
    finite = values[np.isfinite(values)]
    odd = sorted({number(words, value) for value in values[~np.isfinite(values)].tolist()})
    if not len(finite):
        return ", ".join(odd)
    low, high = (number(words, float(end)) for end in (finite.min(), finite.max()))
    return ", ".join([low if low == high else words("span", first=low, last=high), *odd])


def _heat_table(chart: Heat, words: Catalogue) -> Html:
    heads = ["", words("first"), words("last"), words("lowest"), words("highest"), words("highest_at", axis=chart.axis)]
    rows = [
        _heat_row(name, chart.x, row, words) for name, row in zip(chart.rows, np.asarray(chart.values), strict=True)
    ]
    return table(heads, rows[:_ROWS], about=chart.title)


def _heat_row(name: str, x: np.ndarray, row: np.ndarray, words: Catalogue) -> list[str]:
    there = np.flatnonzero(~np.isnan(row))
    if not len(there):
        return [name, "", "", "", "", ""]
    values = row[there]
    ends = [values[0], values[-1], values.min(), values.max()]
    return [name, *(number(words, float(value)) for value in ends), _at(x[there[values.argmax()]], words)]


def _at(x: float, words: Catalogue) -> str:
    return f"{x:,.0f}" if float(x).is_integer() else number(words, float(x)) if math.isfinite(x) else str(x)
