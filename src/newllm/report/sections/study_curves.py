"""The losses of a study's arms over training: the median of all runs, shaded between the quartiles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from newllm.messages import Catalogue
from newllm.plotting.axes import is_crushed
from newllm.report.charts.chart import Curves, Line, Section
from newllm.report.charts.figure import figure
from newllm.report.markup import folded, joined, tag
from newllm.report.source.study import Item, StudySource
from newllm.words.labels import signal_label
from newllm.words.plain import plain

_SIGNALS = {"train_loss": "training", "probe_loss": "context", "validation_loss": "validation"}
_NAME = 80


def curves_section(study: StudySource, words: Catalogue) -> Section | None:
    """Return the section, None where no arm has a curve: arms without a control in full, the others beside theirs."""
    alone = [_whole(at, arm, study, words) for at, arm in enumerate(study.arms) if not arm["control"]]
    beside = [_beside(at, arm, study, words) for at, arm in enumerate(study.arms) if arm["control"]]
    first, others = ([chart for chart in charts if chart.lines] for charts in (alone, beside))
    if not first and not others:
        return None
    grids = [tag("div", *(figure(chart, words) for chart in charts), kind="charts") for charts in (first, others)]
    parts = [tag("p", words("study-about_curves"), kind="muted"), grids[0]]
    parts += [folded(words("study-more_curves", count=len(others)), grids[1])] if others else []
    return Section("study-curves", words("study-curves"), joined(parts), (*first, *others))


def _whole(at: int, arm: Item, study: StudySource, words: Catalogue) -> Curves:
    """Draw all losses of one arm."""
    found = study.curves.get(arm["name"])
    lines = [_line(found, name, colour, signal_label(words, name)) for name, colour in _SIGNALS.items()]
    return _curves(at, arm, lines, words)


def _beside(at: int, arm: Item, study: StudySource, words: Catalogue) -> Curves:
    """Draw the probe loss of an arm over that of its control."""
    control = _line(
        study.curves.get(arm["control"]), "probe_loss", "muted", plain(arm["control"], _NAME), key="control"
    )
    probe = _line(study.curves.get(arm["name"]), "probe_loss", "context", signal_label(words, "probe_loss"))
    validation = _line(
        study.curves.get(arm["name"]), "validation_loss", "validation", signal_label(words, "validation_loss")
    )
    return _curves(at, arm, [control, probe, validation] if probe or validation else [], words)


def _curves(at: int, arm: Item, lines: Sequence[Line | None], words: Catalogue) -> Curves:
    drawn = tuple(line for line in lines if line is not None)
    log = bool(drawn) and bool(is_crushed(np.concatenate([line.y for line in drawn])))
    return Curves(f"study-arm-{at}", plain(arm["name"], _NAME), words("axis-epoch"), words("unit-loss"), drawn, log=log)


def _line(found: Any, name: str, colour: str, label: str, key: str = "") -> Line | None:
    """Return a median with its quartiles, None where the file has no sound ones."""
    if not isinstance(found, Mapping):
        return None
    x, quartiles = _numbers(found.get("epoch")), found.get(name)
    if not isinstance(quartiles, list) or len(quartiles) != 3 or x is None:
        return None
    low, middle, high = (_numbers(one) for one in quartiles)
    if low is None or middle is None or high is None or not len(x) == len(low) == len(middle) == len(high) > 1:
        return None
    if not np.isfinite(x).all() or (np.diff(x) <= 0).any():
        return None
    known = np.isfinite(middle)
    return Line(key or name, label, colour, x[known], middle[known], low[known], high[known]) if known.any() else None


def _numbers(values: Any) -> np.ndarray | None:
    """Return a list of numbers as an array, None where it is none; null is NaN."""
    if not isinstance(values, list):
        return None
    if not all(one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in values):
        return None
    try:
        return np.array([np.nan if one is None else float(one) for one in values])
    except OverflowError:
        return None
