"""Updates whose inputs are far outside those of the updates before: another standard deviation, or another mean."""

from typing import NamedTuple

import numpy as np

from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite
from newllm.trace import Trace

OUTSIDE = 20.0  # times what the batches before scatter
TIMES = 1.5  # and so many times their standard deviation, or a mean so many of these away
FEWEST = 8  # updates before
SPREAD = 1.4826  # standard deviations in a median absolute deviation


class OutlierBatch(NamedTuple):
    """One such update: its step, which of its inputs' numbers is far outside, its value, and the usual one."""

    step: int
    name: str
    value: float
    usual: float


def outlier_batches(trace: Trace) -> list[OutlierBatch]:
    """Return the updates of a trace, in their order, whose inputs are far outside those of the updates before."""
    found: dict[int, OutlierBatch] = {}
    stds = finite(trace.series("input_std"))
    for name in ("input_std", "input_mean"):
        series = finite(trace.series(name))
        if len(series.value) <= FEWEST or not len(stds.value):
            continue
        off = np.abs(series.value - median(series.value))
        # Less than half as far off as is asked for below: so that few places are held against all before them.
        for place in np.flatnonzero(off > OUTSIDE / 2 * SPREAD * median(off)):
            if place < FEWEST:
                continue
            before, value, step = series.value[:place], float(series.value[place]), int(series.step[place])
            usual, std = median(before), median(stds.value[stds.step < step])
            far = value > TIMES * usual if name == "input_std" else abs(value - usual) > TIMES * std
            if far and abs(value - usual) > OUTSIDE * SPREAD * median(np.abs(before - usual)):
                found.setdefault(step, OutlierBatch(step, name, value, usual))
    return [found[step] for step in sorted(found)]
