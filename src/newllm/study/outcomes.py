"""What one cell comes to, as every study asks it: losses, spikes, and progress beside the control.

Spikes are found on the validation loss and on the probe loss (training rows in evaluation mode: what the model
itself does, without words it never saw). Progress is the probe loss, its median over the last five measurements;
"by equal progress" is up to the first one at which a cell is as far as its control ever was, or, where it never
gets there, to its own end: a remedy that only delays a spike is none.
"""

from collections.abc import Sequence

import numpy as np

from newllm.diagnosis.spike import Spike, find_spikes
from newllm.statistics import trailing_median
from newllm.study.design import Record, Row

SIGNALS = ("validation", "probe")
HIGHEST = 100.0  # nats: what a loss that is not finite counts as, so that it can be averaged


def outcomes(record: Record, control: Record | None) -> Row:
    """Return the outcomes of one cell.

    Args:
        record: from `newllm.study.record.read_record`.
        control: that of the control with the same seed and data; None for an arm without one.
    """
    epochs, validation = record["epoch"], numbers(record["validation"]["loss"]).tolist()
    probe, best = numbers(record["probe"]["loss"]).tolist(), int(np.argmin(validation))
    until = equal_progress(record, control)
    row: Row = {"epochs": epochs[-1], "diverged": record["diverged"], "reached": until}
    for name, found in spikes_of(record).items():
        row |= _spike_outcomes(name, found, until if until is not None else epochs[-1])
    return row | {
        "best_validation": validation[best],
        "best_epoch": epochs[best],
        "last_validation": validation[-1],
        "last_train": float(numbers(record["train"]["loss"])[-1]),
        "lowest_probe": min(probe),
        "lowest_probe_after_best": min(probe[best:]),
        "probe_at_best": probe[best],
        "last_probe": probe[-1],
        "gap_at_end": validation[-1] - probe[-1],
    }


def spikes_of(record: Record) -> dict[str, list[Spike]]:
    """Return the spikes of each signal."""
    return {name: find_spikes(record["epoch"], numbers(record[name]["loss"])) for name in SIGNALS}


def equal_progress(record: Record, control: Record | None) -> int | None:
    """Return the epoch at which a run is as far as its control ever was; None if it never is."""
    if control is None:
        return int(record["epoch"][-1])
    target = trailing_median(numbers(control["probe"]["loss"])).min()  # the last one may lie high, in a spike
    there = np.flatnonzero(trailing_median(numbers(record["probe"]["loss"])) <= target)
    return int(record["epoch"][there[0]]) if len(there) else None


def _spike_outcomes(name: str, spikes: Sequence[Spike], until: float) -> Row:
    first = spikes[0] if spikes else None
    return {
        f"{name}_spikes": len(spikes),
        f"{name}_spiked": bool(spikes),
        f"{name}_spiked_by_equal_progress": any(spike.onset <= until for spike in spikes),
        f"{name}_onset": first and first.onset,
        f"{name}_peak": first and first.peak,
        f"{name}_height": first.height if first else 0.0,
        f"{name}_tallest": max((spike.height for spike in spikes), default=0.0),
        f"{name}_jump": first and first.jump,
        f"{name}_recovery": first and first.recovery,
    }


def numbers(values: Sequence[float | None], missing: float = HIGHEST) -> np.ndarray:
    """Return floats; a record keeps what is not finite as null."""
    return np.array([missing if value is None else value for value in values], dtype=float)
