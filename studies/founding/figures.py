"""The two figures of the founding study."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.plotting import Band, BandPanel, IntervalRow, draw_bands, draw_intervals

from . import document
from .arms import ARMS, DOCUMENT_RUNS, TRANSFORMER
from .effects import EFFECTS, Effect
from .labels import labels
from .verdicts import WINDOW

_SHOWN = 60  # epochs: experiment 3 goes on to 150, the spikes are long over


def draw_runs(path: Path, results: Mapping[str, Any]) -> None:
    """Draw validation and probe loss of the document's runs, with the points that the document prints."""
    curves = results["curves"]
    panels = [
        BandPanel(
            title=arm,
            bands=[
                _band(curves[arm], "probe_loss", "training sentences"),
                _band(curves[arm], "validation_loss", "validation"),
            ],
            window=None if arm == TRANSFORMER else WINDOW,
            marks=document.CURVES.get(arm, ()),
        )
        for arm in DOCUMENT_RUNS
        if arm in curves
    ]
    draw_bands(
        panels,
        path,
        title="The document's runs, again: median and quartiles over seeds and data sets",
        x_label="epoch",
        y_label="nats per token",
        window_label=f"epochs {WINDOW[0]} to {WINDOW[1]}, as the document says",
        marks_label="validation, as the document prints it",
    )


def draw_effects(path: Path, effects: Mapping[str, Effect]) -> None:
    """Draw for every arm the share of runs that get as far as their control without a spike."""
    words, order = labels("en"), {arm.name: index for index, arm in enumerate(ARMS)}
    rows = [
        IntervalRow(
            label=f"{name}: {words.arm_purposes[name]}",
            estimate=found.remedied.estimate,
            low=found.remedied.low,
            high=found.remedied.high,
            group=words.effects[found.kind],
            note="-" if found.onset is None else f"{found.onset:.0f}",
        )
        for name, found in sorted(effects.items(), key=lambda item: (_rank(item[1]), order[item[0]]))
    ]
    draw_intervals(
        rows,
        path,
        title="Runs that get as far as the document's without a spike, by what was changed",
        x_label="share of runs, 95 % interval",
        x_range=(0.0, 1.0),
        note_heading="median onset, epoch",
    )


def _rank(found: Effect) -> int:
    return EFFECTS.index(found.kind)


def _band(curves: Mapping[str, Any], signal: str, name: str) -> Band:
    low, middle, high = (quartile[: _SHOWN + 1] for quartile in curves[signal])
    return Band(name, curves["epoch"][: _SHOWN + 1], low, middle, high)
