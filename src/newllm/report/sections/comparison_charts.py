"""The charts of a comparison: losses of all arms on one axis, at equal progress, and differences to the control."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from newllm.messages import Catalogue
from newllm.plotting.axes import is_crushed
from newllm.report.charts.chart import Curves, Line
from newllm.report.several.arms import Arm, Member, pairs
from newllm.report.several.bands import Band, at_equal_progress, band, difference, unpaired
from newllm.report.several.line_styles import LineStyle, LineStyles
from newllm.report.several.units import comparable, is_in_units, one_unit
from newllm.trace import Series

_ALONE = "compare-about_difference_alone"
_BUCKETS = 4000  # of a line: a run's own section has every point
_APART = 1.02  # so many times: runs whose steps take nearly the same look the same by step and by token
_LOSSES = ("validation_loss", "loss")
_BITS = "validation_bits_per_byte"


def comparison_charts(arms: Sequence[Arm], axis: str, words: Catalogue) -> list[Curves]:
    """Return the charts, the most telling first; what no two arms have is left out.

    Args:
        arms: the control first.
        axis: what steps count, in words.
        words: of the page.
    """
    styles = LineStyles(arms)
    validation, training = (_having(arms, name) for name in _LOSSES)
    bits = [] if one_unit(arms) else _having(arms, _BITS)
    made = [
        *([_overlay(bits, _BITS, axis, styles, words)] if bits else []),
        *([_overlay(validation, "validation_loss", axis, styles, words)] if validation else []),
        *([_overlay(training, "loss", axis, styles, words)] if training else []),
        *(_rescaled(validation, name, styles, words) for name in ("tokens", "seconds") if _differ(validation, name)),
        _progress(validation, styles, words),
        _differences(validation, "validation_loss", axis, styles, words)
        or _differences(training, "loss", axis, styles, words),
    ]
    return [chart for chart in made if chart is not None and len(chart.lines) > 1]


def _having(arms: Sequence[Arm], name: str) -> list[tuple[int, Arm]]:
    """Return the arms of which every run has a signal, in the control's unit, with their places; none of one run."""
    control = arms[0].members[0]
    found = [
        (at, arm)
        for at, arm in enumerate(arms)
        if all(len(_series(member, name).step) > 1 for member in arm.members)
        and (not is_in_units(name) or comparable(arm.members[0], control))
    ]
    return found if sum(arm.n + len(arm.repeated) for _, arm in found) > 1 else []


def _series(member: Member, name: str) -> Series:
    return member.signals.get(name) or Series(np.empty(0, np.int64), np.empty(0))


def _overlay(arms: Sequence[tuple[int, Arm]], name: str, axis: str, styles: LineStyles, words: Catalogue) -> Curves:
    lines = _lines(arms, name, styles, words)
    key = {"loss": "training", "validation_loss": "validation"}.get(name, "bits")
    unit = "unit-bits-per-byte" if name == _BITS else "unit-loss"
    about = words("compare-about_band") if any(arm.n > 1 for _, arm in arms) else ""
    return _curves(f"compare-{key}", words(f"compare-{key}"), axis, lines, about, words, unit)


def _rescaled(arms: Sequence[tuple[int, Arm]], by: str, styles: LineStyles, words: Catalogue) -> Curves:
    """Draw validation by what was spent on it instead of by step, at the mean pace of each arm."""
    lines: list[Line] = []
    for at, arm in arms:
        pace = _pace(arm, by)
        drawn = _lines([(at, arm)], "validation_loss", styles, words)
        lines += [replace(line, x=np.asarray(line.x) * pace) for line in drawn]
    title, axis = words("compare-validation_by", by=words(f"axis-{by}")), words(f"axis-{by}")
    return _curves(f"compare-{by}", title, axis, lines, words("compare-about_mean_pace"), words)


def _pace(arm: Arm, by: str) -> float:
    return statistics.fmean(member.per_step[by] for member in arm.members)


def _differ(arms: Sequence[tuple[int, Arm]], by: str) -> bool:
    """Whether all know what a step takes, and it is not the same for all arms."""
    # Of a recording only its seconds are known: they tell of the machine's other work as much as of the run.
    known = {"tokens", by}
    if not arms or not all(known <= member.per_step.keys() for _, arm in arms for member in arm.members):
        return False
    paces = [_pace(arm, by) for _, arm in arms]
    return max(paces) > _APART * min(paces)


def _lines(arms: Sequence[tuple[int, Arm]], name: str, styles: LineStyles, words: Catalogue) -> list[Line]:
    """Return of each arm its mean with the interval, and its runs as faint lines; of a single run the run."""
    lines: list[Line] = []
    for at, arm in arms:
        together = band([_series(member, name) for member in arm.members])
        if together is None:
            continue
        lines.append(_line(f"arm-{at}", label_of(arm, words), styles.of_arm(arm), together))
        lines += [
            _line(f"arm-{at}-run-{number}", label, styles.of_run(one), _single(_series(one, name)), faint=True)
            for number, (label, one) in enumerate(runs_of(arm, words))
            if len(_series(one, name).step)
        ]
    return lines


def runs_of(arm: Arm, words: Catalogue) -> list[tuple[str, Member]]:
    """Return the runs behind an arm's mean, each with its label; of one run only those that repeat its seed."""
    seeds = [(member.name, member) for member in arm.members] if arm.n > 1 else []
    return [*seeds, *((words("compare-again", name=one.name), one) for one in arm.repeated)]


def label_of(arm: Arm, words: Catalogue) -> str:
    """Return an arm's name, with the number of its seeds where it has several."""
    return words("compare-arm", name=arm.name, n=arm.n) if arm.n > 1 else arm.name


def _line(name: str, label: str, style: LineStyle, drawn: Band, *, faint: bool = False) -> Line:
    line = Line(name, label, style.colour, drawn.x, drawn.middle, drawn.low, drawn.high, faint=faint, dash=style.dash)
    return line.thinned(_BUCKETS)


def _progress(arms: Sequence[tuple[int, Arm]], styles: LineStyles, words: Catalogue) -> Curves | None:
    """Draw validation over what training had gained; each run by itself, since no two gain the same."""
    lines = []
    for at, arm in arms:
        for number, member in enumerate(arm.members):
            found = at_equal_progress(_series(member, "loss"), _series(member, "validation_loss"))
            if found is not None:
                label = arm.name if arm.n == 1 else f"{arm.name}, {member.name}"
                drawn = Band(*found, None, None, 1)
                style = styles.of_run(member)
                lines.append(_line(f"arm-{at}-run-{number}", label, style, drawn, faint=number > 0))
    title, axis = words("compare-progress"), words("axis-progress")
    return _curves("compare-progress", title, axis, lines, words("compare-about_progress"), words) if lines else None


def _differences(
    arms: Sequence[tuple[int, Arm]], name: str, axis: str, styles: LineStyles, words: Catalogue
) -> Curves | None:
    """Draw each arm minus the control, which must be among them: paired by seed where seeds are shared."""
    if not arms or arms[0][0] != 0:
        return None
    control = arms[0][1]
    drawn = [(at, arm, _minus(control, arm, name)) for at, arm in arms[1:]]
    lines = [_line(f"arm-{at}", label_of(arm, words), styles.of_arm(arm), found) for at, arm, found in drawn if found]
    if not lines:
        return None
    ends = np.array([min(line.x[0] for line in lines), max(line.x[-1] for line in lines)])
    zero = Line("control", control.name, "muted", ends, np.zeros(2))
    key = "validation" if name == "validation_loss" else "training"
    title = words(f"compare-difference_{key}", control=control.name)
    about = words("compare-about_difference" if any(line.low is not None for line in lines) else _ALONE)
    return _curves("compare-difference", title, axis, [zero, *lines], about, words)


def _minus(control: Arm, arm: Arm, name: str) -> Band | None:
    shared = pairs(control, arm)
    if shared:
        return difference([(_series(first, name), _series(second, name)) for first, second in shared])
    first, second = (band([_series(member, name) for member in one.members]) for one in (control, arm))
    return unpaired(first, second) if first and second else None


def _single(series: Series) -> Band:
    return Band(series.step, series.value, None, None, 1)


def _curves(
    id: str, title: str, axis: str, lines: Sequence[Line], about: str, words: Catalogue, unit: str = "unit-loss"
) -> Curves:
    values = np.concatenate([np.asarray(line.y, dtype=float) for line in lines])
    log = bool(is_crushed(values))  # never of a difference, which goes through 0
    return Curves(id, title, axis, words(unit), tuple(lines), log=log, about=about)
