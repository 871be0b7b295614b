"""A recurrence with a loop gain above one: its context grows with every position.

It shows before the loss does, and the finding says by how many steps. False alarms: a context that adds up grows like
its position and so has a factor a little above one that falls with length; only a factor above `GAIN` counts, at
`TIMES` sampled steps in a row and in a `SHARE` of all; and it warns only where the factor has risen since the start
and not settled since, is `LARGE`, or where a loss left its trend behind it: a young model's context grows for a while,
and what a GRU or an LSTM hands on is bounded by a tanh, so that it cannot grow for long.
"""

import numpy as np

from newllm.diagnosis.excursion import find_excursions
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import BOUNDED
from newllm.diagnosis.levels import longest
from newllm.diagnosis.losses import finite, loss_names
from newllm.messages import message
from newllm.trace import Finding, Trace

GAIN = 1.05
LARGE = 1.2
RISEN = 1.02  # times the factor at the start
TIMES = 4
SHARE = 0.2  # of the sampled steps


def detect_context_growth(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the stretch over which the context grows with each position."""
    name = "loop_gain" if len(trace.series("loop_gain").step) else "context_growth"
    series = finite(trace.series(name))
    place = slice(*longest(series.value > GAIN))
    if place.stop - place.start < max(TIMES, SHARE * len(series.value)):
        return []
    first = int(series.step[place.start])
    start, worst = float(np.median(series.value[:3])), float(series.value[place].max())
    trouble = _trouble(trace, first)
    settled = len(series.value) - place.stop >= max(TIMES, place.stop - place.start)
    bounded = any(layer.kind in BOUNDED for layer in facts.layers)
    serious = worst >= LARGE or (worst > RISEN * start and not settled and not bounded)
    return [_finding(trace, name, place, (start, worst, trouble))] if serious or trouble is not None else []


def _trouble(trace: Trace, since: int) -> int | None:
    """Return the first step behind `since` at which a loss leaves its trend or is not finite."""
    steps = []
    for name in loss_names(trace):
        whole, series = trace.series(name), finite(trace.series(name))
        steps += [int(series.step[one.onset]) for one in find_excursions(series.value)]
        steps += [int(step) for step in whole.step[~np.isfinite(whole.value)]]
    return min((step for step in steps if step >= since), default=None)


def _finding(trace: Trace, name: str, segment: slice, what: tuple[float, float, int | None]) -> Finding:
    series, (start, worst, trouble) = finite(trace.series(name)), what
    first, last = int(series.step[segment.start]), int(series.step[segment.stop - 1])
    lead = None if trouble is None else trouble - first
    return Finding(
        kind="context-growth",
        severity="warning",
        sentence=message(
            "finding-context-growth.sentence",
            signal=name,
            factor=worst,
            limit=GAIN,
            axis=trace.axis,
            first=first,
            lead=lead,
            loss_shows=trouble,
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=0.9 if lead is not None else 0.75 if worst >= LARGE else 0.6,
        signal=name,
        evidence={"largest": worst, "at_start": start, "limit": GAIN, "lead_steps": lead, "loss_shows_it_at": trouble},
        alternatives=(message("finding-context-growth.few-positions"), message("finding-context-growth.shorter-rows")),
        test=message("finding-context-growth.test"),
        candidate_causes=("unbounded-recurrence", "additive-context", "learning-rate"),
    )
