"""Losses and gradients that are not finite.

False alarms: none by chance; a number is finite or not. Under mixed precision a loss scaler tries a scale until the
gradient overflows and skips that step: single non-finite gradient norms beside a finite loss are a note.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import loss_names
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

SCALER = 0.05  # a loss scaler overflows in so small a share of the steps at most


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return one finding for each loss, and for the gradient norm, that has values that are not finite."""
    losses = loss_names(trace)
    names = [*losses, *(name for name in ("gradient_norm",) if name in trace.signals)]
    bad = {name: np.flatnonzero(~np.isfinite(trace.series(name).value)) for name in names}
    loss_is_bad = any(len(bad[name]) for name in losses)
    return [
        _finding(trace, name, where, loss_is_bad)
        for name, where in bad.items()
        if len(where) and not (name == "gradient_norm" and loss_is_bad)
    ]


def _finding(trace: Trace, name: str, where: np.ndarray, loss_is_bad: bool) -> Finding:
    series = trace.series(name)
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    for_good = bool(where[-1] == len(series.value) - 1)
    scaler = not loss_is_bad and not for_good and len(where) <= max(1, SCALER * len(series.value))
    before = float(series.value[where[0] - 1]) if where[0] > 0 else None
    return Finding(
        kind="not-finite",
        severity="note" if scaler else "fault",
        sentence=message(
            "finding-not-finite.sentence",
            signal=name,
            count=len(where),
            of=len(series.value),
            axis=trace.axis,
            first=first,
            before=before,
            to_the_end=for_good and len(where) > 1,
        ),
        first_step=float(first),
        last_step=float(last),
        signal=name,
        evidence={"count": len(where), "of": len(series.value), "for_good": for_good, "before": before}
        | _leading(trace, first, series),
        alternatives=(message("finding-not-finite.scaler" if scaler else "finding-not-finite.no-target"),),
        test=message("finding-not-finite.test"),
    )


def _leading(trace: Trace, first: int, series: Series) -> dict[str, float | bool]:
    """Return what the gradient did before: growth tells an overflow from a bad batch."""
    norm = trace.series("gradient_norm")
    earlier = norm.value[(norm.step < first) & np.isfinite(norm.value)]
    if series is norm or len(earlier) < 20:
        return {}
    usual = float(np.median(earlier[:-5]))
    return {"gradient_growth_before": float(np.median(earlier[-3:]) / usual)} if usual > 0 else {}
