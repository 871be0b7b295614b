"""One chart of several runs: a signal across steps, tokens, time or equal progress.

It shows each run, or its difference from the first, or arms with intervals over their seeds.
Tokens and time are the step times the run's mean pace, as the report has it. Equal progress puts a signal over the nats
that training had gained by then, which is only told of signals that were measured beside a training loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from newllm.messages import Catalogue
from newllm.plotting.axes import is_crushed
from newllm.report.charts.chart import Curves, Line
from newllm.report.sections.comparison_charts import label_of, runs_of
from newllm.report.several.arms import Member, arms_of
from newllm.report.several.bands import Band, at_equal_progress, band, difference
from newllm.report.several.line_styles import LineStyle, LineStyles
from newllm.report.several.units import comparable, is_in_units
from newllm.trace import Series
from newllm.words.labels import signal_label
from newllm.words.plain import plain

AXES = {"step": "axis-step", "token": "axis-tokens", "time": "axis-seconds", "progress": "axis-progress"}
VIEWS = ("overlay", "difference", "arms")
_PACES = {"token": "tokens", "time": "seconds"}
_UNITS = ("loss", "validation_loss")
_BITS = "validation_bits_per_byte"
_ABOUT_VIEWS = {"difference": "compare-about_difference", "arms": "compare-about_band"}
_ABOUT_AXES = {
    "token": "compare-about_mean_pace",
    "time": "compare-about_mean_pace",
    "progress": "compare-about_progress",
}


@dataclass(frozen=True)
class ChartQuery:
    """What is to be drawn.

    Attributes:
        signal: its name in the traces.
        axis: one of `AXES`.
        view: one of `VIEWS`.
    """

    signal: str
    axis: str
    view: str


def compared(members: Sequence[Member], query: ChartQuery, words: Catalogue) -> tuple[Curves, list[str]]:
    """Return the chart, and the names of the runs that are not in it because they lack what it needs.

    Args:
        members: the runs, the first of them is what the others are held against.
        query: what is to be drawn.
        words: of the page.
    """
    found = {id(member): _across(member, query) for member in members}
    there = [member for member in members if len(found[id(member)].step) > 0]
    missing = [_without(member, query, words) for member in members if not len(found[id(member)].step)]
    if is_in_units(query.signal):  # losses of another unit than the first run's are no one measure
        others = [member for member in there if not comparable(member, there[0])]
        there = [member for member in there if member not in others]
        missing += [words("compare-other_unit", name=plain(member.name)) for member in others]

    def series(member: Member) -> Series:
        return found[id(member)]

    drawn = {"overlay": _overlay, "difference": _difference, "arms": _arms}[query.view]
    lines = drawn(members, there, series, LineStyles(arms_of(members)), words)
    values = np.concatenate([np.asarray(line.y, dtype=float) for line in lines] or [np.empty(0)])
    log = query.view != "difference" and len(values) > 0 and bool(is_crushed(values))
    unit = words("unit-loss") if query.signal in _UNITS else ""
    view = _ABOUT_VIEWS.get(query.view)
    if all(line.low is None for line in lines):
        view = {"arms": "compare-about_no_band", "difference": "compare-about_difference_alone"}.get(query.view)
    about = [words(key) for key in (view, _ABOUT_AXES.get(query.axis)) if key]
    chart = Curves(
        "compared", signal_label(words, query.signal), words(AXES[query.axis]), unit, tuple(lines), log=log,
        about=words("sentence-gap").join(about),
    )  # fmt: skip
    return chart, missing


def signals_of(members: Sequence[Member]) -> list[str]:
    """Return the names of the signals that any of the runs has, those of most runs first, losses before all."""
    counts: dict[str, int] = {}
    for member in members:
        for name, series in member.signals.items():
            if len(series.step):
                counts[name] = counts.get(name, 0) + 1
    return sorted(counts, key=lambda name: (name not in _UNITS, "/" in name, -counts[name], name))


def first_signal(signals: Sequence[str], members: Sequence[Member]) -> str:
    """Return what is shown at first: a loss; of losses of different units the bits per byte, where there are any."""
    apart = any(not comparable(member, members[0]) for member in members)
    if apart and _BITS in signals and all(_BITS in member.signals for member in members):
        return _BITS
    return signals[0] if signals else "loss"


def _across(member: Member, query: ChartQuery) -> Series:
    """Return the signal of a run over the axis that is asked for; empty where it cannot be told."""
    series = member.signals.get(query.signal)
    nothing = Series(np.empty(0), np.empty(0))
    if series is None or not len(series.step):
        return nothing
    if query.axis == "progress":
        training = member.signals.get("loss")
        found = None if training is None else at_equal_progress(training, series)
        return nothing if found is None else Series(*found)
    if query.axis in _PACES:
        pace = member.per_step.get(_PACES[query.axis])
        return nothing if pace is None else Series(series.step * pace, series.value)
    return series


def _without(member: Member, query: ChartQuery, words: Catalogue) -> str:
    """Return the name of a run that is not shown, with the reason where its signal is there."""
    by = _PACES.get(query.axis)
    has_signal = len(member.signals.get(query.signal, Series(np.empty(0), np.empty(0))).step) > 0
    name = plain(member.name)
    return words("compare-no_pace", name=name, by=by) if by and has_signal else name


_Series = Callable[[Member], Series]


def _overlay(
    members: Sequence[Member], there: Sequence[Member], series: _Series, styles: LineStyles, words: Catalogue
) -> list[Line]:
    del words
    return [_run(members.index(one), plain(one.name), styles.of_run(one), series(one)) for one in there]


def _difference(
    members: Sequence[Member], there: Sequence[Member], series: _Series, styles: LineStyles, words: Catalogue
) -> list[Line]:
    del words
    if not members or members[0] not in there:
        return []
    first, *others = there
    apart = [(one, difference([(series(first), series(one))])) for one in others]
    lines = [
        _line(f"run-{members.index(one)}", plain(one.name), styles.of_run(one), found) for one, found in apart if found
    ]
    return _with_zero(first.name, lines)


def _arms(
    members: Sequence[Member], there: Sequence[Member], series: _Series, styles: LineStyles, words: Catalogue
) -> list[Line]:
    lines = []
    for arm in arms_of(there):
        at = members.index(arm.members[0])
        together = band([series(member) for member in arm.members])
        if together is not None:
            lines.append(_line(f"run-{at}", label_of(arm, words), styles.of_arm(arm), together))
        lines += [
            replace(_run(at, plain(label), styles.of_run(one), series(one)), name=f"run-{at}-{number}", faint=True)
            for number, (label, one) in enumerate(runs_of(arm, words), 1)
        ]
    return lines


def _with_zero(name: str, lines: list[Line]) -> list[Line]:
    if not lines:
        return []
    ends = np.array([min(line.x[0] for line in lines), max(line.x[-1] for line in lines)], dtype=float)
    return [Line("first", plain(name), "muted", ends, np.zeros(2)), *lines]


def _run(at: int, label: str, style: LineStyle, series: Series) -> Line:
    return _line(f"run-{at}", label, style, Band(series.step, series.value, None, None, 1))


def _line(name: str, label: str, style: LineStyle, drawn: Band) -> Line:
    return Line(name, label, style.colour, drawn.x, drawn.middle, drawn.low, drawn.high, dash=style.dash)
