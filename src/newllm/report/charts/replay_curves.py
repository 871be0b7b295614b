"""The curves of replays: of each confirmed intervention over the null replays of the same chance."""

from collections.abc import Sequence

import numpy as np

from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Line, Mark
from newllm.report.charts.lines import logarithmic
from newllm.report.source import Source
from newllm.report.source.replays import Followed
from newllm.trace import Tried, Verdict
from newllm.words.labels import axis_label
from newllm.words.plain import plain

_MOST = 6  # interventions
_COLOURS = {"removes": "context", "reduces": "training", "delays": "sky"}


def replay_curves(
    source: Source, words: Catalogue, verdict: Verdict, followed: Sequence[Followed], number: int
) -> list[Curves]:
    """Return two charts for each confirmed intervention: training loss and loss on the probe batch.

    Args:
        source: the run.
        words: of the page.
        verdict: of one spike.
        followed: its replays.
        number: of the spike on the page.
    """
    confirmed = [one for one in verdict.interventions if one.stage == "confirmed"][:_MOST]
    return [
        chart
        for at, one in enumerate(confirmed)
        for loss in ("loss", "probe")
        if (chart := _chart(source, words, verdict, _of(followed, one), loss, f"replay-{number}-{at}-{loss}", one))
    ]


def _of(followed: Sequence[Followed], tried: Tried) -> tuple[list[Followed], list[Followed]]:
    """Return the null replays and those with the change, from the start of the change."""
    file = tried.name.replace(" + ", "+")
    here = [one for one in followed if one.start == tried.start]
    return [one for one in here if one.name == "null"], [one for one in here if one.name == file]


def _chart(
    source: Source, words: Catalogue, verdict: Verdict, found: tuple[list[Followed], list[Followed]], loss: str,
    name: str, tried: Tried,
) -> Curves | None:  # fmt: skip
    nulls, changed = found
    if not nulls or not changed:
        return None
    colour = _COLOURS.get(tried.effect_class, "learning-rate")
    lines = (
        _group(nulls, loss, "null", "muted", words("replay-null", count=len(nulls))),
        _group(changed, loss, "changed", colour, words("replay-changed", name=plain(tried.name), count=len(changed))),
    )
    drawn = tuple(line for line in lines if line is not None and len(line.x))
    if len(drawn) < 2:
        return None
    title = words(f"replay-{loss}", name=plain(tried.name), step=f"{tried.start:,}")
    return Curves(
        source.id(name), title, axis_label(words, "step"), words("unit-loss"), drawn, _spike(verdict, words),
        log=logarithmic(*drawn),
    )  # fmt: skip


def _group(replays: Sequence[Followed], loss: str, name: str, colour: str, label: str) -> Line | None:
    """Return the middle of the replays as a line, in a band from the lowest to the highest of them."""
    curves = [one.losses[loss] for one in replays if len(one.losses[loss][0])]
    if not curves:
        return None
    x = np.unique(np.concatenate([at for at, _ in curves]))
    values = np.full((len(curves), len(x)), np.nan)
    for row, (at, value) in zip(values, curves, strict=True):
        row[np.searchsorted(x, at)] = value
    enough = (~np.isnan(values)).sum(axis=0) * 2 >= len(curves)  # past that the middle would be of other replays
    x, values = x[enough], values[:, enough]
    return Line(name, label, colour, x, np.nanmedian(values, 0), np.nanmin(values, 0), np.nanmax(values, 0))


def _spike(verdict: Verdict, words: Catalogue) -> tuple[Mark, ...]:
    first, last = verdict.spike.get("onset"), verdict.spike.get("end") or verdict.spike.get("peak")
    if not isinstance(first, int) or not isinstance(last, int):
        return ()
    return (Mark(first, max(first, last), "fault", words("replay-mark")),)
