"""Every figure of the project, in one style and one set of colours.

Importing this costs nothing: matplotlib is imported by the first figure that is drawn.
"""

from newllm.plotting.bands import Band, BandPanel, draw_bands
from newllm.plotting.intervals import IntervalRow, draw_intervals
from newllm.plotting.scaling import Look, ScalingLine, ScalingPanel, draw_scaling
from newllm.plotting.training_curves import draw_training_curves

__all__ = [
    "Band",
    "BandPanel",
    "IntervalRow",
    "Look",
    "ScalingLine",
    "ScalingPanel",
    "draw_bands",
    "draw_intervals",
    "draw_scaling",
    "draw_training_curves",
]
