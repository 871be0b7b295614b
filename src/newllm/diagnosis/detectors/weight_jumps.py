"""Weights that moved farther between two samples than all updates between them together could bring them.

Where the recorder saw that something else than the optimizer wrote to them in between, much less is far.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from newllm.diagnosis.detectors.changed_state import is_regular
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import ROOT
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 3  # sampled updates of a layer, up to the later sample
FAR = 10.0  # times the longest update that was sampled: those between may have been longer
LEAST = 0.2  # of the norm: less may be anything
FAR_WRITTEN, LEAST_WRITTEN = 3.0, 0.01  # likewise, of weights that were written to; the updates are those around it
AROUND = 2  # samples on each side
UNBOUNDED = ("lbfgs", "rprop")  # optimizers whose updates are as long as they find


def detect_weight_jumps(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the first layer whose weights moved far more than its updates could bring them.

    Between two samples a norm changes by no more than the sum of the updates there. Only sampled updates are known, so
    each is taken to be `FAR` times as long as the longest of them up to there, and longer in proportion to a learning
    rate or a gradient that was larger in between. Where the recorder saw the state change, that is told already.
    """
    if any(name in facts.optimizer.lower() for name in UNBOUNDED) or not facts.optimizer:
        return []
    if any(name.partition("/")[0] == "weights_changed" for name in trace.signals):
        return []
    written = sorted(one for name in trace.signals for one in _written(trace, name, facts.resumed))
    if written:
        return [_written_to(trace, *written[0])]
    found = sorted(one for name in trace.signals for one in _jumps(trace, name, facts.resumed))
    if not found:
        return []
    last, after, layer, norm, grown, bound = found[0]
    said = {"after": int(after), "step": int(last), "is_lost": not np.isfinite(grown)}
    return [_moved(trace, "jumped", (after + 1, last), layer, (norm, grown), int(last - after), bound, **said)]


def _written_to(
    trace: Trace, step: float, layer: str, norms: tuple[float, float], updates: int, bound: float
) -> Finding:
    said = {"before": int(step) - 1, "step": int(step)}
    return _moved(trace, "written", (step, step), layer, norms, updates, bound, **said)


def _moved(
    trace: Trace,
    how: str,
    steps: tuple[float, float],
    layer: str,
    norms: tuple[float, float],
    updates: int,
    bound: float,
    **said: int,
) -> Finding:
    before, after = norms
    known = {"layer": layer, "whole": layer == ROOT, "norm": before, "grown": after, "updates": updates, "bound": bound}
    return Finding(
        kind="changed-state",
        severity="warning",
        sentence=message(f"finding-changed-state.{how}", axis=trace.axis, **known, **said),
        first_step=steps[0],
        last_step=steps[1],
        confidence=0.95,
        signal="loss" if "loss" in trace.signals else None,
        evidence={"before": before, "after": after, "bound": bound},
        alternatives=tuple(message(f"finding-changed-state.{name}") for name in ("loaded", "by-hand", "memory")),
        test=message("finding-changed-state.test"),
        candidate_causes=("changed-state",),
    )


def _written(
    trace: Trace, name: str, resumed: Sequence[int]
) -> Iterator[tuple[float, str, tuple[float, float], int, float]]:
    """Yield the first write to a layer that moved it: its step, the layer, its norms around it, updates, and a bound.

    The bound is `FAR_WRITTEN` times what all updates between the samples bring it, each as long as the longest of the
    samples around. A write that leaves the weights as they are, as of averaged ones that come and go, moves no norm.
    """
    part, _, layer = name.partition("/")
    if part != "weights_written":
        return
    writes = trace.series(name)
    weight, update = trace.series(f"weight_norm/{layer}"), trace.series(f"update_norm/{layer}")
    if is_regular(writes.step, len(trace.series("loss").step)) or len(weight.step) != len(update.step):
        return  # what is written to regularly, as by a projection, is a part of the training
    for step in writes.step:
        at = int(np.searchsorted(weight.step, step))  # the sample of the same step is taken after the write
        if not FEWEST <= at < len(weight.step):
            continue
        after, last = float(weight.step[at - 1]), float(weight.step[at])
        before, now = float(weight.value[at - 1]), float(weight.value[at])
        around = update.value[max(0, at - AROUND) : at + AROUND]
        if any(after <= one < last for one in resumed) or not np.isfinite([before, now, *around]).all():
            continue
        times = _times(trace, "learning_rate", after, last) * _times(trace, "gradient_norm", after, last)
        bound = FAR_WRITTEN * float(around.max()) * times * (last - after)
        if around.max() > 0 and abs(now - before) > max(bound, LEAST_WRITTEN * before):
            yield float(step), layer, (before, now), int(last - after), bound
            return


def _jumps(trace: Trace, name: str, resumed: Sequence[int]) -> Iterator[tuple[float, float, str, float, float, float]]:
    """Yield the first jump of a layer: the samples around it, the layer, its norms there, and how far it could come.

    A checkpoint that is loaded where a training is resumed makes none.
    """
    part, _, layer = name.partition("/")
    if part != "weight_norm":
        return
    weight, update = trace.series(name), finite(trace.series(f"update_norm/{layer}"))
    value = weight.value
    moved = np.abs(np.diff(value)) > LEAST * value[:-1]  # of a run of many samples few are looked at
    lost = np.flatnonzero(~np.isfinite(value))
    until = int(lost[0]) + 1 if len(lost) else len(value)  # what is behind a number that is lost is not known
    for at in 1 + np.flatnonzero(moved[: max(0, until - 1)]):
        after, last = float(weight.step[at - 1]), float(weight.step[at])
        before, now = float(value[at - 1]), float(value[at])
        known = update.value[update.step <= last]
        if at < FEWEST or any(after <= step < last for step in resumed) or len(known) < FEWEST:
            continue
        times = _times(trace, "learning_rate", after, last) * _times(trace, "gradient_norm", after, last)
        bound = FAR * float(known.max()) * times * (last - after)
        if known.max() > 0 and abs(now - before) > bound:  # else another optimizer moves it
            yield last, after, layer, before, now, bound
            return


def _times(trace: Trace, name: str, after: float, last: float) -> float:
    """Return how many times as large a signal was between two samples as at any step up to the first; 1 at least."""
    series = trace.series(name)
    between, before = (series.step > after) & (series.step <= last), series.step <= after
    known = series.value[before & np.isfinite(series.value)]
    if not between.any() or not len(known):
        return 1.0
    most, usual = float(series.value[between].max()), float(known.max())
    if not np.isfinite(most):
        return np.inf
    return max(1.0, most / usual) if usual > 0 else np.inf
