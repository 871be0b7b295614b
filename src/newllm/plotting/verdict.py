"""A verdict as a figure: how much of the spike each intervention took away, the confirmed above the screened."""

from pathlib import Path

from newllm.plotting.intervals import IntervalRow, draw_intervals
from newllm.trace.verdict import Tried, Verdict

_MOST = 40  # rows; the best come first
_RANGE = (-1.0, 1.25)  # twice as bad, and all gone with room for an interval


def draw_verdict(verdict: Verdict, path: Path) -> None:
    """Draw the effects with their 95 % intervals and write them as PNG, whole or not at all.

    Of a verdict without an intervention there is nothing to draw, and nothing is written.

    Args:
        verdict: what is drawn.
        path: the figure's place.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    if not verdict.interventions:
        return
    ordered = sorted(verdict.interventions, key=lambda one: one.stage != "confirmed")  # keeps the order within
    draw_intervals(
        [_row(one) for one in ordered[:_MOST]],
        path,
        title=f"What takes the spike at step {verdict.spike.get('onset')} away",
        x_label="share of the spike's severity that is gone",
        reference=1.0,
        reference_label="all gone",
        x_range=_RANGE,
        note_heading="class, replays that spike",
    )


def _row(tried: Tried) -> IntervalRow:
    low, high = tried.interval or (None, None)
    group = f"confirmed on {tried.n} seeds" if tried.stage == "confirmed" else "screened only: nothing is claimed"
    return IntervalRow(
        label=f"{tried.name}, from step {tried.start:,}",
        estimate=tried.effect,
        low=low,
        high=high,
        group=group,
        note=f"{tried.effect_class}, {tried.spiked}/{tried.n}",
    )
