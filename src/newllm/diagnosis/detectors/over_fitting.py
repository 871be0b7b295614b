"""A validation loss that turns up while the training loss goes on falling.

False alarms: the rise is of smoothed levels, over at least `FEWEST` evaluations behind the best, by `LEAST` on the log
scale and `NOISE` times what neighbouring evaluations differ by. Where the trace splits the validation loss by class
of target, only the `seen` targets count: what the unknown ones cost is no over-fitting and is told as that.
"""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import comparable, descent, finite, loss_names
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST = 3  # evaluations behind the best
LEAST = 0.05
WARN = 0.1  # on the log scale; below it is a note
LEAST_OF_DESCENT = 0.1
NOISE = 4.0
UNKNOWN_SHARE = 0.5  # of the gap
LEAST_GAP = 0.1  # nats


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the over-fitting of seen targets, and a gap that is the unknown ones' alone."""
    if "validation_loss" not in loss_names(trace):
        return []
    name = "validation_loss/seen" if len(trace.series("validation_loss/seen").value) else "validation_loss"
    return [one for one in (_turned_up(trace, name), _unknown(trace)) if one]


def _turned_up(trace: Trace, name: str) -> Finding | None:
    series = finite(trace.series(name))
    value = series.value
    if len(value) < FEWEST + 2:
        return None
    scaled = comparable(value)
    best = int(np.argmin(scaled))
    behind = scaled[best + 1 :]
    if len(behind) < FEWEST:
        return None
    few = max(2, len(behind) // 3)
    now = float(np.median(scaled[-few:]))
    rise = now - float(scaled[best])
    noise = float(1.4826 * np.median(np.abs(np.diff(scaled, 2))) / np.sqrt(6))
    height = float(np.median(value[-few:]) - value[best])
    goes_on = np.median(behind[-few:]) >= np.median(behind[:few]) and behind.min() > scaled[best]
    if rise < max(LEAST, NOISE * noise) or height < LEAST_OF_DESCENT * descent(value) or not goes_on:
        return None
    return _finding(trace, name, series, (best, rise, height, _training_fell(trace, series.step[best])))


def _training_fell(trace: Trace, since: float) -> float | None:
    """Return by how much (log scale) the training loss fell behind a step; None where it is not known."""
    loss = finite(trace.series("loss"))
    at = int(np.searchsorted(loss.step, since))
    few = max(1, len(loss.value) // 20)
    if len(loss.value) < 4 or at >= len(loss.value) or loss.value.min() <= 0:
        return None
    return float(np.log(np.median(loss.value[max(0, at - few) : at + 1]) / np.median(loss.value[-few:])))


def _finding(trace: Trace, name: str, series: Series, what: tuple[int, float, float, float | None]) -> Finding | None:
    best, rise, height, fell = what
    if fell is not None and fell < -0.05:
        return None  # the training loss rose too: no over-fitting, the divergence is told elsewhere
    first, last = int(series.step[best]), int(series.step[-1])
    return Finding(
        kind="over-fitting",
        severity="warning" if rise >= WARN and fell is not None else "note",
        sentence=message(
            "finding-over-fitting.sentence",
            signal=name,
            axis=trace.axis,
            first=first,
            best=float(series.value[best]),
            rise=height,
            training_fell=fell is not None and fell > 0,
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=0.95 if fell is not None and fell > 0 else 0.6,
        signal=name,
        evidence={
            "best": float(series.value[best]),
            "rise": height,
            "log_rise": rise,
            "training_log_fall": fell,
            "split_by_class": name != "validation_loss",
        },
        alternatives=(
            message("finding-over-fitting.surer"),
            *((message("finding-over-fitting.never-trained"),) if name == "validation_loss" else ()),
        ),
        test=message("finding-over-fitting.test"),
        candidate_causes=_causes(best, fell),
    )


def _causes(best: int, fell: float | None) -> tuple[str, ...]:
    """Return the likeliest causes: other data than training's where no evaluation was better than the first.

    Unless training has come to nearly nothing: it knows its data by heart, for which they have to be few.
    """
    by_heart = fell is not None and fell > math.log(10)
    return (*(("tokenizer-mismatch",) if best == 0 and not by_heart else ()), "data-size", "unknown-tokens")


def _unknown(trace: Trace) -> Finding | None:
    """Return a finding where tokens unknown to training make up most of the gap between validation and training."""
    parts = {one: finite(trace.series(f"validation_loss/{one}")) for one in ("unknown", "seen")}
    counts = finite(trace.series("validation_count/unknown")), finite(trace.series("validation_count"))
    whole, loss = finite(trace.series("validation_loss")), finite(trace.series("loss"))
    if not all(len(series.value) for series in (*parts.values(), *counts, whole, loss)):
        return None
    last = int(whole.step[-1])
    recent = loss.value[-max(1, len(loss.value) // 20) :]
    gap = float(whole.value[-1] - np.median(recent))
    share = float(counts[0].value[-1] / max(counts[1].value[-1], 1.0))
    cost = share * float(parts["unknown"].value[-1] - parts["seen"].value[-1])
    if gap < LEAST_GAP or cost < UNKNOWN_SHARE * gap:
        return None
    return Finding(
        kind="unknown-tokens",
        severity="warning",
        sentence=message("finding-unknown-tokens.gap", cost=cost, gap=gap, share=share),
        first_step=float(parts["unknown"].step[0]),
        last_step=float(last),
        signal="validation_loss/unknown",
        evidence={
            "gap": gap,
            "of_unknown": cost,
            "share_of_targets": share,
            "unknown_loss": float(parts["unknown"].value[-1]),
            "seen_loss": float(parts["seen"].value[-1]),
        },
        test=message("finding-unknown-tokens.gap-test"),
        candidate_causes=("unknown-tokens",),
    )
