"""From the doctor's findings to what can be replayed: each spike located in the training loss. No torch.

The doctor reports a spike once, of the signal where it is gravest, and locates it coarsely: a validation loss knows
only the steps of its evaluations, and a rise is reported from where it left the noise. A replay must begin before the
first step that is part of it. So the step is looked up in the training loss by `find_spikes` (diagnosis/spike.py)
near what the doctor reported.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.excursion import find_excursions
from newllm.diagnosis.losses import finite
from newllm.diagnosis.replayable import JUMPS, replayable
from newllm.diagnosis.spike import find_spikes
from newllm.replays.subjects.severity import HIGHEST
from newllm.trace import Finding, Series, Trace

_NAMES = {"loss": "loss", "validation_loss": "validation", "gradient_norm": "gradient_norm"}
_REACH = 5  # points before what the doctor reported, as far as `find_spikes` looks back
_SMALLEST = 1e-3  # of a loss that heights are held against
_LARGE = 0.5  # of the largest: the first one so large leads the others


@dataclass(frozen=True)
class LocatedSpike:
    """One spike of the original run: what the doctor found, located in a signal. A step is a number of updates done.

    Attributes:
        onset: first step at which the loss has left its trend; of a validation loss the first step that may have
            brought that about, the one after the last evaluation that was well.
        peak: step at which it is worst.
        end: first step after it at which it was healed; None if it never was.
        base: level before it, in the units of the signal (nats).
        height: of the peak above it; infinite where the signal was not finite.
        signal: what to judge by: "loss" where the training loss shows it, else "validation" or "gradient_norm".
        finding: what the doctor says of it.
    """

    onset: int
    peak: int
    end: int | None
    base: float
    height: float
    signal: str
    finding: Finding


def spikes_of(findings: Sequence[Finding], trace: Trace) -> tuple[LocatedSpike, ...]:
    """Return what can be replayed, in time order: spikes, divergence, what is not finite; else exploding gradients."""
    return _joined([_spike(one, trace) for one in replayable(findings)])


def most_serious(spikes: Sequence[LocatedSpike]) -> int:
    """Return the index of the first large one: of those the doctor warns of, half as high as the highest at least.

    Heights are compared as ratios. What comes later than a large spike may be its aftermath.
    """
    warned = [at for at, one in enumerate(spikes) if not _is_note(one.finding)] or list(range(len(spikes)))
    highest = max(_rise(spikes[at]) for at in warned)
    return next(at for at in warned if _rise(spikes[at]) >= _LARGE * highest)


def _rise(spike: LocatedSpike) -> float:
    if not math.isfinite(spike.base):  # not finite from the first step on
        return math.inf
    base = max(spike.base, _SMALLEST)
    return math.log(max(min(spike.base + spike.height, max(HIGHEST, 2 * base)), base) / base)


def _is_note(finding: Finding) -> bool:
    return finding.severity == "note"


def _spike(finding: Finding, trace: Trace) -> LocatedSpike:
    if finding.kind == "not-finite":
        return _not_finite(finding, trace)
    if finding.kind not in JUMPS:
        return _climb(finding, trace)
    jump = _in_training(finding, trace)
    return _in_validation(finding, trace) if jump is None else jump


def _in_training(finding: Finding, trace: Trace) -> LocatedSpike | None:
    """Return the spike as the training loss shows it; None where it does not."""
    if "loss" not in (finding.signal, *finding.evidence.get("also_in", [])):
        return None
    series = finite(trace.series("loss"))
    if finding.signal == "loss":
        whole = _as_reported(finding, "loss", int(finding.first_step or 0))
    else:
        overlapping = [one for one in _excursions(series, finding) if _overlap(one, finding)]
        if not overlapping:
            return None
        whole = max(overlapping, key=lambda one: one.height)
    last = whole.end if whole.end is not None else math.inf
    opened = [
        one
        for one in find_spikes(series.step, series.value)
        if whole.onset - _REACH * _spacing(series) <= one.onset < last
    ]
    if not opened:
        return whole
    first, top = opened[0], max(opened, key=lambda one: one.height)
    ends = [None if one.recovery is None else int(one.onset + one.recovery) for one in opened]
    end = whole.end if None in ends else max(one for one in ends if one is not None)
    return LocatedSpike(
        int(first.onset), int(top.peak), end, first.base, top.base + top.height - first.base, "loss", finding
    )


def _excursions(series: Series, finding: Finding) -> list[LocatedSpike]:
    step = series.step
    return [
        LocatedSpike(
            int(step[one.onset]),
            int(step[one.peak]),
            int(step[one.end]) if one.end < len(step) else None,
            one.base,
            one.height,
            "loss",
            finding,
        )
        for one in find_excursions(series.value)
    ]


def _overlap(spike: LocatedSpike, finding: Finding) -> bool:
    last = math.inf if finding.evidence.get("recovered_step") is None else finding.last_step
    return spike.onset <= (last or 0) and (spike.end is None or spike.end >= (finding.first_step or 0))


def _in_validation(finding: Finding, trace: Trace) -> LocatedSpike:
    signal = finding.signal or "validation_loss"
    step, first = trace.series(signal).step, int(finding.first_step or 0)
    before = step[step < first]
    onset = int(before[-1]) + 1 if len(before) else max(1, first)
    return _as_reported(finding, _NAMES.get(signal, "validation"), onset)


def _as_reported(finding: Finding, signal: str, onset: int) -> LocatedSpike:
    """Return the spike where and as high as the doctor reported it."""
    evidence = finding.evidence
    end = evidence["recovered_step"]
    return LocatedSpike(onset, evidence["peak_step"], end, evidence["base"], evidence["height"], signal, finding)


def _not_finite(finding: Finding, trace: Trace) -> LocatedSpike:
    signal, first = finding.signal or "loss", int(finding.first_step or 0)
    series = trace.series(signal)
    later = series.step[(series.step > first) & np.isfinite(series.value)]
    base = finding.evidence.get("before")
    end = int(later[0]) if len(later) else None
    return LocatedSpike(
        first, first, end, math.inf if base is None else base, math.inf, _NAMES.get(signal, "loss"), finding
    )


def _climb(finding: Finding, trace: Trace) -> LocatedSpike:
    """Return what climbs without a jump (a slow divergence, or a gradient that explodes) between its first and last."""
    signal = finding.signal or "loss"
    series = finite(trace.series(signal))
    first, last = int(finding.first_step or 0), int(finding.last_step or 0)
    within = (series.step >= first) & (series.step <= last)
    step, value = series.step[within], series.value[within]
    base = float(finding.evidence.get("base", value[0]))
    top, after = int(np.argmax(value)), series.step[series.step > last]
    end = int(after[0]) if len(after) else None
    return LocatedSpike(first, int(step[top]), end, base, float(value[top]) - base, _NAMES.get(signal, "loss"), finding)


def _joined(spikes: list[LocatedSpike]) -> tuple[LocatedSpike, ...]:
    """Return the spikes, each once.

    Numbers that end are the peak of the jump that led there, and a validation loss that jumps while the training loss
    does has the same cause.
    """
    distinct: list[LocatedSpike] = []
    for spike in sorted(spikes, key=_in_order):
        led = next((at for at, other in enumerate(distinct) if _led(other, spike)), None)
        if led is None:
            distinct.append(spike)
        elif spike.finding.kind == "not-finite":
            distinct[led] = dataclasses.replace(distinct[led], peak=spike.peak, end=spike.end, height=math.inf)
    return tuple(sorted(distinct, key=lambda spike: (spike.onset, spike.peak)))


def _in_order(spike: LocatedSpike) -> tuple[bool, bool, int]:
    """Jumps of the training loss first, then those of the validation loss, then what they led to."""
    return spike.finding.kind == "not-finite", spike.signal == "validation", spike.onset


def _led(earlier: LocatedSpike, spike: LocatedSpike) -> bool:
    """Whether one is what an earlier jump came to, or the same jump on the validation loss."""
    if earlier.finding.kind not in JUMPS or earlier.onset > (spike.finding.first_step or spike.onset):
        return False
    if spike.finding.kind == "not-finite":
        return earlier.end is None or spike.onset <= earlier.end
    return spike.signal == "validation" and spike.onset <= (earlier.peak if earlier.end is None else earlier.end)


def _spacing(series: Series) -> float:
    return float(np.median(np.diff(series.step))) if len(series.step) > 1 else 1.0
